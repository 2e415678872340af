"""The books for hostile records: what balances, and the sentence for each deviation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from pinterest_platform.pins.calendar import BEFORE_FIRST_DAY, MISDATED_DAY, start_of
from pinterest_platform_tests.support.books import Books, differences
from pinterest_platform_tests.support.hostile_records import Fate, HostileRecord, Kind
from pinterest_platform_tests.support.hostile_topic import Sent
from pinterest_platform_tests.support.pins import posted

DAY = date(2026, 11, 16)
AT = start_of(DAY)


def sent(name: str, fate: Fate, offset: int, *, group: int = 0, at: int = AT, reason: str = "", pin: str = "a") -> Sent:
    record = HostileRecord(posted(unique_id=pin))
    return Sent(Kind(name, fate, lambda _: (), reason), record, group, 0, offset, at)


ROW = sent("a row", Fate.ROW, 0, pin="row")
REJECT = sent("a reject", Fate.REJECT, 1, reason="no value")
MISDATED = sent("no time", Fate.MISDATED, 2, at=-(2**63), reason=BEFORE_FIRST_DAY)
REPEATS = [sent("a repeat", Fate.REPEAT, offset, group=3, pin="repeat") for offset in (3, 4)]
OLDER = sent("an older version", Fate.ROW, 5, pin="version")
NEWER = sent("a newer version", Fate.ROW, 6, pin="version")
ABORTED = sent("aborted", Fate.NOWHERE, 7)
SENT = [ROW, REJECT, MISDATED, *REPEATS, OLDER, NEWER, ABORTED]
CLEAN = {(0, 0): DAY, (0, 3): DAY, (0, 6): DAY}
REJECTS = {(0, 1): (DAY, "it has no value"), (0, 2): (MISDATED_DAY, BEFORE_FIRST_DAY)}
BALANCED = Books(
    kafka=frozenset((0, offset) for offset in range(7)),
    raw={(0, offset): MISDATED_DAY if offset == 2 else DAY for offset in range(7)},
    clean=CLEAN,
    newest={(DAY, "row"): (AT, 0, 0), (DAY, "repeat"): (AT, 3, 0), (DAY, "version"): (AT, 6, 0)},
    quarantined=REJECTS,
    cassandra=CLEAN,
    rows=CLEAN | {(0, 5): DAY},
    rejects=REJECTS,
    duplicates={(0, 4): DAY},
    twice=[],
)


def without(books: dict[tuple[int, int], date], offset: int) -> dict[tuple[int, int], date]:
    return {place: day for place, day in books.items() if place != (0, offset)}


def test_books_in_which_every_record_has_its_fate_balance() -> None:
    assert differences(BALANCED, SENT) == []


@pytest.mark.parametrize(
    ("books", "told"),
    [
        (replace(BALANCED, raw=without(dict(BALANCED.raw), 0)), "in Kafka and not in S3: 0/0"),
        (replace(BALANCED, cassandra=without(CLEAN, 0)), "clean and not in Cassandra: 0/0"),
        (replace(BALANCED, rows=without(dict(BALANCED.rows), 0)), "in none of the stream's tables: 0/0"),
        (replace(BALANCED, kafka=BALANCED.kafka | {(0, 7)}), "nobody sent them: 0/7"),
        (replace(BALANCED, rejects={**REJECTS, (0, 1): (DAY, "?")}), "the stream does not say 'no value' but '?'"),
        (
            replace(BALANCED, rejects={(0, 2): REJECTS[0, 2]}, rows={**BALANCED.rows, (0, 1): DAY}),
            "only the batch rejects",
        ),
        (replace(BALANCED, rows={**BALANCED.rows, (0, 4): DAY}, duplicates={}), "2 rows in PostgreSQL for 0/3, 0/4"),
        (replace(BALANCED, newest={}), "neither clean nor quarantined, nor superseded: 0/5"),
        (replace(BALANCED, raw={**BALANCED.raw, (0, 2): DAY}), "S3 has it under 2026-11-16, and it is of 1970-01-01"),
    ],
)
def test_what_does_not_balance_is_named_with_its_place(books: Books, told: str) -> None:
    assert told in " ".join(differences(books, SENT))
