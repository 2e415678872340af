from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.dagster_client import DagsterClient, DagsterRefusedError, DagsterUnavailableError, data_of


@contextmanager
def webserver(status: int, text: str) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Answers every post with this; gives its address and the bodies that it was sent."""
    bodies: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def test_a_query_is_posted_with_its_variables_and_its_data_comes_back() -> None:
    with webserver(200, '{"data": {"version": "1"}}') as (url, bodies):
        answer = DagsterClient(url).ask("query ($a: Int!) { version }", a=1)

    assert answer == {"version": "1"}
    assert bodies == [{"query": "query ($a: Int!) { version }", "variables": {"a": 1}}]


def test_a_status_that_is_an_error_is_told_with_what_dagster_said() -> None:
    with (
        webserver(500, '{"errors": [{"message": "no such job"}]}') as (url, _),
        pytest.raises(DagsterRefusedError, match=r"status 500\): no such job"),
    ):
        DagsterClient(url).ask("{ version }")


def test_a_dagster_that_does_not_answer_is_told_as_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(
        DagsterUnavailableError, match=rf"Dagster at http://127.0.0.1:{port} does not answer .* make run"
    ):
        DagsterClient(f"http://127.0.0.1:{port}").ask("{ version }")


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (
            500,
            '{"data": null, "errors": [{"message": "no partition 2026-12-05"}]}',
            r"answers, but with an error \(status 500\): no partition 2026-12-05",
        ),
        (400, "No GraphQL query found", r"\(status 400\): No GraphQL query found"),
        (200, "<html>a proxy's page", r"\(status 200\): <html>a proxy's page"),
        (502, "", r"\(status 502\): without a word"),
    ],
)
def test_an_error_is_told_as_what_it_is(status: int, text: str, said: str) -> None:
    with pytest.raises(DagsterRefusedError, match=said):
        data_of(status, text)
