"""Presto: one node that answers SQL over Cassandra and PostgreSQL, with its connectors and its role in PostgreSQL."""

from __future__ import annotations

import secrets
import shutil
from contextlib import closing
from pathlib import Path

from infra.local_stack.artifacts import byteman
from infra.local_stack.java import PRESTO, java_command, write_options
from infra.local_stack.place import LOOPBACK, Place, loopback_port
from infra.local_stack.server import Server
from infra.local_stack.servers.postgres import connect, create_role, grant_reading

NAME = "presto"
ROLE = "presto"
CONNECTORS = ("cassandra", "postgresql")
# Presto starts a JMX listener that cannot be bound to loopback, unless Java claims to have one on this port already.
NO_JMX_PORT = 9


def presto(place: Place) -> Server:
    """The server. It is healthy once it answers a query over both catalogs."""
    settings = place.settings
    port = loopback_port("presto_host", f"{settings.presto_host}:{settings.presto_port}")
    return Server(
        name=NAME,
        address=f"http://{settings.presto_host}:{port}",
        ports={"presto_port": port},
        command=java_command(place, NAME, "com.facebook.presto.server.PrestoServer"),
        folder=place.state / NAME,
        configure=lambda: _configure(place, port),
        check=lambda: _check(place),
        depends_on=("cassandra", "postgres"),
        memory_mib=900,
    )


def _configure(place: Place, port: int) -> None:
    write_configuration(place, port, place.state / NAME / "plugin")
    _link_connectors(place)
    agent = place.settings.artifact_cache / byteman(place.lock, NAME).path
    write_options(place, NAME, own_options(place, agent))


def write_configuration(place: Place, port: int, plugins: Path) -> None:
    """Writes the server's configuration files to `<state>/presto`, with a new password for its role in PostgreSQL."""
    folder = place.state / NAME
    values = {
        "port": port,
        "plugins": plugins,
        "catalogs": folder / "catalog",
        "no_jmx_port": NO_JMX_PORT,
    }
    place.render("presto/config.properties", folder / "config.properties", values)
    place.render("presto/log.properties", folder / "log.properties", {})
    place.render("presto/access-control.properties", folder / "etc" / "access-control.properties", {})
    place.render("presto/rules.btm", folder / "rules.btm", {})
    _configure_catalogs(place)


def own_options(place: Place, agent: Path) -> tuple[str, ...]:
    """The JVM options; `agent` is Byteman's jar."""
    folder = place.state / NAME
    return (
        *PRESTO,
        # On the boot class path too, because connectors do not see the server's classes.
        f"-javaagent:{agent}=script:{folder / 'rules.btm'},boot:{agent}",
        f"-Dconfig={folder / 'config.properties'}",
        f"-Dlog.levels-file={folder / 'log.properties'}",
        f"-Dcom.sun.management.jmxremote.port={NO_JMX_PORT}",
        "-XX:-ManagementServer",  # the option above switches it on
    )


def _configure_catalogs(place: Place) -> None:
    settings, folder = place.settings, place.state / NAME / "catalog"
    values: dict[str, dict[str, object]] = {
        "cassandra": {
            "host": LOOPBACK,
            "port": settings.cassandra_port,
            "datacenter": settings.cassandra_datacenter,
            "consistency": settings.cassandra_consistency,
        },
        "postgresql": {
            "host": LOOPBACK,
            "port": settings.postgres_port,
            "database": settings.postgres_database,
            "role": ROLE,
            "password": _grant_reading(place),
        },
    }
    for name in CONNECTORS:
        place.render(f"presto/catalog/{name}.properties", folder / f"{name}.properties", values[name])


def _grant_reading(place: Place) -> str:
    """Creates a role that may read the platform's present and future tables; returns its new password."""
    password = secrets.token_urlsafe(24)
    with closing(connect(place, place.settings.postgres_database)) as connection:
        create_role(connection, ROLE, password)
        grant_reading(connection, ROLE, place.settings.postgres_user)
    return password


def _link_connectors(place: Place) -> None:
    """Makes one folder of jars per connector, where Presto looks for them."""
    plugins = place.state / NAME / "plugin"
    shutil.rmtree(plugins, ignore_errors=True)
    for name in CONNECTORS:
        (plugins / name).mkdir(parents=True)
        for artifact in place.lock[f"{NAME}/{name}"]:
            (plugins / name / artifact.path.name).symlink_to(place.settings.artifact_cache / artifact.path)


def _check(place: Place) -> None:
    from pinterest_platform.stores import presto

    presto.ask_both_catalogs(place.settings)
