"""The settings of the local stack: those of the platform, and what only the servers need that `infra` starts.

They are read from the environment like the platform's, by names with the same `PINTEREST_`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from pinterest_platform.settings import Settings


class LocalStackSettings(Settings):
    """All settings, frozen."""

    kafka_controller_port: int = Field(default=9093, description="of the local stack's KRaft controller")
    cassandra_storage_port: int = Field(default=7000, description="between nodes; the local stack has one node")
    postgres_superuser_password: SecretStr | None = Field(
        default=None, description="of the role postgres, which makes the others; None: the local stack's own"
    )

    dagster_database: str = "dagster"
    dagster_code_server_port: int = 4000

    monitoring: bool = Field(default=True, description="whether the local stack watches itself with Prometheus")
    prometheus_port: int = 9090
    prometheus_scrape_seconds: int = Field(default=15, description="between two scrapes, and two looks at the rules")
    alertmanager_port: int = Field(default=9095, description="its usual 9093 is the KRaft controller's")
    alert_webhook_url: SecretStr | None = Field(
        default=None, description="http or https; gets every alert as JSON, and its end; None: none"
    )
    alert_mail_smarthost: str | None = Field(default=None, description="host:port of the mail server; None: no mail")
    alert_mail_from: str | None = None
    alert_mail_to: str | None = Field(default=None, description="comma separated")
    alert_mail_user: str | None = Field(default=None, description="at the mail server; None: it asks for none")
    alert_mail_password: SecretStr | None = None
    alert_mail_tls: bool = Field(default=True, description="whether mail is refused to a server without TLS")
    alert_grace_seconds: int = Field(
        default=180, ge=0, description="after Alertmanager's start, in which nobody is told of alerts"
    )
    cassandra_exporter_port: int = 7071
    kafka_exporter_port: int = 7072
    postgres_exporter_port: int = 9187
    postgres_monitor_user: str = Field(default="pinterest_monitor", description="may read statistics, no table")
    postgres_monitor_password: SecretStr | None = None
    grafana_port: int = Field(default=3001, description="in infra/compose.yaml; the local stack has none")
    dagster_reader_port: int = Field(
        default=3002, description="of the read-only pages in infra/compose.yaml; the local stack has none"
    )
    proxy_ingest_port: int = Field(default=8443, description="of the proxy in infra/compose.yaml, for the ingest API")
    proxy_dagster_port: int = Field(default=8444, description="of the proxy, for Dagster's pages")
    proxy_presto_port: int = Field(default=8445, description="of the proxy, for Presto's page")
    proxy_prometheus_port: int = Field(default=8446, description="of the proxy, for Prometheus and the dashboards")
    platform_exporter_port: int = Field(default=9188, description="of what Dagster and the stream do")

    artifact_cache: Path = Field(
        default=Path.home() / ".cache" / "pinterest-platform", description="downloaded server artifacts"
    )
    stack_minimum_memory_mib: int | None = Field(
        default=None, description="free memory that a start demands; None: what the servers usually take, 0: no check"
    )
    stack_minimum_disk_mib: int = Field(default=3072, description="free disk space that a start demands")

    @field_validator("alert_webhook_url")
    @classmethod
    def _demand_http(cls, url: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(url.get_secret_value()) if url else None
        if parts and not (parts.scheme in {"http", "https"} and parts.hostname):
            raise ValueError("PINTEREST_ALERT_WEBHOOK_URL has to begin with http:// or https://, and a host.")
        return url

    @field_validator("alert_mail_smarthost")
    @classmethod
    def _demand_port(cls, smarthost: str | None) -> str | None:
        if smarthost and not re.fullmatch(r"(\S+):\d{1,5}", smarthost):
            raise ValueError("PINTEREST_ALERT_MAIL_SMARTHOST has to be host:port, for example mail.example.org:587.")
        return smarthost

    @field_validator("alert_mail_from", "alert_mail_to")
    @classmethod
    def _demand_addresses(cls, addresses: str | None) -> str | None:
        if addresses and not all(re.fullmatch(r"\s*[^\s,]+@[^\s,]+\s*", each) for each in addresses.split(",")):
            raise ValueError(
                "PINTEREST_ALERT_MAIL_FROM and PINTEREST_ALERT_MAIL_TO have to be mail addresses like ada@example.org."
            )
        return addresses

    @model_validator(mode="after")
    def _demand_the_rest_of_the_mail_settings(self) -> Self:
        needed = ("alert_mail_smarthost", "alert_mail_from", "alert_mail_to")
        wanted = any(getattr(self, name) for name in (*needed, "alert_mail_user", "alert_mail_password"))
        missing = [f"PINTEREST_{name.upper()}" for name in needed if not getattr(self, name)]
        if wanted and missing:
            raise ValueError(f"Alerts cannot be mailed without {', '.join(missing)}. Set it, or no ALERT_MAIL setting.")
        if bool(self.alert_mail_user) != bool(self.alert_mail_password):
            raise ValueError("Set both of PINTEREST_ALERT_MAIL_USER and PINTEREST_ALERT_MAIL_PASSWORD, or neither.")
        return self
