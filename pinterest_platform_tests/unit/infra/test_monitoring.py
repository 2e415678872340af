from __future__ import annotations

import io
from pathlib import Path

import pytest
import yaml

from infra.local_stack.monitoring import fetch_monitoring, find_monitoring
from infra.local_stack.place import make_place
from infra.local_stack.servers import describe_all
from infra.local_stack.servers.prometheus import write_configuration
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


def test_a_cache_from_before_there_was_an_alertmanager_is_used_and_only_nobody_is_told(
    bare_system: LocalStackSettings,
) -> None:
    program(bare_system.artifact_cache / "unpacked" / "monitoring" / "usr" / "bin", "prometheus")
    said = io.StringIO()

    fetch_monitoring(bare_system, Terminal(said))
    found = find_monitoring(bare_system)

    assert found is not None
    assert found.alertmanager is None
    assert "Alertmanager could not be fetched (this system has no apt-get and dpkg-deb)" in said.getvalue()
    assert "nobody is told" in said.getvalue()
    assert "sudo apt install prometheus-alertmanager" in said.getvalue()
    assert "runs without monitoring" not in said.getvalue()


@pytest.mark.parametrize(("name", "has_a_page"), [("prometheus-alertmanager", False), ("alertmanager", True)])
def test_the_systems_alertmanager_is_used(
    bare_system: LocalStackSettings, tmp_path: Path, name: str, has_a_page: bool
) -> None:
    for each in ("prometheus", "promtool", "postgres_exporter", name):
        program(tmp_path / "nothing", each)

    found = find_monitoring(bare_system)

    assert found is not None
    assert found.alertmanager is not None
    assert found.alertmanager.program == tmp_path / "nothing" / name
    assert found.alertmanager.has_a_page == has_a_page


def test_the_stack_has_an_alertmanager_where_there_is_one_and_it_starts_last(
    bare_system: LocalStackSettings, tmp_path: Path
) -> None:
    for each in ("prometheus", "promtool", "postgres_exporter"):
        program(tmp_path / "nothing", each)
    place = make_place(bare_system.model_copy(update={"state_folder": tmp_path / "state"}))
    without = describe_all(place)
    program(tmp_path / "nothing", "alertmanager")

    [*others, last] = describe_all(place)

    assert [server.name for server in others] == [server.name for server in without]
    assert last.name == "alertmanager"
    assert set(last.starts_after) == {server.name for server in others}


@pytest.mark.parametrize("alertmanagers", [(), ("127.0.0.1:9095",)])
def test_prometheus_sends_its_alerts_to_the_alertmanager_that_there_is(
    settings: LocalStackSettings, tmp_path: Path, alertmanagers: tuple[str, ...]
) -> None:
    write_configuration(make_place(settings.model_copy(update={"state_folder": tmp_path})), alertmanagers)

    written = yaml.safe_load((tmp_path / "prometheus" / "prometheus.yml").read_text())

    [sends] = written["alerting"]["alertmanagers"]
    [scrapes] = [job for job in written["scrape_configs"] if job["job_name"] == "alertmanager"]
    assert sends["static_configs"] == scrapes["static_configs"] == [{"targets": list(alertmanagers)}]
