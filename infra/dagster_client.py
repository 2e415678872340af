"""The one client of Dagster's GraphQL API, built on the standard library.

Dagster's own client (`dagster_graphql.DagsterGraphQLClient`) launches and terminates runs, but takes no query of ours.
It also imports Dagster, which is more memory than the whole platform exporter needs.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

from infra.errors import StackError
from pinterest_platform.settings import Settings

REPOSITORY = {"repositoryLocationName": "pinterest_platform", "repositoryName": "__repository__"}
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DagsterUnavailableError(StackError):
    """Dagster's webserver does not answer."""


class DagsterRefusedError(StackError):
    """Dagster's webserver answers, but with an error."""


def dagster_url(settings: Settings) -> str:
    """Where the webserver is."""
    return f"http://{settings.dagster_host}:{settings.dagster_port}"


class DagsterClient:
    """Asks the webserver at `url`, which has no slash at its end."""

    def __init__(self, url: str, timeout_seconds: float = 30.0) -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds

    def ask(self, query: str, **variables: object) -> Any:
        """The `data` of Dagster's answer to a GraphQL query.

        Raises:
            DagsterUnavailableError: there is no answer in time.
            DagsterRefusedError: the answer is an error.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            return data_of(*self._post(request))
        except (OSError, HTTPException) as error:
            text = f"Dagster at {self.url} does not answer ({error}). Start it with make run."
            raise DagsterUnavailableError(text) from error

    def _post(self, request: urllib.request.Request) -> tuple[int, str]:
        """Status and text. Dagster answers errors with a status of 400 or 500, and mostly says which."""
        try:
            with _WITHOUT_PROXY.open(request, timeout=self._timeout_seconds) as response:
                return response.status, response.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")


def data_of(status: int, text: str) -> Any:
    """The `data` of an answer with this HTTP status and this text.

    Raises:
        DagsterRefusedError: it is an error.
    """
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if errors or status >= 400 or not isinstance(answer, dict):
        said = errors[0]["message"] if errors else text.strip() or "without a word"
        raise DagsterRefusedError(f"Dagster answers, but with an error (status {status}): {said}")
    return answer["data"]
