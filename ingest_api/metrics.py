"""What the API tells Prometheus. The names are a contract: `docs/ingest_api.md` lists them.

Belongs here: names, labels and buckets. Does not belong here: when something is counted.
"""

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
    """The counters of a label's values, kept: finding one anew costs more than counting."""

    def __init__(self, parent: Counter) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, value: str) -> Counter:
        """The counter of a value that was not met yet."""
        self[value] = self._parent.labels(value)
        return self[value]


class IngestMetrics:
    """Every number of one API, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.requests = counter("ingest_requests", "Requests that were answered.", ["route", "method", "status"])
        self.request_duration = histogram(
            "ingest_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            ["route"],
            buckets=_ANSWER_BUCKETS,
        )
        self.request_bytes = Children(
            counter("ingest_request_bytes", "Bytes of bodies as they came, before any unpacking.", ["route"])
        )
        self.requests_in_progress = gauge("ingest_requests_in_progress", "Requests that have no answer yet.")
        self.requests_rejected = counter(
            "ingest_requests_rejected", "Requests that were refused as a whole.", ["reason"]
        )

        self.events_accepted = Children(
            counter("ingest_events_accepted", "Events that Kafka has acknowledged.", ["key"])
        )
        self.events_rejected = counter("ingest_events_rejected", "Events that are no pins.", ["key", "reason"])
        self.events_unconfirmed = counter(
            "ingest_events_unconfirmed", "Events that Kafka did not acknowledge in time.", ["key"]
        )
        self.events_in_flight = gauge("ingest_events_in_flight", "Events handed to Kafka and not acknowledged yet.")
        self.events_in_flight_limit = gauge(
            "ingest_events_in_flight_limit", "More in flight than this are answered with 429."
        )

        self.acknowledgement = histogram(
            "ingest_acknowledgement_seconds",
            "From handing events to Kafka to their acknowledgement.",
            buckets=_ACKNOWLEDGEMENT_BUCKETS,
        )
        self.broker_errors = counter(
            "ingest_broker_errors", "Failures of the broker, by kafka-python's name.", ["error"]
        )
        self.broker_connected = gauge("ingest_broker_connected", "1 while there is a connection that takes events.")

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
