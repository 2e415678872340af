from __future__ import annotations

from pinterest_platform.definitions import build_definitions
from pinterest_platform.defs.partitions import RECOUNT_PERIODS
from pinterest_platform.settings import Settings

RECOUNT = "category_popularity_category_popularity_equals_a_recount"


def test_month_and_year_are_recounted_by_the_job_of_checks_and_not_by_the_daily_run() -> None:
    definitions = build_definitions(Settings())
    checks, daily = (definitions.resolve_job_def(name) for name in ("check_assets", "daily_batch"))

    assert (RECOUNT_PERIODS in checks.tags, RECOUNT_PERIODS in daily.tags) == (True, False)
    assert all(RECOUNT in {node.name for node in job.nodes} for job in (checks, daily))
