"""The environment of the platform's own processes, and of a person who works beside them.

The settings themselves are in `infra.local_stack.settings`.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from infra.local_stack.credentials import write_private
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.settings import LocalStackSettings

FILE = "env"


def python_environment(place: Place) -> dict[str, str]:
    """Every setting, and the variables that Dagster, Spark and boto3 read themselves."""
    settings = place.settings
    programs = str(Path(sys.executable).parent)
    return {
        **settings.environment(),
        "DAGSTER_HOME": str(place.state / "dagster"),
        "JAVA_HOME": str(settings.java_home),
        "PYSPARK_PYTHON": sys.executable,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        # For Dagster's compute logs, and for `aws` or boto3 in a shell.
        "AWS_ACCESS_KEY_ID": place.credentials.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": place.credentials.s3_secret_key,
        "AWS_DEFAULT_REGION": settings.s3_region,
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint_url or "",
        # Requests to this machine must not go through a proxy.
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
    }


def write_environment(place: Place) -> Path:
    """Writes the file for `set -a; . .state/env`, which gives a shell the same environment as the servers."""
    file = _file(place)
    write_private(file, "".join(f"{line}\n" for line in _lines(place)))
    return file


def kept_settings(state: Path) -> LocalStackSettings | None:
    """The settings that this folder's stack was started with; None if the file cannot be read."""
    try:
        words = shlex.split((state / FILE).read_text())
    except (OSError, ValueError):
        return None
    settings = LocalStackSettings.of(dict(word.split("=", 1) for word in words if "=" in word))
    return settings.model_copy(update={"state_folder": state})


def changed_variables(place: Place) -> list[str]:
    """The names of the variables that differ from the file, that is, from those of the running servers."""
    if not _file(place).exists():
        return []
    differing = set(_file(place).read_text().splitlines()) ^ set(_lines(place))
    return sorted({line.partition("=")[0] for line in differing})


def _file(place: Place) -> Path:
    return place.state / FILE


def _lines(place: Place) -> list[str]:
    variables = {name: shlex.quote(value) for name, value in python_environment(place).items()}
    programs = f'"{Path(sys.executable).parent}:$PATH"'
    return [f"{name}={value}" for name, value in sorted({**variables, "PATH": programs}.items())]
