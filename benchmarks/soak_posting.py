"""Two threads that run during the faults: one posts events at a rate, the other checks that rows still arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from benchmarks.check_results import CheckResult, Place
from benchmarks.streaming import stored
from ingest_api.emulator.delivery import Acknowledged
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import Emulation, Observer, emulate
from ingest_api.emulator.pace import at_rate
from ingest_api.emulator.post import Post
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.waiting import repeated

_PATIENCE_SECONDS = 600.0
_LOOK_SECONDS = 0.5


class Posting(Observer):
    """Posts through the API from a thread, each post until it is answered; a context, in which it goes on.

    `places` has what was acknowledged: where it lies in Kafka, and the event's id.
    """

    def __init__(self, settings: Settings, rate: float, seconds: float, seed: int) -> None:
        self.places: dict[Place, str] = {}
        self.events: set[str] = set()
        self._settings, self._rate, self._left, self._seed = settings, rate, int(rate * seconds), seed
        self._ended = threading.Event()
        self._troubles: list[str] = []
        self._thread = threading.Thread(target=self._post, daemon=True)

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        self.places[acknowledged.partition, acknowledged.offset] = post.event_id
        self.events.add(post.event_id)
        self._left -= 1

    def finish(self, seconds: float) -> CheckResult:
        """Waits until every post was answered."""
        self._thread.join(seconds)
        told = f"{len(self.events):,} acknowledged, {self._left:,} not" + "".join(
            f"; {text}" for text in self._troubles
        )
        return CheckResult("all was posted, each in the end acknowledged", not self._left and not self._troubles, told)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(30)

    def _post(self) -> None:
        while self._left > 0 and not self._ended.is_set():
            try:
                emulate(self._emulation(), self)
            except Exception as error:  # told at the end; what is left is posted all the same
                self._troubles.append(f"{type(error).__name__}: {error}")
                time.sleep(1)

    def _emulation(self) -> Emulation:
        self._seed += 1
        return Emulation(
            url=f"http://{self._settings.ingest_host}:{self._settings.ingest_port}",
            count=self._left,
            pace=at_rate(self._rate, time.monotonic),
            seed=self._seed,
            patience_seconds=_PATIENCE_SECONDS,
            draw=self._draw,
        )

    def _draw(self, seed: int, new_event_id: Callable[[], str], malformed_share: float) -> Iterator[Post]:
        for post in draw_posts(seed, new_event_id, malformed_share):
            if self._ended.is_set():
                return
            yield post


class Pulse:
    """When rows came, as a look every half second has seen it."""

    def __init__(self, settings: Settings) -> None:
        self.until = time.time()
        self._settings = settings
        self._grew: list[float] = []
        self._seen = 0

    @contextmanager
    def beating(self) -> Iterator[None]:
        with repeated(self._look, _LOOK_SECONDS):
            yield

    @property
    def last_row(self) -> float:
        """When it came; when somebody last looked, where none ever came."""
        return self._grew[-1] if self._grew else self.until

    def longest_pause(self, began: float, ended: float) -> str:
        """Seconds without a new row that began in this time, and how it ended where it did not end by a row."""
        grew = [at for at in self._grew if began <= at]
        before = max((at for at in self._grew if at < began), default=began)
        pauses, last = [0.0], before
        for at in grew:
            pauses.append(at - max(last, began - _LOOK_SECONDS))
            last = at
            if at >= ended:
                break
        if last < ended:
            pauses.append(ended - max(last, began))
            return f"{max(pauses):.0f}" if pauses[-1] < max(pauses) else f"more than {max(pauses):.0f}"
        return f"{max(pauses):.0f}"

    def _look(self) -> None:
        records = self._seen
        with suppress(Exception):  # PostgreSQL is away: no row comes
            records = stored(self._settings)
        self.until = time.time()
        if records > self._seen:
            self._seen = records
            self._grew.append(self.until)
