from __future__ import annotations

import asyncio
from random import Random

import aiohttp
import pytest

from ingest_api.emulator.delivery import Acknowledged, Delivery, Outcome, Refused, UndeliveredError
from ingest_api.emulator.post import Post
from pinterest_platform_tests.unit.ingest_api.emulator.scripted_api import DROP_THE_CONNECTION, scripted_api

POST = Post("pin-1", "event-1", b'{"event_id":"event-1"}')


class Sleeper:
    """Sleeps in no time and remembers for how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def deliver(url: str, sleeper: Sleeper) -> Outcome:
    async with aiohttp.ClientSession() as session:
        return await Delivery(url, session, Random(7), sleep=sleeper.sleep).deliver(POST)


def deliver_to(*statuses: int) -> tuple[Outcome, list[bytes], list[float]]:
    async def scenario() -> tuple[Outcome, list[bytes], list[float]]:
        sleeper = Sleeper()
        async with scripted_api(*statuses) as api:
            return await deliver(api.url, sleeper), api.bodies, sleeper.slept

    return asyncio.run(scenario())


def test_a_200_is_an_acknowledgement_with_its_place() -> None:
    assert deliver_to() == (Acknowledged(partition=1, offset=0), [POST.body], [])


def test_a_422_is_a_refusal_and_is_not_tried_again() -> None:
    outcome, bodies, _ = deliver_to(422)
    assert outcome == Refused('{"detail":"as scripted"}')
    assert len(bodies) == 1


@pytest.mark.parametrize("failure", [503, 429, 502, DROP_THE_CONNECTION])
def test_what_was_not_taken_is_sent_again_with_the_same_event_id_and_growing_pauses(failure: int) -> None:
    outcome, bodies, slept = deliver_to(failure, failure, failure)
    assert outcome == Acknowledged(partition=1, offset=3)
    assert bodies == [POST.body] * 4
    assert [0.05, 0.1, 0.2] < slept < [0.15, 0.3, 0.6]


def test_an_answer_that_no_retry_changes_is_an_error_at_once() -> None:
    with pytest.raises(UndeliveredError, match=r"answered 404: .*Is this the ingest API\?"):
        deliver_to(404)


def test_an_api_that_is_not_there_is_an_error_after_a_minute_of_pauses() -> None:
    sleeper = Sleeper()
    with pytest.raises(UndeliveredError, match="Are the ingest API and Kafka running"):
        asyncio.run(deliver("http://127.0.0.1:1", sleeper))
    assert 60 <= sum(sleeper.slept) < 65
