from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from infra.local_stack.processes import (
    LOG_LIMIT_BYTES,
    MARK,
    STOPS,
    end,
    launch,
    marked,
    orphans,
    rotate,
    signals_for_children,
)
from infra.local_stack.server import Server, nothing

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
HAS_A_CHILD = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


def start(program: str, state: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, MARK: str(state)}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_processes_of_a_stack_are_found_by_their_mark_and_no_others(tmp_path: Path) -> None:
    with start(SLEEPS, tmp_path) as ours, start(SLEEPS, tmp_path / "another") as other:
        first_line(ours)
        first_line(other)

        found = marked(tmp_path)
        ours.kill()
        other.kill()

    assert [process.pid for process in found] == [ours.pid]


def test_a_child_whose_parent_was_killed_is_an_orphan_and_can_be_ended(tmp_path: Path) -> None:
    with start(f"{HAS_A_CHILD}; {SLEEPS}", tmp_path) as parent:
        child = psutil.Process(int(first_line(parent)))
        assert orphans(tmp_path, [psutil.Process(parent.pid)]) == []
        parent.kill()
        parent.wait()

        assert orphans(tmp_path, []) == [child]
        end([child], signal.SIGTERM, 5)

    assert marked(tmp_path) == []


def test_ending_a_process_ends_what_is_below_it(tmp_path: Path) -> None:
    with start(f"{HAS_A_CHILD}; {SLEEPS}", tmp_path) as parent:
        first_line(parent)

        assert end([psutil.Process(parent.pid)], signal.SIGTERM, 5) == []

    assert marked(tmp_path) == []


def test_who_does_not_listen_is_killed_and_named(tmp_path: Path) -> None:
    with start(IGNORES_SIGTERM, tmp_path) as stubborn:
        first_line(stubborn)

        killed = end([psutil.Process(stubborn.pid)], signal.SIGTERM, 0.2)

    assert [process.pid for process in killed] == [stubborn.pid]
    assert stubborn.returncode == -signal.SIGKILL


def test_a_machine_that_stood_still_gave_nobody_the_time_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start(SLEEPS, tmp_path) as process:
        first_line(process)
        hours = itertools.count(0, 3600)
        monkeypatch.setattr("infra.local_stack.processes.time.monotonic", lambda: next(hours))

        assert end([psutil.Process(process.pid)], signal.SIGTERM, 5) == []


def test_servers_hear_the_signals_that_a_shell_has_its_background_jobs_ignore(tmp_path: Path) -> None:
    listens = "import signal as s; print([s.getsignal(number) is s.SIG_IGN for number in (s.SIGINT, s.SIGTERM)])"
    server = Server("listener", "", {}, (sys.executable, "-c", listens), tmp_path, check=nothing)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        with signals_for_children(), ThreadPoolExecutor() as starters:  # a stack starts its servers side by side
            starters.submit(launch, server, tmp_path / "log", tmp_path).result().wait()

        assert [signal.getsignal(number) for number in before] == [signal.SIG_IGN, signal.SIG_IGN]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert (tmp_path / "log").read_text().strip() == "[False, False]"


def test_a_long_log_makes_room_and_a_short_one_stays(tmp_path: Path) -> None:
    long, short = tmp_path / "long.log", tmp_path / "short.log"
    long.write_bytes(b"x" * (LOG_LIMIT_BYTES + 1))
    short.write_text("kept")

    rotate(long)
    rotate(short)

    assert not long.exists()
    assert (tmp_path / "long.log.1").exists()
    assert short.read_text() == "kept"
