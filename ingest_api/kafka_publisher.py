"""Publishes events to Kafka; each caller waits on the event loop for its own acknowledgement.

A connection that failed a record is closed, and a new one is made in the background. Until the new one has found the
topic, `publish` refuses at once. So nothing queues up, and an event that a client was told to send again is not sent
from here later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

from kafka.errors import KafkaConnectionError, KafkaError

from ingest_api.handover import Handover
from ingest_api.kafka_connection import KafkaConnection
from ingest_api.metrics import IngestMetrics
from ingest_api.publisher import BrokerUnavailableError, Publisher, Receipt, Record
from ingest_api.publisher_result import PublisherResult
from ingest_api.record_batch import Run, Settled
from pinterest_platform.settings import Settings

logger = logging.getLogger(__name__)

# Longer than kafka-python's own timeout, so it ends a wait only if kafka-python does not.
ANSWER_TIMEOUT_SECONDS = 1.7
LOOK_SECONDS = 0.1
CHECK_TIMEOUT_SECONDS = 0.8
# How long records wait for others to share a request with, while a request is in flight.
COMPANY_SECONDS = 0.005
RECONNECT_SECONDS = 0.5
FINISH_SECONDS = 2.0


class Connection(Protocol):
    """The interface of `KafkaConnection`."""

    @property
    def knows_topic(self) -> bool:
        """Whether the topic existed when the broker last answered."""

    @property
    def has_all_leaders(self) -> bool:
        """Whether every partition could be written when the broker last answered."""

    def send(self, results: Sequence[PublisherResult]) -> None:
        """Hands over records. The outcome goes to the `Settled` callback that the connection was made with."""

    def ask_for_leaders(self) -> Any:
        """Asks the broker for the partitions' leaders; returns kafka-python's future."""

    def finish(self, seconds: float) -> None:
        """Waits up to `seconds` for the outcome of all records, then drops the rest."""


Connect = Callable[[Settings, Settled], Connection]


class KafkaPublisher(Publisher):
    """Publishes to `settings.kafka_topic`. `connect` may block: it is called in a thread."""

    def __init__(self, settings: Settings, metrics: IngestMetrics, connect: Connect = KafkaConnection) -> None:
        self._settings = settings
        self._metrics = metrics
        self._connect = connect
        self._connection: Connection | None = None
        self._reason = "it has not been reached yet"
        self._lost = asyncio.Event()
        self._closing = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._outbox: list[PublisherResult] = []
        self._on_their_way = 0
        self._connection_number = 0
        self._waiting: deque[tuple[float, PublisherResult]] = deque()

    async def open(self) -> None:
        """Starts connecting to the broker in the background."""
        self._loop = asyncio.get_running_loop()
        self._in_background(self._keep_connected())
        self._in_background(self._fail_what_is_forgotten())

    async def close(self) -> None:
        """Waits for the outcome of all records, then closes the connection."""
        self._closing.set()
        self._lost.set()
        await asyncio.gather(*self._background)
        if self._connection is not None:
            await asyncio.to_thread(self._connection.finish, FINISH_SECONDS)
            self._connection = None

    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt]:
        """Returns once the broker has acknowledged all records.

        Raises:
            BrokerUnavailableError: not all records were acknowledged in time.
        """
        connection = self._usable_connection()
        result, began = PublisherResult(records, self._loop), self._loop.time()
        self._waiting.append((began + ANSWER_TIMEOUT_SECONDS, result))
        try:
            self._hand_over(result)
            receipts = await result.receipts
        except (KafkaError, _ForgottenError) as error:
            patience_seconds = 0 if isinstance(error, _ForgottenError) else FINISH_SECONDS
            self._metrics.broker_errors.labels(type(error).__name__).inc()
            self._put_aside(connection, _sentence(error), patience_seconds)
            raise self._unavailable(_sentence(error)) from error
        self._metrics.acknowledgement.observe(self._loop.time() - began)
        return receipts

    async def check_writable(self) -> None:
        """Returns once the broker says that every partition has a leader.

        Raises:
            BrokerUnavailableError: a partition has none, or the broker does not answer in time.
        """
        connection = self._usable_connection()
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self._answer_to(connection.ask_for_leaders())
        except (TimeoutError, KafkaError) as error:
            raise self._unavailable("it does not answer") from error
        if not connection.has_all_leaders:
            raise self._unavailable(f"a partition of {self._settings.kafka_topic} has no leader")

    async def _answer_to(self, question: Any) -> None:
        answered: asyncio.Future[None] = self._loop.create_future()

        def settle(outcome: object) -> None:
            if not answered.done():
                answered.set_exception(outcome) if isinstance(outcome, Exception) else answered.set_result(None)

        question.add_both(Handover(self._loop, settle))
        await answered

    def _hand_over(self, result: PublisherResult) -> None:
        # A lone record is sent at once. While others are in flight it waits for more: handing over many costs a third
        # as much per record, and the broker gets one request for all.
        self._outbox.append(result)
        if len(self._outbox) == 1:
            wait_seconds = COMPANY_SECONDS if self._on_their_way else 0
            self._loop.call_later(wait_seconds, self._send_outbox)

    def _send_outbox(self) -> None:
        results, self._outbox = self._outbox, []
        self._on_their_way += sum(len(result.records) for result in results)
        try:
            if self._connection is None:
                raise KafkaConnectionError(self._reason)
            self._connection.send(results)
        except KafkaError as error:
            for result in results:
                result.fail(error)

    def _settle(self, connection_number: int, runs: Sequence[Run], partition: int, outcome: int | Exception) -> None:
        if connection_number == self._connection_number:
            self._on_their_way -= sum(len(run.positions) for run in runs)
        for run in runs:
            if isinstance(outcome, Exception):
                run.result.fail(outcome)
            else:
                run.result.acknowledge(run.positions, partition, outcome + run.first)

    async def _fail_what_is_forgotten(self) -> None:
        # Polling all of them is cheaper than a timer for each.
        while not self._closing.is_set():
            while self._waiting and (self._waiting[0][1].receipts.done() or self._waiting[0][0] < self._loop.time()):
                self._waiting.popleft()[1].fail(_ForgottenError("it took too long to acknowledge"))
            await self._pause(LOOK_SECONDS)

    def _usable_connection(self) -> Connection:
        connection = self._connection
        if connection is not None and not connection.knows_topic:
            self._put_aside(connection, f"its topic {self._settings.kafka_topic} is gone", patience_seconds=0)
        if self._connection is None:
            raise self._unavailable()
        return self._connection

    def _unavailable(self, reason: str | None = None) -> BrokerUnavailableError:
        broker = self._settings.kafka_bootstrap_servers
        return BrokerUnavailableError(f"Kafka at {broker} cannot accept events now: {reason or self._reason}.")

    def _put_aside(self, connection: Connection, reason: str, patience_seconds: float) -> None:
        if connection is not self._connection:
            return
        logger.warning("Lost the connection to Kafka at %s: %s", self._settings.kafka_bootstrap_servers, reason)
        self._connection, self._reason = None, reason
        self._metrics.broker_connected.set(0)
        self._lost.set()
        self._in_background(asyncio.to_thread(connection.finish, patience_seconds))

    async def _keep_connected(self) -> None:
        while not self._closing.is_set():
            self._lost.clear()
            await self._reach_broker()
            await self._lost.wait()

    async def _reach_broker(self) -> None:
        self._connection_number += 1
        self._on_their_way = 0
        settled = Handover(self._loop, partial(self._settle, self._connection_number))
        while not self._closing.is_set():
            try:
                self._connection = await asyncio.to_thread(self._connect, self._settings, settled)
            except Exception as error:  # whatever it is, the API logs it, keeps running and tries again
                self._metrics.broker_errors.labels(type(error).__name__).inc()
                self._note(_sentence(error))
                await self._pause(RECONNECT_SECONDS)
            else:
                self._metrics.broker_connected.set(1)
                logger.info("Connected to Kafka at %s", self._settings.kafka_bootstrap_servers)
                return

    def _note(self, reason: str) -> None:
        if reason != self._reason:
            logger.warning("Kafka at %s cannot accept events: %s", self._settings.kafka_bootstrap_servers, reason)
        self._reason = reason

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


class _ForgottenError(Exception):
    """kafka-python reported no outcome in time."""


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__
