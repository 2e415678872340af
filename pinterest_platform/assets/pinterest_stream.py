"""`pinterest_stream` and `profile_popularity`: the stream's tables, filled by a job that runs until stopped."""

from collections.abc import Iterator

import dagster as dg
from dagster_pyspark import LazyPySparkResource

from pinterest_platform.assets.slices import OWNERS
from pinterest_platform.assets.spark import session_of
from pinterest_platform.assets.topic import TOPIC
from pinterest_platform.settings import Settings
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform.stream.query import StreamActivity, run_stream

STREAM = dg.AssetKey("pinterest_stream")
PROFILES = dg.AssetKey("profile_popularity")
REPORT_EVERY_SECONDS = 10.0


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            STREAM,
            deps=[TOPIC],
            description="Every posted pin, cleaned, in PostgreSQL as soon as it is posted.",
            group_name="stream",
            kinds={"spark", "postgres"},
            owners=OWNERS,
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
    """Stream pins from Kafka to PostgreSQL until the run is terminated."""
    for key in (STREAM, PROFILES):
        context.log_event(dg.AssetMaterialization(key, description="The stream has started."))

    def report(activity: StreamActivity) -> None:
        context.log_event(dg.AssetObservation(STREAM, metadata=_facts(activity, settings)))

    run_stream(session_of(pyspark, settings), settings, report, REPORT_EVERY_SECONDS)
    yield from ()  # it ends by being terminated, never with a result


def _facts(activity: StreamActivity, settings: Settings) -> dict[str, int | float]:
    facts: dict[str, int | float] = {
        "rows_per_second": round(activity.rows_per_second, 1),
        "rows": activity.rows,
        "rejects": activity.rejects,
        "duplicates": activity.duplicates,
        "batches": activity.batches,
        "lag_records": stream_lag(settings),
    }
    if activity.batches:
        facts["batch_seconds"] = round(activity.batch_seconds / activity.batches, 3)
    if activity.latency_seconds is not None:
        facts["latency_seconds"] = round(activity.latency_seconds, 3)
    return facts
