"""`make history`: writes past days of pins to the topic, oldest first, for demos, backfills and tests.

Refuses a topic that already has records of those days or later: timestamps have to grow with the offsets.
"""

from __future__ import annotations

from datetime import date, timedelta

from infra.errors import StackError
from infra.local_stack.terminal import Terminal
from ingest_api.emulator.history import History, HistoryRefusedError, post_history
from ingest_api.emulator.progress import show_progress
from pinterest_platform.pins.calendar import start_of, today
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import Topic, open_topic


def make_history(settings: Settings, days: int, pins: int, terminal: Terminal) -> int:
    """Fills the `days` days before today with `pins` pins each; returns 0.

    Raises:
        StackError: the topic has records of these days or later, or Kafka refused a record.
    """
    history = History(first=first_day_of_history(settings, days, today()), days=days, pins_a_day=pins)
    with open_topic(settings) as topic:
        _refuse_newer_records(topic, history.first)
    terminal.line(f"\nWriting {days:,} days of {pins:,} pins, starting with {history.first} ...")
    try:
        with show_progress(terminal.console, history.pins) as progress:
            post_history(settings, history, progress)
    except HistoryRefusedError as error:
        raise StackError(str(error)) from error
    last = history.first + timedelta(days=days - 1)
    terminal.line(f"✓ {history.pins:,} pins of {history.first} to {last} are in {settings.kafka_topic}.")
    return 0


def first_day_of_history(settings: Settings, days: int, today: date) -> date:
    """The day that is `days` days before today.

    Raises:
        StackError: that is before the first partition.
    """
    most = (today - settings.first_day).days
    if days > most:
        raise StackError(
            f"The first day is {settings.first_day} (PINTEREST_FIRST_DAY), so history can have at most {most:,} days, "
            f"not {days:,}. Nothing was written."
        )
    return today - timedelta(days=days)


def _refuse_newer_records(topic: Topic, first: date) -> None:
    newer, ends = topic.offsets_at(start_of(first)), topic.end_offsets()
    if newer != ends:
        count = sum(ends[number] - offset for number, offset in newer.items())
        raise StackError(
            f"The topic {topic.topic} already has {count:,} offsets of {first} or later. History has to be written "
            f"before them, because Kafka finds a day by the order of timestamps. Remove all data with make clean-data, "
            f"then run make history, then make run."
        )
