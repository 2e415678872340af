"""Killed runs and stores that become unavailable: the next run leaves the same in the stores as a clean one.

A short version of `benchmarks.batch_crashes`, which has every point, real Dagster runs and outages of a minute.
Cassandra's outages are only there: the connector of this process's Spark session, which later tests use, may not
recover from one.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pyspark.sql import SparkSession

from infra.local_stack.stack import LocalStack
from pinterest_platform.reconciliation.reconcile import open_stores, reconcile
from pinterest_platform.settings import Settings
from pinterest_platform.stores.cassandra import create_tables
from pinterest_platform.stores.postgres import migrate
from pinterest_platform_tests.support.batch_process import PHASES, PLAIN, batch_process, run_day
from pinterest_platform_tests.support.crashed_day import (
    DAY,
    CrashedDay,
    Moment,
    Watch,
    make_crashed_day,
    with_earlier_slice,
)
from pinterest_platform_tests.support.outages import kill_server
from pinterest_platform_tests.support.rows import stored_days
from pinterest_platform_tests.support.slice_reader import read_all_the_while

PINS = 1_200  # more of them heat the JIT compiler, which takes a new JVM half a minute


@pytest.fixture(scope="module")
def day(stores: Settings, spark: SparkSession) -> CrashedDay:
    own = stores.model_copy(update={"cassandra_keyspace": "tests"})
    create_tables(own)
    migrate(own)
    return make_crashed_day(spark, own, PINS)


def assert_clean(settings: Settings, day: CrashedDay) -> None:
    assert stored_days(settings, [DAY]) == day.expected
    with open_stores(settings) as stores:
        assert reconcile(stores, DAY).differences() == []


def test_a_run_that_is_killed_at_any_point_is_finished_by_the_next_unseen_by_readers(
    spark: SparkSession, day: CrashedDay
) -> None:
    own = with_earlier_slice(spark, day)
    with read_all_the_while(own, DAY, fewest=day.earlier, most=day.later) as seen:
        for phase, moment in (("land", Moment.LANDING), ("clean", Moment.COMMITTED), ("serve", Moment.SERVING)):
            watch = Watch(own)
            with batch_process(own, *PLAIN, DAY.isoformat(), phase) as run:
                watch.wait_for(moment, while_=run.is_alive)
                run.kill()
            run_day(own, DAY, lambda: spark, [phase] if phase != "serve" else PHASES)

    assert_clean(own, day)
    assert seen.wrong == []
    assert min(seen.parquet, seen.cassandra) > 5


def test_s3_that_is_away_for_seconds_while_spark_writes_is_waited_for(
    spark: SparkSession, day: CrashedDay, test_stack: LocalStack
) -> None:
    own = with_earlier_slice(spark, day)
    watch = Watch(own)

    def interrupt() -> None:
        watch.wait_for(Moment.CLEANING)
        kill_server(test_stack, "s3")
        time.sleep(2)
        test_stack.start(["s3"])

    with ThreadPoolExecutor(1) as pool:
        interrupting = pool.submit(interrupt)
        run_day(own, DAY, lambda: spark)
        interrupting.result()

    assert_clean(own, day)
