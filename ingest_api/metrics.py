"""The API's Prometheus metrics. Their names are a public contract, listed in `docs/ingest_api.md`."""

from __future__ import annotations

from functools import partial

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

_ANSWER_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_ACKNOWLEDGEMENT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)


class Children(dict[str, Counter]):
    """The counters of a label's values, cached, because looking one up costs more than counting."""

    def __init__(self, parent: Counter) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, value: str) -> Counter:
        """The counter of a value that was not used before."""
        self[value] = self._parent.labels(value)
        return self[value]


class IngestMetrics:
    """All metrics of one API, in their own registry."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.requests = counter("ingest_requests", "Answered requests.", ["route", "method", "status"])
        self.request_duration = histogram(
            "ingest_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
            ["route"],
            buckets=_ANSWER_BUCKETS,
        )
        self.request_bytes = Children(
            counter("ingest_request_bytes", "Bytes of bodies as received, before decompression.", ["route"])
        )
        self.requests_in_progress = gauge("ingest_requests_in_progress", "Requests that are not answered yet.")
        self.requests_rejected = counter(
            "ingest_requests_rejected", "Requests that were refused as a whole.", ["reason"]
        )

        self.events_accepted = Children(
            counter("ingest_events_accepted", "Events that Kafka has acknowledged.", ["key"])
        )
        self.events_rejected = counter("ingest_events_rejected", "Events that are not valid pins.", ["key", "reason"])
        self.events_unconfirmed = counter(
            "ingest_events_unconfirmed", "Events that Kafka did not acknowledge in time.", ["key"]
        )
        self.events_in_flight = gauge(
            "ingest_events_in_flight", "Events handed to Kafka that are not acknowledged yet."
        )
        self.events_in_flight_limit = gauge(
            "ingest_events_in_flight_limit", "The most events in flight; above it the API answers 429."
        )

        self.acknowledgement = histogram(
            "ingest_acknowledgement_seconds",
            "Time from handing events to Kafka to their acknowledgement.",
            buckets=_ACKNOWLEDGEMENT_BUCKETS,
        )
        self.broker_errors = counter("ingest_broker_errors", "Broker errors, by kafka-python's name.", ["error"])
        self.broker_connected = gauge("ingest_broker_connected", "1 while connected to a broker that accepts events.")

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
