from __future__ import annotations

import asyncio
import threading

from ingest_api.handover import Handover


def test_calls_of_another_thread_are_made_on_the_loop_in_their_order() -> None:
    async def scenario() -> list[tuple[int, str]]:
        made: list[tuple[int, str]] = []
        all_made = asyncio.Event()
        loop_thread = threading.get_ident()

        def receive(number: int, text: str) -> None:
            assert threading.get_ident() == loop_thread
            made.append((number, text))
            if number == 999:
                all_made.set()

        handover = Handover(asyncio.get_running_loop(), receive)

        def call() -> None:
            for number in range(1_000):
                handover(number, "x")

        thread = threading.Thread(target=call)
        thread.start()
        await all_made.wait()
        thread.join()
        return made

    assert asyncio.run(scenario()) == [(number, "x") for number in range(1_000)]


def test_a_call_after_the_end_of_the_loop_is_dropped() -> None:
    made: list[int] = []
    loop = asyncio.new_event_loop()
    handover = Handover(loop, made.append)
    loop.close()
    handover(1)
    assert made == []
