"""The topic's check over a real broker, and its check result in Dagster."""

from __future__ import annotations

import dagster as dg

from pinterest_platform.defs.landing.checks import the_topic_is_set_up_for_the_platform
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import create_topic


def test_a_topic_that_takes_every_time_is_a_warning_and_no_error(corner: Settings) -> None:
    told = the_topic_is_set_up_for_the_platform(settings=corner)

    assert isinstance(told, dg.AssetCheckResult)
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert told.metadata["warnings"].value == 2
    assert "--add-config message.timestamp.after.max.ms=3600000" in str(told.description)


def test_the_platforms_own_topic_passes(corner: Settings) -> None:
    own = corner.model_copy(update={"kafka_topic": f"{corner.kafka_topic}-own"})
    create_topic(own)

    told = the_topic_is_set_up_for_the_platform(settings=own)

    assert isinstance(told, dg.AssetCheckResult)
    assert told.passed
