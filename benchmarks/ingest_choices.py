"""What the API's choices for Kafka cost per event: partitioner, compression, and how records get into a batch.

Run it with `.venv/bin/python -m benchmarks.ingest_choices`. It needs no server and measures only this process's CPU
time: the median of several rounds.
"""

from __future__ import annotations

import asyncio
import gzip
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from itertools import islice

from backports import zstd
from kafka.partitioner.default import murmur2
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.structs import TopicPartition

from benchmarks.record import record
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED
from ingest_api.kafka_connection import BATCH_BYTES
from ingest_api.partitioner import partition_of
from ingest_api.publisher import Record
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import RecordBatch

EVENTS = 2_000
ROUNDS = 7
PLACE = TopicPartition("pins", 0)


def main() -> None:
    posts = islice(draw_posts(DEFAULT_SEED, lambda: str(uuid.uuid4())), EVENTS)
    records = [Record(post.unique_id.encode(), post.body, time.time_ns() // 1_000_000) for post in posts]
    print(f"{EVENTS:,} events of {sum(len(record.value) for record in records) // EVENTS} bytes; microseconds an event")
    _show("partitioner: CRC-32 (ours)", lambda: [partition_of(record.key, 3) for record in records])
    _show("partitioner: murmur2 (kafka-python's)", lambda: [murmur2(record.key) for record in records])
    _show("into a batch: one by one (kafka-python's)", lambda: _one_by_one(records))
    for together in (1, 10, 100):
        _show(f"into a batch: {together} at once (ours)", lambda together=together: _at_once(records, together))
    for together in (10, 100):
        _show_compression(records, together)


def _show(name: str, work: Callable[[], object], remark: str = "") -> None:
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    usual = statistics.median(seconds) / EVENTS * 1e6
    print(f"{name:<44} {usual:7.2f}  {remark}", flush=True)
    record("ingest_choices", name, usual, "us an event", note=remark)


def _one_by_one(records: Sequence[Record]) -> None:
    accumulator = RecordAccumulator(batch_size=BATCH_BYTES, message_version=2)
    for one in records:
        accumulator.append(PLACE, one.timestamp, one.key, one.value, [])


def _at_once(records: Sequence[Record], together: int) -> None:
    loop = asyncio.new_event_loop()
    batch = RecordBatch(PLACE, BATCH_BYTES, 0, lambda *_: None)
    for start in range(0, len(records), together):
        result = PublisherResult(records[start : start + together], loop)
        positions = range(len(result.records))
        while positions := positions[batch.append_run(result, positions) :]:
            batch = RecordBatch(PLACE, BATCH_BYTES, 0, lambda *_: None)
    loop.close()


def _show_compression(records: Sequence[Record], together: int) -> None:
    batches = [
        b"".join(record.value for record in records[start : start + together])
        for start in range(0, len(records), together)
    ]
    for name, pack in (("gzip", gzip.compress), ("zstd", zstd.compress)):
        ratio = sum(map(len, batches)) / sum(len(pack(batch)) for batch in batches)
        _show(
            f"compression of {together} events: {name}",
            lambda pack=pack: [pack(batch) for batch in batches],
            f"{ratio:.1f} times smaller",
        )


if __name__ == "__main__":
    main()
