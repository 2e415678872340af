"""The parity check over both real layers: what it passes, what it names, and when it does not compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinterest_platform.defs.reconciliation import layers_findings
from pinterest_platform.reconciliation.layer_parity import LayerParity, compare_layers, is_in_both_layers
from pinterest_platform.settings import Settings
from pinterest_platform.stores.parquet import NoParquetError
from pinterest_platform.stores.postgres import Connection
from pinterest_platform.stores.s3 import open_bucket
from pinterest_platform.stream.lease import take_over
from pinterest_platform.stream.sink import write_batch
from pinterest_platform_tests.integration.presto.batch_rows import put_batch
from pinterest_platform_tests.support.clean_slices import clean_pin, put_slice
from pinterest_platform_tests.support.cleaned import NOON, as_line, cleaned_row

DAY = NOON.date()
LATER = datetime(2026, 11, 20, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
PINS: list[dict[str, Any]] = [
    cleaned_row(0, unique_id="a"),
    cleaned_row(1, at=NOON + A_SECOND, unique_id="a", title="newer", poster_name=None),
    cleaned_row(2, unique_id="b", category="travel", event_id="sent again"),
    cleaned_row(3, at=NOON + A_SECOND, unique_id="b", category="travel", event_id="sent again", index_id=2),
]


@pytest.fixture
def day(layers: Settings, corner: Settings, database: Connection) -> Settings:
    """A closed day in both layers: a pin in two versions, and an event that was sent twice."""
    own = corner.model_copy(update={"cassandra_keyspace": layers.cassandra_keyspace})
    put_slice(open_bucket(own), DAY, clean_pin(DAY))
    put_batch(own, [PINS[1], PINS[2]])
    take_over(own, "the test")
    write_batch(database, own.kafka_topic, "the test", [as_line(row) for row in PINS])
    return own


def test_layers_that_agree_pass(day: Settings) -> None:
    assert compare_layers(day, [DAY]) == {DAY: LayerParity(0, [])}
    assert layers_findings(day, [DAY], LATER)[DAY].problem is None


def test_a_row_that_differs_is_named_in_both_layers(day: Settings, database: Connection) -> None:
    database.execute("UPDATE pinterest_stream SET poster_name = 'null' WHERE kafka_offset = 1")
    database.execute("DELETE FROM pinterest_stream WHERE kafka_offset = 2")

    finding = layers_findings(day, [DAY], LATER)[DAY]

    assert finding.facts == {"different": 3}
    assert (finding.problem or "").startswith(
        "3 rows have no equal in the other layer: a (partition 0 offset 1) in the batch; a (partition 0 offset 1) in "
        "the stream; b (partition 0 offset 2) in the batch. Materialise the day again"
    )


def test_of_several_days_the_one_that_differs_is_told(day: Settings, database: Connection) -> None:
    empty, never_cleaned = DAY - timedelta(days=1), DAY - timedelta(days=2)
    put_slice(open_bucket(day), empty)
    days = [never_cleaned, empty, DAY]

    equal = layers_findings(day, days, LATER)
    database.execute("DELETE FROM pinterest_stream WHERE kafka_offset = 1")
    different = layers_findings(day, days, LATER)

    assert [equal[each].facts for each in days] == [{}, {"different": 0}, {"different": 0}]
    assert [different[each].facts for each in days] == [{}, {"different": 0}, {"different": 2}]
    assert (different[never_cleaned].problem or "").startswith("2026-11-14 has no clean slice")


def test_a_day_without_pins_is_the_same_in_both(day: Settings) -> None:
    empty = DAY - timedelta(days=1)
    put_slice(open_bucket(day), empty)

    assert compare_layers(day, [empty]) == {empty: LayerParity(0, [])}


def test_what_cannot_be_compared_yet_is_not(day: Settings, database: Connection) -> None:
    still_open = layers_findings(day, [DAY], NOON)[DAY]
    database.execute("INSERT INTO stream_retention (kept_from) VALUES (%s)", [DAY + timedelta(days=1)])
    dropped = layers_findings(day, [DAY], LATER)[DAY]

    assert (still_open.problem, dropped.problem) == (None, None)
    assert [finding.facts["compared"] for finding in (still_open, dropped)] == [
        "not yet, the day is still open",
        "no, the stream has not run, is behind, or no longer keeps the day",
    ]
    with pytest.raises(NoParquetError):
        is_in_both_layers(open_bucket(day), database, day.kafka_topic, DAY + timedelta(days=2))


def test_without_presto_the_check_fails_with_what_to_do(day: Settings) -> None:
    finding = layers_findings(day.model_copy(update={"presto_port": 9}), [DAY], LATER)[DAY]

    assert (finding.problem or "").startswith(
        "The layers could not be compared. Presto at 127.0.0.1, port 9, does not answer (ConnectionError): see that"
    )
