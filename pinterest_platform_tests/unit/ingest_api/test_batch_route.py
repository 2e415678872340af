"""`POST /pins/` over a log in memory."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from backports import zstd

from ingest_api.pin_routes import EXAMPLE_BATCH
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.support.pins import pin, pin_without
from pinterest_platform_tests.unit.ingest_api.conftest import NOW, ApiClient


def lines(*pins: Any) -> bytes:
    return b"".join(json.dumps(pin, ensure_ascii=False).encode() + b"\n" for pin in pins)


def named(*names: str) -> list[dict[str, Any]]:
    return [pin(unique_id=name, event_id=f"event-{name}") for name in names]


def test_a_batch_of_pins_is_in_the_log_and_each_has_its_place(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pins/", json=named("a", "b", "c"))
    assert answer.status_code == 200
    result = answer.json()
    assert (result["accepted"], result["rejected"]) == (3, 0)
    for name, accepted in zip("abc", result["results"], strict=True):
        record = log.partitions[accepted["partition"]][accepted["offset"]]
        assert (accepted["status"], accepted["event_id"]) == ("accepted", f"event-{name}")
        assert (record.key, record.timestamp) == (name.encode(), NOW)
        assert json.loads(record.value) == pin(unique_id=name, event_id=f"event-{name}")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (lines(*named("a", "b")), {"Content-Type": "application/x-ndjson"}),
        (lines(*named("a", "b")), {}),
        (gzip.compress(lines(*named("a", "b"))), {"Content-Encoding": "gzip"}),
        (zstd.compress(json.dumps(named("a", "b")).encode()), {"Content-Encoding": "zstd"}),
        (b"\n " + json.dumps(named("a", "b")).encode(), {}),
    ],
)
def test_a_batch_may_be_lines_or_an_array_packed_or_not(
    client: ApiClient, log: MemoryPublisher, body: bytes, headers: dict[str, str]
) -> None:
    assert client.post("/pins/", content=body, headers=headers).status_code == 200
    assert {record.key for record in log.records} == {b"a", b"b"}


def test_a_batch_with_some_pins_has_a_result_for_each_event(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pins/", json=[*named("a"), pin_without("title"), pin(index="7"), *named("b")])
    assert answer.status_code == 207
    result = answer.json()
    assert (result["accepted"], result["rejected"]) == (2, 2)
    assert [each["status"] for each in result["results"]] == ["accepted", "rejected", "rejected", "accepted"]
    assert result["results"][1]["problems"] == [{"field": "title", "reason": "Field required"}]
    assert result["results"][2]["problems"] == [{"field": "index", "reason": "Input should be a valid integer"}]
    assert {record.key for record in log.records} == {b"a", b"b"}


def test_a_batch_without_a_pin_is_refused_with_all_reasons(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pins/", content=json.dumps([pin_without("title"), pin(**{"\ud800": 1})]))
    assert answer.status_code == 422
    assert [each["problems"][0]["field"] for each in answer.json()["results"]] == ["title", "\ud800"]
    assert log.records == []


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"[]", {}, "contains no events"),
        (b"\n\n", {}, "contains no events"),
        (b"", {}, "contains no events"),
        (b"[{}", {}, "is not JSON: Expecting ',' or ']' at line 1 column 4"),
        (
            b"[{}, {}, {}]",
            {"Content-Encoding": "gzip"},
            "cannot be decompressed as gzip: Error -4 Invalid gzip/zlib wrapper found",
        ),
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(
    client: ApiClient, body: bytes, headers: dict[str, str], reason: str
) -> None:
    answer = client.post("/pins/", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["problems"] == [{"field": None, "reason": reason}]


def test_an_unknown_encoding_is_answered_with_those_that_are_known(client: ApiClient) -> None:
    answer = client.post("/pins/", content=b"x", headers={"Content-Encoding": "br"})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, zstd")


def test_an_event_that_is_too_large_is_rejected_alone(client: ApiClient, log: MemoryPublisher) -> None:
    large = pin(note="x" * 32 * 1024)
    answer = client.post("/pins/", json=[large, *named("a")])
    assert answer.status_code == 207
    assert answer.json()["results"][0]["problems"] == [{"field": None, "reason": "is larger than 32768 bytes"}]
    assert client.post("/pins/", json=[large]).status_code == 413
    assert len(log.records) == 1


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (lines(*[1] * 1_001), {}, "The batch has more than 1000 events."),
        (b"[" + b" " * 1024 * 1024 + b"]", {}, "The body is larger than 1048576 bytes."),
        (
            gzip.compress(b" " * 1024 * 1025),
            {"Content-Encoding": "gzip"},
            "decompressed body is larger than 1048576 bytes.",
        ),
    ],
)
def test_a_batch_above_a_limit_is_refused(
    client: ApiClient, log: MemoryPublisher, body: bytes, headers: dict[str, str], detail: str
) -> None:
    answer = client.post("/pins/", content=body, headers=headers)
    assert answer.status_code == 413
    assert detail in answer.json()["detail"]
    assert log.records == []


def test_a_batch_that_was_not_confirmed_names_its_events_so_that_they_can_be_sent_again(
    client: ApiClient, log: MemoryPublisher
) -> None:
    log.is_away = True
    answer = client.post("/pins/", json=[pin(), pin_without("title"), *named("mine")])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["event_ids"] == ["event-1", "event-mine"]


def test_the_openapi_page_shows_a_batch_with_one_pin_and_one_that_is_none(client: ApiClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/pins/"]["post"]
    body = operation["requestBody"]["content"]
    assert body["application/json"]["example"] == EXAMPLE_BATCH
    assert client.post("/pins/", json=EXAMPLE_BATCH).json()["accepted"] == 1
    answer = client.post("/pins/", content=body["application/x-ndjson"]["example"].encode())
    example = operation["responses"]["207"]["content"]["application/json"]["example"]
    assert [each.keys() for each in answer.json()["results"]] == [each.keys() for each in example["results"]]
