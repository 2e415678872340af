"""The Kafka topic as an external asset: Dagster shows it and observes it, the ingest API fills it."""

from __future__ import annotations

import dagster as dg

from pinterest_platform.assets.slices import OWNERS

TOPIC = dg.AssetKey("Pinterest_data")

pinterest_topic = dg.AssetSpec(
    key=TOPIC,
    description="Posted pins as Kafka has them: `POST /pin/` of the ingest API, keyed by `unique_id`.",
    group_name="ingest",
    kinds={"kafka"},
    owners=OWNERS,
)
