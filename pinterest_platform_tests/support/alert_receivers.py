"""What alerts are sent to: a webhook's server, a mail server, and a server whose absence fires an alert."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class Webhook(ThreadingHTTPServer):
    """Keeps the status and the names of the alerts of every message."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _WebhookRequest)
        self.messages: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts"

    def told(self, alert: str) -> list[str]:
        """The statuses told of an alert, in their order."""
        each = [single for message in self.messages for single in message["alerts"]]
        return [single["status"] for single in each if single["labels"]["alertname"] == alert]


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


class _WebhookRequest(_Quiet):
    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        cast(Webhook, self.server).messages.append(message)
        self.send_response(200)
        self.end_headers()


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a client without TLS needs, and keeps logins, recipients and messages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailRequest)
        self.logins: list[tuple[str, str]] = []
        self.envelopes: list[str] = []
        self.messages: list[str] = []

    @property
    def smarthost(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _MailRequest(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast(MailServer, self.server)
        self._answer("220 ready")
        while words := self.rfile.readline().decode().strip():
            command = words.split()[0].upper()
            if command == "EHLO":
                self._answer("250-here", "250 AUTH PLAIN")
            elif command == "AUTH":
                _, user, password = base64.b64decode(words.split()[2]).decode().split("\0")
                server.logins.append((user, password))
                self._answer("235 welcome")
            elif command == "DATA":
                self._answer("354 go on")
                server.messages.append("".join(self._lines()))
                self._answer("250 taken")
            else:
                server.envelopes.append(words)
                self._answer("221 bye" if command == "QUIT" else "250 taken")

    def _lines(self) -> Iterator[str]:
        while (line := self.rfile.readline().decode()) != ".\r\n":
            yield line

    def _answer(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class _Metrics(_Quiet):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


@contextmanager
def scraped_at(port: int) -> Iterator[None]:
    """A server that Prometheus can scrape on this port while the block lasts."""
    with serving(ThreadingHTTPServer(("127.0.0.1", port), _Metrics)):
        yield


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """The server answers while the block lasts."""
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
