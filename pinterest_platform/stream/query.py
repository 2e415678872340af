"""The stream's Spark query: reads Kafka, cleans, and gives the sink lines in PostgreSQL's COPY format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.connections import spark_kafka_options
from pinterest_platform.pins.cleaning import clean_records, misdated
from pinterest_platform.settings import Settings
from pinterest_platform.stores.epochs import first_number
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stream.copy_lines import LINE, copy_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EARLIEST = -2
_AT_ONCE = "0 seconds"  # each batch follows at once; with an interval Spark warns when it falls behind

# Detect an unavailable broker within seconds; Kafka's default is one minute, Spark's two.
_PATIENCE = {
    "kafka.request.timeout.ms": "5000",
    "kafka.default.api.timeout.ms": "10000",
    "kafkaConsumer.pollTimeoutMs": "10000",
}
# Records of aborted transactions were never posted.
_COMMITTED = {"kafka.isolation.level": "read_committed"}
_SESSION_OPTIONS = {
    # When the query is stopped, wait for the batch in progress, but not forever.
    "spark.sql.streaming.stopTimeout": "5s",
    # Between two polls of an idle topic. Spark's default of 10 ms keeps a core busy.
    "spark.sql.streaming.pollingDelay": "200ms",
}
# Progress is in PostgreSQL, and the checkpoint is deleted at each start, so writing it is postponed. Spark allows that
# for some sinks only; the last option skips this check.
# https://docs.databricks.com/en/structured-streaming/async-progress-checking.html
_ASYNC_PROGRESS = {
    "asyncProgressTrackingEnabled": "true",
    "asyncProgressTrackingCheckpointIntervalMs": "3600000",
    "_asyncProgressTrackingOverrideSinkSupportCheck": "true",
}


class StreamOffsetsLostError(Exception):
    """The records at which the stream would resume are not in the topic."""


def starting_offsets(topic: Topic, progress: Mapping[int, int]) -> dict[int, int]:
    """The first offset to read of each partition: the one after the stored records, or `EARLIEST` if none are stored.

    Raises:
        StreamOffsetsLostError: the topic was cut or emptied, or has lost the next records.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    for partition, offset in progress.items():
        if not beginnings.get(partition, 0) <= offset <= ends.get(partition, 0):
            raise StreamOffsetsLostError(
                f"The stream would resume at offset {offset} of {topic.topic}, partition {partition}, but Kafka has "
                f"{beginnings.get(partition, 0)} to {ends.get(partition, 0)}: the topic was recreated, or its records "
                f"expired. Restore the topic, or accept the gap by deleting that partition's row of stream_progress."
            )
    return {partition: progress.get(partition, EARLIEST) for partition in topic.partitions()}


def start_query(
    spark: SparkSession,
    settings: Settings,
    starting: Mapping[int, int],
    records_a_batch: int,
    write: Callable[[list[str]], None],
) -> Any:
    """Start the query; returns Spark's `StreamingQuery`. `write` receives the lines of each non-empty micro-batch.

    `starting` has the first offset to read by the platform's partition numbers, which carry the topic's epoch.
    """
    first = first_number(starting)
    offsets = {number - first: offset for number, offset in starting.items()}
    session = spark.newSession()
    for name, value in _SESSION_OPTIONS.items():
        session.conf.set(name, value)
    records = (
        session.readStream.format("kafka")
        .options(**spark_kafka_options(settings), **_PATIENCE, **_COMMITTED)
        .option("subscribe", settings.kafka_topic)
        .option("startingOffsets", json.dumps({settings.kafka_topic: offsets}))
        .option("maxOffsetsPerTrigger", records_a_batch)
        .option("failOnDataLoss", "true")
        .load()
    )
    if first:
        records = records.withColumn("partition", F.col("partition") + F.lit(first))
    # Spark requires a checkpoint, so each start gets a new one. It is a URL to the driver's disk, since a cluster's
    # default file system may be another. Without state, executors never use it.
    checkpoint = settings.state_folder.absolute() / "stream-checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    # Each task sets up the cleaning again, which takes longer than cleaning the records of a steady stream. The other
    # half of the cores is left for PostgreSQL, which writes meanwhile.
    tasks = max(1, spark.sparkContext.defaultParallelism // 2)
    lines = _cleaned(records, settings).coalesce(tasks)
    stream = lines.writeStream.trigger(processingTime=_AT_ONCE).options(**_ASYNC_PROGRESS)
    return stream.foreachBatch(_writing(write)).option("checkpointLocation", checkpoint.as_uri()).start()


def lines_of(records: DataFrame, settings: Settings) -> list[str]:
    """The lines of records (`RECORD_SCHEMA`) that were not read by Spark's source."""
    return [row[LINE] for row in _cleaned(records, settings).collect()]


def _cleaned(records: DataFrame, settings: Settings) -> DataFrame:
    is_misdated = misdated(F.col("timestamp"), settings.first_day)
    return copy_lines(clean_records(records, is_misdated))


def _writing(write: Callable[[list[str]], None]) -> Callable[[DataFrame, int], None]:
    def write_lines(batch: DataFrame, _batch_id: int) -> None:
        lines = [row[LINE] for row in batch.collect()]
        if lines:
            write(lines)

    return write_lines
