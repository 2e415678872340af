"""The dashboard "Cassandra": reads and writes, storage, compactions and the server's memory and CPU."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.grafana.panels import Curves, Levels, Number, Row, dashboard, label_variable

_TABLE = '{keyspace="$keyspace", table="$table"'
_KEYSPACE = '{keyspace="$keyspace"'
_RATE = "[$__rate_interval]"
_HEAP = 'area="heap", job="cassandra"'

REQUESTS = (
    Number(
        "Reads of the table",
        "Since Cassandra started. A read of a partition counts once, however many rows it returns.",
        "short",
        f'sum(cassandra_table_operations_total{_TABLE}, operation="Read"}})',
    ),
    Number(
        "Writes of the table",
        "Rows and deletions since Cassandra started. Replacing a slice writes each of its rows.",
        "short",
        f'sum(cassandra_table_operations_total{_TABLE}, operation="Write"}})',
    ),
    Number(
        "Reads of the keyspace",
        "All tables of the keyspace, since Cassandra started.",
        "short",
        f'sum(cassandra_keyspace_operations_total{_KEYSPACE}, operation="Read"}})',
    ),
    Number(
        "Writes of the keyspace",
        "All tables of the keyspace, since Cassandra started.",
        "short",
        f'sum(cassandra_keyspace_operations_total{_KEYSPACE}, operation="Write"}})',
    ),
    Number(
        "Failed requests",
        "Timeouts, failures and unavailable replicas in the last five minutes.",
        "short",
        "sum(increase(cassandra_client_request_errors_total[5m]))",
        Levels(1, 10),
        decimals=0,
    ),
    Number(
        "Dropped messages",
        "Requests that Cassandra dropped because they took too long, in the last five minutes. Any fires an alert.",
        "short",
        "sum(increase(cassandra_dropped_messages_total[5m]))",
        Levels(1, 1),
        decimals=0,
    ),
    Curves(
        "Read latency of the table",
        "Measured on the server, without the network. 99 % of reads are faster than the curve 0.99.",
        "s",
        {"{{quantile}}": f'cassandra_table_latency_seconds{_TABLE}, operation="Read"}}'},
        Levels(0.1, 1),
    ),
    Curves(
        "Write latency of the table",
        "Measured on the server, without the wait for the commit log.",
        "s",
        {"{{quantile}}": f'cassandra_table_latency_seconds{_TABLE}, operation="Write"}}'},
        Levels(0.05, 0.5),
    ),
    Curves(
        "Operations of the table",
        "Reads and writes per second.",
        "ops",
        {"{{operation}}": f"sum by (operation) (rate(cassandra_table_operations_total{_TABLE}}}{_RATE}))"},
    ),
    Curves(
        "Latency of the keyspace",
        "Reads and writes over all tables of the keyspace.",
        "s",
        {"{{operation}} {{quantile}}": f"cassandra_keyspace_latency_seconds{_KEYSPACE}}}"},
        Levels(0.1, 1),
    ),
    Curves(
        "Operations by table",
        "Reads and writes per second, for each table of the keyspace.",
        "ops",
        {"{{table}} {{operation}}": f"cassandra:table_operations:rate1m{_KEYSPACE}}}"},
    ),
    Curves(
        "Latency of client requests",
        "The 99th percentile on the coordinator, including the wait for the commit log.",
        "s",
        {"{{operation}}": 'cassandra_client_request_latency_seconds{quantile="0.99"}'},
        Levels(0.2, 2),
    ),
)
STORAGE = (
    Curves(
        "Storage",
        "Disk space of all data without snapshots, and of the commit log.",
        "bytes",
        {"data": "cassandra_storage_bytes", "commit log": "cassandra_commitlog_bytes"},
    ),
    Curves(
        "Size by table",
        "Disk space of each table of the keyspace. The latest writes are still in memory.",
        "bytes",
        {"{{table}}": f"cassandra_table_disk_bytes{_KEYSPACE}}}"},
    ),
    Curves(
        "Files by table",
        "SSTables of each table. A read may have to search several, until compaction merges them.",
        "short",
        {"{{table}}": f"cassandra_table_sstables{_KEYSPACE}}}"},
        Levels(20, 40),
    ),
)
SERVER = (
    Curves(
        "Pending compactions",
        "Many of them slow down reads. More than 20 for ten minutes fire an alert.",
        "short",
        {"pending": "cassandra_compactions_pending"},
        Levels(10, 20),
    ),
    Curves(
        "Compactions",
        "Finished compactions and the data they wrote, per second.",
        "short",
        {
            "tasks /s": f"rate(cassandra_compactions_completed_total{_RATE})",
            "MiB /s": f"rate(cassandra_compacted_bytes_total{_RATE}) / 1048576",
        },
    ),
    Curves(
        "Heap",
        "A sawtooth is normal. A rising minimum is not.",
        "bytes",
        {"used": f"jvm_memory_used_bytes{{{_HEAP}}}", "limit": f"jvm_memory_max_bytes{{{_HEAP}}}"},
    ),
    Curves(
        "Time in garbage collection",
        "The share of time that Cassandra spends in garbage collection.",
        "percentunit",
        {"{{gc}}": f'rate(jvm_gc_collection_seconds_sum{{job="cassandra"}}{_RATE})'},
        Levels(0.1, 0.3),
    ),
    Curves(
        "CPU",
        "CPU cores that Cassandra uses.",
        "short",
        {"cores": f'rate(process_cpu_seconds_total{{job="cassandra"}}{_RATE})'},
    ),
    Curves(
        "Clients",
        "Client connections: the platform's runs and checks, and Presto.",
        "short",
        {"connections": "cassandra_clients"},
    ),
)


def cassandra_dashboard() -> Dashboard:
    """The dashboard, with a choice of keyspace and table."""
    rows = (Row("Requests", REQUESTS), Row("Storage", STORAGE), Row("Compactions and the server", SERVER))
    description = "Reads and writes, storage, compactions and memory of the store that serves the batch."
    built = dashboard("cassandra", "Cassandra", description, rows)
    built.with_variable(label_variable("keyspace", "cassandra_table_operations_total", "keyspace", "pinterest_data"))
    table = 'cassandra_table_operations_total{keyspace="$keyspace"}'
    return built.with_variable(label_variable("table", table, "table", "pinterest_batch")).build()
