"""`make history`: days of pins with times in the past, in order, in the real topic: for demos, backfills and tests.

Belongs here: which days, and refusing a topic in which they would not be in order. Does not belong here: the posting
(`ingest_api.emulator.history`).
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
    """Fill the `days` days before today with `pins` pins each; returns 0.

    Raises:
        StackError: the topic has records of these days or later ones, or Kafka refused a record.
    """
    history = History(first=first_day_of_history(settings, days, today()), days=days, pins_a_day=pins)
    with open_topic(settings) as topic:
        _refuse_newer_records(topic, history.first)
    terminal.line(f"\nMaking {days:,} days of {pins:,} pins, from {history.first} on ...")
    try:
        with show_progress(terminal.console, history.pins) as progress:
            post_history(settings, history, progress)
    except HistoryRefusedError as error:
        raise StackError(str(error)) from error
    last = history.first + timedelta(days=days - 1)
    terminal.line(f"✓ {history.pins:,} pins of {history.first} to {last} are in {settings.kafka_topic}.")
    return 0


def first_day_of_history(settings: Settings, days: int, today: date) -> date:
    """The day that lies so many days before today.

    Raises:
        StackError: it is before the first partition.
    """
    most = (today - settings.first_day).days
    if days > most:
        raise StackError(
            f"The first day is {settings.first_day} (PINTEREST_FIRST_DAY), so there are {most:,} days before today, "
            f"not {days:,}. Nothing was made."
        )
    return today - timedelta(days=days)


def _refuse_newer_records(topic: Topic, first: date) -> None:
    newer, ends = topic.offsets_at(start_of(first)), topic.end_offsets()
    if newer != ends:
        count = sum(ends[number] - offset for number, offset in newer.items())
        raise StackError(
            f"The topic {topic.topic} has {count:,} offsets of {first} or later, and history has to come before them: "
            f"Kafka finds a day by the order of its records. Remove all data with make clean-data, then make the "
            f"history, then make run."
        )
