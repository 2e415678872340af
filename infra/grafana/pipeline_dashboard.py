"""The dashboard "Pipeline": events on their way from the API to the stores, and what became of each day."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from infra.grafana.panels import Curves, Levels, Number, Row, dashboard

_RATE = "[$__rate_interval]"
_ACKNOWLEDGED = "ingest_acknowledgement_seconds_bucket"
_PARTITION = "dagster_partition_last_materialization_timestamp_seconds"

NOW = (
    Number(
        "Events in",
        "Events that Kafka acknowledged to the ingest API, per second over a minute.",
        "ops",
        "ingest:events_accepted:rate1m",
        decimals=1,
    ),
    Number(
        "Lag",
        "Records that Kafka has and the stream has not stored.",
        "short",
        "sum(stream_waiting_records)",
        Levels(5000, 20000),
        decimals=0,
    ),
    Number(
        "Latency",
        "From the receipt of an event to its row in PostgreSQL: 95 of 100 were faster, over the last hour.",
        "s",
        "histogram_quantile(0.95, sum by (le) (rate(stream_latency_seconds_bucket[1h])))",
        Levels(2, 10),
        decimals=2,
    ),
    Number(
        "Last sign of life",
        "How long ago the streaming run beat its heart. It beats every two seconds.",
        "s",
        "stream_heartbeat_age_seconds",
        Levels(12, 60),
        decimals=0,
    ),
    Number(
        "Failed checks",
        "Checks of Dagster whose latest execution failed; those that only warn are among them.",
        "short",
        "count(dagster_check_passed == 0) or vector(0)",
        Levels(1, 1),
        decimals=0,
    ),
    Number(
        "Alerts",
        "That fire now. Prometheus lists them, each with what to do.",
        "short",
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        Levels(1, 1),
        decimals=0,
    ),
)
HOPS = (
    Curves(
        "Events at each hop",
        "Per second: acknowledged to the API, received by Kafka, stored by the stream. The curves lie on each other.",
        "ops",
        {
            "ingest API": f"sum(rate(ingest_events_accepted_total{_RATE}))",
            "Kafka": f"sum(rate(kafka_topic_messages_in_total{_RATE}))",
            "stream": f"sum(rate(stream_rows_total{_RATE}))",
        },
    ),
    Curves(
        "Requests of the ingest API",
        "Per second by the status that they were answered with.",
        "reqps",
        {"{{status}}": f"sum by (status) (rate(ingest_requests_total{_RATE}))"},
        stacked=True,
    ),
    Curves(
        "Kafka's acknowledgement",
        "How long events wait for it: half shorter than the lower curve, 95 of 100 than the upper.",
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
        "Records that Kafka has and the stream has not stored, by topic. 20,000 for two minutes are an alert.",
        "short",
        {"{{topic}}": "stream_waiting_records"},
        Levels(5000, 20000),
    ),
    Curves(
        "Latency",
        "From the receipt of an event to its row in PostgreSQL, over five minutes.",
        "s",
        {"{{quantile}}": "stream:latency_seconds:quantile5m"},
        Levels(2, 10),
    ),
    Curves(
        "Records that are no rows",
        "Of today (UTC): no pins, and stored before. Refused by PostgreSQL: of today and yesterday. Misdated: all "
        "whose time is not plausible.",
        "short",
        {
            "no pins": "sum(stream_rejects_today) or vector(0)",
            "stored before": "stream_duplicates_today",
            "refused": "stream_refused_records",
            "misdated": "stream_misdated_records",
        },
    ),
)
DAYS = (
    Curves(
        "Records of today by store",
        "What every_event_is_accounted_for counted when it last ran for today.",
        "short",
        {"{{store}}": 'pipeline_day_records{days_ago="0", store!="newer_than_the_cleaning"}'},
    ),
    Curves(
        "Quarantined and superseded",
        "Of each day: records that are no pins, and older versions of a pin that has a newer one the same day.",
        "short",
        {"{{partition}} {{store}}": 'pipeline_day_records{store=~"quarantined|superseded"}'},
    ),
    Curves(
        "Every event is accounted for",
        "1 for each day whose records add up in every store, 0 for one where some are missing.",
        "short",
        {"{{partition}}": "pipeline_day_is_accounted_for"},
    ),
    Curves(
        "Age of today's slices",
        "How long ago each asset's partition of today was materialised.",
        "s",
        {"{{asset}}": f'time() - ({_PARTITION}{{days_ago="0"}} > 0)'},
        Levels(3600, 86400),
    ),
    Curves(
        "Days with a slice",
        "Of today and the seven days before, how many have a partition of each asset.",
        "short",
        {"{{asset}}": f"sum by (asset) ({_PARTITION} > bool 0)"},
    ),
    Curves(
        "Age of every asset",
        "How long ago it was last materialised, whichever partition.",
        "s",
        {"{{asset}}": "time() - dagster_asset_last_materialization_timestamp_seconds"},
        Levels(86400, 172800),
    ),
)
DAGSTER = (
    Curves(
        "Runs under way",
        "By state. The stream is one that is always started.",
        "short",
        {"{{status}}": 'dagster_runs{status=~"queued|starting|started|canceling"}'},
        stacked=True,
    ),
    Curves(
        "Finished runs",
        "All that Dagster knows of, by how they ended.",
        "short",
        {"{{status}}": 'dagster_runs{status=~"success|failure|canceled"}'},
    ),
    Curves(
        "Ticks",
        "Of sensors and schedules per second, by how they ended. Skipped is what a sensor with no work says.",
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
        "1 while its heart beats. Without the sensor daemon nothing is started by itself.",
        "short",
        {"{{daemon}}": "dagster_daemon_healthy"},
    ),
    Curves(
        "Disk",
        "Free where the stack keeps its data. Less than a tenth is an alert.",
        "bytes",
        {"free": "platform_disk_free_bytes", "size": "platform_disk_size_bytes"},
    ),
)


def pipeline_dashboard() -> Dashboard:
    """For the whole platform."""
    rows = (
        Row("Now", NOW),
        Row("On the way in", HOPS),
        Row("The stream", STREAM),
        Row("The batch, day by day", DAYS),
        Row("Dagster and the machine", DAGSTER),
    )
    description = "Events on their way from the API to the stores, and what became of each day."
    return dashboard("pipeline", "Pipeline", description, rows).build()
