"""Records that real PostgreSQL refuses become rejects with its message, and the others of the batch are stored."""

from __future__ import annotations

import random
import string
from functools import partial
from typing import Any

import psycopg
import pytest

from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stream.lease import StreamTakenOverError, take_over
from pinterest_platform.stream.progress import next_offsets
from pinterest_platform.stream.refused_records import write_or_reject
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.support.cleaned import cleaned

LONG = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=5_000))


@pytest.fixture(autouse=True)
def _owned(stores: Settings, database: Connection) -> None:
    take_over(stores.model_copy(update={"kafka_topic": "pins"}), "the run")


def write(database: Connection, *lines: str, owner: str = "the run") -> tuple[int, int, int]:
    """Rows, rejects and the number of transactions."""
    outcomes = list(write_or_reject(partial(write_batch, database, "pins", owner), lines))
    return sum(outcome.rows for outcome in outcomes), sum(outcome.rejects for outcome in outcomes), len(outcomes)


def rows(database: Connection, query: Any) -> list[Any]:
    return database.execute(query).fetchall()


def rejects(database: Connection) -> list[Any]:
    columns = "kafka_partition, kafka_offset, ingest_date::text, original, reason"
    return rows(database, f"SELECT {columns} FROM stream_rejects ORDER BY 1, 2")  # noqa: S608


def test_a_batch_without_such_a_record_is_one_transaction(database: Connection) -> None:
    assert write(database, cleaned(0), cleaned(1), cleaned(2, reason="no pin")) == (2, 1, 1)


def test_a_text_that_no_index_takes_is_a_reject_and_the_others_are_stored(database: Connection) -> None:
    refused = [cleaned(1, poster_name=LONG), cleaned(4, poster_name=LONG)]
    batch = [cleaned(0), refused[0], cleaned(2, partition=1), cleaned(3), refused[1]]

    assert write(database, *batch)[:2] == (3, 2)

    stored = rows(database, "SELECT kafka_partition, kafka_offset FROM pinterest_stream ORDER BY 1, 2")
    assert stored == [(0, 0), (0, 3), (1, 2)]
    found = rejects(database)
    assert [row[:4] for row in found] == [(0, 1, "2026-11-16", None), (0, 4, "2026-11-16", None)]
    assert all(row[4].startswith("PostgreSQL refused it: index row size") for row in found)
    assert all(row[4].endswith(" (54000)") for row in found)
    assert next_offsets(database, "pins") == {0: 5, 1: 3}
    assert rows(database, "SELECT poster_name, posts FROM profile_popularity") == [("Ada", 3)]


@pytest.mark.parametrize(
    ("changes", "day", "original", "sqlstate"),
    [
        ({"ingested_at": "+58000-01-01 00:00:00Z"}, "1970-01-01", None, "22009"),
        ({"ingest_date": "0000-00-00"}, "1970-01-01", None, "22008"),
        (
            {"ingest_date": "+58000-01-01", "ingested_at": "soon", "reason": "no pin", "original": "{}"},
            "1970-01-01",
            "{}",
            "22007",
        ),
        ({"title": "a\0b"}, "2026-11-16", None, "22021"),
        ({"original": "a\0b", "reason": "no pin"}, "2026-11-16", None, "22021"),
        ({"original": "a\0b", "reason": "no pin", "ingest_date": "soon"}, "1970-01-01", None, "22021"),
        ({"index_id": 2**63}, "2026-11-16", None, "22003"),
        ({"category": None}, "2026-11-16", None, "23502"),
    ],
)
def test_a_line_that_cannot_even_be_copied_is_a_reject(
    database: Connection, changes: dict[str, Any], day: str, original: str | None, sqlstate: str
) -> None:
    assert write(database, cleaned(0), cleaned(1, **changes), cleaned(2))[:2] == (2, 1)

    [found] = rejects(database)
    assert found[:4] == (0, 1, day, original)
    assert found[4].startswith("PostgreSQL refused it: ")
    assert found[4].endswith(f" ({sqlstate})")
    assert next_offsets(database, "pins") == {0: 3}


def test_a_batch_of_nothing_else_is_rejected_to_the_last_record(database: Connection) -> None:
    batch = [cleaned(offset, partition=offset % 3, poster_name=LONG) for offset in range(40)]
    random.Random(7).shuffle(batch)

    assert write(database, *batch)[:2] == (0, 40)

    assert len(rejects(database)) == 40
    assert next_offsets(database, "pins") == {0: 40, 1: 38, 2: 39}


def test_lines_of_any_order_are_all_stored(database: Connection) -> None:
    batch = [cleaned(offset, partition=offset % 3) for offset in range(40)] + [cleaned(40, poster_name=LONG)]
    random.Random(7).shuffle(batch)

    assert write(database, *batch)[:2] == (40, 1)


def test_what_is_not_about_a_record_rejects_none(database: Connection) -> None:
    with pytest.raises(StreamTakenOverError):
        write(database, cleaned(0), owner="an older run")
    database.execute("SET default_transaction_read_only = on")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        write(database, cleaned(0))
    database.execute("SET default_transaction_read_only = off")

    assert (rejects(database), next_offsets(database, "pins")) == ([], {})
