"""What the streaming run reports to Dagster: observations, materialisations and log lines, rarely enough for months.

A busy stream is observed every 10 s and materialised every 5 min, an idle one is observed every 60 s. That is at most
276,480 events in 30 days: 259,200 observations and 2 x 8,640 materialisations. Observations belong to the asset, not to
the run, so a run's page stays short.

Dagster keeps its events in PostgreSQL. While that is unavailable, reports go to the run's stderr.
"""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus

from pinterest_platform.defs.asset_keys import PROFILES, STREAM
from pinterest_platform.defs.metadata import counts, sample
from pinterest_platform.settings import Settings
from pinterest_platform.stores.postgres import connect
from pinterest_platform.stream.activity import StreamReport
from pinterest_platform.stream.tables import COLUMN_TYPES, TableState, profiles_state, rejects_by_reason, stream_state

_MATERIALISE_SECONDS = 300.0
_IDLE_SECONDS = 60.0
_SAY_AGAIN_SECONDS = 60.0
_ASK_SECONDS = 3.0
_LONG_AGO = float("-inf")
_LAUNCHED_BY = "dagster/sensor_name"


class StreamEvents:
    """The Dagster events of one streaming run. `clock` gives monotonic seconds."""

    def __init__(
        self, context: dg.AssetExecutionContext, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._settings = settings
        self._clock = clock
        self._rows_of_this_run = 0
        self._trouble: str | None = None
        self._said_at = self._observed_at = self._materialised_at = self._asked_at = _LONG_AGO
        self._is_off = False

    def report(self, report: StreamReport) -> None:
        """Report these seconds, if there is something to report or the last report is long enough ago."""
        now = self._clock()
        self._rows_of_this_run += report.rows
        self._say(report.trouble)
        if report.batches or report.trouble or now - self._observed_at >= _IDLE_SECONDS:
            self._observed_at = now
            observation = dg.AssetObservation(STREAM, metadata=self._facts(report))
            self._tell(lambda: self._context.instance.report_runless_asset_event(observation))
        if report.trouble is None and now - self._materialised_at >= _MATERIALISE_SECONDS:
            self._materialised_at = now
            self._tell(self._materialise)

    def is_switched_off(self, sensor: str) -> bool:
        """Whether the sensor that started this run has been switched off. False for a run started by hand."""
        if self._context.run.tags.get(_LAUNCHED_BY) == sensor and self._clock() - self._asked_at >= _ASK_SECONDS:
            self._asked_at = self._clock()
            self._tell(lambda: self._ask_for(sensor))
        return self._is_off

    def state_of(self, key: dg.AssetKey) -> dict[str, Any]:
        """The metadata of a materialisation: size, sample, and for `pinterest_stream` its columns and rejects."""
        with closing(connect(self._settings, autocommit=True)) as connection:
            if key == PROFILES:
                return _table_facts(profiles_state(connection))
            facts, rejects = _table_facts(stream_state(connection)), rejects_by_reason(connection)
        columns = [dg.TableColumn(name, kind) for name, kind in COLUMN_TYPES.items()]
        return facts | {
            "rows_of_this_run": self._rows_of_this_run,
            "rejects_by_reason": counts("reason", rejects),
            "dagster/column_schema": dg.TableSchema(columns),
        }

    def _materialise(self) -> None:
        for key in (STREAM, PROFILES):
            self._context.log_event(dg.AssetMaterialization(key, metadata=self.state_of(key)))

    def _facts(self, report: StreamReport) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "rows_per_second": round(report.rows_per_second, 1),
            "rows": report.rows,
            "rejects": report.rejects,
            "duplicates": report.duplicates,
            "conflicts": report.conflicts,
            "late": report.late,
            "batches": report.batches,
            "batch_seconds": _rounded(report.seconds_a_batch),
            "latency_seconds": _rounded(report.latency_seconds),
            "lag_records": report.lag.records if report.lag else None,
            "lag_seconds": _rounded(report.lag.seconds if report.lag else None),
            "trouble": report.trouble,
            "run": dg.MetadataValue.dagster_run(self._context.run.run_id),
        }
        return {name: value for name, value in facts.items() if value is not None}

    def _say(self, trouble: str | None) -> None:
        """Log when trouble begins, continues or ends."""
        began, ended = trouble and not self._trouble, self._trouble and not trouble
        goes_on = trouble and self._clock() - self._said_at >= _SAY_AGAIN_SECONDS
        if began or goes_on:
            self._said_at = self._clock()
            self._tell(lambda: self._context.log.warning(f"The stream waits and will continue by itself: {trouble}"))
        if ended:
            self._tell(lambda: self._context.log.info("The stream continues."))
        self._trouble = trouble

    def _ask_for(self, sensor: str) -> None:
        stopped = self._context.instance.all_instigator_state(
            instigator_type=InstigatorType.SENSOR, instigator_statuses={InstigatorStatus.STOPPED}
        )
        self._is_off = any(state.instigator_name == sensor for state in stopped)

    def _tell(self, event: Callable[[], object]) -> None:
        try:
            event()
        except Exception as error:  # a failing report must not stop the stream
            sys.stderr.write(f"Dagster took no report ({type(error).__name__}: {error}). {self._trouble or ''}\n")


def _table_facts(state: TableState) -> dict[str, Any]:
    return {
        "dagster/row_count": state.rows,
        "row_count_is": "an estimate" if state.is_estimate else "exact",
        "sample": sample(state.sample),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
