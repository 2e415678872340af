"""Checks of `raw_pins` and of the topic. None is blocking: the records that exist go on."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from pinterest_platform.defs.asset_keys import TOPIC
from pinterest_platform.defs.check_results import check_result, result
from pinterest_platform.defs.landing.assets import raw_pins
from pinterest_platform.defs.partitions import DAILY
from pinterest_platform.findings import Finding
from pinterest_platform.landing.losses import Loss, losses
from pinterest_platform.pins.calendar import now_ms
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import describe_topic
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stores.topic_settings import topic_warnings


@dg.asset_check(asset=raw_pins, partitions_def=DAILY)
def no_record_was_lost_before_it_landed(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Kafka deleted no record of the day before it was landed. A failure names the lost offsets and is permanent."""
    known = losses(open_bucket(settings))
    return check_result(context, lambda day: loss_finding(known, day))


def loss_finding(known: Sequence[Loss], day: date) -> Finding:
    """The losses that may affect the day."""
    met = [loss for loss in known if loss.meets(day)]
    if not met:
        return Finding({"lost_offsets": 0})
    named = "; ".join(loss.in_words() for loss in met)
    return Finding(
        {"lost_offsets": sum(loss.following - loss.first for loss in met)},
        f"Kafka deleted records of {met[0].topic} before they were landed, possibly some of {day}: {named}. All other "
        f"records have landed. Lengthen the topic's retention, or find out why landing did not run.",
    )


@dg.asset_check(asset=TOPIC)
def the_topic_is_set_up_for_the_platform(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """The topic's settings fit the platform: it accepts the same timestamps, and deletes no record before it is landed.
    The check only warns.
    """
    warnings = topic_warnings(settings, describe_topic(settings), now_ms())
    return result(Finding({"warnings": len(warnings)}, "\n\n".join(warnings) or None), dg.AssetCheckSeverity.WARN)
