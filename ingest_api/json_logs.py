"""Logs one JSON object per line, with the id of the request, and limits the number of lines.

Headers and bodies of requests are never logged, so no secret is.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
# Requests cause log lines. The limit keeps clients from filling the disk: about 20 MB an hour at most.
LINES_A_SECOND = 20


class Throttle(logging.Filter):
    """Passes a limited number of lines per second; the next line then says how many were dropped."""

    def __init__(self, lines_a_second: int = LINES_A_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = lines_a_second
        self._clock = clock
        self._second, self._passed, self._dropped = 0, 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._passed = second, 0
        if self._passed >= self._most:
            self._dropped += 1
            return False
        self._passed += 1
        if self._dropped:
            record.dropped_lines, self._dropped = self._dropped, 0
        return True


class _WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if (current := request_id.get()) is not None:
            record.request_id = current
        return True


def write_json_logs() -> None:
    """Sends all logs to standard error as JSON."""
    logging.basicConfig(level=logging.INFO, handlers=[json_handler(sys.stderr)], force=True)


def json_handler(stream: TextIO) -> logging.Handler:
    """A handler that writes JSON lines to the stream."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(_WithRequestId())
    handler.addFilter(Throttle())
    names = {"asctime": "at", "levelname": "level", "name": "logger"}
    fields = "{asctime}{levelname}{name}{message}"
    # uvicorn repeats its message with colour codes.
    unwanted = [*RESERVED_ATTRS, "color_message"]
    handler.setFormatter(
        JsonFormatter(fields, style="{", rename_fields=names, datefmt="%Y-%m-%dT%H:%M:%S%z", reserved_attrs=unwanted)
    )
    return handler
