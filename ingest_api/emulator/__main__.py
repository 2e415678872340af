"""`python -m ingest_api.emulator` posts generated pins to the ingest API."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from ingest_api.emulator.delivery import UndeliveredError
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.emulation import (
    DEFAULT_SEED,
    DEFAULT_SENDERS,
    Emulation,
    EmulationResult,
    Observer,
    emulate,
)
from ingest_api.emulator.ledger import LedgerError, open_ledger
from ingest_api.emulator.pace import Pace, as_fast_as_accepted, at_random, at_rate
from ingest_api.emulator.progress import show_progress
from ingest_api.emulator.source import Row, SourceError, draw_rows, read_rows
from pinterest_platform.settings import Settings


class _LastResult(Observer):
    """Keeps the latest counts, in case the emulation is interrupted."""

    def __init__(self) -> None:
        self.result: EmulationResult | None = None

    def counted(self, result: EmulationResult) -> None:
        self.result = result


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    options = _parser().parse_args(arguments)
    console, last = Console(), _LastResult()
    try:
        rows = read_rows(options.source, options.table) if options.source else None
        if rows is not None and options.in_order:
            options.count = min(options.count, len(rows))
        with ExitStack() as stack:
            observers = [last, stack.enter_context(show_progress(console, options.count))]
            if options.ledger is not None:
                observers.append(stack.enter_context(open_ledger(options.ledger)))
            emulate(_emulation(options, rows), *observers)
    except (UndeliveredError, LedgerError, SourceError) as error:
        console.print(str(error), style="red", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return 130
    finally:
        console.print(_summary(last.result), highlight=False, soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    settings = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m ingest_api.emulator", description="Posts generated pins to the ingest API."
    )
    parser.add_argument(
        "--url", default=f"http://{settings.ingest_host}:{settings.ingest_port}", help="of the ingest API (%(default)s)"
    )
    parser.add_argument("--count", type=_positive, default=11_000, help="number of posts (%(default)s)")
    parser.add_argument(
        "--senders", type=_positive, default=DEFAULT_SENDERS, help="number of concurrent senders (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="the same seed gives the same pins (%(default)s)"
    )
    parser.add_argument(
        "--malformed", type=_share, default=0.0, metavar="SHARE", help="share of damaged bodies, from 0 to 1"
    )
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="write acknowledged posts to this file, as NDJSON")
    parser.add_argument(
        "--source",
        metavar="ROWS",
        help="post rows instead: of a .csv or .ndjson file, or of a database (a SQLAlchemy URL)",
    )
    parser.add_argument("--table", default="pinterest_data", help="table in the database (%(default)s)")
    parser.add_argument(
        "--in-order", action="store_true", help="post each row of the source once, in order, instead of random draws"
    )
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--rate", type=_positive_rate, metavar="N", help="posts per second (default: each sender pauses 0-2 s)"
    )
    pace.add_argument(
        "--as-fast-as-accepted", action="store_true", help="no pauses: post as soon as the last answer is there"
    )
    return parser


def _emulation(options: argparse.Namespace, rows: Sequence[Row] | None) -> Emulation:
    return Emulation(
        url=options.url,
        count=options.count,
        senders=options.senders,
        seed=options.seed,
        pace=_pace(options),
        malformed_share=options.malformed,
        api_key=Settings().ingest_api_key,
        draw=draw_posts if rows is None else draw_rows(rows, in_order=options.in_order),
    )


def _pace(options: argparse.Namespace) -> Pace:
    if options.as_fast_as_accepted:
        return as_fast_as_accepted
    if options.rate:
        return at_rate(options.rate, time.monotonic)
    return at_random(options.seed)


def _summary(result: EmulationResult | None) -> str:
    if result is None:
        return "posted 0, acknowledged 0, refused 0"
    counts = f"posted {result.posted:,}, acknowledged {result.acknowledged:,}, refused {result.refused:,}"
    return f"{counts} in {result.seconds:,.1f} s"


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _positive_rate(text: str) -> float:
    if not 0 < (rate := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError("must be a number above 0")
    return rate


def _share(text: str) -> float:
    if not 0 <= (share := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return share


if __name__ == "__main__":
    raise SystemExit(main())
