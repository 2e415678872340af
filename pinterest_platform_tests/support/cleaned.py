"""Hand-made cleaned records, as the stream hands them to its sink."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pinterest_platform.stream.copy_lines import LINE_COLUMNS

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def cleaned(offset: int, partition: int = 0, at: datetime = NOON, **changes: Any) -> str:
    """The line of a cleaned pin, or of a reject where the changes give a `reason`."""
    return as_line(cleaned_row(offset, partition, at, **changes))


def cleaned_row(offset: int, partition: int = 0, at: datetime = NOON, **changes: Any) -> dict[str, Any]:
    """A cleaned pin; columns that are not there are null."""
    return {
        "unique_id": f"pin-{partition}-{offset}",
        "index_id": offset,
        "category": "art",
        "poster_name": "Ada",
        "follower_count": 10,
        "downloaded": 1,
        "event_id": f"event-{partition}-{offset}",
        "ingested_at": at,
        "ingest_date": at.date(),
        "kafka_partition": partition,
        "kafka_offset": offset,
        **changes,
    }


def as_line(row: dict[str, Any]) -> str:
    """The row as COPY takes it."""
    return "\t".join(_text(row.get(name)) for name in LINE_COLUMNS)


def _text(value: Any) -> str:
    return r"\N" if value is None else str(value)
