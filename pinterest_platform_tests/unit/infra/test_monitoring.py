from __future__ import annotations

import io
from pathlib import Path

import pytest

from infra.local_stack.monitoring import fetch_monitoring, find_monitoring
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal


@pytest.fixture
def bare_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalStackSettings:
    """No apt, no Prometheus, an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    return LocalStackSettings(artifact_cache=tmp_path / "cache")


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_where_the_programs_cannot_be_had_the_stack_says_how_to_get_them_and_goes_on(
    bare_system: LocalStackSettings,
) -> None:
    said = io.StringIO()

    fetch_monitoring(bare_system, Terminal(said))

    assert find_monitoring(bare_system) is None
    assert "this system has no apt-get and dpkg-deb" in said.getvalue()
    assert "runs without monitoring" in said.getvalue()
    assert "sudo apt install prometheus prometheus-postgres-exporter" in said.getvalue()


def test_who_wants_no_monitoring_hears_nothing_of_it(bare_system: LocalStackSettings) -> None:
    said = io.StringIO()

    fetch_monitoring(bare_system.model_copy(update={"monitoring": False}), Terminal(said))

    assert said.getvalue() == ""


def test_a_package_that_is_refused_leaves_nothing_in_the_cache(
    bare_system: LocalStackSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bin_folder = tmp_path / "nothing"
    program(bin_folder, "dpkg-deb")
    program(bin_folder, "apt-get").write_text(
        "#!/bin/sh\necho 'E: Unable to locate package prometheus' >&2\nexit 100\n"
    )
    said = io.StringIO()

    fetch_monitoring(bare_system, Terminal(said))

    assert "E: Unable to locate package prometheus" in said.getvalue()
    assert list((bare_system.artifact_cache / "unpacked").iterdir()) == []


def test_programs_of_the_system_are_used(bare_system: LocalStackSettings, tmp_path: Path) -> None:
    bin_folder = tmp_path / "nothing"
    names = ("prometheus", "promtool", "postgres_exporter")
    expected = [program(bin_folder, name) for name in names]

    found = find_monitoring(bare_system)

    assert found is not None
    assert [found.prometheus, found.promtool, found.postgres_exporter] == expected


def test_a_system_with_half_of_them_has_no_monitoring(bare_system: LocalStackSettings, tmp_path: Path) -> None:
    program(tmp_path / "nothing", "prometheus")

    assert find_monitoring(bare_system) is None
