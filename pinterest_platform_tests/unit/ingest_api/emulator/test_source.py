from __future__ import annotations

import csv
from itertools import count, islice
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy

from ingest_api.emulator.post import Post
from ingest_api.emulator.source import SourceError, draw_rows, read_rows
from ingest_api.posted_event import RefusedPinError, read_event
from pinterest_platform_tests.support.pins import pin, pin_without

PINS = [pin(unique_id=name, index=number) for number, name in enumerate("abc")]


def write_csv(file: Path, rows: list[dict[str, Any]]) -> str:
    with file.open("w", encoding="utf-8", newline="") as content:
        writer = csv.DictWriter(content, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


def write_lines(file: Path, *lines: bytes) -> str:
    file.write_bytes(b"\n".join(lines) + b"\n")
    return str(file)


def write_table(file: Path, rows: list[dict[str, Any]]) -> str:
    url = f"sqlite:///{file}"
    engine = sqlalchemy.create_engine(url)
    kinds = {str: sqlalchemy.Text, int: sqlalchemy.Integer}
    columns: list[sqlalchemy.Column[Any]] = [
        sqlalchemy.Column(name, kinds[type(value)]) for name, value in rows[0].items()
    ]
    table = sqlalchemy.Table("pinterest_data", sqlalchemy.MetaData(), *columns)
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), rows)
    engine.dispose()
    return url


def draw(number: int, rows: list[dict[str, Any]], *, in_order: bool, malformed_share: float = 0.0) -> list[Post]:
    ids = count(1)
    return list(islice(draw_rows(rows, in_order=in_order)(7, lambda: f"event-{next(ids)}", malformed_share), number))


def test_a_file_or_a_table_gives_the_rows_that_are_in_it(tmp_path: Path) -> None:
    for source in (
        write_csv(tmp_path / "pins.csv", PINS),
        write_lines(tmp_path / "pins.ndjson", *map(orjson.dumps, PINS), b" "),
        write_table(tmp_path / "pins.db", PINS),
    ):
        assert list(read_rows(source, "pinterest_data")) == PINS


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("pins.ndjson", b"", "has no rows"),
        ("pins.ndjson", b'{"a": 1}\n{oops', "Line 2 of .* is not JSON"),
        ("pins.jsonl", b"[1]", "Line 1 of .* is not a JSON object"),
        ("pins.csv", b"unique_id,index\na,seven\n", "Row 1 of .* has no whole number in index and downloaded"),
        ("pins.csv", b"title\n\xff\n", "is not UTF-8 text"),
        ("pins.xlsx", b"", "is neither a .csv, .ndjson or .jsonl file"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=sentence):
        read_rows(str(tmp_path / name), "pinterest_data")


def test_a_missing_file_table_or_driver_is_a_sentence(tmp_path: Path) -> None:
    database = write_table(tmp_path / "pins.db", PINS)
    for source, table, sentence in (
        (str(tmp_path / "missing.csv"), "pinterest_data", "No such file"),
        (database, "missing", "has no table missing"),
        ("oracle://user:secret@nowhere/pins", "pinterest_data", "cannot be read"),
    ):
        with pytest.raises(SourceError, match=sentence) as error:
            read_rows(source, table)
        assert "secret" not in str(error.value)


def test_rows_are_drawn_with_replacement_and_every_post_is_an_event_of_its_own() -> None:
    posts = draw(50, PINS, in_order=False)
    assert {post.unique_id for post in posts} == {"a", "b", "c"}
    assert [post.event_id for post in posts] == [f"event-{number}" for number in range(1, 51)]
    assert draw(50, PINS, in_order=False) == posts
    assert orjson.loads(posts[0].body) == PINS["abc".index(posts[0].unique_id)] | {"event_id": "event-1"}


def test_rows_in_order_come_once_and_keep_their_event_ids() -> None:
    posts = draw(9, [PINS[0], PINS[1] | {"event_id": "mine"}, PINS[2]], in_order=True)
    assert [(post.unique_id, post.event_id) for post in posts] == [("a", "event-1"), ("b", "mine"), ("c", "event-2")]


def test_a_row_that_is_no_pin_is_posted_all_the_same() -> None:
    [post] = draw(1, [pin_without("unique_id")], in_order=True)
    with pytest.raises(RefusedPinError):
        read_event(post.body, lambda: "unused")


def test_a_share_of_rows_is_damaged_on_request() -> None:
    whole, mixed = draw(500, PINS, in_order=False), draw(500, PINS, in_order=False, malformed_share=0.2)
    assert 60 < sum(post != original for post, original in zip(mixed, whole, strict=True)) < 140
