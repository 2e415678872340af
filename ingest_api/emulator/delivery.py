"""Delivers one post to the API: requests, retries and the meaning of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import aiohttp
import orjson
from pydantic import SecretStr

from ingest_api.emulator.post import Post
from ingest_api.write_keys import HEADER

# The event was not stored, or it is unknown whether it was: the same post is sent again, with the same event_id.
RETRIED_STATUSES = frozenset({408, 429, 502, 503, 504})
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
ANSWER_TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0


class UndeliveredError(Exception):
    """The API did not accept a post, and retries did not help."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Kafka has acknowledged the post."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The API refused the post as an invalid pin."""

    detail: str


Outcome = Acknowledged | Refused


class Delivery:
    """Posts to `{url}/pin/` over the connections of `session`. `sleep` takes seconds."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        random: Random,
        *,
        api_key: SecretStr | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._address = f"{url.rstrip('/')}/pin/"
        self._session = session
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers[HEADER] = api_key.get_secret_value()
        self._random = random
        self._sleep = sleep
        self._patience_seconds = patience_seconds

    async def deliver(self, post: Post) -> Outcome:
        """Posts until the API accepts or refuses the post.

        Raises:
            UndeliveredError: it did neither within `patience_seconds`, or its answer will not change on a retry.
        """
        pause, waited = FIRST_PAUSE_SECONDS, 0.0
        while True:
            outcome = await self._attempt(post)
            if not isinstance(outcome, _Failure):
                return outcome
            if waited >= self._patience_seconds:
                raise UndeliveredError(
                    f"{self._address} has not accepted this event for {waited:.0f} s ({outcome.reason}). "
                    "Are the ingest API and Kafka running?"
                )
            # Jitter, so that senders that failed together do not retry together.
            seconds = pause * self._random.uniform(0.5, 1.5)
            await self._sleep(seconds)
            pause, waited = min(2 * pause, LONGEST_PAUSE_SECONDS), waited + seconds

    async def _attempt(self, post: Post) -> Outcome | _Failure:
        try:
            async with self._session.post(self._address, data=post.body, headers=self._headers) as response:
                return self._outcome(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            return _Failure(str(error) or type(error).__name__)

    def _outcome(self, status: int, body: bytes) -> Outcome | _Failure:
        text = body[:500].decode(errors="replace")
        if status == 200:
            answer = orjson.loads(body)
            return Acknowledged(answer["partition"], answer["offset"])
        if status == 422:
            return Refused(text)
        if status in RETRIED_STATUSES:
            return _Failure(f"{status}: {text}")
        if status == 401:
            raise UndeliveredError(
                f"{self._address} requires a write key: set PINTEREST_INGEST_API_KEY to a valid one."
            )
        raise UndeliveredError(f"{self._address} answered {status}: {text}. Is this the ingest API?")


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
