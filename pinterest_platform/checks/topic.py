"""The check of the Kafka topic: that it is set up as the platform needs it, whoever made it.

Belongs here: what Dagster is told. What a topic should be like is `stores.topic_settings`.
"""

import time

import dagster as dg

from pinterest_platform.assets.topic import TOPIC
from pinterest_platform.checks.verdict import result
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import describe_topic
from pinterest_platform.stores.topic_settings import topic_warnings


@dg.asset_check(asset=TOPIC)
def the_topic_is_set_up_for_the_platform(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The topic takes the times that the platform takes, and Kafka deletes and loses nothing unseen. It only warns."""
    warnings = topic_warnings(settings, describe_topic(settings), time.time_ns() // 1_000_000)
    return result(Finding({"warnings": len(warnings)}, "\n\n".join(warnings) or None), dg.AssetCheckSeverity.WARN)
