"""An account of a topic that is independent of the platform's own: what was sent, and where each record is now.

It reads every store and gives a sentence for each record that is not where it must be. The expectation comes from
those who made the records (`hostile_records`, `hostile_topic`), not from the platform.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson

from pinterest_platform.clean_slices.manifest import clean_files, quarantine_files
from pinterest_platform.landing.raw_objects import stored_lines
from pinterest_platform.pins.calendar import MISDATED_DAY, day_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stores.parquet import read_batches
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform_tests.support.hostile_records import Fate
from pinterest_platform_tests.support.hostile_topic import Sent

Place = tuple[int, int]  # Kafka's partition and offset
_RAW, _CLEAN = "events/dt=", "clean/dt="
_SHOWN = 3


@dataclass(frozen=True)
class Books:
    """Of each store, the places of the records that it has, with their day, or with the reason of a reject.

    `clean` has the order of versions too: time, offset, partition; by day and pin in `newest`. `twice` are sentences
    about records that one store has more than once.
    """

    kafka: frozenset[Place]
    raw: Mapping[Place, date]
    clean: Mapping[Place, date]
    newest: Mapping[tuple[date, str], tuple[int, int, int]]
    quarantined: Mapping[Place, tuple[date, str]]
    cassandra: Mapping[Place, date]
    rows: Mapping[Place, date]
    rejects: Mapping[Place, tuple[date, str]]
    duplicates: Mapping[Place, date]
    twice: Sequence[str]


class _Ledger(dict[Place, Any]):
    """One store's places, which notices a second one."""

    def __init__(self, store: str, entries: Iterable[tuple[Place, Any]], twice: list[str]) -> None:
        super().__init__()
        for place, about in entries:
            if place in self:
                twice.append(f"{store} has {_in_words([place])} twice: {self[place]} and {about}")
            self[place] = about


def open_books(settings: Settings) -> Books:
    """What every store has of the topic now."""
    bucket, twice = open_bucket(settings), list[str]()
    days = _cleaned_days(settings)
    with open_topic(settings) as topic:
        kafka = frozenset(
            (partition, record.offset)
            for partition, end in topic.end_offsets().items()
            for record in topic.read(partition, topic.beginning_offsets()[partition], end)
        )
    clean = [(day, *row) for day in days for row in _clean_rows(settings, clean_files(bucket, day))]
    quarantined = [(day, row) for day in days for row in _rejects(settings, quarantine_files(bucket, day))]
    return Books(
        kafka=kafka,
        raw=_Ledger("S3", _raw_lines(settings), twice),
        clean=_Ledger("clean_pins", ((place, day) for day, place, _, _ in clean), twice),
        newest={(day, pin): order for day, _, pin, order in clean},
        quarantined=_Ledger(
            "quarantined_pins", ((place, (day, reason)) for day, (place, reason) in quarantined), twice
        ),
        cassandra=_Ledger("Cassandra", _cassandra_rows(settings), twice),
        rows=_Ledger("pinterest_stream", _postgres(settings, "pinterest_stream"), twice),
        rejects=_Ledger("stream_rejects", _postgres(settings, "stream_rejects", "reason"), twice),
        duplicates=_Ledger("stream_duplicates", _postgres(settings, "stream_duplicates"), twice),
        twice=twice,
    )


def raw_places(settings: Settings) -> dict[Place, date]:
    """The day under which S3 has each record.

    Raises:
        ValueError: it has one twice.
    """
    twice: list[str] = []
    found = dict(_Ledger("S3", _raw_lines(settings), twice))
    if twice:
        raise ValueError("; ".join(twice))
    return found


def batch_places(settings: Settings) -> dict[Place, date]:
    """The day under which each record is clean or quarantined."""
    bucket = open_bucket(settings)
    clean = {
        place: day for day in _cleaned_days(settings) for place, _, _ in _clean_rows(settings, clean_files(bucket, day))
    }
    others = {
        place: day for day in _cleaned_days(settings) for place, _ in _rejects(settings, quarantine_files(bucket, day))
    }
    return clean | others


