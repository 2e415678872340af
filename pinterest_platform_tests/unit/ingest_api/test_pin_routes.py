from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from string import ascii_letters

from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from ingest_api.application import create_app
from ingest_api.metrics import IngestMetrics
from ingest_api.pin_routes import EXAMPLE_ANSWER, EXAMPLE_PIN
from ingest_api.publisher import Record
from pinterest_platform.pins.event import is_too_long
from pinterest_platform.pins.fields import GREATEST_BYTES
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher
from pinterest_platform_tests.support.pins import pin
from pinterest_platform_tests.unit.ingest_api.conftest import NOW, ApiClient, running

LIMIT = 32 * 1024


def test_an_accepted_pin_is_echoed_with_its_id_and_its_place(client: ApiClient) -> None:
    answer = client.post("/pin/", json=pin())
    assert answer.status_code == 200
    assert answer.json() == pin(event_id="event-1", partition=answer.json()["partition"], offset=0)


def test_an_accepted_pin_is_in_the_log_under_its_unique_id_at_its_receipt_time(
    client: ApiClient, log: MemoryPublisher
) -> None:
    answer = client.post("/pin/", json=pin(unique_id="a-b-ς")).json()
    record = log.partitions[answer["partition"]][answer["offset"]]
    assert record == Record(key="a-b-ς".encode(), value=record.value, timestamp=NOW)
    assert json.loads(record.value) == pin(unique_id="a-b-ς", event_id="event-1")


def test_a_pin_keeps_the_event_id_of_its_client(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pin/", json=pin(event_id="from-the-client"))
    assert answer.json()["event_id"] == "from-the-client"
    assert json.loads(log.records[0].value)["event_id"] == "from-the-client"


def test_the_same_event_may_be_posted_twice(client: ApiClient, log: MemoryPublisher) -> None:
    first, second = (client.post("/pin/", json=pin(event_id="again")).json() for _ in range(2))
    assert (first["partition"], first["offset"] + 1) == (second["partition"], second["offset"])
    assert log.records[0] == log.records[1]


def test_an_answer_may_be_posted_again(client: ApiClient, log: MemoryPublisher) -> None:
    first = client.post("/pin/", json=pin()).json()
    answer = client.post("/pin/", json=first | {"offset": 77})
    assert answer.json() == first | {"offset": 1}
    assert answer.text.count("offset") == 1
    assert json.loads(log.records[1].value)["offset"] == 77


def test_a_text_that_no_index_could_hold_is_refused_with_its_field_and_limit(
    client: ApiClient, log: MemoryPublisher
) -> None:
    answer = client.post("/pin/", json=pin(poster_name="".join(Random(7).choices(ascii_letters, k=5_000))))

    assert answer.status_code == 422
    assert answer.json()["problems"] == [{"field": "poster_name", "reason": "must not be longer than 1,024 bytes"}]
    assert log.records == []


def test_the_content_type_does_not_matter(client: ApiClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/pin/", content=json.dumps(pin()), headers=headers).status_code == 200


def test_a_refused_pin_names_every_field_and_reason_and_reaches_no_log(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pin/", json=pin(title=5, index="7"))
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        {"field": "index", "reason": "Input should be a valid integer"},
        {"field": "title", "reason": "Input should be a valid string"},
    ]
    assert log.records == []


def test_a_refusal_can_name_a_field_whose_name_is_no_text(client: ApiClient) -> None:
    answer = client.post("/pin/", content=json.dumps(pin(**{"\ud800": 1})))
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["field"] == "\ud800"


def test_a_broker_that_is_away_means_try_again(client: ApiClient, log: MemoryPublisher) -> None:
    log.is_away = True
    answer = client.post("/pin/", json=pin())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["event_ids"] == ["event-1"]

    log.is_away = False
    assert client.post("/pin/", json=pin()).status_code == 200


def _body_of(size: int) -> bytes:
    body = json.dumps(pin(note="")).encode()
    return body.replace(b'"note": ""', b'"note": "' + b"x" * (size - len(body)) + b'"')


def test_a_body_of_exactly_the_limit_is_accepted(client: ApiClient) -> None:
    assert client.post("/pin/", content=_body_of(LIMIT)).status_code == 200


def test_a_body_above_the_limit_is_refused(client: ApiClient, log: MemoryPublisher) -> None:
    answer = client.post("/pin/", content=_body_of(LIMIT + 1))
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert answer.json() == {"detail": "The body is larger than 32768 bytes. Post a smaller one."}
    assert log.records == []


def test_a_body_above_the_limit_is_refused_when_its_size_is_not_announced(client: ApiClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 4096

    assert client.post("/pin/", content=chunks()).status_code == 413


def test_a_body_that_does_not_end_is_refused(log: MemoryPublisher) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    with running(create_app(Settings(), log, IngestMetrics(), body_seconds=0.01)) as client:
        answer = client.post("/pin/", content=slowly())
    assert (answer.status_code, answer.headers["Connection"]) == (408, "close")


def test_the_openapi_page_shows_an_example_that_works(client: ApiClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/pin/"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert example == EXAMPLE_PIN
    assert client.post("/pin/", json=example).json().keys() == EXAMPLE_ANSWER.keys()
    assert set(operation["responses"]) == {"200", "408", "413", "415", "422", "429", "503"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("aé漢🌿\n"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1), inner, max_size=3),
    max_leaves=5,
)
STORABLE_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def storable(field: str) -> st.SearchStrategy[str]:
    return STORABLE_TEXT.filter(lambda text: not is_too_long(field, text))


PINS = st.fixed_dictionaries(
    {
        "index": st.integers(-(2**63), 2**63 - 1),
        "unique_id": storable("unique_id").filter(str.strip),
        "category": storable("category").filter(str.strip),
        "downloaded": st.sampled_from([0, 1]),
    }
    | {name: storable(name) for name in GREATEST_BYTES.keys() - {"unique_id", "category", "event_id"}},
    optional={"event_id": storable("event_id").filter(str.strip), "further": JSON_VALUES},
)


@tried(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posted=PINS, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_any_valid_pin_lands_byte_for_byte_as_it_was_posted(
    client: ApiClient, log: MemoryPublisher, posted: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    body = json.dumps(posted, ensure_ascii=ascii_only, indent=indent).encode()
    answer = client.post("/pin/", content=body)
    assert answer.status_code == 200
    place = answer.json()
    record = log.partitions[place["partition"]][place["offset"]]
    assert record.value.startswith(body if "event_id" in posted else body[:-1])
    assert json.loads(record.value) == posted | {"event_id": place["event_id"]}
    assert place == posted | {key: place[key] for key in ("event_id", "partition", "offset")}
