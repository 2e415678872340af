"""Two simple versions of this API to compare with, made with FastAPI, pydantic and `KafkaProducer.send`.

`answers_at_once` does not wait for Kafka, like most such services. `waits` does, in FastAPI's threads, since `get`
blocks. Both use kafka-python's defaults (acks=all, idempotent), except for a linger, and crc32c. Run it with
`.venv/bin/python -m benchmarks.ingest_peers waits`, and the settings in the environment.
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn
from fastapi import FastAPI
from kafka import KafkaProducer
from pydantic import create_model

from pinterest_platform.pins.fields import FIRST_FIELDS
from pinterest_platform.settings import Settings

Pin: Any = create_model(
    "Pin", **{each.posted_name: (int if each.is_posted_as_number else str, ...) for each in FIRST_FIELDS}
)


def answers_at_once(producer: KafkaProducer, topic: str) -> FastAPI:
    app = FastAPI()

    @app.post("/pin/")
    async def post_pin(pin: Pin) -> Pin:
        producer.send(topic, key=pin.unique_id.encode(), value=pin.model_dump_json().encode())
        return pin

    @app.post("/pins/")
    async def post_pins(pins: list[Pin]) -> int:
        for pin in pins:
            producer.send(topic, key=pin.unique_id.encode(), value=pin.model_dump_json().encode())
        return len(pins)

    return app


def waits(producer: KafkaProducer, topic: str) -> FastAPI:
    app = FastAPI()

    @app.post("/pin/")
    def post_pin(pin: Pin) -> Pin:
        producer.send(topic, key=pin.unique_id.encode(), value=pin.model_dump_json().encode()).get(timeout=10)
        return pin

    @app.post("/pins/")
    def post_pins(pins: list[Pin]) -> int:
        sent = [producer.send(topic, key=pin.unique_id.encode(), value=pin.model_dump_json().encode()) for pin in pins]
        for future in sent:
            future.get(timeout=10)
        return len(pins)

    return app


PEERS = {"answers_at_once": answers_at_once, "waits": waits}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=PEERS)
    peer, settings = parser.parse_args().peer, Settings()
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers, linger_ms=5)
    uvicorn.run(
        PEERS[peer](producer, settings.kafka_topic), port=settings.ingest_port, access_log=False, log_level="warning"
    )
    producer.close()


if __name__ == "__main__":
    main()
