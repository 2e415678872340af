"""Shows an emulation's progress: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ingest_api.emulator.emulation import EmulationResult, Observer

SECONDS_BETWEEN_LINES = 3.0


@contextmanager
def show_progress(console: Console, count: int) -> Iterator[Observer]:
    """Shows how many of `count` posts were answered, how many per second, and the time left."""
    if not console.is_terminal:
        yield _Lines(console, count)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, progress.add_task("pins", total=count, rate=0.0))


class _Bar(Observer):
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def counted(self, result: EmulationResult) -> None:
        self._progress.update(self._task, completed=result.posted, rate=_rate(result))


class _Lines(Observer):
    def __init__(self, console: Console, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._count = count
        self._clock = clock
        self._next_line_at = clock() + SECONDS_BETWEEN_LINES

    def counted(self, result: EmulationResult) -> None:
        if result.posted < self._count and self._clock() < self._next_line_at:
            return
        self._next_line_at = self._clock() + SECONDS_BETWEEN_LINES
        rate = _rate(result)
        rest = f", {(self._count - result.posted) / rate:,.0f} s left" if rate else ""
        self._console.print(f"pins: {result.posted:,} of {self._count:,}, {rate:,.0f}/s{rest}", highlight=False)


def _rate(result: EmulationResult) -> float:
    return result.posted / result.seconds if result.seconds else 0.0
