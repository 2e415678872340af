"""The dashboard "PostgreSQL": the server's statistics, for the stream's tables and Dagster's storage."""

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
        "Processes that serve a client connection.",
        "short",
        f"sum(pg_stat_database_numbackends{_DATABASES})",
    ),
    Number(
        "Connections in use",
        "The share of max_connections. More than 80 % for two minutes fires an alert.",
        "percentunit",
        "postgres:connections:ratio",
        Levels(0.6, 0.8),
        decimals=0,
    ),
    Number("Size", "Disk space of all databases.", "bytes", f"sum(pg_database_size_bytes{_DATABASES})"),
    Number(
        "Cache hit rate",
        "The share of blocks found in PostgreSQL's own cache, over five minutes, in the worst database.",
        "percentunit",
        f"min(postgres:cache_hits:ratio5m{_DATABASES})",
        Levels(0.95, 0.9, less_is_worse=True),
        decimals=1,
    ),
    Number(
        "Longest transaction",
        "The age of the oldest open transaction. More than ten minutes fires an alert.",
        "s",
        'max(pg_stat_activity_max_tx_duration{state=~"active|idle in transaction"})',
        Levels(60, 600),
        decimals=0,
    ),
    Number(
        "Deadlocks",
        "In the last hour. PostgreSQL resolves each by aborting one of the transactions.",
        "short",
        f"sum(increase(pg_stat_database_deadlocks{_DATABASES}[1h]))",
        Levels(1, 5),
        decimals=0,
    ),
)
CLIENTS = (
    Curves(
        "Connections by state",
        "Connections that stay `idle in transaction` hold locks and keep old row versions.",
        "short",
        {"{{state}}": "sum by (state) (pg_stat_activity_count) > 0"},
        stacked=True,
        width=6,
    ),
    Curves(
        "Backends by database",
        "Processes that serve a client connection, by database.",
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
        "Locks that are held. A lasting `accessexclusivelock` blocks all other access to its table.",
        "short",
        {"{{mode}}": "sum by (mode) (pg_locks_count)"},
        stacked=True,
        width=6,
    ),
)
WORK = (
    Curves(
        "Commits", "Transactions per second that were committed.", "ops", {"{{datname}}": _per_second("xact_commit")}
    ),
    Curves(
        "Rollbacks",
        "Transactions per second that were rolled back. A few are normal; each failed run or check causes some.",
        "ops",
        {"{{datname}}": _per_second("xact_rollback")},
    ),
    Curves(
        "Rows written by kind",
        "Rows per second that were inserted, updated or deleted, in all databases.",
        "rowsps",
        {
            kind: f"sum(rate(pg_stat_database_tup_{kind}{_DATABASES}{_RATE}))"
            for kind in ("inserted", "updated", "deleted")
        },
    ),
    Curves(
        "Fetched rows",
        "Rows per second that were fetched by index scans.",
        "rowsps",
        {"{{datname}}": _per_second("tup_fetched")},
    ),
    Curves(
        "Returned rows",
        "Rows per second that scans read. If far more are returned than fetched, queries scan whole tables.",
        "rowsps",
        {"{{datname}}": _per_second("tup_returned")},
    ),
    Curves(
        "Cache hit rate by database",
        "The share of blocks found in PostgreSQL's own cache.",
        "percentunit",
        {"{{datname}}": f"postgres:cache_hits:ratio5m{_DATABASES}"},
    ),
)
STORAGE = (
    Curves(
        "Size by database",
        "Disk space. `pinterest` has the stream's rows, `dagster` the event logs of runs.",
        "bytes",
        {"{{datname}}": f"pg_database_size_bytes{_DATABASES}"},
    ),
    Curves(
        "Temporary files",
        "Bytes per second that sorts and joins write to disk because work_mem is too small.",
        "bytes",
        {"{{datname}}": _per_second("temp_bytes")},
    ),
    Curves(
        "Checkpoints",
        "Checkpoints per minute. Timed ones are normal; requested ones happen when max_wal_size is reached.",
        "short",
        {
            "timed": f"60 * sum(rate(pg_stat_bgwriter_checkpoints_timed_total{_RATE}))",
            "requested": f"60 * sum(rate(pg_stat_bgwriter_checkpoints_req_total{_RATE}))",
        },
    ),
)


def postgres_dashboard() -> Dashboard:
    """The dashboard for all databases of the server."""
    rows = (Row("Now", NOW), Row("Clients", CLIENTS), Row("Work", WORK), Row("Storage", STORAGE))
    description = "Connections, work, locks and storage of the database server of the stream and Dagster."
    return dashboard("postgresql", "PostgreSQL", description, rows).build()
