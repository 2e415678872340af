"""The health check of a container: does its server answer?

Run as `python -I -S probe.py` it imports the standard library only, so it takes some 50 ms of CPU. `serve` writes down
what to ask, with the port from the settings.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from pathlib import Path

_SECONDS = 20
_PROTOCOL = 196_608  # https://www.postgresql.org/docs/15/protocol-message-formats.html
_IS_STARTING = b'"starting":true'  # in Presto's answer


def _file() -> Path:
    return Path.home() / "probe.json"


def write_probe(kind: str, port: int, page: str) -> None:
    """Writes down what to ask. `kind` is tcp, http or postgres; `page` is for http."""
    _file().write_text(json.dumps({"kind": kind, "port": port, "page": page}))


def is_answering(kind: str, port: int, page: str) -> bool:
    """Whether the server on this port of 127.0.0.1 takes requests.

    Raises:
        OSError: nothing listens, or no answer comes in time.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
        if kind == "http":
            return _page_is_served(connection, page)
        return kind == "tcp" or _takes_logins(connection)


def _page_is_served(connection: socket.socket, page: str) -> bool:
    connection.sendall(f"GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    status = int(head.split()[1])
    # S3Proxy answers 403 to those without a key, and is healthy.
    return status < 500 and _IS_STARTING not in body


def _takes_logins(connection: socket.socket) -> bool:
    """Like pg_isready: a ready server asks for the password, one that starts or stops answers with an error."""
    login = struct.pack("!i", _PROTOCOL) + b"user\0postgres\0\0"
    connection.sendall(struct.pack("!i", len(login) + 4) + login)
    return connection.recv(1) == b"R"


if __name__ == "__main__":
    try:
        sys.exit(0 if is_answering(**json.loads(_file().read_text())) else 1)
    except (OSError, ValueError, IndexError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
