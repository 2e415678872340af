"""`python -m ingest_api` serves the API on `settings.ingest_host` and `settings.ingest_port` until SIGTERM.

On SIGTERM no new connection is taken, every accepted request is answered, and the process ends within 10 s with code 0.
"""

from __future__ import annotations

import logging
import signal
import socket
from types import FrameType

import uvicorn

from ingest_api.application import create_app
from ingest_api.kafka_publisher import KafkaPublisher
from pinterest_platform.settings import Settings

# A body takes at most 4 s and an answer 2 s: nothing that was accepted is cut off.
LAST_ANSWERS_SECONDS = 7
WAITING_CONNECTIONS = 2_048


def main() -> None:
    """Serve until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # The publisher says in one sentence what kafka-python says in a hundred, at every attempt to reconnect.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = Settings()
    listener = _listen(settings.ingest_host, settings.ingest_port)
    configuration = uvicorn.Config(
        create_app(settings, KafkaPublisher(settings)),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )
    # uvicorn stops on these signals, then raises them again for whoever listened before: nobody shall die of them.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _ignore)
    uvicorn.Server(configuration).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=WAITING_CONNECTIONS)
    except OSError as error:
        raise SystemExit(
            f"Cannot listen on {host}:{port} ({error.strerror}). "
            "Stop what uses that port, or choose another with PINTEREST_INGEST_PORT."
        ) from error


def _ignore(_signal: int, _frame: FrameType | None) -> None: ...


if __name__ == "__main__":
    main()
