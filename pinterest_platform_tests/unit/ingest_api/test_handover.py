from __future__ import annotations

import asyncio
import threading

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from ingest_api.handover import Handover


def test_outcomes_of_another_thread_reach_their_futures() -> None:
    async def scenario() -> list[object]:
        handover = Handover(asyncio.get_running_loop())
        ours = [Future() for _ in range(1_000)]
        carried = [handover.carry(future) for future in ours]
        thread = threading.Thread(target=lambda: [future.success(number) for number, future in enumerate(ours)])
        thread.start()
        outcomes = await asyncio.gather(*carried)
        thread.join()
        return outcomes

    assert asyncio.run(scenario()) == list(range(1_000))


def test_a_failure_is_raised_where_the_future_is_awaited() -> None:
    async def scenario() -> None:
        future = Future()
        carried = Handover(asyncio.get_running_loop()).carry(future)
        future.failure(KafkaTimeoutError("expired"))
        with pytest.raises(KafkaTimeoutError, match="expired"):
            await carried

    asyncio.run(scenario())


def test_an_outcome_that_nobody_waits_for_any_more_is_dropped() -> None:
    async def scenario() -> None:
        future = Future()
        carried = Handover(asyncio.get_running_loop()).carry(future)
        carried.cancel()
        future.success(1)
        await asyncio.sleep(0)

    asyncio.run(scenario())
