"""The posted event: the contract that producers, the ingest API and the cleaning share.

It must not import Spark, since the ingest API imports it. Limits and missing texts of each field are in `fields`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from pinterest_platform.pins.fields import GREATEST_BYTES, too_long

INT64_MAX = 2**63 - 1
_BYTES_A_CHARACTER = 4  # of UTF-8, at most


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


def is_too_long(field: str, text: str) -> bool:
    """Whether the text has more bytes of UTF-8 than the field may have."""
    limit = GREATEST_BYTES[field]
    return len(text) * _BYTES_A_CHARACTER > limit and len(text.encode("utf-8", "surrogatepass")) > limit


def _describe_limits(schema: dict[str, Any]) -> None:
    """JSON Schema counts characters, of which a text has no more than bytes: the description says what is counted."""
    for name, limit in GREATEST_BYTES.items():
        described = schema["properties"][name]
        text = next(kind for kind in described.get("anyOf", [described]) if kind["type"] == "string")
        text["maxLength"] = limit
        described["description"] = f"At most {limit:,} bytes of UTF-8."


class PostedPin(BaseModel):
    """One pin as a client posts it. Types are strict (`"7"` is no `index`); further fields are kept as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", json_schema_extra=_describe_limits)

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

    @field_validator(*GREATEST_BYTES)
    @classmethod
    def _refuse_long(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and info.field_name is not None and is_too_long(info.field_name, text):
            raise ValueError(f"must not be {too_long(info.field_name)}")
        return text
