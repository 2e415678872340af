"""The fields of a pin: names, types, missing texts, and greatest lengths. Everything else derives from this table.

It must not import Spark, since the ingest API imports it.

Lengths are bytes of UTF-8, uncompressed, because that is what the stores count. They are below what each store can hold
where the field is part of a key or an index: PostgreSQL's btree takes 2,704 bytes per entry, Cassandra's keys 65,535.
The greatest texts together are 120 KiB, far below a PostgreSQL row (1 GiB) or a Cassandra mutation (16 MiB).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class FieldType(Enum):
    """What a clean field is, by the names that SQL has for it."""

    TEXT = "text"
    BIGINT = "bigint"
    INTEGER = "integer"


@dataclass(frozen=True)
class PinField:
    """One field of a pin.

    `posted_name` is its name where clients write it. It is posted as text where it has `greatest_bytes`, as a whole
    number where not. `missing_texts` are what a scraper writes where a page has no value: the same text may be a real
    value in another field.
    """

    name: str
    type: FieldType
    greatest_bytes: int | None = None
    missing_texts: tuple[str, ...] = ()
    is_nullable: bool = True
    posted_as: str | None = None

    @property
    def posted_name(self) -> str:
        """The field's name in what is posted."""
        return self.posted_as or self.name


PIN_FIELDS = (
    PinField("unique_id", FieldType.TEXT, 512, is_nullable=False),
    PinField("index_id", FieldType.BIGINT, is_nullable=False, posted_as="index"),
    PinField("title", FieldType.TEXT, 8_192, ("No Title Data Available",)),
    PinField("category", FieldType.TEXT, 512, is_nullable=False),
    PinField(
        "description",
        FieldType.TEXT,
        65_536,
        ("No description available Story format", "No description available"),
    ),
    PinField("poster_name", FieldType.TEXT, 1_024, ("User Info Error",)),
    PinField("follower_count", FieldType.BIGINT, 64, ("User Info Error",)),
    PinField("tag_list", FieldType.TEXT, 32_768, ("N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",)),
    PinField("is_image_or_video", FieldType.TEXT, 256),
    PinField("image_src", FieldType.TEXT, 8_192, ("Image src error.",)),
    PinField("downloaded", FieldType.INTEGER),
    PinField("save_location", FieldType.TEXT, 4_096),
)
"""In the order of the clean columns. Nullable is what may be missing in a clean row."""

EVENT_ID = PinField("event_id", FieldType.TEXT, 512, is_nullable=False)
"""Posted with a pin, or given to it by the platform."""

POSTED_FIELDS: Mapping[str, PinField] = MappingProxyType({each.posted_name: each for each in (*PIN_FIELDS, EVENT_ID)})
"""By posted name."""

GREATEST_BYTES: Mapping[str, int] = MappingProxyType(
    {name: each.greatest_bytes for name, each in POSTED_FIELDS.items() if each.greatest_bytes is not None}
)
"""The fields that are posted as text, `event_id` among them, each with its greatest length in bytes of UTF-8."""

MISSING_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {each.name: each.missing_texts for each in PIN_FIELDS if each.missing_texts}
)
"""By field, what stands there for no value."""


def too_long(field: str) -> str:
    """What is wrong with a text of more bytes than the field may have."""
    return f"longer than {GREATEST_BYTES[field]:,} bytes"
