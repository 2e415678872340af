"""How the platform's topic is set up: what it is created with, and what is wrong with one that others have made.

Belongs here: topic settings by their names in Kafka, and sentences about them. Does not belong here: asking a broker
(`stores.kafka`), and the broker's own settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pinterest_platform.pins.calendar import AHEAD_MS, MILLISECONDS_A_DAY, MILLISECONDS_AN_HOUR, start_of
from pinterest_platform.settings import Settings

# The oldest timestamp that a broker takes moves with its clock: by so much it begins before the first day, so that the
# first day can be written for as long. 1970, where seconds in place of milliseconds come to lie, stays far before it.
_YEARS = 10
_YEARS_MS = _YEARS * 365 * MILLISECONDS_A_DAY
# A day lands at ten in the morning after it, by a schedule; a weekend may pass until somebody sees that it did not.
_SHORTEST_RETENTION_MS = 4 * MILLISECONDS_A_DAY
# So many replicas can lose one and still have two to write to.
_SAFE_REPLICATION = 3


@dataclass(frozen=True)
class TopicSettings:
    """What a broker says of a topic: its settings by their names, defaults included, and its replicas."""

    values: Mapping[str, str]
    replication_factor: int

    def number(self, name: str) -> int | None:
        """A number; None where this broker does not know the setting."""
        value = self.values.get(name)
        return None if value is None else int(value)


@dataclass(frozen=True)
class Fault:
    """What is wrong, as a sentence, and the settings (`name=value`) that mend it."""

    sentence: str
    remedy: str


def wanted_settings(settings: Settings, now_ms: int) -> dict[str, str]:
    """Those that the platform creates its topic with."""
    retention = settings.kafka_retention_hours
    wanted = {
        "retention.ms": str(-1 if retention < 0 else retention * MILLISECONDS_AN_HOUR),
        # The ingest API stamps each record on receipt; the broker must not stamp it anew.
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": str(AHEAD_MS),
        "message.timestamp.before.max.ms": str(_before_max_ms(settings, now_ms)),
    }
    if settings.kafka_replication_factor >= _SAFE_REPLICATION:
        wanted["min.insync.replicas"] = "2"
    return wanted


def topic_warnings(settings: Settings, topic: TopicSettings, now_ms: int) -> list[str]:
    """What is wrong with the topic, a sentence and the command that mends it each; none where it is as it should be."""
    return [
        f"{fault.sentence} Mend it with: {_command(settings, fault.remedy)}"
        for fault in (*_wrong_times(settings, topic, now_ms), *_what_is_deleted(settings, topic), *_what_is_lost(topic))
    ]


def _wrong_times(settings: Settings, topic: TopicSettings, now_ms: int) -> Iterator[Fault]:
    wanted = wanted_settings(settings, now_ms)
    if topic.values.get("message.timestamp.type") == "LogAppendTime":
        yield Fault(
            "The broker stamps each record with its own time, so that a record that comes later than its day, or is "
            "copied here from another topic, counts for the wrong day.",
            _setting(wanted, "message.timestamp.type"),
        )
        return  # with it, no producer's time is looked at
    ahead = topic.number("message.timestamp.after.max.ms")
    if ahead is None or ahead > AHEAD_MS:
        yield Fault(
            "Records may be stamped more than an hour ahead: the platform quarantines those as misdated.",
            _setting(wanted, "message.timestamp.after.max.ms"),
        )
    yield from _wrong_past(settings, topic, now_ms, _setting(wanted, "message.timestamp.before.max.ms"))


def _wrong_past(settings: Settings, topic: TopicSettings, now_ms: int, remedy: str) -> Iterator[Fault]:
    behind = topic.number("message.timestamp.before.max.ms")
    first_day = settings.first_day
    if behind is None or behind > _before_max_ms(settings, now_ms) + MILLISECONDS_A_DAY:
        yield Fault(
            f"Records may be stamped long before the first day, {first_day}, as those are whose producer has seconds "
            "in place of milliseconds: the platform quarantines them as misdated.",
            remedy,
        )
    elif now_ms - behind > start_of(first_day):
        yield Fault(
            f"Records of days since the first day, {first_day}, are refused once they are more than "
            f"{behind / MILLISECONDS_A_DAY:,.1f} days old: nobody can post them late.",
            remedy,
        )


def _what_is_deleted(settings: Settings, topic: TopicSettings) -> Iterator[Fault]:
    if "compact" in topic.values.get("cleanup.policy", ""):
        yield Fault(
            "It is compacted: Kafka deletes all but a pin's newest record, landed or not.", "cleanup.policy=delete"
        )
    retention = topic.number("retention.ms")
    if retention is not None and 0 <= retention < _SHORTEST_RETENTION_MS:
        yield Fault(
            f"Kafka deletes records after {retention / MILLISECONDS_AN_HOUR:,.1f} hours. A day that fails to land is "
            f"lost when nobody mends it by then; four days outlast a weekend.",
            f"retention.ms={_SHORTEST_RETENTION_MS}",
        )
    elif settings.kafka_retention_hours < 0 and retention is not None and retention >= 0:
        yield Fault(
            f"Kafka deletes records after {retention / MILLISECONDS_A_DAY:,.1f} days, though "
            "PINTEREST_KAFKA_RETENTION_HOURS says that it keeps all.",
            "retention.ms=-1",
        )
    if (topic.number("retention.bytes") or -1) >= 0:
        yield Fault(
            f"Kafka deletes records once a partition has {topic.values['retention.bytes']} bytes, landed or not.",
            "retention.bytes=-1",
        )


def _what_is_lost(topic: TopicSettings) -> Iterator[Fault]:
    if topic.replication_factor >= _SAFE_REPLICATION and (topic.number("min.insync.replicas") or 1) < 2:
        yield Fault(
            "A record is acknowledged when a single broker has it, and lost with that broker.", "min.insync.replicas=2"
        )
    if topic.replication_factor > 1 and topic.values.get("unclean.leader.election.enable") == "true":
        yield Fault(
            "A broker that misses records may lead a partition: what was acknowledged is lost, and its offsets are "
            "given again.",
            "unclean.leader.election.enable=false",
        )


def _before_max_ms(settings: Settings, now_ms: int) -> int:
    return now_ms - start_of(settings.first_day) + _YEARS_MS


def _setting(wanted: Mapping[str, str], name: str) -> str:
    return f"{name}={wanted[name]}"


def _command(settings: Settings, remedy: str) -> str:
    return (
        f"kafka-configs.sh --bootstrap-server {settings.kafka_bootstrap_servers} --entity-type topics "
        f"--entity-name {settings.kafka_topic} --alter --add-config {remedy}"
    )
