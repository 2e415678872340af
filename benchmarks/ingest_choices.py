"""What the API's choices for Kafka cost an event: partitioner, compression, the way into a batch, and the client.

Run it with `.venv/bin/python -m benchmarks.ingest_choices`. Figures are CPU time of this process alone, the median of
several rounds. With `--clients` it also starts Kafka and publishes the same records through the API's publisher, which
is built on kafka-python, and through confluent-kafka.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import statistics
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice

from backports import zstd
from confluent_kafka import Producer
from kafka import TopicPartition
from kafka.partitioner.default import murmur2
from kafka.producer.record_accumulator import RecordAccumulator

from benchmarks.record import record
from benchmarks.stack import running
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import DEFAULT_SEED
from ingest_api.kafka_connection import BATCH_BYTES
from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from ingest_api.partitioner import partition_of
from ingest_api.publisher import BrokerUnavailableError, Record
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import RecordBatch
from pinterest_platform.pins.calendar import now_ms
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.corner import new_corner

EVENTS = 2_000
ROUNDS = 7
CLIENT_EVENTS, CALLERS = 100_000, 64
Publish = Callable[[Sequence[Record]], Awaitable[object]]
PLACE = TopicPartition("pins", 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", action="store_true", help="compare Kafka clients, over a broker")
    options = parser.parse_args()
    posts = islice(draw_posts(DEFAULT_SEED, lambda: str(uuid.uuid4())), EVENTS)
    records = [Record(post.unique_id.encode(), post.body, now_ms()) for post in posts]
    print(f"{EVENTS:,} events of {sum(len(record.value) for record in records) // EVENTS} bytes; microseconds an event")
    _show("partitioner: CRC-32 (ours)", lambda: [partition_of(record.key, 3) for record in records])
    _show("partitioner: murmur2 (kafka-python's)", lambda: [murmur2(record.key) for record in records])
    _show("into a batch: one by one (kafka-python's)", lambda: _one_by_one(records))
    for together in (1, 10, 100):
        _show(f"into a batch: {together} at once (ours)", lambda together=together: _at_once(records, together))
    for together in (10, 100):
        _show_compression(records, together)
    if options.clients:
        _compare_clients(records)


def _compare_clients(records: Sequence[Record]) -> None:
    """Both acknowledge each request's records with acks=all; callers wait on an event loop, as the API's do."""
    with running(["kafka"]) as settings:
        own = new_corner(settings)
        for together in (1, 100):
            for name, client in (("kafka-python (ours)", _ours), ("confluent-kafka", _confluent)):
                clock, cpu = time.monotonic(), time.process_time()
                asyncio.run(client(own, records, together))
                seconds, used = time.monotonic() - clock, time.process_time() - cpu
                rate, each = CLIENT_EVENTS / seconds, used / CLIENT_EVENTS * 1e6
                metric = f"{together} a request through {name}"
                print(f"{metric:<44} {each:7.2f}  {rate:,.0f} events/s", flush=True)
                record("ingest_choices", metric, each, "us an event", note=f"{rate:,.0f} events/s")


async def _ours(settings: Settings, records: Sequence[Record], together: int) -> None:
    publisher = KafkaPublisher(settings, IngestMetrics())
    await publisher.open()
    while True:  # until it has found the topic
        with suppress(BrokerUnavailableError):
            await publisher.check_writable()
            break
        await asyncio.sleep(0.1)
    await _publish_all(publisher.publish, records, together)
    await publisher.close()


async def _confluent(settings: Settings, records: Sequence[Record], together: int) -> None:
    loop, servers = asyncio.get_running_loop(), settings.kafka_bootstrap_servers
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5})
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            producer.poll(0.05)

    async def publish(some: Sequence[Record]) -> None:
        future, left = loop.create_future(), len(some)

        def acknowledge(error: object, _message: object) -> None:
            nonlocal left
            left -= 1
            if error or not left:
                loop.call_soon_threadsafe(_settle, future, error)

        for one in some:
            producer.produce(settings.kafka_topic, one.value, one.key, timestamp=one.timestamp, on_delivery=acknowledge)
        await future

    thread = threading.Thread(target=poll)
    thread.start()
    await _publish_all(publish, records, together)
    ended.set()
    thread.join()


def _settle(future: asyncio.Future[None], error: object) -> None:
    if not future.done():
        future.set_exception(RuntimeError(str(error))) if error else future.set_result(None)


async def _publish_all(publish: Publish, records: Sequence[Record], together: int) -> None:
    requests = iter(range(CLIENT_EVENTS // together))

    async def call() -> None:
        for number in requests:
            start = number * together % (len(records) - together + 1)
            await publish(records[start : start + together])

    await asyncio.gather(*(call() for _ in range(CALLERS)))


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
