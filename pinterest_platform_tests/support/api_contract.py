"""Schemathesis over the ingest API's OpenAPI page: every answer must be one that the page describes.

A unit test uses it with few cases, and `benchmarks.ingest_contract` with thousands over a running API.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection

# JSON Schema cannot say all that the API demands: that 7.0 is no integer, that a number fits 64 bits (JSON Schema's own
# readers compare them as doubles), that text has no half of a surrogate pair. So a refusal of what the schema allows
# is no finding; everything else is. A batch that the schema forbids is asked about by `invalid_is_refused`.
NOT_CHECKED = ("positive_data_acceptance", "negative_data_rejection")


@schemathesis.check
def invalid_is_refused(context: Any, response: Any, case: Any) -> Any:
    """What the schema forbids is refused, if only for its size; of a batch, at least one event."""
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return None
    if response.status_code == HTTPStatus.MULTI_STATUS and response.json()["rejected"] >= 1:
        return None
    return negative_data_rejection(context, response, case)


def contract_checks() -> list[Any]:
    """Every check that is registered but `NOT_CHECKED`."""
    load_all_checks()
    return [check for check in CHECKS.get_all() if check.__name__ not in NOT_CHECKED]


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context: Any, value: Any) -> bytes:
    """The schema says text: it is sent as it is."""
    return str(value).encode("utf-8", "surrogatepass")
