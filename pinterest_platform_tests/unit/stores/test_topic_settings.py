"""The findings about a topic that is not configured as the platform needs it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import pytest

from pinterest_platform.pins.calendar import MILLISECONDS_A_DAY, start_of
from pinterest_platform.settings import Settings
from pinterest_platform.stores.topic_settings import TopicSettings, topic_warnings, wanted_settings

SETTINGS = Settings(first_day=date(2025, 1, 1))
NOW = start_of(date(2026, 11, 30))
TEN_YEARS = 3_650 * MILLISECONDS_A_DAY


def as_wanted(
    changes: Mapping[str, str] = MappingProxyType({}), settings: Settings = SETTINGS, replication_factor: int = 1
) -> TopicSettings:
    """A topic of the platform, with some settings changed."""
    others = {"cleanup.policy": "delete", "retention.bytes": "-1", "min.insync.replicas": "1"}
    return TopicSettings({**others, **wanted_settings(settings, NOW), **changes}, replication_factor)


def test_a_topic_of_the_platform_is_as_it_should_be() -> None:
    assert topic_warnings(SETTINGS, as_wanted(), NOW) == []


def test_it_stays_so_for_ten_years() -> None:
    assert topic_warnings(SETTINGS, as_wanted(), NOW + TEN_YEARS) == []
    [warning] = topic_warnings(SETTINGS, as_wanted(), NOW + TEN_YEARS + MILLISECONDS_A_DAY)
    assert warning.startswith("Records of days since the first day, 2025-01-01, are refused once they are more than")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"message.timestamp.type": "LogAppendTime"}, "The broker stamps each record with its own time"),
        ({"message.timestamp.after.max.ms": str(2**63 - 1)}, "Records may be stamped more than an hour ahead"),
        ({"message.timestamp.before.max.ms": str(2**63 - 1)}, "Records may be stamped long before the first day"),
        ({"message.timestamp.before.max.ms": "86400000"}, "refused once they are more than 1.0 days old"),
        ({"cleanup.policy": "compact,delete"}, "It is compacted"),
        ({"retention.ms": "86400000"}, "Kafka deletes records after 24.0 hours"),
        ({"retention.ms": "604800000"}, "Kafka deletes records after 7.0 days, though PINTEREST_KAFKA_RETENTION_HOURS"),
        ({"retention.bytes": "1000"}, "once a partition has 1000 bytes"),
    ],
)
def test_a_setting_that_does_harm_is_named_with_the_command_that_mends_it(changed: dict[str, str], said: str) -> None:
    [warning] = topic_warnings(SETTINGS, as_wanted(changed), NOW)

    assert said in warning
    assert (
        "Fix it with: kafka-configs.sh --bootstrap-server 127.0.0.1:9092 --entity-type topics "
        "--entity-name Pinterest_data --alter --add-config " in warning
    )


def test_what_is_acknowledged_by_one_replica_of_three_is_warned_of() -> None:
    settings = SETTINGS.model_copy(update={"kafka_replication_factor": 3})
    unsafe = {"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}

    one, other = topic_warnings(settings, as_wanted(unsafe, settings, 3), NOW)

    assert one.endswith("--add-config min.insync.replicas=2")
    assert other.endswith("--add-config unclean.leader.election.enable=false")
    assert topic_warnings(settings, as_wanted({}, settings, 3), NOW) == []


def test_a_broker_that_does_not_know_a_setting_takes_every_time() -> None:
    known = {name: value for name, value in as_wanted().values.items() if not name.endswith("max.ms")}

    ahead, before = topic_warnings(SETTINGS, TopicSettings(known, 1), NOW)

    assert "more than an hour ahead" in ahead
    assert "long before the first day" in before
