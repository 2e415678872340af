"""The Spark query of the stream: Kafka through the cleaning into lines that PostgreSQL copies.

Belongs here: where the query starts, and how it is run so that a micro-batch costs little. Does not belong here: the
cleaning (`pins.cleaning`), the transaction (`stream.sink`), and how long it runs (`stream.loop`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.connections import spark_kafka_options
from pinterest_platform.pins.cleaning import clean_records, misdated
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic
from pinterest_platform.stream.copy_lines import LINE, copy_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EARLIEST = -2
_AT_ONCE = "0 seconds"  # a batch follows the last one; with a pace of its own Spark complains when it falls behind

# A broker that is away shall be noticed in seconds: Kafka's own patience is one minute, Spark's two.
_PATIENCE = {
    "kafka.request.timeout.ms": "5000",
    "kafka.default.api.timeout.ms": "10000",
    "kafkaConsumer.pollTimeoutMs": "10000",
}
# An aborted record was never posted.
_COMMITTED = {"kafka.isolation.level": "read_committed"}
_SESSION_OPTIONS = {
    # A batch under way is waited for when the query is stopped, but not for ever.
    "spark.sql.streaming.stopTimeout": "5s",
    # Between two looks at a topic that has nothing new. Spark's own 10 ms keep a core busy with looking.
    "spark.sql.streaming.pollingDelay": "200ms",
    # Spark describes each batch's plan for its UI, which is off: the cheapest form.
    "spark.sql.ui.explainMode": "simple",
}
# Progress lives in PostgreSQL; what Spark notes in its checkpoint is deleted at the next start, so writing it is put
# off. Spark allows that for some sinks, and asks for the last option where the sink is another: ours does not need the
# notes.
# https://docs.databricks.com/en/structured-streaming/async-progress-checking.html
_NO_NOTES = {
    "asyncProgressTrackingEnabled": "true",
    "asyncProgressTrackingCheckpointIntervalMs": "3600000",
    "_asyncProgressTrackingOverrideSinkSupportCheck": "true",
}


class StreamOffsetsLostError(Exception):
    """The records from which the stream would go on are not in the topic."""


def starting_offsets(topic: Topic, progress: Mapping[int, int]) -> dict[int, int]:
    """Where each partition starts: after what is stored, else at the earliest record.

    Raises:
        StreamOffsetsLostError: the topic was cut or emptied, or has lost the records that come next.
    """
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    for partition, offset in progress.items():
        if not beginnings.get(partition, 0) <= offset <= ends.get(partition, 0):
            raise StreamOffsetsLostError(
                f"The stream would go on at offset {offset} of {topic.topic}, partition {partition}, but Kafka has "
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
    """Start the query; returns Spark's `StreamingQuery`. `write` gets the lines of each micro-batch that has any."""
    session = spark.newSession()
    for name, value in _SESSION_OPTIONS.items():
        session.conf.set(name, value)
    records = (
        session.readStream.format("kafka")
        .options(**spark_kafka_options(settings), **_PATIENCE, **_COMMITTED)
        .option("subscribe", settings.kafka_topic)
        .option("startingOffsets", json.dumps({settings.kafka_topic: dict(starting)}))
        .option("maxOffsetsPerTrigger", records_a_batch)
        .option("failOnDataLoss", "true")
        .load()
    )
    # Spark insists on a checkpoint, so it gets a new one at each start: a folder of the driver, as a URL because a
    # cluster's default file system is another. A query without state never asks executors.
    checkpoint = settings.state_folder.absolute() / "stream-checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    # Each task sets the cleaning up anew, which takes longer than to clean what a steady stream brings. The other half
    # of the cores is for PostgreSQL, which writes meanwhile.
    tasks = max(1, spark.sparkContext.defaultParallelism // 2)
    lines = _cleaned(records, settings).coalesce(tasks)
    stream = lines.writeStream.trigger(processingTime=_AT_ONCE).options(**_NO_NOTES)
    return stream.foreachBatch(_writing(write)).option("checkpointLocation", checkpoint.as_uri()).start()


def lines_of(records: DataFrame, settings: Settings) -> list[str]:
    """The lines of a few records that Spark's source has not read: rows of `RECORD_SCHEMA`."""
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
