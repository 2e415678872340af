from __future__ import annotations

import asyncio

import pytest

from ingest_api.body_clock import BodyClock


def test_a_wait_that_lasts_too_long_ends_with_a_timeout_and_others_go_on() -> None:
    async def scenario() -> list[str]:
        clock = BodyClock(0.05)

        async def wait(seconds: float) -> str:
            try:
                with clock.wait():
                    await asyncio.sleep(seconds)
            except TimeoutError:
                return "too long"
            return "in time"

        first = await asyncio.gather(wait(5), wait(0), wait(0.01), wait(5))
        return [*first, await wait(5), await wait(0)]

    assert asyncio.run(scenario()) == ["too long", "in time", "in time", "too long", "too long", "in time"]


def test_a_task_that_somebody_else_cancels_is_cancelled() -> None:
    async def scenario() -> None:
        async def wait() -> None:
            with BodyClock(60).wait():
                await asyncio.sleep(5)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
