"""From what was found of each day to what Dagster shows of a check.

Belongs here: the form of a result. What is wrong with a day is the check's own matter.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

import dagster as dg

from pinterest_platform.assets.slices import days_of
from pinterest_platform.pins.plausibility import Finding
from pinterest_platform.stores.parquet import NoParquetError

Judgement = TypeVar("Judgement")
# Of a day that is not over both paths are on their way: nothing is compared, and nothing is wrong.
STILL_OPEN = Finding({"compared": "not yet, the day is still open"})


def verdict(
    context: dg.AssetCheckExecutionContext,
    judge: Callable[[date], Finding],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Judge each day of the run. A day that was never cleaned has failed."""
    return conclude(context, {day: judged(judge, day) for day in days_of(context)}, severity)


def conclude(
    context: dg.AssetCheckExecutionContext,
    findings: Mapping[date, Finding],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """What was found of each day of the run, as Dagster takes it.

    A run of several days tells Dagster of each of them, so that the UI shows which one is broken; what is returned is
    for the run as a whole.
    """
    if len(findings) == 1:
        return _result(next(iter(findings.values())), severity)
    for day, finding in findings.items():
        evaluation = _evaluation(context, day, _result(finding, severity))
        context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type] # it takes them and does not say so
    broken = {day: finding.problem for day, finding in findings.items() if finding.problem}
    return dg.AssetCheckResult(
        passed=not broken,
        severity=severity,
        description=" ".join(f"{day}: {problem}" for day, problem in broken.items()) or None,
        metadata={"days": len(findings), "broken_days": len(broken)},
    )


def judged(judge: Callable[[date], Judgement], day: date) -> Judgement | Finding:
    """What the judge says of the day; that it has no clean slice, where there is none to judge."""
    try:
        return judge(day)
    except NoParquetError:
        return Finding(problem=f"{day} has no clean slice. Materialise clean_pins for it.")


def _result(finding: Finding, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=finding.problem is None, severity=severity, description=finding.problem, metadata=dict(finding.facts)
    )


def _evaluation(
    context: dg.AssetCheckExecutionContext, day: date, result: dg.AssetCheckResult
) -> dg.AssetCheckEvaluation:
    [spec] = context.check_specs
    return dg.AssetCheckEvaluation(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
        blocking=spec.blocking,
        partition=day.isoformat(),
    )
