"""Handles posts of one event (`POST /pin/`) or many (`POST /pins/`), from the request to its answer.

`pin_routes` describes both for the OpenAPI page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from ingest_api.admission import Admission
from ingest_api.answers import FAILURES, UnconfirmedError, accepted_pin, batch_answer, failure_answer, refused
from ingest_api.body_clock import BodyClock
from ingest_api.metrics import IngestMetrics
from ingest_api.posted_batch import BatchReader, EventResult
from ingest_api.posted_event import PostedEvent, RefusedPinError, read_event
from ingest_api.publisher import BrokerUnavailableError, Publisher, Receipt, Record
from ingest_api.request_body import no_lease, read_body, unpack
from ingest_api.request_frame import REASON
from ingest_api.write_keys import WriteKeys

Head = dict[bytes, bytes]
_LINES = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl")


@dataclass(frozen=True, slots=True)
class Intake:
    """The handlers of both routes.

    Limits are in bytes. `clock` gives milliseconds since 1970 UTC, `new_event_id` the text of a UUID.
    """

    publisher: Publisher
    keys: WriteKeys
    admission: Admission
    metrics: IngestMetrics
    batches: BatchReader
    body_clock: BodyClock
    event_limit: int
    batch_limit: int
    clock: Callable[[], int]
    new_event_id: Callable[[], str]

    async def post_pin(self, request: Request) -> Response:
        """Answers once Kafka has acknowledged the event. Keeps additional fields; adds a missing `event_id`."""
        return await self._answer(request, self._take_pin)

    async def post_pins(self, request: Request) -> Response:
        """Accepts or rejects each event on its own, and answers once Kafka has acknowledged the accepted ones."""
        return await self._answer(request, self._take_pins)

    async def _answer(self, request: Request, take: Callable[[Request, Head, str], Awaitable[Response]]) -> Response:
        try:
            head: Head = dict(request.scope["headers"])
            return await take(request, head, self.keys.owner(head.get(b"x-api-key")))
        except tuple(FAILURES) as error:
            reason, response = failure_answer(error)
            self.metrics.requests_rejected.labels(reason).inc()
            request.scope[REASON] = reason
            return response

    async def _take_pin(self, request: Request, head: Head, owner: str) -> Response:
        body = await self._read(request.receive, head, "/pin/", self.event_limit, no_lease)
        try:
            event = read_event(body, self.new_event_id)
        except RefusedPinError as refusal:
            self.metrics.events_rejected.labels(owner, refusal.kind).inc()
            request.scope[REASON] = refusal.kind
            return refused(refusal.problems)
        [receipt] = await self._publish([event], owner)
        return accepted_pin(event, receipt)

    async def _take_pins(self, request: Request, head: Head, owner: str) -> Response:
        with self.admission.batch() as lease:
            body = await self._read(request.receive, head, "/pins/", self.batch_limit, lease.grow)
            event_results = self._verdicts(body, head)
            for event_result in event_results:
                if isinstance(event_result, RefusedPinError):
                    self.metrics.events_rejected.labels(owner, event_result.kind).inc()
            events = [event_result for event_result in event_results if isinstance(event_result, PostedEvent)]
            receipts = await self._publish(events, owner) if events else ()
            return batch_answer(event_results, receipts)

    async def _read(self, receive: Receive, head: Head, route: str, limit: int, lease: Callable[[int], None]) -> bytes:
        packed = await read_body(receive, head.get(b"content-length", b""), limit, self.body_clock, lease)
        self.metrics.request_bytes[route].inc(len(packed))
        return unpack(packed, head.get(b"content-encoding", b""), limit, lease)

    def _verdicts(self, body: bytes, head: Head) -> Sequence[EventResult]:
        is_lines = head.get(b"content-type", b"").lower().startswith(_LINES) or not body.lstrip().startswith(b"[")
        return self.batches.read_lines(body) if is_lines else self.batches.read_array(body)

    async def _publish(self, events: Sequence[PostedEvent], owner: str) -> Sequence[Receipt]:
        now = self.clock()
        records = [Record(event.unique_id.encode(), event.value, now) for event in events]
        self.admission.take_in(len(events))
        try:
            receipts = await self.publisher.publish(records)
        except BrokerUnavailableError as error:
            self.metrics.events_unconfirmed.labels(owner).inc(len(events))
            raise UnconfirmedError([event.event_id for event in events]) from error
        finally:
            self.admission.let_go(len(events))
        self.metrics.events_accepted[owner].inc(len(events))
        return receipts
