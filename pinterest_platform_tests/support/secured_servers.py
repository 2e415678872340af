"""Kafka and Cassandra with TLS, users and passwords, like hosted services, and the tests' PostgreSQL with TLS.

They are the stack's own servers with security added to their configuration, on their own ports.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificate
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from pydantic import SecretStr

from infra.local_stack.place import Place, make_place
from infra.local_stack.processes import end, launch
from infra.local_stack.server import Server
from infra.local_stack.servers.cassandra import cassandra
from infra.local_stack.servers.kafka import kafka
from infra.local_stack.servers.postgres import connect, home_of
from infra.local_stack.settings import LocalStackSettings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform_tests.support.ports import free_ports

USER = "pinterest"
PASSWORD = 'a "quoted\\ one'  # what a careless JAAS line would trip over
STORE_PASSWORD = "not-secret"
START_SECONDS = 90

_KAFKA_SECURITY = """
listeners=CLIENTS://127.0.0.1:{clients},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{clients},INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CLIENTS:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}={password};
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.ssl.keystore.type=PKCS12
listener.name.clients.ssl.keystore.location={keys}
listener.name.clients.ssl.keystore.password={key_password}
listener.name.clients.ssl.key.password={key_password}
"""
_CASSANDRA_SECURITY = """
client_encryption_options:
  enabled: true
  optional: false
  keystore: {keys}
  keystore_password: {password}
  store_type: PKCS12
"""


@dataclass(frozen=True)
class Certificates:
    """A certificate for 127.0.0.1 and its authority, in the formats that servers and clients want."""

    authority: Path
    certificate: Path
    key: Path
    java_key_store: Path
    java_trust_store: Path


def issue_certificates(folder: Path) -> Certificates:
    """By an authority that nobody else knows."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
    encryption = BestAvailableEncryption(STORE_PASSWORD.encode())
    leaf, signer = load_pem_x509_certificate(certificate), load_pem_x509_certificate(authority.cert_pem.bytes())
    store = pkcs12.serialize_key_and_certificates(
        b"server",
        load_pem_private_key(key, None),  # type: ignore[arg-type]
        leaf,
        [signer],
        encryption,
    )
    trusted = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(signer, b"authority")], encryption)
    return Certificates(
        authority=_keep(folder / "authority.pem", authority.cert_pem.bytes()),
        certificate=_keep(folder / "server.pem", certificate),
        key=_keep(folder / "server.key", key),
        java_key_store=_keep(folder / "keys.p12", store),
        java_trust_store=_keep(folder / "trust.p12", trusted),
    )


def _keep(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@contextmanager
def secured_kafka(stores: LocalStackSettings, folder: Path, certificates: Certificates) -> Iterator[LocalStackSettings]:
    """A broker that takes PLAIN and SCRAM over TLS only; settings that reach it with SCRAM."""
    clients, internal, controller = free_ports(3)
    inside = stores.model_copy(
        update={
            "kafka_bootstrap_servers": f"127.0.0.1:{internal}",
            "kafka_controller_port": controller,
            "state_folder": folder,
        }
    )
    place = make_place(inside)
    security = _KAFKA_SECURITY.format(
        clients=clients,
        internal=internal,
        controller=controller,
        user=USER,
        password=_in_properties(PASSWORD),
        keys=certificates.java_key_store,
        key_password=STORE_PASSWORD,
    )
    with _running(place, kafka(place), folder / "kafka" / "server.properties", lambda text: text + security):
        _add_scram_user(inside)
        yield stores.model_copy(
            update={
                "kafka_bootstrap_servers": f"127.0.0.1:{clients}",
                "kafka_security_protocol": "SASL_SSL",
                "kafka_user": USER,
                "kafka_password": SecretStr(PASSWORD),
                "kafka_ca_file": certificates.authority,
            }
        )


def _in_properties(password: str) -> str:
    jaas = password.replace("\\", "\\\\").replace('"', '\\"')
    escaped = jaas.replace("\\", "\\\\")
    return f'"{escaped}"'


def _add_scram_user(inside: LocalStackSettings) -> None:
    admin = KafkaAdminClient(bootstrap_servers=inside.kafka_bootstrap_servers)
    admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)])
    admin.close()


