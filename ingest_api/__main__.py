"""`python -m ingest_api` serves the API on `settings.ingest_host` and `settings.ingest_port` until SIGTERM.

On SIGTERM it accepts no new connections, answers every accepted request, and exits within 10 s with code 0.
"""

from __future__ import annotations

import ipaddress
import logging
import resource
import signal
import socket
from types import FrameType

import uvicorn
from pydantic import ValidationError

from ingest_api.application import create_app
from ingest_api.guarded_connection import guarded
from ingest_api.json_logs import write_json_logs
from ingest_api.kafka_publisher import KafkaPublisher
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings

logger = logging.getLogger(__name__)

# A body takes at most 4 s and an answer 2 s, so every accepted request is answered.
LAST_ANSWERS_SECONDS = 7
WAITING_CONNECTIONS = 2_048
# Open files besides the clients' connections: to the broker, the log, the listener.
OTHER_FILES = 100


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    write_json_logs()
    # The publisher logs one line per lost connection; kafka-python logs many at every attempt to reconnect.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings, metrics = _settings(), IngestMetrics()
    _say_who_may_post(settings)
    listener = _listen(settings.ingest_host, settings.ingest_port)
    _allow_connections(settings.ingest_connection_limit)
    configuration = uvicorn.Config(
        create_app(settings, KafkaPublisher(settings, metrics), metrics),
        loop="uvloop",
        http=guarded(settings.ingest_connection_limit),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )
    # uvicorn stops on these signals, then raises them again. The default handlers would end the process with an error.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _ignore)
    uvicorn.Server(configuration).run(sockets=[listener])


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        said = [problem["msg"].removeprefix("Value error, ") for problem in error.errors()]
        raise SystemExit("\n".join(said)) from error


def _say_who_may_post(settings: Settings) -> None:
    if settings.ingest_write_keys:
        logger.info("Only holders of these write keys may post: %s", ", ".join(settings.ingest_write_keys))
    elif _is_loopback(settings.ingest_host):
        logger.info("No write keys are configured: everyone on this machine may post, and no other machine is served")
    else:
        raise SystemExit(
            f"PINTEREST_INGEST_HOST is {settings.ingest_host}, but without write keys the API serves this machine "
            "only. Make a key with python -m ingest_api.write_keys NAME, or unset PINTEREST_INGEST_HOST."
        )


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0])).is_loopback for *_, address in found)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=WAITING_CONNECTIONS)
    except OSError as error:
        raise SystemExit(
            f"Cannot listen on {host}:{port} ({error.strerror}). "
            "Stop the process that uses this port, or set another with PINTEREST_INGEST_PORT."
        ) from error


def _allow_connections(most: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < most + OTHER_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most + OTHER_FILES, hard), hard))


def _ignore(_signal: int, _frame: FrameType | None) -> None: ...


if __name__ == "__main__":
    main()
