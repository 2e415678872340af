"""Randomly generated records of a hostile or careless producer, each kind with a name and an expected fate.

Used by a test and by `benchmarks.hostile`. `hostile_topic` sends them, and `books` checks what became of them.
"""

from __future__ import annotations

import json
import string
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from itertools import islice
from random import Random
from typing import Any

from ingest_api.emulator.drawing import draw_posts
from pinterest_platform.pins.calendar import (
    AHEAD_OF_NOW,
    BEFORE_FIRST_DAY,
    MILLISECONDS_A_DAY,
    MILLISECONDS_AN_HOUR,
    start_of,
)
from pinterest_platform_tests.support.pins import pin

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
# Bytes of UTF-8 that each text may have. Written down again here: what is tested must not be what it is tested by.
LIMITS: Mapping[str, int] = {
    "unique_id": 512,
    "event_id": 512,
    "category": 512,
    "poster_name": 1_024,
    "is_image_or_video": 256,
    "follower_count": 64,
    "image_src": 8_192,
    "save_location": 4_096,
    "title": 8_192,
    "tag_list": 32_768,
    "description": 65_536,
}
# What a broker takes with its default limits, less the batch around it.
LARGEST_VALUE = 1_048_000
_NO_VALUE = "the record has no value"
_NOT_JSON = "the value is not a JSON object"
_NO_TEXT = "unique_id is not text"


class Fate(Enum):
    """What has to become of a record, in both layers alike."""

    ROW = "a row"
    REJECT = "a reject"
    MISDATED = "a reject of the day 1970-01-01"
    REPEAT = "one row for all records with its event_id"
    EITHER = "a row or a reject, the same in both layers"
    NOWHERE = "nowhere: its transaction was aborted"


class Way(Enum):
    """How a record gets into Kafka. What is sent alone is the only record of its batch."""

    PLAIN = "plain"
    GZIP = "gzip"
    SNAPPY = "snappy"
    LZ4 = "lz4"
    ZSTD = "zstd"
    COMMITTED = "committed"
    ABORTED = "aborted"
    ALONE = "alone"


WAYS_OF_ANY_RECORD = (Way.PLAIN, Way.GZIP, Way.SNAPPY, Way.LZ4, Way.ZSTD, Way.COMMITTED)


@dataclass(frozen=True)
class HostileRecord:
    """One record. `timestamp_ms` None: the time of sending; `way` None: any; `partition` None: by the key, or any.

    A header's name is bytes, as on the wire: Kafka demands nothing of them.
    """

    value: bytes | None
    key: bytes | None = None
    timestamp_ms: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    partition: int | None = None
    way: Way | None = None


@dataclass(frozen=True)
class Making:
    """What a kind makes its records of: dice, the time of sending, the first day, the topic's name and partitions."""

    dice: Random
    now_ms: int
    first_day: date
    topic: str = "pins"
    partitions: int = 3

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def letters(self, count: int) -> str:
        """Text that no store can make shorter."""
        return "".join(self.dice.choices(string.ascii_letters + string.digits, k=count))

    def pin(self, **changes: Any) -> dict[str, Any]:
        """A valid pin with ids of its own, as a tree."""
        return pin(unique_id=self.new_id(), event_id=self.new_id(), index=self.dice.randrange(2**40)) | changes

    def posted(self, **changes: Any) -> bytes:
        return as_json(self.pin(**changes))


Value = Callable[[Making], bytes | None]
Make = Callable[[Making], Sequence[HostileRecord]]


@dataclass(frozen=True)
class Kind:
    """A way to be hostile. `reason` stands in the reason of each reject; `share` is its weight among the kinds."""

    name: str
    fate: Fate
    make: Make
    reason: str = ""
    share: float = 1.0


ORDINARY = Kind("an ordinary pin", Fate.ROW, lambda _: ())


