"""PostgreSQL's data may be outside the state folder. That of another state is set aside, never deleted."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from infra.local_stack.postgres_home import PostgresHome, set_aside_data_of_another_state


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> PostgresHome:
    return home_in(tmp_path / "elsewhere")


def home_in(folder: Path) -> PostgresHome:
    home = PostgresHome(account=None, programs=folder / "programs", data=folder / "data")
    home.data.mkdir(parents=True)
    (home.data / "PG_VERSION").touch()
    return home


def test_data_of_a_state_folder_that_was_deleted_by_hand_is_set_aside(state: Path, home: PostgresHome) -> None:
    set_aside_data_of_another_state(home, state)
    shutil.rmtree(state)
    state.mkdir()

    aside = set_aside_data_of_another_state(home, state)

    assert aside is not None
    assert (aside / "PG_VERSION").exists()
    assert not home.data.exists()
    home.data.mkdir()
    assert set_aside_data_of_another_state(home, state) is None


def test_data_of_this_state_stays_whatever_was_written_last(state: Path, home: PostgresHome) -> None:
    for _ in range(2):
        assert set_aside_data_of_another_state(home, state) is None
        (state / "secrets.json").touch()
        os.utime(home.data / "PG_VERSION", (100, 100))

    assert (home.data / "PG_VERSION").exists()


def test_data_of_before_the_id_is_adopted(state: Path, home: PostgresHome) -> None:
    (state / "secrets.json").touch()

    assert set_aside_data_of_another_state(home, state) is None
    assert (home.data / "PG_VERSION").exists()


def test_data_below_the_state_is_never_touched(state: Path) -> None:
    home = home_in(state / "postgres")

    assert set_aside_data_of_another_state(home, state) is None
    assert [path.name for path in state.iterdir()] == ["postgres"]
