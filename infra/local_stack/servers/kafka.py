"""Kafka: one KRaft node, with the platform's topic."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode

from infra.errors import StackError
from infra.local_stack.java import KAFKA, java_command, write_options
from infra.local_stack.jmx_exporter import is_watched, jmx_agent
from infra.local_stack.place import LOOPBACK, Place, loopback_port
from infra.local_stack.server import NotHealthyError, Server

NAME = "kafka"


def kafka(place: Place) -> Server:
    """The server. Its data is in `<state>/kafka/data`."""
    settings = place.settings
    port = loopback_port("kafka_bootstrap_servers", settings.kafka_bootstrap_servers)
    properties = place.state / NAME / "server.properties"
    return Server(
        name=NAME,
        address=f"{LOOPBACK}:{port}",
        ports={"kafka_bootstrap_servers": port, "kafka_controller_port": settings.kafka_controller_port},
        command=java_command(place, NAME, "kafka.Kafka", str(properties)),
        folder=place.state / NAME,
        configure=lambda: _configure(place, port),
        check=lambda: _check(f"{LOOPBACK}:{port}"),
        complete=lambda: _create_topic(place),
        memory_mib=470,
        spare_ports={"kafka_exporter_port": settings.kafka_exporter_port} if is_watched(settings) else {},
    )


def write_configuration(place: Place, port: int) -> None:
    """Writes the broker's configuration files to `<state>/kafka`."""
    folder = place.state / NAME
    values = {"port": port, "controller_port": place.settings.kafka_controller_port, "data": folder / "data"}
    place.render("kafka/server.properties", folder / "server.properties", values)
    place.render("kafka/log4j2.properties", folder / "log4j2.properties", {})


def _configure(place: Place, port: int) -> None:
    folder = place.state / NAME
    write_configuration(place, port)
    options = (*KAFKA, f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}")
    write_options(place, NAME, options)  # the format tool runs without the agent
    if not (folder / "data" / "meta.properties").exists():
        _format(place)
    write_options(place, NAME, (*options, *jmx_agent(place, NAME, place.settings.kafka_exporter_port)))


def _format(place: Place) -> None:
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # `--cluster-id=…` with an equals sign, since an id may begin with a dash. An interrupted format can be repeated.
    tool = ("format", "--ignore-formatted", f"--cluster-id={cluster}", "--config=server.properties")
    command = java_command(place, NAME, "kafka.tools.StorageTool", *tool)
    finished = subprocess.run(command, cwd=place.state / NAME, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise StackError(f"Kafka could not format its data folder:\n{finished.stdout}{finished.stderr}")


def _check(address: str) -> None:
    from kafka import KafkaAdminClient

    # By default the client backs off more and more, for half a minute in total.
    patience = {"bootstrap_timeout_ms": 3000, "reconnect_backoff_max_ms": 200, "request_timeout_ms": 5000}
    client = KafkaAdminClient(bootstrap_servers=address, **patience)
    try:
        if client.list_topics() is None:
            raise NotHealthyError("it lists no topics")
    finally:
        client.close()


def _create_topic(place: Place) -> None:
    from pinterest_platform.stores import kafka

    kafka.create_topic(place.settings)
    kafka.complete_topic(place.settings)  # updates a topic that an earlier version created
