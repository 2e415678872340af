"""An installation that gets one field more has it in both layers and in SQL, beside the days before."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from infra.local_stack.servers.presto import ROLE
from pinterest_platform.settings import Settings
from pinterest_platform.stores import cassandra_tables, stream_tables
from pinterest_platform.stores.cassandra import open_session
from pinterest_platform.stores.postgres import connect
from pinterest_platform_tests.support.added_field import NAME, REPOSITORY, copy_with_field, json_from
from pinterest_platform_tests.support.pins import pin

BEFORE, AFTER = "2026-11-16", "2026-11-17"
RELEASED = [[step.number for step in module.MIGRATIONS] for module in (stream_tables, cassandra_tables)]
_SCHEMA = (
    "CREATE SCHEMA {name}",
    "GRANT USAGE ON SCHEMA {name} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {name} GRANT SELECT ON TABLES TO {role}",
)


@pytest.fixture
def installation(presto: Settings, corner: Settings) -> Iterator[tuple[Settings, str]]:
    """Settings with a topic, a bucket and a keyspace of the test's own, and the name of a schema of PostgreSQL."""
    name = f"f{uuid.uuid4().hex[:12]}"
    own = corner.model_copy(update={"cassandra_keyspace": name})
    named = {"name": sql.Identifier(name), "role": sql.Identifier(ROLE)}
    with closing(connect(own, autocommit=True)) as connection:
        for statement in _SCHEMA:
            connection.execute(sql.SQL(statement).format(**named))
        yield own, name
        connection.execute(sql.SQL("DROP SCHEMA {name} CASCADE").format(**named))
    with open_session(own) as session:
        session.execute(f"DROP KEYSPACE IF EXISTS {name}")


@pytest.mark.timeout(900)
def test_a_field_that_is_added_is_in_both_layers_and_in_sql(installation: tuple[Settings, str], tmp_path: Path) -> None:
    settings, schema = installation
    sent_again = pin(unique_id="old", event_id="sent again")

    def day_of(packages: Path, posts: list[dict[str, Any]], *days: str) -> dict[str, Any]:
        own = settings.environment() | {"PGOPTIONS": f"-c search_path={schema}"}
        module = "pinterest_platform_tests.support.day_of_posts"
        found: dict[str, Any] = json_from(packages, "-m", module, schema, json.dumps(posts), *days, **own)
        return found

    before = day_of(REPOSITORY, [sent_again, pin(unique_id="with more", **{NAME: "before it was a field"})], BEFORE)

    assert (before["applied"], before["statuses"]) == (RELEASED, [200, 200])
    assert before["Cassandra"] == before["PostgreSQL"] == [["old"], ["with more"]]

    posts = [pin(unique_id="new", **{NAME: "el"}), pin(unique_id="plain"), sent_again]
    after = day_of(copy_with_field(tmp_path), posts, BEFORE, AFTER)

    pins = [["new", "el"], ["old", None], ["plain", None], ["with more", None]]
    assert after["applied"] == [[numbers[-1] + 1] for numbers in RELEASED]
    assert after["statuses"] == [200, 200, 200]
    for store in ("clean", "Cassandra", "PostgreSQL", "Presto, batch", "Presto, stream"):
        assert after[store] == pins, store
    assert (after["different rows"], after["different in SQL"]) == ([0, 0], 0)
    assert (after["broken rules"], after["recounted"]) == ([None, None], 4)
