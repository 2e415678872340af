"""Which failures are a server that is away: those the stream waits out, instead of ending.

Belongs here: telling them apart, in a sentence. Does not belong here: waiting (`stream.loop`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from kafka.errors import KafkaError

from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import TopicUnavailableError

# What Kafka's Java client raises while a broker is away or has just come back, as it stands in Spark's own error.
_KAFKA_IS_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\.(Timeout|Disconnect|Network|LeaderNotAvailable|NotLeaderOrFollower|"
    r"CoordinatorNotAvailable|BrokerNotAvailable|UnknownTopicOrPartition|UnknownTopicId|Retriable)Exception"
    r"|Cannot fetch record for offset|Failed to get records for|Timeout of \d+ms expired"
)
_LONGEST_PAUSE_SECONDS = 5.0


def outage_of(error: BaseException, settings: Settings) -> str | None:
    """What is away and where, as a sentence; None where the failure is of another kind."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        address = f"{settings.postgres_host}:{settings.postgres_port}"
        return f"PostgreSQL at {address} is away or refuses the stream ({_first_line(error)})."
    if isinstance(error, TopicUnavailableError):
        return str(error)
    if isinstance(error, KafkaError) or _KAFKA_IS_AWAY.search(str(error)):
        return f"Kafka at {settings.kafka_bootstrap_servers} is away or not ready ({_first_line(error)})."
    return None


def pauses() -> Iterator[float]:
    """Seconds to wait before each further attempt: longer each time, and short enough to be back soon after."""
    seconds = 0.5
    while True:
        yield seconds
        seconds = min(2 * seconds, _LONGEST_PAUSE_SECONDS)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