@contextmanager
def secured_cassandra(
    stores: LocalStackSettings, folder: Path, certificates: Certificates
) -> Iterator[LocalStackSettings]:
    """A node that takes passwords over TLS only; settings of a user who may use the keyspace but create none."""
    port, storage_port = free_ports(2)
    superuser = stores.model_copy(
        update={
            "cassandra_port": port,
            "cassandra_storage_port": storage_port,
            "cassandra_keyspace": "secured",
            "cassandra_user": "cassandra",
            "cassandra_password": SecretStr("cassandra"),
            "cassandra_tls": True,
            "cassandra_ca_file": certificates.authority,
            "cassandra_trust_store": str(certificates.java_trust_store),
            "cassandra_trust_store_password": SecretStr(STORE_PASSWORD),
            "state_folder": folder,
        }
    )
    place = make_place(superuser)
    server = replace(cassandra(place), check=lambda: _ask(superuser))
    security = _CASSANDRA_SECURITY.format(keys=certificates.java_key_store, password=STORE_PASSWORD)

    def secure(text: str) -> str:
        return (
            text.replace("AllowAllAuthenticator", "PasswordAuthenticator").replace(
                "AllowAllAuthorizer", "CassandraAuthorizer"
            )
            + security
        )

    with _running(place, server, folder / "cassandra" / "cassandra.yaml", secure):
        _add_role(superuser)
        yield superuser.model_copy(
            update={
                "cassandra_user": USER,
                "cassandra_password": SecretStr(PASSWORD),
                "state_folder": stores.state_folder,
            }
        )


def _ask(settings: LocalStackSettings) -> None:
    with open_session(settings) as session:
        session.execute("SELECT release_version FROM system.local")


def _add_role(superuser: LocalStackSettings) -> None:
    keyspace = superuser.cassandra_keyspace
    replication = {"class": "NetworkTopologyStrategy", superuser.cassandra_datacenter: 1}
    with open_session(superuser) as session:
        session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
        session.execute(f"CREATE ROLE {USER} WITH LOGIN = true AND PASSWORD = %s", [PASSWORD])
        session.execute(f"GRANT ALL PERMISSIONS ON KEYSPACE {keyspace} TO {USER}")


@contextmanager
def secured_postgres(place: Place, certificates: Certificates) -> Iterator[LocalStackSettings]:
    """The stack's own server, offering TLS until the end of the block; settings that insist on it."""
    home = home_of(place)
    for file, name in ((certificates.certificate, "server.crt"), (certificates.key, "server.key")):
        own = _keep(home.data / name, file.read_bytes())
        if home.account:
            os.chown(own, home.account.user, home.account.group)
    _switch_tls(place, "ALTER SYSTEM SET ssl = on", "on")
    try:
        yield place.settings.model_copy(
            update={"postgres_ssl_mode": "verify-full", "postgres_ca_file": certificates.authority}
        )
    finally:
        _switch_tls(place, "ALTER SYSTEM RESET ssl", "off")


def _switch_tls(place: Place, statement: str, state: str) -> None:
    with connect(place, "postgres") as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    while True:
        with connect(place, "postgres") as connection:
            if connection.execute("SHOW ssl").fetchone() == (state,):
                return
        assert time.monotonic() < deadline, f"PostgreSQL has not switched TLS {state}"
        time.sleep(0.1)


@contextmanager
def _running(place: Place, server: Server, configuration: Path, secure: Callable[[str], str]) -> Iterator[None]:
    server.configure()
    configuration.write_text(secure(configuration.read_text()))
    log = place.log_file(server.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    child = launch(server, log, place.state)
    try:
        deadline = time.monotonic() + START_SECONDS
        while problem := server.problem():
            assert time.monotonic() < deadline, f"{problem}\n{log.read_text()[-3000:]}"
            time.sleep(0.5)
        yield
    finally:
        end([psutil.Process(child.pid)], signal.SIGTERM, 20)
        child.wait(5)
