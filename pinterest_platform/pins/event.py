"""The posted pin: the one contract that producers, the ingest API and the cleaning share.

Belongs here: the fields of a posted event, their types and each field's own "missing" texts. Does not belong here: what
cleaning makes of them (`cleaning`), and anything that needs Spark: the ingest API imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

INT64_MAX = 2**63 - 1

# What a scraper writes where a page has no value: the same text may be a real value in another field.
MISSING_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "title": ("No Title Data Available",),
        "description": ("No description available Story format", "No description available"),
        "poster_name": ("User Info Error",),
        "follower_count": ("User Info Error",),
        "tag_list": ("N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",),
        "image_src": ("Image src error.",),
    }
)


def _refuse_nul(text: str) -> str:
    # PostgreSQL cannot store U+0000, so a pin that holds it could never be the same in every store.
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _refuse_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


# The patterns say the same to whoever reads the schema only.
_NO_NUL = {"pattern": "^[^\\u0000]*$"}
_SOMETHING_VISIBLE = {"pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$"}
Text = Annotated[str, AfterValidator(_refuse_nul), Field(json_schema_extra=_NO_NUL)]
Identifier = Annotated[
    str, AfterValidator(_refuse_nul), AfterValidator(_refuse_blank), Field(json_schema_extra=_SOMETHING_VISIBLE)
]


class PostedPin(BaseModel):
    """One pin as a client posts it. Types are strict (`"7"` is no `index`); further fields are kept as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    unique_id: Identifier
    index: int = Field(ge=-INT64_MAX - 1, le=INT64_MAX)
    title: Text
    description: Text
    poster_name: Text
    follower_count: Text
    tag_list: Text
    is_image_or_video: Text
    image_src: Text
    downloaded: int = Field(ge=0, le=1)
    save_location: Text
    category: Identifier
    event_id: Identifier | None = None
