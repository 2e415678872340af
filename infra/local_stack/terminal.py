"""The output of the local stack: lines, tables and progress, on a terminal or in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

PLAIN_STEP_PERCENT = 10


class Terminal:
    """Prints to one stream: colours and progress bars on a terminal, else plain lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, highlight=False, emoji=False, markup=False)
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            self._console.width = 200
            self._console.no_color = True

    @property
    def console(self) -> Console:
        """The console, for callers that draw their own progress bar."""
        return self._console

    def line(self, text: str, style: str | None = None) -> None:
        """Prints a line without wrapping it, so that paths can be copied."""
        self._console.print(text, style=style, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Prints a warning."""
        self.line(f"! {text}", style="yellow")

    def table(self, table: Table) -> None:
        """Prints a table as wide as the terminal."""
        self._console.print(table)

    @contextmanager
    def downloading(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Shows a download's progress; yields a function that takes byte counts, from any thread."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
            with Progress(*columns, console=self._console) as progress:
                task = progress.add_task(what, total=total)
                yield lambda count: progress.advance(task, count)
        else:
            yield _PlainProgress(self, what, total).advance


class _PlainProgress:
    """Prints a line every ten per cent; thread-safe."""

    def __init__(self, terminal: Terminal, what: str, total: int) -> None:
        self._terminal, self._what, self._total = terminal, what, total
        self._done, self._said = 0, -PLAIN_STEP_PERCENT
        self._one_at_a_time = threading.Lock()

    def advance(self, count: int) -> None:
        with self._one_at_a_time:
            self._done += count
            percent = 100 * self._done // self._total
            if percent >= self._said + PLAIN_STEP_PERCENT:
                self._said = percent - percent % PLAIN_STEP_PERCENT
                self._terminal.line(f"{self._what}: {self._done / 1e6:.0f} of {self._total / 1e6:.0f} MB")