def differences(books: Books, sent: Sequence[Sent]) -> list[str]:
    """What does not balance, to the record; empty where all does."""
    return [*books.twice, *_stores(books, sent), *_fates(books, sent), *_groups(books, sent)]


def _stores(books: Books, sent: Sequence[Sent]) -> Iterator[str]:
    """Each store against the next."""
    expected = {_place(one) for one in sent if one.is_anywhere}
    batch, stream = books.clean.keys() | books.quarantined.keys(), books.rows.keys() | books.rejects.keys()
    for sentence, places in {
        "were acknowledged and are not in Kafka": expected - books.kafka,
        "are in Kafka, and nobody sent them": books.kafka - expected,
        "are in Kafka and not in S3": books.kafka - books.raw.keys(),
        "are in S3 and not in Kafka": books.raw.keys() - books.kafka,
        "are clean and quarantined": books.clean.keys() & books.quarantined.keys(),
        "are in a batch table and not in S3": batch - books.raw.keys(),
        "are clean and not in Cassandra": books.clean.items() - books.cassandra.items(),
        "are in Cassandra and not clean": books.cassandra.items() - books.clean.items(),
        "are in none of the stream's tables": books.kafka - stream - books.duplicates.keys(),
        "are in the stream's tables and not in Kafka": (stream | books.duplicates.keys()) - books.kafka,
        "are rows and rejects of the stream": books.rows.keys() & books.rejects.keys(),
        "are duplicates and also something else": books.duplicates.keys() & stream,
    }.items():
        if places:
            yield f"{len(places)} records {sentence}: {_in_words(places)}"


def _fates(books: Books, sent: Sequence[Sent]) -> Iterator[str]:
    wrong: dict[str, list[Place]] = defaultdict(list)
    for one in sent:
        for problem in _problems(books, one):
            wrong[f"{one.kind.name!r} ({one.kind.fate.value}): {problem}"].append(_place(one))
    for sentence, places in wrong.items():
        yield f"{sentence}; {len(places)} of them: {_in_words(places)}"


def _problems(books: Books, one: Sent) -> Iterator[str]:
    place = _place(one)
    is_quarantined, is_reject = place in books.quarantined, place in books.rejects
    if not one.is_anywhere:
        if place in books.raw or place in books.rows or is_reject or place in books.duplicates:
            yield "it is in a table"
        return
    if is_quarantined != is_reject:
        where = "the batch" if is_quarantined else "the stream"
        yield f"only {where} rejects it: {_reason_of(books, place)}"
    if one.kind.fate in (Fate.REJECT, Fate.MISDATED) and not (is_quarantined and is_reject):
        yield "it is no reject"
    if one.kind.fate in (Fate.ROW, Fate.REPEAT) and (is_quarantined or is_reject):
        yield f"it is a reject: {_reason_of(books, place)}"
    if one.kind.fate in (Fate.ROW, Fate.EITHER) and place in books.duplicates:
        yield "the stream takes it for a duplicate"
    yield from _reasons(books, one)
    yield from _days(books, one)


def _reasons(books: Books, one: Sent) -> Iterator[str]:
    for layer, rejects in (("batch", books.quarantined), ("stream", books.rejects)):
        if (found := rejects.get(_place(one))) and one.kind.reason not in found[1]:
            yield f"the {layer} does not say {one.kind.reason!r} but {found[1]!r}"


def _days(books: Books, one: Sent) -> Iterator[str]:
    day = MISDATED_DAY if one.kind.fate is Fate.MISDATED else day_of(one.timestamp_ms)
    place = _place(one)
    found = {"S3": books.raw.get(place), "PostgreSQL": books.rows.get(place) or books.duplicates.get(place)}
    found |= {"quarantine": (books.quarantined.get(place) or (None,))[0]}
    found |= {"stream_rejects": (books.rejects.get(place) or (None,))[0], "clean_pins": books.clean.get(place)}
    for store, its in found.items():
        if its is not None and its != day:
            yield f"{store} has it under {its}, and it is of {day}"


