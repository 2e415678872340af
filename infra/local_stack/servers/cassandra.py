"""Cassandra: one node without passwords, with the platform's tables."""

from __future__ import annotations

from pathlib import Path

import psutil

from infra.local_stack.artifacts import byteman
from infra.local_stack.java import CASSANDRA, java_command, write_options
from infra.local_stack.jmx_exporter import is_watched, jmx_agent
from infra.local_stack.place import LOOPBACK, Place, loopback_port
from infra.local_stack.server import NotHealthyError, Server

NAME = "cassandra"


def cassandra(place: Place) -> Server:
    """The server. Its data is in `<state>/cassandra/data`."""
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
        memory_mib=1020,
        spare_ports={"cassandra_exporter_port": settings.cassandra_exporter_port} if is_watched(settings) else {},
    )


def write_configuration(place: Place, port: int) -> None:
    """Writes the server's configuration files to `<state>/cassandra`."""
    folder = place.state / NAME
    values = {"port": port, "storage_port": place.settings.cassandra_storage_port, "data": folder / "data"}
    place.render("cassandra/cassandra.yaml", folder / "cassandra.yaml", values)
    place.render("cassandra/logback.xml", folder / "logback.xml", {})


def _configure(place: Place, port: int) -> None:
    folder = place.state / NAME
    write_configuration(place, port)
    properties = {
        "cassandra.config": (folder / "cassandra.yaml").as_uri(),
        "cassandra.storagedir": folder / "data",
        "cassandra.logdir": folder,
        "cassandra-foreground": "yes",
        "logback.configurationFile": folder / "logback.xml",
    }
    options = (*CASSANDRA, *(f"-D{name}={value}" for name, value in properties.items()), *_chroot_options(place))
    write_options(place, NAME, (*options, *jmx_agent(place, NAME, place.settings.cassandra_exporter_port)))


def _chroot_options(place: Place) -> tuple[str, ...]:
    """The Byteman rule that lets Cassandra run in a chroot; empty where it is not needed."""
    folder = place.state / NAME
    if mount_point_is_listed(folder):
        return ()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    place.render("cassandra/chroot.btm", folder / "chroot.btm", {"data": folder / "data"})
    agent = place.settings.artifact_cache / byteman(place.lock, NAME).path
    return (f"-javaagent:{agent}=script:{folder / 'chroot.btm'}",)


def mount_point_is_listed(folder: Path) -> bool:
    """Whether Java can find the folder's file system, which it cannot in a chroot."""
    mount_point = next(parent for parent in folder.resolve().parents if parent.is_mount())
    return str(mount_point) in {partition.mountpoint for partition in psutil.disk_partitions(all=True)}


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
