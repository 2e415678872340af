"""Clients' options: credentials are given where needed, and not shown anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pinterest_platform.connections import (
    kafka_python_options,
    postgres_options,
    spark_cassandra_secrets,
    spark_kafka_options,
)
from pinterest_platform.settings import Settings
from pinterest_platform.stores.spark import spark_configuration

SECRET = "open sesame"


def secured(**changes: Any) -> Settings:
    names = ("kafka_password", "cassandra_password", "cassandra_trust_store_password", "postgres_password")
    passwords: dict[str, Any] = dict.fromkeys(names, SecretStr(SECRET))
    return Settings(
        kafka_user="pinterest",
        cassandra_user="pinterest",
        s3_access_key="the access key",
        s3_secret_key=SecretStr(SECRET),
        **passwords,
        **changes,
    )


def test_without_settings_every_client_is_told_of_loopback_only() -> None:
    assert kafka_python_options(Settings()) == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
    }
    assert spark_kafka_options(Settings()) == {
        "kafka.bootstrap.servers": "127.0.0.1:9092",
        "kafka.security.protocol": "PLAINTEXT",
    }
    assert spark_cassandra_secrets(Settings()) == {}


def test_spark_reads_and_writes_cassandra_as_consistently_as_the_driver() -> None:
    levels = ("spark.cassandra.input.consistency.level", "spark.cassandra.output.consistency.level")

    of_default, of_one = (spark_configuration(own) for own in (Settings(), Settings(cassandra_consistency="LOCAL_ONE")))

    assert [of_default[level] for level in levels] == ["LOCAL_QUORUM", "LOCAL_QUORUM"]
    assert [of_one[level] for level in levels] == ["LOCAL_ONE", "LOCAL_ONE"]


def test_no_secret_is_in_the_spark_configuration_which_dagster_shows() -> None:
    shown = str(spark_configuration(secured(kafka_security_protocol="SASL_SSL", cassandra_tls=True)))

    assert SECRET not in shown
    assert "the access key" not in shown


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    assert SECRET not in repr(secured())


def test_a_password_is_quoted_in_the_login_line_of_spark() -> None:
    settings = secured(kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="PLAIN").model_copy(
        update={"kafka_password": SecretStr('a"b\\c')}
    )

    assert spark_kafka_options(settings)["kafka.sasl.jaas.config"] == (
        'org.apache.kafka.common.security.plain.PlainLoginModule required username="pinterest" password="a\\"b\\\\c";'
    )


def test_executors_get_the_certificate_itself_rather_than_a_path(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text("the certificate")

    options = spark_kafka_options(Settings(kafka_security_protocol="SSL", kafka_ca_file=file))

    assert options["kafka.ssl.truststore.certificates"] == "the certificate"


def test_sasl_without_a_password_is_a_sentence() -> None:
    with pytest.raises(ValidationError, match="set PINTEREST_KAFKA_USER and PINTEREST_KAFKA_PASSWORD too"):
        Settings(kafka_security_protocol="SASL_SSL", kafka_user="pinterest")


def test_a_wrong_setting_does_not_print_the_secrets_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINTEREST_CASSANDRA_PASSWORD", SECRET)

    with pytest.raises(ValidationError, match="PINTEREST_CASSANDRA_USER") as raised:
        Settings()
    assert SECRET not in str(raised.value)


def test_every_setting_reaches_a_child_process_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = secured(spark_options={"spark.executor.memory": "2g"}, kafka_security_protocol="SASL_PLAINTEXT")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert Settings() == settings


def test_options_of_ones_own_win_over_those_of_the_platform() -> None:
    settings = Settings(spark_options={"spark.sql.shuffle.partitions": "200"})

    assert spark_configuration(settings)["spark.sql.shuffle.partitions"] == "200"


def test_postgres_takes_its_mode_and_authority_from_the_settings() -> None:
    options = postgres_options(Settings(postgres_ssl_mode="verify-full", postgres_ca_file=Path("/etc/authority.pem")))

    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/etc/authority.pem")
