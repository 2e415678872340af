"""Cassandra: one node without passwords.

Belongs here: how it is started and asked for its health, and that the platform's tables exist.
"""

from __future__ import annotations

from infra.local_stack.java import CASSANDRA, java_command, write_options
from infra.local_stack.place import LOOPBACK, Place, loopback_port
from infra.local_stack.server import NotHealthyError, Server

NAME = "cassandra"


def cassandra(place: Place) -> Server:
    """The server, its data in `<state>/cassandra/data`."""
    settings = place.settings
    port = loopback_port("cassandra_hosts", f"{settings.cassandra_hosts}:{settings.cassandra_port}")
    return Server(
        name=NAME,
        address=f"{LOOPBACK}:{port}",
        ports={"cassandra_port": port, "cassandra_storage_port": settings.cassandra_storage_port},
        command=java_command(place, NAME, "org.apache.cassandra.service.CassandraDaemon"),
        folder=place.state / NAME,
        configure=lambda: _configure(place, port),
        check=lambda: _check(port),
        complete=lambda: _create_tables(place),
        memory_mib=1000,
    )


def _configure(place: Place, port: int) -> None:
    folder = place.state / NAME
    values = {"port": port, "storage_port": place.settings.cassandra_storage_port, "data": folder / "data"}
    place.render("cassandra/cassandra.yaml", folder / "cassandra.yaml", values)
    place.render("cassandra/logback.xml", folder / "logback.xml", {})
    properties = {
        "cassandra.config": (folder / "cassandra.yaml").as_uri(),
        "cassandra.storagedir": folder / "data",
        "cassandra.logdir": folder,
        "cassandra-foreground": "yes",
        "logback.configurationFile": folder / "logback.xml",
    }
    write_options(place, NAME, (*CASSANDRA, *(f"-D{name}={value}" for name, value in properties.items())))


def _check(port: int) -> None:
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
    from cassandra.policies import WhiteListRoundRobinPolicy

    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([LOOPBACK]), request_timeout=5)
    profiles = {EXEC_PROFILE_DEFAULT: profile}
    cluster = Cluster([LOOPBACK], port=port, execution_profiles=profiles, connect_timeout=5)
    try:
        if cluster.connect().execute("select release_version from system.local").one() is None:
            raise NotHealthyError("it does not say its version")
    finally:
        cluster.shutdown()


def _create_tables(place: Place) -> None:
    from pinterest_platform.stores import cassandra

    cassandra.create_tables(place.settings)
