"""What a check finds of a day: numbers, and what is wrong with them. It knows no Dagster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """What was seen of a day, and in one sentence what is wrong with it; None where all is well."""

    facts: Mapping[str, int | float | str] = field(default_factory=dict)
    problem: str | None = None
