"""The streaming loop: Kafka through Spark Structured Streaming into the sink, until told to stop. No Dagster in here.

Belongs here: where the stream starts, how it runs and what it reports. Does not belong here: the cleaning
(`pins.cleaning`) and the transaction (`stream.sink`).
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812

from pinterest_platform.connections import spark_kafka_options
from pinterest_platform.pins.cleaning import CLEAN_COLUMNS, clean_records
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic, open_topic
from pinterest_platform.stores.postgres import Connection, connect, migrate
from pinterest_platform.stream.sink import BatchOutcome, next_offsets, write_batch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EARLIEST = -2
MAX_RECORDS_A_BATCH = 20_000
_TRIGGER = "100 milliseconds"


class StreamOffsetsLostError(Exception):
    """The offsets from which the stream would go on are not in the topic."""


@dataclass
class StreamActivity:
    """What the stream did since the last report. The batch thread adds to it, the reporting loop takes from it.

    `latency_seconds` is the time from receipt to commit of the oldest record in the last micro-batch.
    """

    batches: int = 0
    rows: int = 0
    rejects: int = 0
    duplicates: int = 0
    batch_seconds: float = 0.0
    latency_seconds: float | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def rows_per_second(self) -> float:
        """Stored rows per second of wall time since the last report."""
        return self.rows / max(time.monotonic() - self.since, 0.001)

    def add(self, outcome: BatchOutcome, seconds: float, latency_seconds: float) -> None:
        """Count one committed micro-batch."""
        self.batches += 1
        self.rows += outcome.rows
        self.rejects += outcome.rejects
        self.duplicates += outcome.duplicates
        self.batch_seconds += seconds
        self.latency_seconds = latency_seconds


def run_stream(
    spark: SparkSession,
    settings: Settings,
    report: Callable[[StreamActivity], None],
    report_every_seconds: float = 10.0,
) -> None:
    """Stream until interrupted or until a batch fails.

    Args:
        spark: the session to run in.
        settings: where Kafka and PostgreSQL are.
        report: called from the calling thread every few seconds with what happened since.
        report_every_seconds: how often.

    Raises:
        StreamOffsetsLostError: the topic was recreated or has lost the records that come next.
        pyspark.errors.StreamingQueryException: a micro-batch failed; nothing of it was stored.
    """
    migrate(settings)
    with closing(connect(settings, autocommit=True)) as connection:
        with open_topic(settings) as topic:
            starting = starting_offsets(topic, next_offsets(connection, settings.kafka_topic))
        batches = _Batches(connection, settings.kafka_topic)
        query = _start(spark, settings, starting, batches.write)
        try:
            while not query.awaitTermination(report_every_seconds):
                report(batches.take_activity())
        finally:  # also for KeyboardInterrupt: the batch under way is finished or rolled back
            query.stop()


def starting_offsets(topic: Topic, progress: Mapping[int, int]) -> dict[int, int]:
    """Where each partition starts: after what is stored, else at the earliest record."""
    beginnings, ends = topic.beginning_offsets(), topic.end_offsets()
    for partition, offset in progress.items():
        if not beginnings.get(partition, 0) <= offset <= ends.get(partition, 0):
            raise StreamOffsetsLostError(
                f"The stream would go on at offset {offset} of {topic.topic}, partition {partition}, but Kafka has "
                f"{beginnings.get(partition, 0)} to {ends.get(partition, 0)}: the topic was recreated, or its records "
                f"expired. Restore the topic, or accept the gap by deleting that partition's row of stream_progress."
            )
    return {partition: progress.get(partition, EARLIEST) for partition in topic.partitions()}


def _start(
    spark: SparkSession,
    settings: Settings,
    starting: Mapping[int, int],
    write: Callable[[DataFrame, int], None],
) -> Any:
    records = (
        spark.readStream.format("kafka")
        .options(**spark_kafka_options(settings))
        .option("subscribe", settings.kafka_topic)
        .option("startingOffsets", json.dumps({settings.kafka_topic: starting}))
        .option("maxOffsetsPerTrigger", MAX_RECORDS_A_BATCH)
        .option("failOnDataLoss", "true")
        .load()
    )
    # Progress lives in PostgreSQL. Spark insists on a checkpoint, so it gets a new one at each start: a folder of the
    # driver, as a URL because a cluster's default file system is another. A query without state never asks executors.
    checkpoint = settings.state_folder.absolute() / "stream-checkpoint"
    shutil.rmtree(checkpoint, ignore_errors=True)
    stream = clean_records(records).writeStream.foreachBatch(write).trigger(processingTime=_TRIGGER)
    return stream.option("checkpointLocation", checkpoint.as_uri()).start()


class _Batches:
    """The sink as Spark calls it, counting what it did."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._activity = StreamActivity()

    def write(self, cleaned: DataFrame, _batch_id: int) -> None:
        started = time.monotonic()
        rows = _collect(cleaned)
        if rows:
            outcome = write_batch(self._connection, self._topic, rows)
            latency = time.time() - min(row["ingested_at"] for row in rows).timestamp()
            self._activity.add(outcome, time.monotonic() - started, latency)

    def take_activity(self) -> StreamActivity:
        taken, self._activity = self._activity, StreamActivity()
        return taken


def _collect(cleaned: DataFrame) -> list[dict[str, Any]]:
    """The batch's rows in the driver, with `ingested_at` as an aware UTC time."""
    columns = [F.unix_millis(name).alias(name) if name == "ingested_at" else F.col(name) for name in CLEAN_COLUMNS]
    original = F.when(F.col("reason").isNotNull(), F.col("original")).alias("original")
    rows = cleaned.select(*columns, "kafka_topic", original, "reason").collect()
    # Spark would hand out timestamps without a zone, in the zone of this machine.
    return [row.asDict() | {"ingested_at": datetime.fromtimestamp(row["ingested_at"] / 1000, UTC)} for row in rows]
