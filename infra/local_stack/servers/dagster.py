"""Dagster: the code server (whose child processes are the runs), the webserver and the daemon.

The instance is configured in `infra/dagster/dagster.yaml`.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta

from infra.dagster_client import DagsterClient, dagster_url
from infra.local_stack.artifacts import INFRA
from infra.local_stack.environment import python_environment
from infra.local_stack.pid_file import read_pid_file
from infra.local_stack.place import LOOPBACK, Place
from infra.local_stack.pools import make_pools
from infra.local_stack.runs import cancel_runs, connect_to_dagster, end_abandoned_runs, interrupt_runs
from infra.local_stack.server import NotHealthyError, Server

CODE_SERVER = "dagster-code"
WEBSERVER = "dagster-web"
DAEMON = "dagster-daemon"
STORES = ("kafka", "cassandra", "s3")
PROJECT = INFRA.parent
DEFINITIONS = "pinterest_platform.definitions"
HEARTBEAT = timedelta(seconds=120)  # the daemon writes one every 30 s

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  __typename ... on PythonError { message } } } } } }"""


def code_server(place: Place) -> Server:
    """Serves the definitions and launches runs as child processes."""
    port = place.settings.dagster_code_server_port
    serve = ("code-server", "start", "--host", LOOPBACK, "--port", str(port), "--module-name", DEFINITIONS)
    return Server(
        name=CODE_SERVER,
        address=f"{LOOPBACK}:{port}",
        ports={"dagster_code_server_port": port},
        command=(sys.executable, "-m", "dagster", *serve),
        folder=PROJECT,
        configure=lambda: _configure_code_server(place),
        check=lambda: _check_code_server(port),
        complete=lambda: make_pools(place),
        depends_on=("postgres",),
        environment=python_environment(place),
        memory_mib=2500,  # includes two runs with a Spark session each
        before_stop=interrupt_runs,
        stops_before=STORES,
    )


def webserver(place: Place) -> Server:
    """The user interface."""
    settings = place.settings
    address = dagster_url(settings)
    listen = ("--host", settings.dagster_host, "--port", str(settings.dagster_port))
    return Server(
        name=WEBSERVER,
        address=address,
        ports={"dagster_port": settings.dagster_port},
        command=(sys.executable, "-m", "dagster_webserver", "--workspace", str(PROJECT / "workspace.yaml"), *listen),
        folder=PROJECT,
        check=lambda: _check_webserver(address),
        depends_on=(CODE_SERVER,),
        environment=python_environment(place),
        memory_mib=300,
        before_stop=lambda _: cancel_runs(address),
        stops_before=STORES,
    )


def daemon(place: Place) -> Server:
    """Schedules, sensors and the run queue. Starts last, because the runs it launches need every server."""
    return Server(
        name=DAEMON,
        address="-",
        ports={},
        command=(sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(PROJECT / "workspace.yaml")),
        folder=PROJECT,
        check=lambda: _check_daemon(place),
        depends_on=(*STORES, CODE_SERVER),
        environment=python_environment(place),
        memory_mib=300,
        stops_before=(WEBSERVER,),  # otherwise it would restart the runs that the webserver's stop cancels
    )


def _configure_code_server(place: Place) -> None:
    home = place.state / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INFRA / "dagster" / "dagster.yaml", home / "dagster.yaml")
    end_abandoned_runs(place)


def _check_code_server(port: int) -> None:
    import grpc  # type: ignore[import-untyped]
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise NotHealthyError("it is not serving yet")


def _check_webserver(address: str) -> None:
    entries = DagsterClient(address, timeout_seconds=10).ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
    if not entries:
        raise NotHealthyError("it has no code location")
    for entry in entries:
        loaded = entry["locationOrLoadError"]
        if loaded is None or loaded["__typename"] != "RepositoryLocation":
            raise NotHealthyError(f"{entry['name']} does not load: {(loaded or {}).get('message', 'still loading')}")


def _check_daemon(place: Place) -> None:
    with connect_to_dagster(place) as connection:
        row = connection.execute("select max(timestamp) from daemon_heartbeats").fetchone()
    running = read_pid_file(place.run_folder, DAEMON)
    started = datetime.fromtimestamp(running.created, UTC) if running else datetime.now(UTC)
    last = row[0].replace(tzinfo=UTC) if row and row[0] else None
    if last is None or last < max(started, datetime.now(UTC) - HEARTBEAT):
        raise NotHealthyError("it has not written its heartbeat")