def as_json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def drawn(kinds: Sequence[Kind], making: Making, records: int) -> Iterator[tuple[Kind, list[HostileRecord]]]:
    """So many records at least, every kind once and then by its share; those of one kind belong together."""
    made = 0
    once = iter(kinds)
    while made < records:
        kind = next(once, None) or making.dice.choices(kinds, [kind.share for kind in kinds])[0]
        way = making.dice.choice(WAYS_OF_ANY_RECORD)
        found = [replace(record, way=record.way or way) for record in kind.make(making)]
        made += len(found)
        yield kind, found


def mixed(making: Making, ordinary: int, hostile: int) -> Iterator[tuple[Kind, Sequence[HostileRecord]]]:
    """So many hostile ones, every kind among them, spread among as many ordinary pins as are asked for."""
    between = ordinary // max(1, hostile)
    pins = islice(_ordinary(making), ordinary)
    for kind, records in drawn(hostile_kinds(), making, hostile):
        yield kind, records
        yield from islice(pins, between * len(records))
    yield from pins


def _ordinary(making: Making) -> Iterator[tuple[Kind, Sequence[HostileRecord]]]:
    for post in draw_posts(making.dice.randrange(2**32), making.new_id):
        yield ORDINARY, [HostileRecord(post.body, key=post.unique_id.encode(), way=Way.PLAIN)]


def hostile_kinds() -> list[Kind]:
    """Every kind there is."""
    return [
        *_values_that_are_no_pin(),
        *_fields(),
        *_lengths(),
        *_texts(),
        *_unusual_json(),
        *_times(),
        *_identities(),
        *_envelopes(),
        Kind("in an aborted transaction", Fate.NOWHERE, _one(_posted(), way=Way.ABORTED)),
    ]


def _one(value: Value, **about: Any) -> Make:
    return lambda making: [HostileRecord(value(making), **about)]


def _reject(name: str, value: Value, reason: str = "", share: float = 1.0) -> Kind:
    return Kind(name, Fate.REJECT, _one(value), reason, share)


def _row(name: str, value: Value, share: float = 1.0) -> Kind:
    return Kind(name, Fate.ROW, _one(value), share=share)


def _either(name: str, value: Value, share: float = 1.0) -> Kind:
    return Kind(name, Fate.EITHER, _one(value), share=share)


def _just(value: bytes | None) -> Value:
    return lambda _: value


def _posted(**changes: Any) -> Value:
    return lambda making: making.posted(**changes)


def _without(field: str) -> Value:
    return lambda making: _lacking(making, field)


def _lacking(making: Making, field: str) -> bytes:
    return as_json({name: value for name, value in making.pin().items() if name != field})


def _lettered(field: str, count: int) -> Value:
    return lambda making: making.posted(**{field: making.letters(count)})


def _spelled(spelling: bytes, field: str = "title") -> Value:
    """The field's text as the bytes stand between its quotes, whatever JSON thinks of them."""
    return lambda making: making.posted(**{field: "@"}).replace(b'"@"', b'"' + spelling + b'"')


def _with(name: str, spelling: bytes) -> Value:
    """The member as the bytes stand behind its colon."""
    return lambda making: _lacking(making, name)[:-1] + b', "' + name.encode() + b'": ' + spelling + b"}"


