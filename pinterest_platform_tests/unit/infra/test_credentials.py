from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from infra.errors import StackError
from infra.local_stack.credentials import load_or_create, refuse_another_users


def test_a_file_from_before_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"postgres_password": "kept"}))

    first, second = load_or_create(file), load_or_create(file)

    assert first == second
    assert first.postgres_password == "kept"
    assert json.loads(file.read_text())["postgres_monitor_password"] == first.postgres_monitor_password


def test_the_stack_of_another_user_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secrets.json"
    refuse_another_users(file)
    load_or_create(file)
    refuse_another_users(file)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)

    with pytest.raises(StackError, match=r"belongs to .* sudo -u .* make run"):
        refuse_another_users(file)


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    load_or_create(tmp_path / "secrets.json")

    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
