"""The asset graph that Dagster loads; the only place that wires assets, checks, jobs and resources together.

Loading it opens no connection and starts no JVM.
"""

from __future__ import annotations

import dagster as dg

from pinterest_platform.defs.cleaning.assets import cleaned_pins, misdated_records
from pinterest_platform.defs.cleaning.checks import (
    categories_do_not_explode,
    clean_pins_match_their_schema,
    event_ids_are_not_reused,
    every_misdated_record_is_accounted_for,
    few_records_are_quarantined,
    follower_counts_are_plausible,
    no_date_is_in_the_future,
)
from pinterest_platform.defs.jobs import (
    batch_job,
    check_assets,
    check_stream,
    misdated_job,
    streaming,
)
from pinterest_platform.defs.landing.assets import pinterest_topic, raw_pins
from pinterest_platform.defs.landing.checks import (
    no_record_was_lost_before_it_landed,
    the_topic_is_set_up_for_the_platform,
)
from pinterest_platform.defs.landing.sensor import new_misdated_records, new_pins_in_kafka
from pinterest_platform.defs.maintenance import fail_lost_runs, rebuild_profile_popularity
from pinterest_platform.defs.schedules import daily_batch_at_ten, hourly_stream_checks
from pinterest_platform.defs.serving.assets import category_popularity, pinterest_batch
from pinterest_platform.defs.serving.checks import category_popularity_equals_a_recount, pinterest_batch_is_whole
from pinterest_platform.defs.spark_session import spark_resource
from pinterest_platform.defs.stream.assets import streamed_pins
from pinterest_platform.defs.stream.checks import (
    event_ids_stay_with_their_events,
    no_record_is_stored_twice,
    profiles_equal_a_recount,
    the_stream_is_fresh,
    the_stream_keeps_up,
)
from pinterest_platform.defs.stream.sensor import keep_streaming
from pinterest_platform.settings import Settings


def build_definitions(settings: Settings) -> dg.Definitions:
    """The platform's asset graph for these settings."""
    return dg.Definitions(
        assets=[
            pinterest_topic,
            raw_pins,
            cleaned_pins,
            misdated_records,
            pinterest_batch,
            category_popularity,
            streamed_pins,
        ],
        asset_checks=[
            no_record_was_lost_before_it_landed,
            every_misdated_record_is_accounted_for,
            clean_pins_match_their_schema,
            no_date_is_in_the_future,
            follower_counts_are_plausible,
            categories_do_not_explode,
            event_ids_are_not_reused,
            few_records_are_quarantined,
            pinterest_batch_is_whole,
            category_popularity_equals_a_recount,
            the_stream_keeps_up,
            the_stream_is_fresh,
            no_record_is_stored_twice,
            event_ids_stay_with_their_events,
            profiles_equal_a_recount,
            the_topic_is_set_up_for_the_platform,
        ],
        jobs=[
            batch_job(settings),
            misdated_job(settings),
            check_assets,
            streaming,
            check_stream,
            rebuild_profile_popularity,
        ],
        schedules=[daily_batch_at_ten, hourly_stream_checks],
        sensors=[new_pins_in_kafka, new_misdated_records, keep_streaming, fail_lost_runs],
        resources={"settings": settings, "pyspark": spark_resource(settings)},
        # One process per run, so that all its steps share one Spark session.
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings())
