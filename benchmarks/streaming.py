"""What the benchmarks of the stream share: posting at a rate, waiting, and the processes of its run.

Everything handles the stack from outside, as a person would.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psutil

from infra.local_stack.processes import descendants
from infra.local_stack.stack import LocalStack
from ingest_api.emulator.delivery import Acknowledged
from ingest_api.emulator.emulation import Emulation, Observer, emulate
from ingest_api.emulator.pace import at_rate
from ingest_api.emulator.post import Post
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.progress import next_offsets

_PATIENCE_SECONDS = 300.0  # Kafka may be away for minutes
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class StreamingRun:
    """The processes of the run under way."""

    worker: psutil.Process
    jvm: psutil.Process


class Acknowledgements(Observer):
    """What the API said yes to, where it lies in Kafka, and when."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.times: dict[tuple[int, int], float] = {}
        self.places: dict[tuple[int, int], str] = {}

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        self.times[acknowledged.partition, acknowledged.offset] = time.time()
        self.places[acknowledged.partition, acknowledged.offset] = post.event_id
        self.events.add(post.event_id)


@contextmanager
def posting(settings: Settings, count: int, rate: float, malformed: float = 0.0) -> Iterator[Acknowledgements]:
    """Posts through the API in a thread of its own; the block's end waits until every post is acknowledged."""
    seen = Acknowledgements()
    failures: list[BaseException] = []
    emulation = Emulation(
        url=f"http://{settings.ingest_host}:{settings.ingest_port}",
        count=count,
        pace=at_rate(rate, time.monotonic),
        malformed_share=malformed,
        patience_seconds=_PATIENCE_SECONDS,
    )

    def post() -> None:
        try:
            emulate(emulation, seen)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    yield seen
    thread.join()
    if failures:
        raise failures[0]


def streaming_run(stack: LocalStack) -> StreamingRun | None:
    """The run's worker and its JVM, where both live. Only right while no batch run has a JVM too."""
    code_server = stack.process("dagster-code")
    for process in descendants(code_server) if code_server else []:
        try:
            if process.name() == "java" and (worker := process.parent()):
                return StreamingRun(worker, process)
        except psutil.NoSuchProcess:
            continue
    return None


def stored(settings: Settings) -> int:
    """How many records the stream has passed."""
    with closing(connect(settings, autocommit=True)) as connection:
        return sum(next_offsets(connection, settings.kafka_topic).values())


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Waits until it is so, and gives the seconds that took."""
    began = time.monotonic()
    wait_for_answer(lambda: condition() or None, seconds, what)
    return time.monotonic() - began


def wait_for_answer(ask: Callable[[], Answer | None], seconds: float, what: str) -> Answer:
    """The first answer that is one. A server that does not answer has not yet."""
    deadline = time.monotonic() + seconds
    trouble = ""
    while time.monotonic() < deadline:
        try:
            if (answer := ask()) is not None:
                return answer
        except Exception as error:  # whatever a client library raises while its server is away
            trouble = f" ({type(error).__name__}: {error})"
        time.sleep(0.25)
    raise TimeoutError(f"After {seconds:.0f} s there is still no {what}{trouble}.")
