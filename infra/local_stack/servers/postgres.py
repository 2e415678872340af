"""PostgreSQL: the stream's tables and Dagster's storage, with their roles and databases."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from infra.errors import StackError
from infra.local_stack.place import Place, loopback_port
from infra.local_stack.postgres_home import (
    PostgresHome,
    make_data_folder,
    postgres_home,
    set_aside_data_of_another_state,
    unpack_programs,
)
from infra.local_stack.server import Account, Server
from infra.local_stack.terminal import Terminal

NAME = "postgres"
SUPERUSER = "postgres"


def postgres(place: Place) -> Server:
    """The server. Its data is in `<state>/postgres/data`, or where its user can reach it."""
    settings = place.settings
    port = loopback_port("postgres_host", f"{settings.postgres_host}:{settings.postgres_port}")
    home = home_of(place)
    return Server(
        name=NAME,
        address=f"{settings.postgres_host}:{port}",
        ports={"postgres_port": port},
        command=(str(home.programs / "bin" / "postgres"), "-D", str(home.data)),
        folder=home.data,
        configure=lambda: _configure(place, home, port),
        check=lambda: _check(place),
        complete=lambda: _complete(place),
        account=home.account,
        memory_mib=150,
        # The fast shutdown: SIGTERM would wait for clients to disconnect. https://www.postgresql.org/docs/15/server-shutdown.html
        stop_signal=signal.SIGINT,
    )


def home_of(place: Place) -> PostgresHome:
    """The folders of this stack's PostgreSQL."""
    (artifact,) = place.lock[NAME]
    version = artifact.coordinate.rpartition(":")[2]
    return postgres_home(place.state, place.settings.artifact_cache, version)


def connect(place: Place, database: str) -> psycopg.Connection[Any]:
    """A superuser's connection that commits each statement."""
    return psycopg.connect(
        host=place.settings.postgres_host,
        port=place.settings.postgres_port,
        user=SUPERUSER,
        password=place.credentials.postgres_superuser_password,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _configure(place: Place, home: PostgresHome, port: int) -> None:
    (artifact,) = place.lock[NAME]
    unpack_programs(place.settings.artifact_cache / artifact.path, home.programs)
    if aside := set_aside_data_of_another_state(home, place.state):
        Terminal().warn(
            f"PostgreSQL's data of a state folder that is gone was set aside: {aside}. Delete it if unneeded."
        )
    make_data_folder(home)
    if not (home.data / "PG_VERSION").exists():
        _initialise(place, home)
    _end_leftovers(home.data)
    (home.data / "postmaster.pid").unlink(missing_ok=True)
    for file in write_configuration(place, port, home.data):
        _hand_over(file, home.account)


def write_configuration(place: Place, port: int, folder: Path) -> list[Path]:
    """Writes the server's configuration files; returns their paths."""
    values: dict[str, dict[str, object]] = {"postgresql.conf": {"port": port}, "pg_hba.conf": {}}
    for name, each in values.items():
        place.render(f"postgres/{name}", folder / name, each)
    return [folder / name for name in values]


def _initialise(place: Place, home: PostgresHome) -> None:
    """Initialises the data folder. If interrupted, `initdb` removes what it wrote."""
    with _password_file(place, home.account) as password_file:
        options = ("--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}")
        finished = subprocess.run(
            [home.programs / "bin" / "initdb", f"--username={SUPERUSER}", *options, home.data],
            cwd=home.data,
            capture_output=True,
            text=True,
            check=False,
            **as_account(home.account),
        )
    if finished.returncode:
        raise StackError(f"PostgreSQL could not initialise its data folder:\n{finished.stdout}{finished.stderr}")


def as_account(account: Account | None) -> dict[str, Any]:
    """Arguments for `subprocess` that run a program as the account, without root's rights; empty for None."""
    return {} if account is None else {"user": account.user, "group": account.group, "extra_groups": []}


@contextmanager
def _password_file(place: Place, account: Account | None) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(place.credentials.postgres_superuser_password)
        file.flush()
        _hand_over(Path(file.name), account)
        yield Path(file.name)


def _hand_over(file: Path, account: Account | None) -> None:
    if account:
        os.chown(file, account.user, account.group)


def _end_leftovers(data: Path) -> None:
    """Ends the children of a postmaster that was killed with -9: they still hold its shared memory."""
    leftovers = [process for process in psutil.process_iter(["name", "cwd"]) if _works_in(process, data)]
    for process in leftovers:
        process.send_signal(signal.SIGQUIT)
    psutil.wait_procs(leftovers, timeout=10)


def _works_in(process: psutil.Process, data: Path) -> bool:
    return bool(process.info["name"] == "postgres" and process.info["cwd"] == str(data))


def _check(place: Place) -> None:
    with connect(place, "postgres") as connection:
        connection.execute("select 1")


def _complete(place: Place) -> None:
    from pinterest_platform.stores import postgres

    settings = place.settings
    with connect(place, "postgres") as connection:
        create_role(connection, settings.postgres_user, place.credentials.postgres_password)
        _create_monitor(connection, settings.postgres_monitor_user, place.credentials.postgres_monitor_password)
        for database in (settings.postgres_database, settings.dagster_database):
            _create_database(connection, database, settings.postgres_user)
    postgres.migrate(settings)


def create_role(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    """Creates the role, or sets its password."""
    known = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    verb = sql.SQL("alter" if known else "create")
    # Hashed on the client, because the server logs statements that fail.
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("{} role {} login password {}")
    connection.execute(statement.format(verb, sql.Identifier(role), sql.Literal(secret)))


def grant_reading(connection: psycopg.Connection[Any], role: str, owner: str) -> None:
    """Lets the role read all present and future tables of `owner` in the connection's database."""
    names = {"role": sql.Identifier(role), "owner": sql.Identifier(owner)}
    for statement in (
        sql.SQL("grant usage on schema public to {role}"),
        sql.SQL("grant select on all tables in schema public to {role}"),
        sql.SQL("alter default privileges for role {owner} in schema public grant select on tables to {role}"),
    ):
        connection.execute(statement.format(**names))


def _create_monitor(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    """Creates the exporter's role, which may read PostgreSQL's statistics, but no rows."""
    create_role(connection, role, password)
    connection.execute(sql.SQL("grant pg_monitor to {}").format(sql.Identifier(role)))


def _create_database(connection: psycopg.Connection[Any], database: str, owner: str) -> None:
    if connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone() is None:
        names = sql.Identifier(database), sql.Identifier(owner)
        connection.execute(sql.SQL("create database {} owner {}").format(*names))
