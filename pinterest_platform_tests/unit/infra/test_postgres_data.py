"""PostgreSQL's data may be outside the state folder, but must not outlive it."""

from __future__ import annotations

import os
from pathlib import Path

from infra.local_stack.postgres_home import PostgresHome, drop_data_of_a_deleted_state


def home_with_data(folder: Path, written_at: int) -> PostgresHome:
    home = PostgresHome(account=None, programs=folder / "programs", data=folder / "data")
    home.data.mkdir()
    version = home.data / "PG_VERSION"
    version.touch()
    os.utime(version, (written_at, written_at))
    return home


def secrets(folder: Path, written_at: int) -> Path:
    file = folder / "secrets.json"
    file.touch()
    os.utime(file, (written_at, written_at))
    return file


def test_data_of_a_state_folder_that_was_deleted_by_hand_goes(tmp_path: Path) -> None:
    home = home_with_data(tmp_path, written_at=100)

    drop_data_of_a_deleted_state(home, secrets(tmp_path, written_at=200))

    assert not home.data.exists()


def test_data_of_this_state_stays(tmp_path: Path) -> None:
    home = home_with_data(tmp_path, written_at=200)

    drop_data_of_a_deleted_state(home, secrets(tmp_path, written_at=100))

    assert (home.data / "PG_VERSION").exists()
