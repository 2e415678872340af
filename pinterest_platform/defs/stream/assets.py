"""`pinterest_stream` and `profile_popularity`: the stream's tables, filled by a job that runs until stopped.

Belongs here: what Dagster sees of the stream, how often, and its switch. Does not belong here: the streaming loop
(`stream.loop`), which knows no Dagster.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.defs.asset_keys import PROFILES, STREAM, TOPIC
from pinterest_platform.defs.partitions import OWNERS
from pinterest_platform.defs.spark_session import session_of
from pinterest_platform.defs.stream.events import StreamEvents
from pinterest_platform.settings import Settings
from pinterest_platform.stream.loop import Watcher, run_stream

SWITCH = "keep_streaming"  # the sensor of that name
_FRESH_WITHIN = timedelta(minutes=15)  # three materialisations


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            STREAM,
            deps=[TOPIC],
            description="Every posted pin, cleaned, in PostgreSQL as soon as it is posted.",
            group_name="stream",
            kinds={"spark", "postgres"},
            owners=OWNERS,
            freshness_policy=dg.FreshnessPolicy.time_window(fail_window=_FRESH_WITHIN),
        ),
        dg.AssetSpec(
            PROFILES,
            deps=[STREAM],
            description="One row a poster: posts, latest follower count, last posted. Popular now, for a recommender.",
            group_name="stream",
            kinds={"postgres"},
            owners=OWNERS,
        ),
    ],
    pool="pinterest_stream",
)
def streamed_pins(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], pyspark: LazyPySparkResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Stream pins from Kafka to PostgreSQL until the run is terminated, or its sensor is switched off."""
    events = StreamEvents(context, settings)
    watcher = Watcher(events.report, until=lambda: events.is_switched_off(SWITCH))
    run_stream(lambda: session_of(pyspark, settings), settings, context.run.run_id, watcher)
    for key in (STREAM, PROFILES):
        yield dg.MaterializeResult(asset_key=key, metadata=events.state_of(key))
