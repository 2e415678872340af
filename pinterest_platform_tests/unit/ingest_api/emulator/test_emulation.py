from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

import orjson
import pytest

from ingest_api.emulator.delivery import Acknowledged, UndeliveredError
from ingest_api.emulator.emulation import Emulation, EmulationResult, Observer, run_emulation
from ingest_api.emulator.ledger import LedgerError, open_ledger
from ingest_api.emulator.post import Post
from pinterest_platform_tests.unit.ingest_api.emulator.scripted_api import ScriptedApi, scripted_api


class Witness(Observer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.results: list[EmulationResult] = []

    def acknowledged(self, post: Post, acknowledged: Acknowledged) -> None:
        self.posts.append(post)

    def counted(self, result: EmulationResult) -> None:
        self.results.append(result)


def run(number: int, *statuses: int, senders: int = 4, observers: tuple[Observer, ...] = ()) -> EmulationResult:
    return run_and_look(number, *statuses, senders=senders, observers=observers)[0]


def run_and_look(
    number: int, *statuses: int, senders: int = 4, observers: tuple[Observer, ...] = ()
) -> tuple[EmulationResult, ScriptedApi]:
    ticks, ids = count(1_000, 10), count(1)

    async def scenario() -> tuple[EmulationResult, ScriptedApi]:
        async with scripted_api(*statuses) as api:
            emulation = Emulation(
                api.url, number, senders, clock=lambda: next(ticks), new_event_id=lambda: f"event-{next(ids)}"
            )
            return await run_emulation(emulation, *observers), api

    return asyncio.run(scenario())


def test_everything_that_is_posted_is_counted() -> None:
    result = run(10, 422, 200, 422)
    assert (result.posted, result.acknowledged, result.refused) == (10, 8, 2)
    assert (result.started_at, result.finished_at, result.seconds) == (1_000, 1_100, 0.1)


def test_each_post_is_taken_by_one_sender() -> None:
    result, api = run_and_look(50, senders=8)
    assert result.acknowledged == 50
    assert {orjson.loads(body)["event_id"] for body in api.bodies} == {f"event-{number}" for number in range(1, 51)}


def test_observers_are_told_of_every_answer() -> None:
    witness = Witness()
    run(5, 422, observers=(witness,))
    assert [result.posted for result in witness.results] == [1, 2, 3, 4, 5]
    assert len(witness.posts) == 4


def test_the_ledger_holds_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    with open_ledger(path) as ledger:
        run(3, 200, 422, senders=1, observers=(ledger,))
    lines = [orjson.loads(line) for line in path.read_text().splitlines()]
    assert [(line["event_id"], line["partition"], line["offset"]) for line in lines] == [
        ("event-1", 1, 0),
        ("event-3", 1, 2),
    ]


def test_a_ledger_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="Cannot write the ledger"), open_ledger(tmp_path / "missing" / "ledger"):
        pass


def test_a_failure_ends_all_senders_and_leaves_the_counts_with_the_observers() -> None:
    witness = Witness()
    with pytest.raises(UndeliveredError, match="answered 500"):
        run(1_000, *[200] * 10, 500, observers=(witness,))
    assert 10 <= witness.results[-1].posted < 1_000
