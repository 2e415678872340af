"""Dagster's event log in PostgreSQL, over a connection that is kept.

Belongs here: nothing but that. dagster-postgres opens several connections for each event, which is most of what an
event costs; a run of a month has hundreds of them, one a day for each asset and check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config


class KeptConnectionEventLog(PostgresEventLogStorage):
    """`PostgresEventLogStorage` that keeps one connection open, and opens more only while they are needed at once."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._engine = create_pg_engine(
            self.postgres_url,
            self._token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=-1,
            # PostgreSQL may have been started anew since the last event.
            pool_pre_ping=True,
        )

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """As Dagster makes it from `dagster.yaml`."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )
