"""The main job of `make run`: posts pins, materialises the day, waits for the stream and shows the results."""

from __future__ import annotations

import time
from datetime import date

from rich.table import Table

from infra.command_line.answers import most_popular_category, popular_profiles
from infra.command_line.dagster_runs import DagsterWeb, Step
from infra.command_line.monitoring_state import watched_at
from infra.errors import StackError
from infra.local_stack.settings import LocalStackSettings
from infra.local_stack.terminal import Terminal
from ingest_api.emulator.delivery import UndeliveredError
from ingest_api.emulator.emulation import Emulation, EmulationResult, emulate
from ingest_api.emulator.ledger import LedgerError, open_ledger
from ingest_api.emulator.progress import show_progress
from pinterest_platform.defs.jobs import BATCH_JOB
from pinterest_platform.pins.calendar import day_of, periods_of
from pinterest_platform.reconciliation.reconcile import DayReconciliation, open_stores, reconcile
from pinterest_platform.serving.category_popularity import CategoryCounts
from pinterest_platform.stores.cassandra import CassandraUnavailableError
from pinterest_platform.stores.kafka import TopicUnavailableError
from pinterest_platform.stores.s3 import S3UnavailableError
from pinterest_platform.stream.lag import stream_lag

PINS = 11_000
LEDGER = "ledger.ndjson"  # in the state folder: the pins that the API has acknowledged
CATCH_UP_SECONDS = 180
# Their texts say what to do.
_EXPLAINED = (UndeliveredError, LedgerError, TopicUnavailableError, CassandraUnavailableError, S3UnavailableError)


def run_main_job(settings: LocalStackSettings, terminal: Terminal) -> int:
    """Runs the main job on a running stack; returns 0 if every day reconciles, else 1.

    Raises:
        StackError: the API, Dagster or a store does not do its part.
    """
    try:
        return _run(settings, terminal)
    except _EXPLAINED as error:
        raise StackError(str(error)) from error


def _run(settings: LocalStackSettings, terminal: Terminal) -> int:
    posted = _post(settings, terminal)
    days = sorted({day_of(posted.started_at), day_of(posted.finished_at)})  # two if it ran over midnight
    for day in days:
        _materialise(settings, day, terminal)
    _wait_for_stream(settings, terminal)
    with open_stores(settings) as stores:
        reconciliations = [reconcile(stores, day) for day in days]
    _show_reconciliations(posted, reconciliations, terminal)
    _show_answers(settings, days[-1], terminal)
    _show_urls(settings, terminal)
    return int(any(found.differences() for found in reconciliations))


def _post(settings: LocalStackSettings, terminal: Terminal) -> EmulationResult:
    terminal.line(f"\nPosting {PINS:,} pins to POST /pin/ ...")
    url = f"http://{settings.ingest_host}:{settings.ingest_port}"
    emulation = Emulation(url=url, count=PINS, api_key=settings.ingest_api_key)
    ledger_file = settings.state_folder / LEDGER
    with show_progress(terminal.console, PINS) as progress, open_ledger(ledger_file) as ledger:
        return emulate(emulation, progress, ledger)


def _materialise(settings: LocalStackSettings, day: date, terminal: Terminal) -> None:
    dagster = DagsterWeb(settings)
    run_id = dagster.launch(BATCH_JOB, day)
    terminal.line(f"\nMaterialising {day}: {dagster.run_url(run_id)}")

    def say(step: Step) -> None:
        terminal.line(f"{'✓' if step.succeeded else '✗'} {step.name:<40}{step.seconds:5.1f} s")

    dagster.require_success(run_id, say)


def _wait_for_stream(settings: LocalStackSettings, terminal: Terminal) -> None:
    begin = time.monotonic()
    while lag := stream_lag(settings):
        if time.monotonic() - begin > CATCH_UP_SECONDS:
            raise StackError(
                f"The stream is still {lag:,} records behind after {CATCH_UP_SECONDS} s. See its run at "
                f"{DagsterWeb(settings).url}/jobs/streaming, and check that the sensor keep_streaming is on."
            )
        time.sleep(0.5)
    terminal.line(f"✓ {'pinterest_stream has caught up':<40}{time.monotonic() - begin:5.1f} s")


def _show_reconciliations(posted: EmulationResult, days: list[DayReconciliation], terminal: Terminal) -> None:
    terminal.line(
        f"\nPosted {posted.posted:,} pins, acknowledged {posted.acknowledged:,}, refused {posted.refused:,}, "
        f"in {posted.seconds:.1f} s."
    )
    for found in days:
        kafka, raw, clean = len(found.kafka), len(found.raw), len(found.clean)
        terminal.line(f"{found.day}, all records of the day:")
        terminal.line(f"  Kafka {kafka:,} = raw {raw:,}")
        terminal.line(
            f"  raw {raw:,} = clean {clean:,} + quarantined {len(found.quarantined):,} "
            f"+ superseded {len(found.superseded):,} + repeated {len(found.repeated):,}"
        )
        refused = f" + refused {len(found.refused):,}" if found.refused else ""
        terminal.line(f"  clean {clean:,} = Cassandra {len(found.cassandra):,}{refused}")
        if stream := found.stream:
            terminal.line(
                f"  Kafka {kafka:,} = stream {len(stream.rows):,} + rejects {len(stream.rejects):,} "
                f"+ duplicates {len(stream.duplicates):,}"
            )
        for difference in found.differences():
            terminal.line(f"  ✗ {difference}", style="red")
        if not found.differences():
            terminal.line("  ✓ it adds up", style="green")


def _show_answers(settings: LocalStackSettings, day: date, terminal: Terminal) -> None:
    terminal.line("")
    for period in periods_of([day]):
        if first := most_popular_category(settings, period):
            terminal.line(f"Most popular category of {period.name}: {first.category}, {_in_words(first)}.")
    table = Table(title="Most popular profiles", title_justify="left", box=None, pad_edge=False)
    table.add_column("profile")
    for title in ("posts", "followers", "last posted (UTC)"):
        table.add_column(title, justify="right")
    for profile in popular_profiles(settings):
        followers = "" if profile.followers is None else f"{profile.followers:,}"
        table.add_row(profile.name, f"{profile.posts:,}", followers, f"{profile.last_posted_at:%H:%M:%S}")
    terminal.table(table)


def _in_words(counts: CategoryCounts) -> str:
    return f"{counts.posts:,} posts of {counts.distinct_pins:,} pins by {counts.distinct_posters:,} posters"


def _show_urls(settings: LocalStackSettings, terminal: Terminal) -> None:
    table = Table(title="\nEverything stays up until make stop", title_justify="left", box=None, pad_edge=False)
    for title in ("what", "where"):
        table.add_column(title)
    ingest = f"http://{settings.ingest_host}:{settings.ingest_port}"
    for what, where in {
        "Dagster: the asset graph": f"{DagsterWeb(settings).url}/asset-groups",
        "Ingest API: try it": f"{ingest}/docs",
        "S3": f"{settings.s3_endpoint_url} (bucket {settings.s3_bucket})",
        "Kafka": f"{settings.kafka_bootstrap_servers} (topic {settings.kafka_topic})",
        "Cassandra": f"127.0.0.1:{settings.cassandra_port} (keyspace {settings.cassandra_keyspace})",
        "PostgreSQL": f"{settings.postgres_host}:{settings.postgres_port} (database {settings.postgres_database})",
        "Both layers in SQL": f"make sql (Presto: http://{settings.presto_host}:{settings.presto_port})",
        **watched_at(settings),
        "Passwords and keys": str(settings.state_folder / "env"),
    }.items():
        table.add_row(what, where)
    terminal.table(table)
