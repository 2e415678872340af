"""The dashboard "PostgreSQL": the stream's tables and Dagster's storage, as the server's statistics show them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.grafana.panels import Curves, Levels, Number, Row, dashboard

_RATE = "[$__rate_interval]"
_DATABASES = '{datname!="", datname!~"template.*"}'


def _per_second(metric: str) -> str:
    return f"sum by (datname) (rate(pg_stat_database_{metric}{_DATABASES}{_RATE}))"


NOW = (
    Number(
        "Backends",
        "Processes that serve a client now.",
        "short",
        f"sum(pg_stat_database_numbackends{_DATABASES})",
    ),
    Number(
        "Connections taken",
        "Of those that max_connections allows. More than 80 % for two minutes is an alert.",
        "percentunit",
        "postgres:connections:ratio",
        Levels(0.6, 0.8),
        decimals=0,
    ),
    Number("Size", "Of all databases on disk.", "bytes", f"sum(pg_database_size_bytes{_DATABASES})"),
    Number(
        "Hit rate",
        "The share of blocks that PostgreSQL found in its own memory, over five minutes, in the worst database.",
        "percentunit",
        f"min(postgres:cache_hits:ratio5m{_DATABASES})",
        Levels(0.95, 0.9, less_is_worse=True),
        decimals=1,
    ),
    Number(
        "Longest transaction",
        "How long the oldest that is still open runs. Ten minutes are an alert.",
        "s",
        'max(pg_stat_activity_max_tx_duration{state=~"active|idle in transaction"})',
        Levels(60, 600),
        decimals=0,
    ),
    Number(
        "Deadlocks",
        "Within the last hour. PostgreSQL ends one of the transactions, which then fails.",
        "short",
        f"sum(increase(pg_stat_database_deadlocks{_DATABASES}[1h]))",
        Levels(1, 5),
        decimals=0,
    ),
)
CLIENTS = (
    Curves(
        "Connections by state",
        "Many that are `idle in transaction` hold locks and keep old rows.",
        "short",
        {"{{state}}": "sum by (state) (pg_stat_activity_count) > 0"},
        stacked=True,
        width=6,
    ),
    Curves(
        "Backends by database",
        "Processes that serve a client.",
        "short",
        {"{{datname}}": f"pg_stat_database_numbackends{_DATABASES}"},
        stacked=True,
        width=6,
    ),
    Curves(
        "Longest transaction by state",
        "The age of the oldest transaction in each state.",
        "s",
        {"{{state}}": 'max by (state) (pg_stat_activity_max_tx_duration{state=~"active|idle.*"})'},
        Levels(60, 600),
        width=6,
    ),
    Curves(
        "Locks by mode",
        "Held now. An `accessexclusivelock` that stays keeps everyone else from its table.",
        "short",
        {"{{mode}}": "sum by (mode) (pg_locks_count)"},
        stacked=True,
        width=6,
    ),
)
WORK = (
    Curves(
        "Commits", "Transactions per second that came to their end.", "ops", {"{{datname}}": _per_second("xact_commit")}
    ),
    Curves(
        "Rollbacks",
        "Transactions per second that were taken back. A few are normal; each failed run and check has some.",
        "ops",
        {"{{datname}}": _per_second("xact_rollback")},
    ),
    Curves(
        "Rows written by kind",
        "Rows per second that were inserted, updated and deleted in all databases.",
        "rowsps",
        {
            kind: f"sum(rate(pg_stat_database_tup_{kind}{_DATABASES}{_RATE}))"
            for kind in ("inserted", "updated", "deleted")
        },
    ),
    Curves(
        "Fetched rows",
        "Rows per second that an index found.",
        "rowsps",
        {"{{datname}}": _per_second("tup_fetched")},
    ),
    Curves(
        "Returned rows",
        "Rows per second that scans read. Far more than are fetched: a query reads whole tables.",
        "rowsps",
        {"{{datname}}": _per_second("tup_returned")},
    ),
    Curves(
        "Hit rate by database",
        "The share of blocks that PostgreSQL found in its own memory.",
        "percentunit",
        {"{{datname}}": f"postgres:cache_hits:ratio5m{_DATABASES}"},
    ),
)
STORAGE = (
    Curves(
        "Size by database",
        "On disk. `pinterest` has the stream's rows, `dagster` the events of runs.",
        "bytes",
        {"{{datname}}": f"pg_database_size_bytes{_DATABASES}"},
    ),
    Curves(
        "Temporary files",
        "Bytes per second that sorts and joins wrote to disk because their memory was too small.",
        "bytes",
        {"{{datname}}": _per_second("temp_bytes")},
    ),
    Curves(
        "Checkpoints",
        "Per minute: timed ones are right, requested ones come when max_wal_size is reached.",
        "short",
        {
            "timed": f"60 * sum(rate(pg_stat_bgwriter_checkpoints_timed_total{_RATE}))",
            "requested": f"60 * sum(rate(pg_stat_bgwriter_checkpoints_req_total{_RATE}))",
        },
    ),
)


def postgres_dashboard() -> Dashboard:
    """For all databases of the server."""
    rows = (Row("Now", NOW), Row("Clients", CLIENTS), Row("Work", WORK), Row("Storage", STORAGE))
    description = "Connections, work, locks and storage of the stream's store, which is Dagster's too."
    return dashboard("postgresql", "PostgreSQL", description, rows).build()
