"""What must hold for the columns of clean pins, as a Pandera schema.

Belongs here: facts about columns. Import it where it is used: Pandera's Spark half takes seconds to import.
"""

from __future__ import annotations

from typing import Any

import pandera.pyspark as pa  # noqa: TID253 - this module is itself imported only where used
from pyspark.sql import DataFrame
from pyspark.sql import types as T  # noqa: N812

CLEAN_PINS = pa.DataFrameSchema(
    {
        "unique_id": pa.Column(T.StringType()),
        "index_id": pa.Column(T.LongType()),
        "title": pa.Column(T.StringType(), nullable=True),
        "category": pa.Column(T.StringType()),
        "description": pa.Column(T.StringType(), nullable=True),
        "poster_name": pa.Column(T.StringType(), nullable=True),
        "follower_count": pa.Column(T.LongType(), pa.Check.ge(0), nullable=True),
        "tag_list": pa.Column(T.StringType(), nullable=True),
        "is_image_or_video": pa.Column(T.StringType(), nullable=True),
        "image_src": pa.Column(T.StringType(), nullable=True),
        "downloaded": pa.Column(T.IntegerType(), pa.Check.isin([0, 1]), nullable=True),
        "save_location": pa.Column(T.StringType(), nullable=True),
        "event_id": pa.Column(T.StringType()),
        "ingested_at": pa.Column(T.TimestampType()),
        "ingest_date": pa.Column(T.DateType()),
        "kafka_partition": pa.Column(T.IntegerType(), pa.Check.ge(0)),
        "kafka_offset": pa.Column(T.LongType(), pa.Check.ge(0)),
    },
    strict=True,
    unique=["unique_id"],
)
"""One row a pin and day, with the columns of `pins.cleaning.CLEAN_COLUMNS`: those with no range hold any value."""


def violations(rows: DataFrame) -> dict[str, object]:
    """What Pandera finds wrong with the rows, by kind of error; empty where all is well."""
    validated: Any = CLEAN_PINS.validate(rows)  # the rows with an accessor that no type knows
    return dict(validated.pandera.errors)
