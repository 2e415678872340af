"""Turns findings (`Finding`) into Dagster's check results, for one day or a range of days."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

import dagster as dg

from pinterest_platform.defs.partitions import days_of
from pinterest_platform.findings import Finding
from pinterest_platform.stores.parquet import NoParquetError

Found = TypeVar("Found")
# The layers are still filling an open day, so a difference means nothing.
STILL_OPEN = Finding({"compared": "not yet, the day is still open"})
_NAMED = 5


def check_result(
    context: dg.AssetCheckExecutionContext,
    find: Callable[[date], Finding],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Judge each day of the run. A day without a clean slice fails."""
    [spec] = context.check_specs
    return _conclude(context, spec, findings_by_day(find, days_of(context)), severity)


def check_results(
    context: dg.AssetCheckExecutionContext, finders: Mapping[str, Callable[[Sequence[date]], Mapping[date, Finding]]]
) -> Iterator[dg.AssetCheckResult]:
    """Run the selected checks over the days of the run, each check in a thread of its own.

    Args:
        context: of a step that has these checks.
        finders: by check name, a function from days to one finding per day.

    Yields:
        The result of each check that could be judged.

    Raises:
        Exception: the first error of a finder, after the results of all other checks have been yielded.
    """
    days, selected = days_of(context), context.selected_asset_check_keys
    specs = [spec for spec in context.check_specs if spec.key in selected]
    with ThreadPoolExecutor(len(specs)) as side_by_side:
        finding_all = [side_by_side.submit(finders[spec.name], days) for spec in specs]
        failures = []
        for spec, found in zip(specs, finding_all, strict=True):
            if failure := found.exception():
                context.log.error(f"{spec.name} could not be evaluated: {failure}")
                failures.append(failure)
            else:
                yield _conclude(context, spec, found.result(), dg.AssetCheckSeverity.ERROR)
    if failures:
        raise failures[0]


def _conclude(
    context: dg.AssetCheckExecutionContext,
    spec: dg.AssetCheckSpec,
    findings: Mapping[date, Finding],
    severity: dg.AssetCheckSeverity,
) -> dg.AssetCheckResult:
    """The check result of a run.

    A run over a range of days also logs one evaluation per day, so that the UI shows which day failed. The returned
    result belongs to the run as a whole and to no day. This holds for a range of one day too: without its own
    evaluation the day would keep its previous result.
    """
    if context.op_execution_context.has_partition_key:
        [finding] = findings.values()
        return result(finding, severity, spec.name)
    for day, finding in findings.items():
        evaluation = _evaluation(spec, day, result(finding, severity, spec.name))
        context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type] # accepted, but not by its type
    broken = {day: finding.problem for day, finding in findings.items() if finding.problem}
    return dg.AssetCheckResult(
        check_name=spec.name,
        passed=not broken,
        severity=severity,
        description=" ".join(f"{day}: {problem}" for day, problem in broken.items()) or None,
        metadata={"days": len(findings), "broken_days": len(broken)},
    )


def findings_by_day(find: Callable[[date], Found], days: Iterable[date]) -> dict[date, Found | Finding]:
    """The finding for each day. For a day without a clean slice, the finding says so."""
    return {day: _finding_of(find, day) for day in days}


def _finding_of(find: Callable[[date], Found], day: date) -> Found | Finding:
    try:
        return find(day)
    except NoParquetError:
        return Finding(problem=f"{day} has no clean slice. Materialise clean_pins for it.")


def coordinates_in_words(coordinates: Sequence[tuple[int, int]]) -> str:
    """The first few (partition, offset) pairs in words, and how many more there are."""
    named = ", ".join(f"partition {partition} offset {offset}" for partition, offset in coordinates[:_NAMED])
    more = len(coordinates) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def conflicts_finding(conflicts: int, examples: Iterable[tuple[int, int, int, int]]) -> Finding:
    """The finding for records whose event id belongs to another event.

    Args:
        conflicts: how many such records there are.
        examples: (partition, offset) of a record, then of the earlier record with the same event id.
    """
    if not conflicts:
        return Finding({"conflicts": 0})
    named = "; ".join(
        f"partition {partition} offset {offset} has the event_id of partition {other} offset {other_offset}"
        for partition, offset, other, other_offset in examples
    )
    return Finding(
        {"conflicts": conflicts},
        f"{conflicts:,} records reuse the event_id of another pin or of other content: {named}. Both are stored. "
        f"Find the producer that uses an id twice.",
    )


def result(
    finding: Finding, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, name: str | None = None
) -> dg.AssetCheckResult:
    """The finding as a check result. `name` is needed in a step that has several checks."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=finding.problem is None,
        severity=severity,
        description=finding.problem,
        metadata=dict(finding.facts),
    )


def _evaluation(spec: dg.AssetCheckSpec, day: date, found: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=found.passed,
        severity=found.severity,
        description=found.description,
        metadata=found.metadata,
        blocking=spec.blocking,
        partition=day.isoformat(),
    )
