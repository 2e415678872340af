"""`pinterest_stream` and `profile_popularity`: the stream's tables, filled by a run that lasts until it is stopped."""

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

SWITCH = "keep_streaming"  # name of the sensor
_FRESH_WITHIN = timedelta(minutes=15)  # a busy stream is materialised every five minutes


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            STREAM,
            deps=[TOPIC],
            description="Every posted pin, cleaned, in PostgreSQL, usually within a second of the post.",
            group_name="stream",
            kinds={"spark", "postgres"},
            owners=OWNERS,
            freshness_policy=dg.FreshnessPolicy.time_window(fail_window=_FRESH_WITHIN),
        ),
        dg.AssetSpec(
            PROFILES,
            deps=[STREAM],
            description="Which profiles are popular now: one row per poster with the number of posts, the latest "
            "follower count and the time of the last post.",
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
    """Streams pins from Kafka to PostgreSQL until terminated, or until the sensor `keep_streaming` is switched off."""
    events = StreamEvents(context, settings)
    watcher = Watcher(events.report, until=lambda: events.is_switched_off(SWITCH))
    run_stream(lambda: session_of(pyspark, settings), settings, context.run.run_id, watcher)
    for key in (STREAM, PROFILES):
        yield dg.MaterializeResult(asset_key=key, metadata=events.state_of(key))
