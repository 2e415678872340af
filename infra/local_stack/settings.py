"""The settings of the local stack: those of the platform, and what only the servers need that `infra` starts.

They are read from the environment like the platform's, by names with the same `PINTEREST_`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

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
