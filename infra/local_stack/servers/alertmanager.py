"""Alertmanager: groups the alerts that Prometheus fires and tells people, by webhook or mail.

It starts after all other servers and stops before them, so that a start or a stop tells nobody. For its first
`alert_grace_seconds`, while the stream and Dagster's daemons report for the first time, a silence covers every alert.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from infra.local_stack.alertmanager_package import Alertmanager
from infra.local_stack.artifacts import INFRA
from infra.local_stack.credentials import OWNER_ONLY
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.server import Server
from infra.local_stack.settings import LocalStackSettings

NAME = "alertmanager"
_PAGE = INFRA / NAME / "page"


def alertmanager(place: Place, programs: Alertmanager, others: tuple[str, ...]) -> Server:
    """The server. Its silences, and what it has told whom, are in `<state>/alertmanager/data`."""
    port = place.settings.alertmanager_port
    folder = place.state / NAME
    page = () if programs.has_a_page else (f"--web.ui-path={_PAGE}/",)
    return Server(
        name=NAME,
        address=address_of(place.settings),
        ports={"alertmanager_port": port},
        command=(
            str(programs.program),
            f"--config.file={configuration_file(place)}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            f"--web.external-url={address_of(place.settings)}",
            "--cluster.listen-address=",  # one Alertmanager; with an address it would listen on every interface
            *page,
        ),
        folder=programs.templates or folder,
        configure=lambda: _prepare(place),
        check=lambda: _check(place.settings),
        complete=lambda: _silence_the_start(place.settings),
        starts_after=others,
        memory_mib=30,
        start_seconds=30,
        is_needed=False,
    )


def address_of(settings: LocalStackSettings) -> str:
    """The address of its page and API."""
    return f"http://{LOOPBACK}:{settings.alertmanager_port}"


def configuration_file(place: Place) -> Path:
    """Readable by the owner only: it has the password of the mail server."""
    return place.state / NAME / "alertmanager.yml"


def _prepare(place: Place) -> None:
    write_configuration(place)
    log = place.log_file(NAME)  # of a webhook that fails it has the URL, which may have a token
    log.touch()
    log.chmod(OWNER_ONLY)


def write_configuration(place: Place) -> None:
    """Writes routes and receivers to `<state>/alertmanager/alertmanager.yml`."""
    settings = place.settings
    values = {
        "wait": 2 * settings.prometheus_scrape_seconds,
        "webhooks": _as_yaml(_webhooks(settings)),
        "mails": _as_yaml(_mails(settings)),
    }
    place.render(f"{NAME}/alertmanager.yml", configuration_file(place), values)


def _webhooks(settings: LocalStackSettings) -> list[Mapping[str, Any]]:
    url = settings.alert_webhook_url
    return [{"url": url.get_secret_value(), "send_resolved": True}] if url else []


def _mails(settings: LocalStackSettings) -> list[Mapping[str, Any]]:
    if not settings.alert_mail_smarthost:
        return []
    mail = {
        "smarthost": settings.alert_mail_smarthost,
        "from": settings.alert_mail_from,
        "to": settings.alert_mail_to,
        "require_tls": settings.alert_mail_tls,
        "send_resolved": True,
    }
    return [{**mail, **_login(settings.alert_mail_user, settings.alert_mail_password)}]


def _login(user: str | None, password: SecretStr | None) -> Mapping[str, str]:
    return {"auth_username": user, "auth_password": password.get_secret_value()} if user and password else {}


def _as_yaml(value: object) -> str:
    """JSON is YAML, except for characters that JSON escapes as two surrogates."""
    return json.dumps(value, ensure_ascii=False)


def _check(settings: LocalStackSettings) -> None:
    with _client(settings) as client:
        client.get("/-/ready").raise_for_status()


def _silence_the_start(settings: LocalStackSettings) -> None:
    """Silences every alert until the grace after Alertmanager's start has passed; the silence ends by itself."""
    with _client(settings) as client:
        status = client.get("/api/v2/status").raise_for_status().json()
        ends = datetime.fromisoformat(status["uptime"]) + timedelta(seconds=settings.alert_grace_seconds)
        now = datetime.now(UTC)
        if ends > now:
            client.post("/api/v2/silences", json=_silence(now, ends)).raise_for_status()


def _silence(begins: datetime, ends: datetime) -> Mapping[str, Any]:
    return {
        "matchers": [{"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}],
        "startsAt": begins.isoformat(),
        "endsAt": ends.isoformat(),
        "createdBy": "make run",
        "comment": "The platform has just been started.",
    }


def _client(settings: LocalStackSettings) -> httpx.Client:
    return httpx.Client(base_url=address_of(settings), trust_env=False, timeout=5)
