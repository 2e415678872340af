"""Dagster's event log, runs and schedules in PostgreSQL, over kept connections.

dagster-postgres opens a connection per statement. That is most of an event's cost, and a run of a month has hundreds of
events. An idle daemon opens a dozen connections per second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


class _KeptConnection:
    """Mixed into Dagster's storages: keeps one connection open, and opens more while they are needed."""

    _engine: Engine

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        storage: Any = self
        self._engine = create_pg_engine(
            storage.postgres_url,
            storage._token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=-1,
            # PostgreSQL may have restarted since the last statement.
            pool_pre_ping=True,
        )

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Called by Dagster with the values of `dagster.yaml`."""
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )

    def dispose(self) -> None:
        """Close the kept connection. Dagster calls this when it is done with an instance."""
        self._engine.dispose()
        super().dispose()  # type: ignore[misc]


class KeptConnectionEventLog(_KeptConnection, PostgresEventLogStorage):
    """`PostgresEventLogStorage` over a kept connection."""


class KeptConnectionRuns(_KeptConnection, PostgresRunStorage):
    """`PostgresRunStorage` over a kept connection."""


class KeptConnectionSchedules(_KeptConnection, PostgresScheduleStorage):
    """`PostgresScheduleStorage` (schedules and sensors) over a kept connection."""
