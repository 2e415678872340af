"""How client libraries reach Kafka, Cassandra and PostgreSQL: addresses, credentials and certificates.

Each function turns settings into a client's own option names, so that two clients of one system cannot disagree.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pinterest_platform.settings import Settings

# The connector's default is two suites that neither new certificates (ECDSA) nor new servers accept.
_CIPHER_SUITES = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Options of every kafka-python client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if _with_sasl(settings):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_user
        options["sasl_plain_password"] = _reveal(settings.kafka_password)
    if _with_tls(settings):
        options["ssl_context"] = _tls_context(settings.kafka_ca_file)
    return options


def spark_kafka_options(settings: Settings) -> dict[str, str]:
    """Options of Spark's Kafka source. They contain the authority's certificate, so executors need no file."""
    options = {
        "kafka.bootstrap.servers": settings.kafka_bootstrap_servers,
        "kafka.security.protocol": settings.kafka_security_protocol,
    }
    if _with_sasl(settings):
        options["kafka.sasl.mechanism"] = settings.kafka_sasl_mechanism
        options["kafka.sasl.jaas.config"] = _jaas_line(settings)
    if _with_tls(settings) and settings.kafka_ca_file:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.certificates"] = settings.kafka_ca_file.read_text()
    return options


def cassandra_driver_options(settings: Settings) -> dict[str, Any]:
    """Options of cassandra-driver's `Cluster`, without its execution profile."""
    from cassandra.auth import PlainTextAuthProvider

    options: dict[str, Any] = {
        "contact_points": settings.cassandra_hosts.split(","),
        "port": settings.cassandra_port,
    }
    if settings.cassandra_user:
        options["auth_provider"] = PlainTextAuthProvider(settings.cassandra_user, _reveal(settings.cassandra_password))
    if settings.cassandra_tls:
        options["ssl_context"] = _tls_context(settings.cassandra_ca_file)
    return options


def spark_cassandra_options(settings: Settings) -> dict[str, str]:
    """Options of the Spark connector without secrets, since Dagster shows them."""
    options = {
        "spark.cassandra.connection.host": settings.cassandra_hosts,
        "spark.cassandra.connection.port": str(settings.cassandra_port),
        "spark.cassandra.connection.ssl.enabled": str(settings.cassandra_tls).lower(),
        "spark.cassandra.input.consistency.level": settings.cassandra_consistency,
        "spark.cassandra.output.consistency.level": settings.cassandra_consistency,
    }
    if settings.cassandra_tls:
        options["spark.cassandra.connection.ssl.enabledAlgorithms"] = ",".join(_CIPHER_SUITES)
    if settings.cassandra_trust_store:
        options["spark.cassandra.connection.ssl.trustStore.path"] = settings.cassandra_trust_store
    return options


def spark_cassandra_secrets(settings: Settings) -> dict[str, str]:
    """The secret part of `spark_cassandra_options`, to be set on an existing session."""
    options = {
        "spark.cassandra.auth.username": settings.cassandra_user,
        "spark.cassandra.auth.password": _reveal(settings.cassandra_password),
        "spark.cassandra.connection.ssl.trustStore.password": _reveal(settings.cassandra_trust_store_password),
    }
    return {name: value for name, value in options.items() if value}


def postgres_options(settings: Settings) -> dict[str, Any]:
    """Options of libpq and psycopg, without the database."""
    return {
        "host": settings.postgres_host,
        "port": settings.postgres_port,
        "user": settings.postgres_user,
        "password": _reveal(settings.postgres_password),
        "sslmode": settings.postgres_ssl_mode,
        "sslrootcert": str(settings.postgres_ca_file) if settings.postgres_ca_file else None,
    }


def _with_sasl(settings: Settings) -> bool:
    return settings.kafka_security_protocol.startswith("SASL")


def _with_tls(settings: Settings) -> bool:
    return settings.kafka_security_protocol.endswith("SSL")


def _jaas_line(settings: Settings) -> str:
    user, password = _quoted(settings.kafka_user or ""), _quoted(_reveal(settings.kafka_password) or "")
    return f"{_LOGIN_MODULES[settings.kafka_sasl_mechanism]} required username={user} password={password};"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
