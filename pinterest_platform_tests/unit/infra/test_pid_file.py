from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from infra.local_stack.pid_file import living_process, read_pid_file, remove_pid_file, write_pid_file


def test_a_process_is_found_again(tmp_path: Path) -> None:
    write_pid_file(tmp_path, "kafka", os.getpid())

    process = living_process(tmp_path, "kafka")

    assert process is not None
    assert process.pid == os.getpid()


def test_a_number_that_belongs_to_another_process_now_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "kafka.json").write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))

    assert living_process(tmp_path, "kafka") is None


def test_setting_the_clock_loses_no_process(tmp_path: Path) -> None:
    write_pid_file(tmp_path, "kafka", os.getpid())
    known = json.loads((tmp_path / "kafka.json").read_text())
    (tmp_path / "kafka.json").write_text(json.dumps(known | {"created": known["created"] - 3600}))

    assert living_process(tmp_path, "kafka") is not None


def test_the_same_number_and_time_in_another_boot_is_nobody(tmp_path: Path) -> None:
    write_pid_file(tmp_path, "kafka", os.getpid())
    known = json.loads((tmp_path / "kafka.json").read_text())
    (tmp_path / "kafka.json").write_text(json.dumps(known | {"birth": f"another {known['birth']}"}))

    assert living_process(tmp_path, "kafka") is None


def test_a_file_of_before_the_birth_is_compared_by_the_time(tmp_path: Path) -> None:
    write_pid_file(tmp_path, "kafka", os.getpid())
    known = json.loads((tmp_path / "kafka.json").read_text())
    (tmp_path / "kafka.json").write_text(json.dumps({"pid": known["pid"], "created": known["created"]}))

    assert living_process(tmp_path, "kafka") is not None


def test_a_process_that_ended_is_nobody_even_before_its_parent_looks(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        write_pid_file(tmp_path, "kafka", child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now

        assert living_process(tmp_path, "kafka") is None


def test_a_damaged_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "kafka.json").write_text("{")

    assert read_pid_file(tmp_path, "kafka") is None


def test_removing_twice_is_harmless(tmp_path: Path) -> None:
    remove_pid_file(tmp_path, "kafka")
    remove_pid_file(tmp_path, "kafka")
