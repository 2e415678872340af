"""The fields of a pin, once: names, types, missing texts, limits, and what the OpenAPI page says of them.

Every other list of a pin's fields follows from this table: the posted model, the cleaning, the checks, the columns that
are written and read. Only released migrations repeat it, as it was then. CONTRIBUTING.md says how a field is added.
Nothing here needs Spark: the ingest API imports this module.

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


_BITS = {FieldType.BIGINT: 64, FieldType.INTEGER: 32}


@dataclass(frozen=True)
class PinField:
    """One field of a pin.

    `posted_name` is its name where clients write it. It is posted as text where it has `greatest_bytes`, as a whole
    number where not. A text for a `BIGINT` is a count like `12.3k`. `missing_texts` are what a scraper writes where a
    page has no value: the same text may be a real value in another field. `least` and `greatest` bound a whole number
    that is posted, where it may not be any that its type holds. `meaning` and `example` are for the OpenAPI page; the
    emulator posts the example of a field that it does not know.
    """

    name: str
    type: FieldType
    greatest_bytes: int | None = None
    missing_texts: tuple[str, ...] = ()
    is_nullable: bool = True
    posted_as: str | None = None
    least: int | None = None
    greatest: int | None = None
    meaning: str = ""
    example: str | int | None = None

    @property
    def posted_name(self) -> str:
        """The field's name in what is posted."""
        return self.posted_as or self.name

    @property
    def is_posted_as_number(self) -> bool:
        """Whether clients write a JSON number, not a text."""
        return self.greatest_bytes is None

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest whole number that may be posted."""
        half = 2 ** (_BITS[self.type] - 1)
        return (
            -half if self.least is None else self.least,
            half - 1 if self.greatest is None else self.greatest,
        )

    @property
    def range_in_words(self) -> str:
        """What a number of this field has to be."""
        least, greatest = self.range
        if (self.least, self.greatest) == (None, None):
            return f"a whole number of {_BITS[self.type]} bits"
        return f"{least} or {greatest}" if greatest - least == 1 else f"a whole number from {least:,} to {greatest:,}"


FIRST_FIELDS = (
    PinField(
        "unique_id",
        FieldType.TEXT,
        512,
        is_nullable=False,
        meaning="Identifies the pin.",
        example="0d2f6c1e-5a3b-4b7e-9c41-7d5a2e8f9b10",
    ),
    PinField(
        "index_id",
        FieldType.BIGINT,
        is_nullable=False,
        posted_as="index",
        meaning="The pin's number in the table that it comes from.",
        example=4711,
    ),
    PinField(
        "title", FieldType.TEXT, 8_192, ("No Title Data Available",), example="Balcony herb garden in an afternoon"
    ),
    PinField("category", FieldType.TEXT, 512, is_nullable=False, meaning="What it is about.", example="home-decor"),
    PinField(
        "description",
        FieldType.TEXT,
        65_536,
        ("No description available Story format", "No description available"),
        example="Five pots, one shelf, and everything that a small kitchen needs… ",
    ),
    PinField(
        "poster_name",
        FieldType.TEXT,
        1_024,
        ("User Info Error",),
        meaning="The profile that posted it.",
        example="Leaf & Ladle",
    ),
    PinField(
        "follower_count",
        FieldType.BIGINT,
        64,
        ("User Info Error",),
        meaning="How many follow the poster, as the page writes it: 437, 51k, 1.5M.",
        example="51k",
    ),
    PinField(
        "tag_list",
        FieldType.TEXT,
        32_768,
        ("N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",),
        meaning="Tags, separated by commas.",
        example="Herb Garden,Balcony Ideas,Small Spaces",
    ),
    PinField(
        "is_image_or_video",
        FieldType.TEXT,
        256,
        meaning="Such as image, video or multi-video(story page format).",
        example="image",
    ),
    PinField(
        "image_src",
        FieldType.TEXT,
        8_192,
        ("Image src error.",),
        meaning="The image's address.",
        example="https://images.example/originals/0d/2f/0d2f6c1e.jpg",
    ),
    PinField(
        "downloaded",
        FieldType.INTEGER,
        least=0,
        greatest=1,
        meaning="Whether the image was downloaded.",
        example=1,
    ),
    PinField(
        "save_location",
        FieldType.TEXT,
        4_096,
        meaning="Where the image was saved.",
        example="Local save in /data/home-decor",
    ),
)
"""Those of the first release: a post has each of them. Nullable is what may be missing in a clean row."""

ADDED_FIELDS: tuple[PinField, ...] = ()
"""Those that came later, in the order in which they came: posts and records without them stay valid, and have null."""

PIN_FIELDS = (*FIRST_FIELDS, *ADDED_FIELDS)
"""In the order of the clean columns."""

EVENT_ID = PinField(
    "event_id",
    FieldType.TEXT,
    512,
    is_nullable=False,
    meaning="Names the event: posted again under the same one, it counts once.",
)
"""Posted with a pin, or given to it by the platform."""

POSTED_FIELDS: Mapping[str, PinField] = MappingProxyType({each.posted_name: each for each in (*PIN_FIELDS, EVENT_ID)})
"""By posted name."""

GREATEST_BYTES: Mapping[str, int] = MappingProxyType(
    {name: each.greatest_bytes for name, each in POSTED_FIELDS.items() if each.greatest_bytes is not None}
)
"""The fields that are posted as text, `event_id` among them, each with its greatest length in bytes of UTF-8."""

MISSING_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {each.posted_name: each.missing_texts for each in PIN_FIELDS if each.missing_texts}
)
"""By posted name, what stands there for no value."""


def too_long(field: str) -> str:
    """What is wrong with a text of more bytes than the field may have."""
    return f"longer than {GREATEST_BYTES[field]:,} bytes"
