"""From what was found of each day to what Dagster shows of a check.

Belongs here: the form of a result, and of what it names. What is wrong with a day is the check's own matter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TypeVar

import dagster as dg

from pinterest_platform.defs.partitions import days_of
from pinterest_platform.findings import Finding
from pinterest_platform.stores.parquet import NoParquetError

Found = TypeVar("Found")
# Of a day that is not over both paths are on their way: nothing is compared, and nothing is wrong.
STILL_OPEN = Finding({"compared": "not yet, the day is still open"})
_NAMED = 5


def check_result(
    context: dg.AssetCheckExecutionContext,
    find: Callable[[date], Finding],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Judge each day of the run. A day that was never cleaned has failed."""
    [spec] = context.check_specs
    return _conclude(context, spec, findings_by_day(find, days_of(context)), severity)


def check_results(
    context: dg.AssetCheckExecutionContext, finders: Mapping[str, Callable[[Sequence[date]], Mapping[date, Finding]]]
) -> Iterator[dg.AssetCheckResult]:
    """Judge the days of the run by each of these checks that was selected, all at the same time.

    Args:
        context: of a step with these checks.
        judges: by the name of its check, what finds something of each of the days. Each has a thread of its own.

    Raises:
        Exception: what a judge has raised, the first where several have. What the others found is told before.
    """
    days, selected = days_of(context), context.selected_asset_check_keys
    specs = [spec for spec in context.check_specs if spec.key in selected]
    with ThreadPoolExecutor(len(specs)) as side_by_side:
        finding_all = [side_by_side.submit(finders[spec.name], days) for spec in specs]
        failures = []
        for spec, found in zip(specs, finding_all, strict=True):
            if failure := found.exception():
                context.log.error(f"{spec.name} could not be judged: {failure}")
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
    """What was found of each day of the run, as Dagster takes it.

    A run over a range of days tells Dagster of each of them, so that the UI shows which one is broken; what is returned
    is for the run as a whole, and of no day. A range may be one day long: what was found of it before would stay.
    """
    if context.op_execution_context.has_partition_key:
        [finding] = findings.values()
        return result(finding, severity, spec.name)
    for day, finding in findings.items():
        evaluation = _evaluation(spec, day, result(finding, severity, spec.name))
        context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type] # it takes them and does not say so
    broken = {day: finding.problem for day, finding in findings.items() if finding.problem}
    return dg.AssetCheckResult(
        check_name=spec.name,
        passed=not broken,
        severity=severity,
        description=" ".join(f"{day}: {problem}" for day, problem in broken.items()) or None,
        metadata={"days": len(findings), "broken_days": len(broken)},
    )


def findings_by_day(find: Callable[[date], Found], days: Iterable[date]) -> dict[date, Found | Finding]:
    """What the judge says of each day; that it has no clean slice, where there is none to judge."""
    return {day: _finding_of(find, day) for day in days}


def _finding_of(find: Callable[[date], Found], day: date) -> Found | Finding:
    try:
        return find(day)
    except NoParquetError:
        return Finding(problem=f"{day} has no clean slice. Materialise clean_pins for it.")


def coordinates_in_words(coordinates: Sequence[tuple[int, int]]) -> str:
    """The first of these (partition, offset), and how many more there are."""
    named = ", ".join(f"partition {partition} offset {offset}" for partition, offset in coordinates[:_NAMED])
    more = len(coordinates) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def conflicts_finding(conflicts: int, examples: Iterable[tuple[int, int, int, int]]) -> Finding:
    """So many records have the event id of another one; examples are (partition, offset) of the record and of that."""
    if not conflicts:
        return Finding({"conflicts": 0})
    named = "; ".join(
        f"partition {partition} offset {offset} has the event_id of partition {other} offset {other_offset}"
        for partition, offset, other, other_offset in examples
    )
    return Finding(
        {"conflicts": conflicts},
        f"{conflicts:,} records came with the event_id of another pin or of other content; both are stored: {named}. "
        f"See what producer uses an id twice.",
    )


def result(
    finding: Finding, severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR, name: str | None = None
) -> dg.AssetCheckResult:
    """The finding as Dagster takes it; a step of several checks names which one it is of."""
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
