"""Appends a benchmark's result to `history.jsonl`, from which `benchmarks.report` makes the page."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psutil

HISTORY = Path(__file__).parent / "history.jsonl"
# What a benchmark writes itself is no change of the code that it measured.
_WRITTEN = ("benchmarks/history.jsonl", "benchmarks/README.md", "benchmarks/pictures", "benchmarks/results")
Number = float | tuple[float, float]


def record(
    subject: str,
    metric: str,
    value: Number | bool,
    unit: str = "",
    *,
    target: str | None = None,
    peer: Mapping[str, Number] | None = None,
    note: str = "",
    history: Path = HISTORY,
) -> None:
    """Append one line.

    Args:
        subject: the script, one of `benchmarks.report.SUBJECTS`.
        metric: what was measured. Results of the same subject and metric are compared with each other.
        value: a number, a range (least, most), or whether something held.
        unit: of the value, the target and the peers; empty where something held or did not.
        target: `<= 30` or `>= 5000`; None where there is none. What must hold has the target true.
        peer: what stands beside it in the same run, by name.
        note: what a reader has to know about this one result.
        history: the file.

    Raises:
        ValueError: a number is not finite.
    """
    holds = isinstance(value, bool)
    line = {
        "subject": subject,
        "metric": metric,
        "value": value if holds else _plain(value),
        "unit": unit,
        "target": True if holds else target,
        "peer": {name: _plain(beside) for name, beside in (peer or {}).items()},
        "commit": _commit(),
        "machine": _machine(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": shlex.join(sys.argv[1:]),
        "note": note,
    }
    with history.open("a") as lines:
        lines.write(json.dumps(line, allow_nan=False) + "\n")


def _plain(value: Number) -> float | list[float]:
    """NumPy's numbers too."""
    return [float(end) for end in value] if isinstance(value, tuple) else float(value)


@cache
def _commit() -> str:
    """That of the checkout; `-dirty` where code has changed since, `unknown` where this is no checkout."""
    try:
        head = _git("rev-parse", "--short=7", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", *(f":!{path}" for path in _WRITTEN))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}-dirty" if changed else head


def _git(*command: str) -> str:
    root = Path(__file__).parent.parent
    return subprocess.run(["git", *command], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


@cache
def _machine() -> dict[str, int | float | str | None]:
    memory_gib = round(psutil.virtual_memory().total / (1 << 30), 1)
    return {"cores": os.cpu_count(), "memory_gib": memory_gib, "cpu": _cpu_model()}


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
