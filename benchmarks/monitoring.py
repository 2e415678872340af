"""What monitoring costs: the whole platform started and left idle, alternately with monitoring and without.

Prints for each turn the seconds until every server was healthy, the memory of all processes (proportional set size) and
the CPU seconds of an idle minute; then the ratios of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

from benchmarks.measured import MIB, cpu_seconds_of_all
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from infra.command_line.status import look
from infra.local_stack.processes import descendants
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.stack import LocalStack

IDLE_SECONDS = 60.0
RECORDED = {
    "start_seconds": ("start until every server is healthy", "s"),
    "memory_mib": ("memory of everything", "MiB"),
    "cpu_seconds": ("CPU of an idle minute", "CPU s"),
}
WATCHED = BENCHMARK_SETTINGS.model_copy(update={"monitoring": True})


@dataclass(frozen=True)
class Turn:
    """One start and its idle minute."""

    start_seconds: float
    memory_mib: float
    cpu_seconds: float


def take_turn(settings: LocalStackSettings) -> Turn:
    begin = time.monotonic()
    with running(None, settings) as complete:
        start_seconds = time.monotonic() - begin
        stack = LocalStack(complete)
        time.sleep(IDLE_SECONDS)  # the stream starts its Spark meanwhile
        before = cpu_seconds(stack)
        time.sleep(IDLE_SECONDS)
        used = cpu_seconds(stack) - before
        memory = sum(status.memory for status in look(stack)) / MIB
    return Turn(start_seconds, memory, used)


def cpu_seconds(stack: LocalStack) -> float:
    servers = [process for name in stack.servers if (process := stack.process(name))]
    return cpu_seconds_of_all(process for server in servers for process in (server, *descendants(server)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=2, help="of each kind (%(default)s)")
    turns: dict[str, list[Turn]] = {"with": [], "without": []}
    for _ in range(parser.parse_args().turns):
        for kind, settings in (("without", BENCHMARK_SETTINGS), ("with", WATCHED)):
            turn = take_turn(settings)
            turns[kind].append(turn)
            memory, cpu = f"{turn.memory_mib:,.0f} MiB", f"{turn.cpu_seconds:.1f} s CPU in an idle minute"
            print(f"{kind:<8} start {turn.start_seconds:5.1f} s, {memory}, {cpu}", flush=True)
    for name in ("start_seconds", "memory_mib", "cpu_seconds"):
        watched, alone = (statistics.median(getattr(turn, name) for turn in turns[kind]) for kind in turns)
        print(f"{name}: {watched / alone:.2f} of what it is without monitoring")
        what, unit = RECORDED[name]
        record("monitoring", what, watched, unit, peer={"without monitoring": alone})


if __name__ == "__main__":
    main()
