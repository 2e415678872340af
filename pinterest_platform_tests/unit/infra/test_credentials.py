from __future__ import annotations

import json
import os
from pathlib import Path

from infra.local_stack.credentials import load_or_create

AN_HOUR_AGO = 1_700_000_000


def test_a_file_from_before_gets_what_it_lacks_and_keeps_what_it_has_and_its_time(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"postgres_password": "kept"}))
    os.utime(file, (AN_HOUR_AGO, AN_HOUR_AGO))

    first, second = load_or_create(file), load_or_create(file)

    assert first == second
    assert first.postgres_password == "kept"
    assert json.loads(file.read_text())["postgres_monitor_password"] == first.postgres_monitor_password
    assert file.stat().st_mtime == AN_HOUR_AGO


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    load_or_create(tmp_path / "secrets.json")

    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