def _values_that_are_no_pin() -> Iterator[Kind]:
    yield Kind("a tombstone", Fate.REJECT, lambda making: [HostileRecord(None, making.new_id().encode())], _NO_VALUE)
    yield _reject("a tombstone without a key", _just(None), _NO_VALUE)
    yield _reject("an empty value", _just(b""), _NO_VALUE)
    yield _reject("white space", _just(b" \n\t "))
    for text in (b"null", b"true", b"17", b'"a pin"', b"[]", b"[1, 2]", b"{"):
        yield _reject(f"no object: {text.decode()}", _just(text), _NOT_JSON)
    yield _reject("an empty object", _just(b"{}"), "unique_id is missing")
    yield _reject("two values", lambda making: making.posted() + making.posted(), _NOT_JSON)
    yield _reject("two values in lines", lambda making: making.posted() + b"\n" + making.posted(), _NOT_JSON)
    yield _reject("an array of pins", lambda making: b"[" + making.posted() + b"]", _NOT_JSON)
    yield _reject("brackets that close around it", lambda making: making.posted() + b"][" + making.posted(), _NOT_JSON)
    yield _reject("text behind a pin", lambda making: making.posted() + b" and more", _NOT_JSON)
    yield _reject("half a pin", lambda making: (whole := making.posted())[: len(whole) // 2])
    yield _reject("a pin without its last brace", lambda making: making.posted()[:-1], _NOT_JSON)
    yield _reject("a comma too many", lambda making: making.posted()[:-1] + b",}", _NOT_JSON)
    yield _reject("single quotes", lambda making: making.posted().replace(b'"', b"'"), _NOT_JSON)
    yield _reject("not a number", _posted(score=float("nan")), _NOT_JSON)
    yield from _bytes_that_are_no_text()


def _bytes_that_are_no_text() -> Iterator[Kind]:
    yield _reject("a byte order mark", lambda making: b"\xef\xbb\xbf" + making.posted())
    yield _reject("UTF-16", lambda making: making.posted(title="Αθήνα").decode().encode("utf-16"))
    yield _reject("Latin-1", lambda making: making.posted(title="café", description="-").decode().encode("latin-1"))
    yield _reject("bytes at random", lambda making: b"\xff" + making.dice.randbytes(300), "not UTF-8")
    yield _reject("zeros", _just(bytes(200)))
    yield _reject("overlong UTF-8", _spelled(b"\xc0\xaf"), "not UTF-8")
    yield _reject("half of a surrogate pair as bytes", _spelled(b"\xed\xa0\x80"), "not UTF-8")
    yield _reject("a control character in a text", _spelled(b"\x01"))
    yield _reject("a zero byte in a text", _spelled(b"\x00"))


def _fields() -> Iterator[Kind]:
    for field in ("unique_id", "category", "index"):
        yield _reject(f"no {field}", _without(field), f"{field} is missing")
    for field in ("unique_id", "category"):
        yield _reject(f"{field} null", _posted(**{field: None}), field)
        yield _reject(f"{field} blank", _posted(**{field: " \u2003\u00a0"}), field)
    for field in ("title", "tag_list", "event_id", "unique_id"):
        yield _reject(f"{field} an array", _posted(**{field: ["a"]}), field)
        yield _reject(f"{field} an object", _posted(**{field: {"a": 1}}), field)
    for field in ("title", "description", "poster_name", "follower_count", "downloaded"):
        yield _row(f"{field} null", _posted(**{field: None}))
        yield _row(f"no {field}", _without(field))
    yield from _numbers()


def _numbers() -> Iterator[Kind]:
    for index in ("7", 7.5, True, [7], INT64_MAX + 1, INT64_MIN - 1, 10**400):
        yield _reject(f"index {str(index)[:30]!r}", _posted(index=index), "index")
    for index in (-1, 0, INT64_MIN, INT64_MAX):
        yield _row(f"index {index}", _posted(index=index))
    for downloaded in (2, -1, "1", [1], 10**30):
        yield _reject(f"downloaded {downloaded!r}", _posted(downloaded=downloaded), "downloaded")
    for count in ("1e5", "-3", "9" * 60, "1.5.5k", "∞", "٣k"):
        yield _row(f"followers {count[:12]}", _posted(follower_count=count))
    yield _reject("unique_id a number", lambda making: making.posted(unique_id=making.dice.randrange(10**12)), _NO_TEXT)
    yield _reject("unique_id a fraction", lambda making: making.posted(unique_id=making.dice.random()), _NO_TEXT)
    yield _reject("unique_id of 40 digits", _posted(unique_id=10**40 - 1), _NO_TEXT)
    yield _reject("unique_id true", _posted(unique_id=True), _NO_TEXT)
    yield _reject("title a number", _posted(title=5), "title is not text")


def _lengths() -> Iterator[Kind]:
    for field, limit in LIMITS.items():
        yield _row(f"{field} of {limit:,} bytes", _lettered(field, limit))
        yield _reject(f"{field} of {limit + 1:,} bytes", _lettered(field, limit + 1), field)
        yield _reject(f"{field} longer in bytes than in characters", _of_two_bytes(field, limit), field)
    yield _row("every text as long as it may be", _as_long_as_it_may_be, share=0.2)
    yield _reject("a title of 900,000 bytes", _lettered("title", 900_000), "title", share=0.02)
    yield _reject("a unique_id of 70,000 bytes", _lettered("unique_id", 70_000), "unique_id", share=0.1)
    yield _reject("a poster of 5,000 letters", _lettered("poster_name", 5_000), "poster_name")
    yield _row("as large as the broker takes, in a further field", _largest, share=0.02)
    yield _reject("as large as the broker takes, and no JSON", _just(b"x" * LARGEST_VALUE), _NOT_JSON, share=0.02)


def _of_two_bytes(field: str, limit: int) -> Value:
    """Fewer characters than the limit, more bytes."""
    return lambda making: making.posted(**{field: making.letters(limit // 2) + "\u00e4" * (limit // 4 + 1)})


def _as_long_as_it_may_be(making: Making) -> bytes:
    return making.posted(**{field: making.letters(limit) for field, limit in LIMITS.items()})


def _largest(making: Making) -> bytes:
    without = making.posted(further="")
    return without.replace(b'"further": ""', b'"further": "' + b"f" * (LARGEST_VALUE - len(without)) + b'"')


def _texts() -> Iterator[Kind]:
    for field in ("title", "unique_id", "event_id", "category", "poster_name"):
        yield _reject(f"NUL in {field}", _posted(**{field: "a\0b"}), "NUL")
        yield _reject(f"half of a surrogate pair in {field}", _spelled(b"a\\ud83d", field), "surrogate")
    yield _reject("the other half", _spelled(b"\\uDE00"), "surrogate")
    yield _row("a whole pair by escapes", _spelled(b"\\ud83e\\uddf6"))
    for name, text in {
        "quotes, backslashes and line ends": "\"'\\\r\n\t\\.\\N",
        "what COPY takes for its end": "\\.",
        "what CSV takes for null": '\\N,"",NULL',
        "a text that looks like SQL": "'); DROP TABLE pinterest_stream; --",
        "right to left": "\u202eabc\u202c \u05d0\u05d1",
        "no characters": "\ufffe\uffff\U0010ffff\ufdd0",
        "the replacement character": "a\ufffdb",
        "line separators": "a\u2028b\u2029c\u0085d\u000be\u000cf",
        "the escape character and other controls": "\u0001\u001b[31m\u007f\u009f",
        "a character of many marks": "e" + "\u0301" * 500,
        "emoji": "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈",
        "brackets and braces": "[DIY] {x} ]}",
    }.items():
        yield _row(f"a title with {name}", _posted(title=text, poster_name=text[:200]))


def _unusual_json() -> Iterator[Kind]:
    yield _either("a name given twice", lambda making: making.posted()[:-1] + b', "title": "again"}')
    yield _either("unique_id given twice", lambda making: making.posted()[:-1] + b', "unique_id": "again"}')
    yield _reject("an index of 5,000 digits", _with("index", b"9" * 5_000))
    for digits in (1_001, 5_000, 20_000):
        yield _either(f"a further number of {digits:,} digits", _with("score", b"9" * digits))
    yield _either("a fraction of 2,000 digits", _with("score", b"0." + b"3" * 2_000))
    yield _either("an exponent of 10 digits", _with("score", b"1e9999999999"))
    for depth in (100, 999, 1_001, 20_000):
        yield _either(f"{depth:,} arrays in each other", _with("deep", b"[" * depth + b"]" * depth))
    yield _reject("20,000 arrays in a title", _with("title", b"[" * 20_000 + b"]" * 20_000))
    yield _reject("arrays that nothing closes", _just(b"[" * 50_000), _NOT_JSON)
    yield _either("2,000 further fields", _posted(**{f"field {number}": number for number in range(2_000)}), share=0.2)
    yield _either("a name of 60,000 characters", lambda making: making.posted(**{making.letters(60_000): 1}), share=0.2)
    yield _row("names with escapes", lambda making: making.posted().replace(b'"title"', b'"t\\u0069tle"'))
    yield _row("white space around", lambda making: b" \r\n\t" + making.posted() + b"\n\n")
    yield _either("a NUL in a further field", _posted(further="a\0b"))


def _times() -> Iterator[Kind]:
    for name, before in {
        "no time": -1,
        "the epoch": 0,
        "before the year 1": -62_135_596_800_001,
        "the least number of 64 bits": INT64_MIN,
        "before 1970": -MILLISECONDS_A_DAY,
    }.items():
        yield _misdated(name, _fixed(before), BEFORE_FIRST_DAY)
    for name, ahead in {
        "the year 10000": 253_402_300_800_000,
        "the greatest number of 64 bits": INT64_MAX,
        "the greatest that microseconds hold": INT64_MAX // 1_000,
        "behind what microseconds hold": INT64_MAX // 1_000 + 1,
    }.items():
        yield _misdated(name, _fixed(ahead), AHEAD_OF_NOW)
    yield _misdated("seconds", lambda making: making.now_ms // 1_000, BEFORE_FIRST_DAY)
    yield _misdated("microseconds", lambda making: making.now_ms * 1_000, AHEAD_OF_NOW)
    yield _misdated("nanoseconds", lambda making: making.now_ms * 1_000_000, AHEAD_OF_NOW)
    yield _misdated("just before the first day", lambda making: start_of(making.first_day) - 1, BEFORE_FIRST_DAY)
    yield _dated("the first day's first", lambda making: start_of(making.first_day))
    for name, hours in {"six hours ahead": 6, "three days ahead": 72}.items():
        yield _misdated(name, _from_now(hours), AHEAD_OF_NOW)
    for name, part in {
        "half an hour ahead": 0.5,
        "an hour late": -1,
        "a day late": -24,
        "three days late": -72,
    }.items():
        yield _dated(name, _from_now(part))


def _dated(name: str, time_ms: Callable[[Making], int]) -> Kind:
    return Kind(name, Fate.ROW, _at(time_ms))


def _misdated(name: str, time_ms: Callable[[Making], int], reason: str) -> Kind:
    return Kind(name, Fate.MISDATED, _at(time_ms), reason)


def _at(time_ms: Callable[[Making], int]) -> Make:
    return lambda making: [HostileRecord(making.posted(), timestamp_ms=time_ms(making), way=Way.ALONE)]


def _fixed(time_ms: int) -> Callable[[Making], int]:
    return lambda _: time_ms


def _from_now(hours: float) -> Callable[[Making], int]:
    return lambda making: making.now_ms + int(hours * MILLISECONDS_AN_HOUR)


def _identities() -> Iterator[Kind]:
    yield Kind("one event_id on three pins", Fate.ROW, _three_pins)
    yield Kind("one event_id with three titles", Fate.ROW, _three_titles)
    yield Kind("an event_id that looks like a derived one", Fate.ROW, _looks_derived)
    for absent in (None, "", " \u00a0"):
        yield _row(f"event_id {absent!r}", _posted(event_id=absent))
    yield Kind("a repeat", Fate.REPEAT, lambda making: [HostileRecord(making.posted(), partition=0)] * 2)
    yield Kind("a repeat in other partitions", Fate.REPEAT, _in_every_partition)
    yield Kind("a repeat in other words", Fate.REPEAT, _in_other_words)
    yield Kind("a repeat over midnight", Fate.REPEAT, _over_midnight)
    yield Kind(
        "a repeat after three days", Fate.REPEAT, lambda making: _again(making, _days_ago(making, 3), making.now_ms)
    )
    yield Kind("the same after ten days", Fate.ROW, lambda making: _again(making, _days_ago(making, 10), making.now_ms))


def _three_pins(making: Making) -> list[HostileRecord]:
    event = making.new_id()
    return [HostileRecord(making.posted(event_id=event)) for _ in range(3)]


def _three_titles(making: Making) -> list[HostileRecord]:
    first = making.pin()
    return [HostileRecord(as_json(first | {"title": title})) for title in ("a lamp", "another lamp", "A lamp")]


def _looks_derived(making: Making) -> list[HostileRecord]:
    event = f"{making.topic}-{making.dice.randrange(making.partitions)}-{making.dice.randrange(1_000)}"
    return [HostileRecord(making.posted(event_id=event))]


def _in_every_partition(making: Making) -> list[HostileRecord]:
    value = making.posted()
    return [HostileRecord(value, partition=number) for number in range(making.partitions)]


def _in_other_words(making: Making) -> list[HostileRecord]:
    document = making.pin()
    words = (
        json.dumps(document),
        json.dumps(document, ensure_ascii=False, indent=2),
        json.dumps(dict(reversed(document.items()))),
    )
    return [HostileRecord(text.encode(), partition=1) for text in words]


def _again(making: Making, *times_ms: int) -> list[HostileRecord]:
    value = making.posted()
    return [HostileRecord(value, partition=2, timestamp_ms=at, way=Way.ALONE) for at in times_ms]


def _over_midnight(making: Making) -> list[HostileRecord]:
    midnight = making.now_ms - making.now_ms % MILLISECONDS_A_DAY
    return _again(making, midnight - 60_000, midnight + 60_000)


def _days_ago(making: Making, days: int) -> int:
    return making.now_ms - days * MILLISECONDS_A_DAY


def _envelopes() -> Iterator[Kind]:
    def with_key(key: bytes | None) -> Make:
        return lambda making: [HostileRecord(making.posted(), key=key)]

    def with_headers(*headers: tuple[bytes, bytes]) -> Make:
        return lambda making: [HostileRecord(making.posted(), headers=headers)]

    yield Kind("no key", Fate.ROW, with_key(None))
    yield Kind("an empty key", Fate.ROW, with_key(b""))
    yield Kind("a key that is not UTF-8", Fate.ROW, with_key(b"\xff\xfe\x00"))
    yield Kind("a key of 100,000 bytes", Fate.ROW, with_key(b"k" * 100_000), share=0.1)
    yield Kind("a header's name that is not UTF-8", Fate.ROW, with_headers((b"\xff\xfe", b"\xff"), (b"trace", b"1")))
    yield Kind("a header without a name", Fate.ROW, with_headers((b"", b"")))
    yield Kind("500 headers", Fate.ROW, with_headers(*[(b"name", b"value")] * 500), share=0.2)
    yield Kind("a header's value of 100,000 bytes", Fate.ROW, with_headers((b"large", b"v" * 100_000)), share=0.1)
    yield Kind(
        "a reject with a key and headers that are no text",
        Fate.REJECT,
        lambda _: [HostileRecord(b"\xff\xff", key=b"\xfe", headers=((b"\xfd", b"\xfc"),))],
        "not UTF-8",
    )
    for way in WAYS_OF_ANY_RECORD:
        yield Kind(f"a pin, {way.value}", Fate.ROW, _one(_posted(), way=way))
        yield Kind(f"no pin, {way.value}", Fate.REJECT, _one(_just(b"no pin"), way=way), _NOT_JSON)
