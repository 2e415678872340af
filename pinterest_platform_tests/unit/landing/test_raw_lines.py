"""A raw line keeps a record unchanged, including its headers."""

from __future__ import annotations

import json

from pinterest_platform.landing.raw_objects import encode_record
from pinterest_platform.stores.kafka_batches import Record


def test_headers_stand_as_pairs_of_a_name_and_a_value_in_base64() -> None:
    headers = (("trace", b"\x00"), ("trace", None), (b"\xfftrace", b""), ("", b"v"))

    line = json.loads(encode_record(Record("pins", 0, 7, 1_000, None, None, headers)))

    assert line["headers"] == [["trace", "AA=="], ["trace", None], [{"base64": "/3RyYWNl"}, ""], ["", "dg=="]]


def test_a_tombstone_without_a_key_is_a_line() -> None:
    assert json.loads(encode_record(Record("pins", 0, 7, -1, None, None))) == {
        "topic": "pins",
        "partition": 0,
        "offset": 7,
        "timestamp": -1,
        "key": None,
        "value": None,
    }