def _groups(books: Books, sent: Sequence[Sent]) -> Iterator[str]:
    """Repeats have one row together; what is neither clean nor quarantined has a newer version, or is such a repeat."""
    groups: dict[int, list[Sent]] = defaultdict(list)
    for one in sent:
        if one.kind.fate is Fate.REPEAT:
            groups[one.group].append(one)
    for group in groups.values():
        for store, places in {"PostgreSQL": books.rows, "clean_pins": books.clean}.items():
            if (rows := sum(_place(one) in places for one in group)) != 1:
                yield f"{group[0].kind.name!r}: {rows} rows in {store} for {_in_words(map(_place, group))}"
    for one in sent:
        if one.kind.fate in (Fate.ROW, Fate.EITHER) and not _is_explained(books, one):
            yield f"{one.kind.name!r} is neither clean nor quarantined, nor superseded: {_in_words([_place(one)])}"


def _is_explained(books: Books, one: Sent) -> bool:
    place = _place(one)
    if place in books.clean or place in books.quarantined:
        return True
    newest = books.newest.get((day_of(one.timestamp_ms), _pin_of(one)))
    return newest is not None and newest > (one.timestamp_ms, one.offset, one.partition)


def _pin_of(one: Sent) -> str:
    try:
        return str(json.loads(one.record.value or b"")["unique_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _reason_of(books: Books, place: Place) -> str:
    return repr((books.quarantined.get(place) or books.rejects[place])[1])


def _place(one: Sent) -> Place:
    return one.partition, one.offset


def _in_words(places: Iterable[Any]) -> str:
    found = sorted(place if isinstance(place[0], int) else place[0] for place in places)
    more = " …" if len(found) > _SHOWN else ""
    return ", ".join(f"{partition}/{offset}" for partition, offset in found[:_SHOWN]) + more


def _cleaned_days(settings: Settings) -> list[date]:
    return sorted({date.fromisoformat(stored.key[len(_CLEAN) :][:10]) for stored in open_bucket(settings).list(_CLEAN)})


def _raw_lines(settings: Settings) -> Iterator[tuple[Place, date]]:
    bucket = open_bucket(settings)
    for stored in bucket.list(_RAW):
        day = date.fromisoformat(stored.key[len(_RAW) :][:10])
        for line in map(orjson.loads, stored_lines(bucket, stored.key)):
            yield (line["partition"], line["offset"]), day


def _clean_rows(settings: Settings, keys: list[str]) -> Iterator[tuple[Place, str, tuple[int, int, int]]]:
    columns = ("kafka_partition", "kafka_offset", "unique_id", "ingested_at")
    for partition, offset, pin, at in _parquet(settings, keys, columns):
        yield (partition, offset), pin, (_milliseconds(at), offset, partition)


def _rejects(settings: Settings, keys: list[str]) -> Iterator[tuple[Place, str]]:
    for partition, offset, reason in _parquet(settings, keys, ("kafka_partition", "kafka_offset", "reason")):
        yield (partition, offset), reason


def _parquet(settings: Settings, keys: list[str], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in read_batches(settings, keys, columns) if keys else ():
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _milliseconds(at: datetime) -> int:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000)


def _cassandra_rows(settings: Settings) -> Iterator[tuple[Place, date]]:
    query = f"SELECT ingest_date, kafka_partition, kafka_offset FROM {settings.cassandra_keyspace}.pinterest_batch"  # noqa: S608
    with open_session(settings) as session:
        for row in session.execute(query):
            yield (row.kafka_partition, row.kafka_offset), row.ingest_date.date()


def _postgres(settings: Settings, table: str, reason: str = "") -> Iterator[tuple[Place, Any]]:
    columns = f"kafka_partition, kafka_offset, ingest_date{', ' if reason else ''}{reason}"
    with closing(connect(settings, autocommit=True)) as connection:
        rows: list[Any] = connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()  # noqa: S608
    for partition, offset, day, *reasons in rows:
        yield (partition, offset), (day, *reasons) if reasons else day
