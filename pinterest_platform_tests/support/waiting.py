"""Waiting for something, and doing something all the while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def wait_for(find: Callable[[], T | None], seconds: float = 120) -> T:
    """What is found, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


@contextmanager
def repeated(work: Callable[[], object], seconds: float = 0.0) -> Iterator[None]:
    """Do the work every so many seconds while the block lasts, from a thread of its own; it must not fail."""
    ended = threading.Event()
    failures: list[Exception] = []

    def loop() -> None:
        try:
            while not ended.wait(seconds):
                work()
        except Exception as error:  # told by the main thread
            failures.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not failures, failures
