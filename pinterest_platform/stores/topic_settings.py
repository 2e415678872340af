"""The topic's settings: those the platform creates it with, and warnings about a topic set up otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pinterest_platform.pins.calendar import AHEAD_MS, MILLISECONDS_A_DAY, MILLISECONDS_AN_HOUR, start_of
from pinterest_platform.settings import Settings

# A broker limits the age of timestamps, so its oldest accepted one moves with the clock. This margin keeps the first
# day writable for as many years. Seconds instead of milliseconds fall into 1970, which stays far below the limit.
_YEARS = 10
_YEARS_MS = _YEARS * 365 * MILLISECONDS_A_DAY
# A day is landed at 10:00 UTC the next morning. If that fails, a weekend may pass before somebody notices.
_SHORTEST_RETENTION_MS = 4 * MILLISECONDS_A_DAY
# With this many replicas, one can fail and the other two still accept writes.
_SAFE_REPLICATION = 3


@dataclass(frozen=True)
class TopicSettings:
    """A topic's settings as the broker reports them, including defaults, and its replicas."""

    values: Mapping[str, str]
    replication_factor: int

    def number(self, name: str) -> int | None:
        """The setting as a number; None if this broker does not know it."""
        value = self.values.get(name)
        return None if value is None else int(value)


@dataclass(frozen=True)
class Fault:
    """What is wrong, as a sentence, and the setting (`name=value`) that fixes it."""

    sentence: str
    remedy: str


def wanted_settings(settings: Settings, now_ms: int) -> dict[str, str]:
    """The settings that the platform creates its topic with. `now_ms` is in milliseconds since 1970 UTC."""
    retention = settings.kafka_retention_hours
    wanted = {
        "retention.ms": str(-1 if retention < 0 else retention * MILLISECONDS_AN_HOUR),
        # The ingest API stamps each record on receipt; the broker must not stamp it again.
        "message.timestamp.type": "CreateTime",
        "message.timestamp.after.max.ms": str(AHEAD_MS),
        "message.timestamp.before.max.ms": str(_before_max_ms(settings, now_ms)),
    }
    if settings.kafka_replication_factor >= _SAFE_REPLICATION:
        wanted["min.insync.replicas"] = "2"
    return wanted


def topic_warnings(settings: Settings, topic: TopicSettings, now_ms: int) -> list[str]:
    """What is wrong with the topic: for each fault a sentence and the command that fixes it.

    Args:
        settings: the platform's.
        topic: the topic's settings as the broker reports them.
        now_ms: milliseconds since 1970 UTC.
    """
    return [
        f"{fault.sentence} Fix it with: {_command(settings, fault.remedy)}"
        for fault in (*_wrong_times(settings, topic, now_ms), *_what_is_deleted(settings, topic), *_what_is_lost(topic))
    ]


def _wrong_times(settings: Settings, topic: TopicSettings, now_ms: int) -> Iterator[Fault]:
    wanted = wanted_settings(settings, now_ms)
    if topic.values.get("message.timestamp.type") == "LogAppendTime":
        yield Fault(
            "The broker stamps each record with its own time. So a late record, or one copied from another topic, "
            "counts for the wrong day.",
            _setting(wanted, "message.timestamp.type"),
        )
        return  # then producers' timestamps do not matter
    ahead = topic.number("message.timestamp.after.max.ms")
    if ahead is None or ahead > AHEAD_MS:
        yield Fault(
            "Records may be stamped more than an hour ahead. The platform quarantines them as misdated.",
            _setting(wanted, "message.timestamp.after.max.ms"),
        )
    yield from _wrong_past(settings, topic, now_ms, _setting(wanted, "message.timestamp.before.max.ms"))


def _wrong_past(settings: Settings, topic: TopicSettings, now_ms: int, remedy: str) -> Iterator[Fault]:
    behind = topic.number("message.timestamp.before.max.ms")
    first_day = settings.first_day
    if behind is None or behind > _before_max_ms(settings, now_ms) + MILLISECONDS_A_DAY:
        yield Fault(
            f"Records may be stamped long before the first day, {first_day}, for example with seconds instead of "
            "milliseconds. The platform quarantines them as misdated.",
            remedy,
        )
    elif now_ms - behind > start_of(first_day):
        yield Fault(
            f"Records of days since the first day, {first_day}, are refused once they are more than "
            f"{behind / MILLISECONDS_A_DAY:,.1f} days old, so they cannot be posted late.",
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
            "PINTEREST_KAFKA_RETENTION_HOURS asks it to keep all.",
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
            "A record is acknowledged once a single broker has it, and is lost with that broker.",
            "min.insync.replicas=2",
        )
    if topic.replication_factor > 1 and topic.values.get("unclean.leader.election.enable") == "true":
        yield Fault(
            "A broker that lacks records may become leader of a partition. Then acknowledged records are lost, and "
            "their offsets are given to others.",
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
