"""A file with what the API acknowledged, to check that none of it is lost.

One JSON object per line: `event_id, unique_id, partition, offset`. Lines are written at once, so that the ledger is
complete even if the emulator is killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import orjson

from ingest_api.emulator.delivery import Acknowledged
from ingest_api.emulator.emulation import Observer
from ingest_api.emulator.post import Post


class LedgerError(Exception):
    """The ledger file cannot be written."""


class Ledger(Observer):
    """Writes lines to an open file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        """Writes one acknowledged post."""
        line = {
            "event_id": post.event_id,
            "unique_id": post.unique_id,
            "partition": acknowledged.partition,
            "offset": acknowledged.offset,
        }
        self._file.write(orjson.dumps(line).decode() + "\n")


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Opens a new ledger at `path`, replacing an existing file.

    Raises:
        LedgerError: the file cannot be opened.
    """
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise LedgerError(f"Cannot write the ledger {path} ({error.strerror}). Choose another --ledger.") from error
    with file:
        yield Ledger(file)
