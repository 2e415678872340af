"""The platform with one field more: a copy of the packages, changed as CONTRIBUTING.md says that a field is added."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pinterest_platform.pins.fields import ADDED_FIELDS
from pinterest_platform.stores import cassandra_tables, stream_tables

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "a_field_of_the_test"  # which no field will ever be called
_FIELD = f'PinField("{NAME}", FieldType.TEXT, 64, meaning="Of the texts.", example="el"),'
_COPIED = ("pinterest_platform", "pinterest_platform_tests", "ingest_api", "infra", "pyproject.toml")
_BEFORE = "".join(f', "{each.name}"' for each in ADDED_FIELDS)


def copy_with_field(folder: Path) -> Path:
    """Copy the packages to the folder and add a text to them: one line, and a step for each database."""
    for name in _COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    packages = folder / "pinterest_platform"
    _add_line(packages / "pins" / "fields.py", "ADDED_FIELDS: tuple[PinField, ...] = ", _FIELD)
    number = stream_tables.MIGRATIONS[-1].number + 1
    step = f'add_field({number}, "{NAME}", "text"{_BEFORE}),'
    _add_line(packages / "stores" / "stream_tables.py", "MIGRATIONS = ", step)
    number = cassandra_tables.MIGRATIONS[-1].number + 1
    _add_line(packages / "stores" / "cassandra_tables.py", "MIGRATIONS = ", f'add_field({number}, "{NAME}", "text"),')
    return folder


def _add_line(file: Path, tuple_name: str, line: str) -> None:
    """Add a line at the end of the tuple that is assigned to this name."""
    pattern = rf"^({re.escape(tuple_name)}\()(.*?)(\)\n(?:\"\"\"|\Z))"
    text, count = re.subn(
        pattern,
        lambda found: f"{found[1]}{found[2]}\n    {line}\n{found[3]}",
        file.read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert count == 1, f"{tuple_name} is not where it was in {file}"
    file.write_text(text)


def run_in(folder: Path, *arguments: str, **environment: str) -> str:
    """What `python` with these arguments says, of the packages in the folder."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def json_from(folder: Path, *arguments: str, **environment: str) -> Any:
    """The last line of that, which is JSON."""
    return json.loads(run_in(folder, *arguments, **environment).splitlines()[-1])
