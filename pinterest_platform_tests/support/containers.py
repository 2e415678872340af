"""The containers of infra/compose.yaml as a project of the tests' own: its images, ports, secrets and volumes."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from infra.compose.env_files import new_secrets
from infra.local_stack.artifacts import INFRA
from infra.local_stack.settings import LocalStackSettings
from pinterest_platform_tests.support.ports import ports_from, with_ports
from pinterest_platform_tests.support.waiting import wait_for

PROJECT = "pinterest-platform-tests"
# A busy machine takes minutes to start a server.
START_SECONDS = 1_800
ONE_SHOT = "provision"


@dataclass(frozen=True)
class Containers:
    """One project of Compose. `settings` are those that its clients connect with."""

    folder: Path
    settings: LocalStackSettings
    secrets: Mapping[str, str]

    def compose(self, *arguments: str) -> str:
        """Runs `docker compose`; returns what it prints."""
        files = ("--env-file", str(self._settings_file), "--env-file", str(self._secrets_file))
        command = ("docker", "compose", "--project-name", PROJECT, *files, "--file", str(INFRA / "compose.yaml"))
        return run(*command, *arguments, environment={"PINTEREST_COMPOSE_SETTINGS": str(self._settings_file)})

    def write_files(self) -> None:
        """Writes what Compose reads. The folder has to be one that the daemon's client sees: in the checkout."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = {name: value for name, value in self.settings.environment().items() if _is_address(name)}
        ports |= {"PINTEREST_PROXY_CLIENT_RATE": "5"}  # a busy machine's client sends no flood of the default rate
        for file, variables in ((self._settings_file, ports), (self._secrets_file, self.secrets)):
            file.touch(mode=0o600)
            file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))

    def start(self) -> None:
        """Starts everything, and waits until all is healthy."""
        self.compose("up", "--detach")
        for service in self.services:
            self.wait_until_healthy(service)

    @cached_property
    def services(self) -> list[str]:
        """The names of those that keep running."""
        return sorted(set(self.compose("config", "--services").split()) - {ONE_SHOT})

    def state(self, service: str) -> dict[str, Any]:
        """What `docker inspect` says of the service's container."""
        [identity] = self.compose("ps", "--all", "--quiet", service).split()
        found: dict[str, Any] = json.loads(run("docker", "inspect", identity))[0]
        return found

    def wait_until_healthy(self, service: str) -> dict[str, Any]:
        def healthy() -> dict[str, Any] | None:
            found = self.state(service)
            return found if found["State"].get("Health", {}).get("Status") == "healthy" else None

        return wait_for(healthy, START_SECONDS)

    def kill(self, service: str) -> None:
        """Kills the container's first process, as the kernel does when memory is short.

        `docker kill` would count as the operator's wish, after which Docker does not restart a container.
        """
        state = self.state(service)
        code = f"import os; os.kill({state['State']['Pid']}, 9)"
        image = self.state("kafka")["Config"]["Image"]
        run("docker", "run", "--rm", "--pid", "host", "--user", "0", "--entrypoint", "python", image, "-c", code)

    def client(self, port: int, user: str | None = None) -> httpx.Client:
        """A client of the proxy's port that trusts the proxy's own certificate; `user` is reader or operator."""
        trusted = ssl.create_default_context(cadata=self.compose("exec", "-T", "proxy", "cat", _CERTIFICATE))
        login = (user, self.secrets[f"PINTEREST_PROXY_{user.upper()}_PASSWORD"]) if user else None
        return httpx.Client(
            base_url=f"https://localhost:{port}", verify=trusted, auth=login, trust_env=False, timeout=120
        )

    @property
    def key(self) -> str:
        """The write key of the ingest API."""
        return self.secrets["PINTEREST_INGEST_API_KEY"]

    @property
    def _settings_file(self) -> Path:
        return self.folder / "compose.env"

    @property
    def _secrets_file(self) -> Path:
        return self.folder / "compose.secrets.env"


_CERTIFICATE = "/certificates/fullchain.pem"


def make_containers(folder: Path) -> Containers:
    """A project on ports of its own, with new secrets."""
    secrets = new_secrets()
    names = LocalStackSettings.model_fields
    own = {name.removeprefix("PINTEREST_").lower(): value for name, value in secrets.items()}
    given = {name: value for name, value in own.items() if name in names and name != "ingest_write_keys"}
    settings = with_ports(LocalStackSettings.model_validate(given), ports_from(24000))
    return Containers(folder.resolve(), settings, secrets)


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Runs the command to its end; returns what it prints.

    Raises:
        AssertionError: it failed, with all that it said.
    """
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5_000:]}{done.stderr[-5_000:]}"
    return done.stdout


def _is_address(variable: str) -> bool:
    return variable.endswith(("_PORT", "_BOOTSTRAP_SERVERS", "_ENDPOINT_URL"))
