"""The dashboard "Pipeline": events from the API to the stores, and the state of each day."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.grafana.panels import Curves, Levels, Number, Row, dashboard

_RATE = "[$__rate_interval]"
_ACKNOWLEDGED = "ingest_acknowledgement_seconds_bucket"
_PARTITION = "dagster_partition_last_materialization_timestamp_seconds"

NOW = (
    Number(
        "Events in",
        "Events per second that the ingest API accepted and Kafka acknowledged, over the last minute.",
        "ops",
        "ingest:events_accepted:rate1m",
        decimals=1,
    ),
    Number(
        "Lag",
        "Records in Kafka that the stream has not stored.",
        "short",
        "sum(stream_waiting_records)",
        Levels(5000, 20000),
        decimals=0,
    ),
    Number(
        "Latency",
        "Time from the receipt of an event to its row in PostgreSQL: the 95th percentile of the last hour.",
        "s",
        "histogram_quantile(0.95, sum by (le) (rate(stream_latency_seconds_bucket[1h])))",
        Levels(2, 10),
        decimals=2,
    ),
    Number(
        "Last heartbeat",
        "Time since the streaming run's last heartbeat. It sends one every two seconds.",
        "s",
        "stream_heartbeat_age_seconds",
        Levels(12, 60),
        decimals=0,
    ),
    Number(
        "Failed checks",
        "Dagster checks whose latest execution failed or warned.",
        "short",
        "count(dagster_check_passed == 0) or vector(0)",
        Levels(1, 1),
        decimals=0,
    ),
    Number(
        "Alerts",
        "Alerts that are firing. Prometheus lists them and says what to do.",
        "short",
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        Levels(1, 1),
        decimals=0,
    ),
)
HOPS = (
    Curves(
        "Events at each hop",
        "Events per second: accepted by the API, received by Kafka, stored by the stream. The curves should coincide.",
        "ops",
        {
            "ingest API": f"sum(rate(ingest_events_accepted_total{_RATE}))",
            "Kafka": f"sum(rate(kafka_topic_messages_in_total{_RATE}))",
            "stream": f"sum(rate(stream_rows_total{_RATE}))",
        },
    ),
    Curves(
        "Requests to the ingest API",
        "Requests per second, by status of the response.",
        "reqps",
        {"{{status}}": f"sum by (status) (rate(ingest_requests_total{_RATE}))"},
        stacked=True,
    ),
    Curves(
        "Acknowledgement by Kafka",
        "How long requests wait for Kafka's acknowledgement: the median and the 95th percentile.",
        "s",
        {
            quantile: f"histogram_quantile({quantile}, sum by (le) (rate({_ACKNOWLEDGED}{_RATE})))"
            for quantile in ("0.5", "0.95")
        },
        Levels(0.5, 2),
    ),
)
STREAM = (
    Curves(
        "Lag",
        "Records in Kafka that the stream has not stored, by topic. Over 20,000 for two minutes fire an alert.",
        "short",
        {"{{topic}}": "stream_waiting_records"},
        Levels(5000, 20000),
    ),
    Curves(
        "Latency",
        "Time from the receipt of an event to its row in PostgreSQL: percentiles over five minutes.",
        "s",
        {"{{quantile}}": "stream:latency_seconds:quantile5m"},
        Levels(2, 10),
    ),
    Curves(
        "Records without a row",
        "Today (UTC): rejects and duplicates. Today and yesterday: refused by PostgreSQL. All days: misdated, that is, "
        "with an implausible timestamp.",
        "short",
        {
            "rejects": "sum(stream_rejects_today) or vector(0)",
            "duplicates": "stream_duplicates_today",
            "refused": "stream_refused_records",
            "misdated": "stream_misdated_records",
        },
    ),
)
DAYS = (
    Curves(
        "Today's records by store",
        "The counts of the latest every_event_is_accounted_for check of today.",
        "short",
        {"{{store}}": 'pipeline_day_records{days_ago="0", store!="newer_than_the_cleaning"}'},
    ),
    Curves(
        "Quarantined and superseded",
        "For each day: records that are not valid pins, and older versions of pins that were posted again that day.",
        "short",
        {"{{partition}} {{store}}": 'pipeline_day_records{store=~"quarantined|superseded"}'},
    ),
    Curves(
        "Every event is accounted for",
        "1 for a day that reconciles across all stores, 0 for a day with missing records.",
        "short",
        {"{{partition}}": "pipeline_day_is_accounted_for"},
    ),
    Curves(
        "Age of today's slices",
        "Time since today's partition of each asset was materialised.",
        "s",
        {"{{asset}}": f'time() - ({_PARTITION}{{days_ago="0"}} > 0)'},
        Levels(3600, 86400),
    ),
    Curves(
        "Days with a slice",
        "How many of today and the seven days before are materialised, for each asset.",
        "short",
        {"{{asset}}": f"sum by (asset) ({_PARTITION} > bool 0)"},
    ),
    Curves(
        "Age of every asset",
        "Time since any partition of the asset was last materialised.",
        "s",
        {"{{asset}}": "time() - dagster_asset_last_materialization_timestamp_seconds"},
        Levels(86400, 172800),
    ),
)
DAGSTER = (
    Curves(
        "Unfinished runs",
        "By status. The stream is one run that is always started.",
        "short",
        {"{{status}}": 'dagster_runs{status=~"queued|starting|started|canceling"}'},
        stacked=True,
    ),
    Curves(
        "Finished runs",
        "All finished runs in Dagster's storage, by status.",
        "short",
        {"{{status}}": 'dagster_runs{status=~"success|failure|canceled"}'},
    ),
    Curves(
        "Ticks",
        "Ticks of sensors and schedules per second, by status. A sensor without work skips its tick.",
        "ops",
        {"{{name}} {{status}}": f"sum by (name, status) (rate(dagster_ticks_total{_RATE}))"},
    ),
    Curves(
        "Checks",
        "1 for a check whose latest execution passed, 0 for one that failed or warned.",
        "short",
        {"{{check}}": "min by (check) (dagster_check_passed)"},
    ),
    Curves(
        "Daemons",
        "1 while the daemon sends heartbeats. Without the sensor daemon, Dagster starts nothing by itself.",
        "short",
        {"{{daemon}}": "dagster_daemon_healthy"},
    ),
    Curves(
        "Disk",
        "Free space on the disk with the stack's data. Less than 10 % or 2 GB fires an alert.",
        "bytes",
        {"free": "platform_disk_free_bytes", "size": "platform_disk_size_bytes"},
    ),
)


def pipeline_dashboard() -> Dashboard:
    """The dashboard for the whole platform."""
    rows = (
        Row("Now", NOW),
        Row("Ingest", HOPS),
        Row("Stream", STREAM),
        Row("Batch by day", DAYS),
        Row("Dagster and the machine", DAGSTER),
    )
    description = "Events from the API to the stores, and the state of each day."
    return dashboard("pipeline", "Pipeline", description, rows).build()
