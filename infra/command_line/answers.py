"""The two queries whose results `make run` shows: the popular category (batch) and popular profiles (stream)."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pinterest_platform.pins.calendar import Period
from pinterest_platform.serving.category_popularity import CategoryCounts, most_popular
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import connect

_POPULAR_PROFILES = """
    SELECT poster_name, posts, latest_follower_count, last_posted_at
    FROM profile_popularity ORDER BY posts DESC, latest_follower_count DESC NULLS LAST, poster_name LIMIT 5"""


@dataclass(frozen=True)
class Profile:
    """A row of `profile_popularity`."""

    name: str
    posts: int
    followers: int | None
    last_posted_at: datetime


def most_popular_category(settings: Settings, period: Period) -> CategoryCounts | None:
    """The category with the most posts in the period, from one read of Cassandra; None if there are no posts."""
    with open_session(settings) as session:
        session.set_keyspace(settings.cassandra_keyspace)
        first = most_popular(session, period)
    return first[0].counts if first else None


def popular_profiles(settings: Settings) -> list[Profile]:
    """The five profiles with the most posts, from PostgreSQL."""
    with closing(connect(settings)) as connection:
        rows: list[Any] = connection.execute(_POPULAR_PROFILES).fetchall()
    return [Profile(*row) for row in rows]
