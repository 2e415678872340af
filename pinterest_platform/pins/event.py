"""The posted event: the contract that producers, the ingest API and the cleaning share.

What makes a posted value valid. Which fields there are follows from `fields`; what cleaning makes of them is in
`cleaning`. Nothing here needs Spark: the ingest API imports this module.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, create_model, field_validator

from pinterest_platform.pins.fields import (
    ADDED_FIELDS,
    EVENT_ID,
    FIRST_FIELDS,
    GREATEST_BYTES,
    POSTED_FIELDS,
    PinField,
    too_long,
)

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


def _describe(schema: dict[str, Any]) -> None:
    """JSON Schema counts characters, of which a text has no more than bytes: the description says what is counted."""
    for name, field in POSTED_FIELDS.items():
        described, told = schema["properties"][name], [field.meaning]
        if field.greatest_bytes is not None:
            text = next(kind for kind in described.get("anyOf", [described]) if kind["type"] == "string")
            text["maxLength"] = field.greatest_bytes
            told.append(f"At most {field.greatest_bytes:,} bytes of UTF-8.")
        if any(told):
            described["description"] = " ".join(filter(None, told))


def _definition(field: PinField, *, is_required: bool) -> Any:
    if field.is_posted_as_number:
        least, greatest = field.range
        kind: Any = Annotated[int, Field(ge=least, le=greatest)]
    else:
        kind = Text if field.is_nullable else Identifier
    return (kind, ...) if is_required else (kind | None, None)


_PinFields: Any = create_model(
    "_PinFields",
    **{each.posted_name: _definition(each, is_required=True) for each in FIRST_FIELDS},
    **{each.posted_name: _definition(each, is_required=False) for each in (*ADDED_FIELDS, EVENT_ID)},
)


class PostedPin(_PinFields):  # type: ignore[misc]
    """One pin as a client posts it. Types are strict (`"7"` is no `index`); further fields are kept as they are."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", json_schema_extra=_describe)

    @field_validator(*GREATEST_BYTES)
    @classmethod
    def _refuse_long(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and info.field_name is not None and is_too_long(info.field_name, text):
            raise ValueError(f"must not be {too_long(info.field_name)}")
        return text
