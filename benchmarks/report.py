"""Makes `benchmarks/README.md` and its pictures from `history.jsonl`: `.venv/bin/python -m benchmarks.report`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.record import HISTORY

FOLDER = Path(__file__).parent
TEMPLATE, PAGE, PICTURES = FOLDER / "README.template.md", FOLDER / "README.md", FOLDER / "pictures"
SCRIPTS_MARK, RESULTS_MARK = "<!-- scripts -->\n", "<!-- results -->\n"
_TARGET = re.compile(r"(<=|>=|<|>) (\d+(?:\.\d+)?)")
_IN_WORDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_SHOWN = 20  # results of one metric in a picture, the newest ones


@dataclass(frozen=True)
class Subject:
    """A script, or what none measures any more; `target` is what all of its results shall show, if there is such."""

    name: str
    group: str
    what: str
    target: str = "none"


SUBJECTS = (
    Subject("ingest", "The ingest API", "events acknowledged a second, latency and CPU, beside two plain APIs"),
    Subject("ingest_profile", "The ingest API", "where an event's CPU time goes between the socket and the log"),
    Subject("ingest_choices", "The ingest API", "CPU of the partitioner, the compression and the way into a batch"),
    Subject("ingest_contract", "The ingest API", "Schemathesis: no 5xx, and no answer that OpenAPI does not promise"),
    Subject("ingest_abuse", "The ingest API", "memory under huge, packed, slow and endless requests"),
    Subject("ingest_kills", "The ingest API", "the API and the broker killed under 1,000 events/s"),
    Subject("landing", "The batch", "records from Kafka to S3"),
    Subject("cleaning", "The batch", "rows cleaned a core-second, and rows a second into Cassandra"),
    Subject("day", "The batch", "a day of 11,000 events on the whole platform, and one more day of a backfill"),
    Subject("growth", "The batch", "days of 100,000 to 5,000,000 events: seconds, objects, memory at the peak"),
    Subject("drivers", "The batch", "a run of a day with each JVM profile of a driver"),
    Subject("workarounds", "The batch", "what the class archive, writing days together and a rule for Presto buy"),
    Subject(
        "batch_crashes",
        "The batch",
        "runs killed, S3 and Cassandra unavailable for a minute",
        "the run after each case leaves what a clean run leaves",
    ),
    Subject("stream_latency", "The stream", "from the API's 200 to the committed row, memory, catch-up"),
    Subject("stream_sink", "The stream", "two ways into PostgreSQL, from cleaned rows to the commit"),
    Subject("stream_kills", "The stream", "the stream, PostgreSQL and Kafka killed under load"),
    Subject(
        "stream_retention",
        "The stream",
        "a day of 10,000,000 posters dropped after its retention, while the stream goes on",
        "the run goes on, and each profile equals a recount",
    ),
    Subject("presto_queries", "Queries and monitoring", "each saved query on 1,000,000 rows in each layer"),
    Subject("monitoring", "Queries and monitoring", "the cost of monitoring: start, memory, CPU when idle"),
    Subject(
        "hostile",
        "Faults",
        "100,000 records, one in five hostile, through the API and past it",
        "each record is where it must be, and no run fails",
    ),
    Subject(
        "soak",
        "Faults",
        "an hour of faults, one a minute, under 300 events/s",
        "each acknowledged event is there once, each check passes, each planted deletion is named",
    ),
    Subject(
        "asked_for",
        "Faults",
        "stores unavailable for 20 minutes, runs and the daemon killed, and nobody asks for the day again",
        "the day is landed, cleaned, served and accounted for",
    ),
    Subject(
        "large_events",
        "Faults",
        "a backlog of 20,000 events of 32 KiB through stream and batch with a driver's default heap",
        "each event is a row in both layers",
    ),
    Subject("trials", "Trials", "side by side, once each, by code that is not kept; nothing runs them again"),
)


@dataclass(frozen=True)
class Chart:
    """A picture of the metrics whose names match: all results of one over time, or the latest of several."""

    subject: str
    title: str
    metrics: str
    over_time: bool = False

    @property
    def file(self) -> str:
        return re.sub(r"\W+", "_", f"{self.subject} {self.title}".lower()) + ".svg"


CHARTS = (
    Chart("ingest", "One by one", "one by one: acknowledged events a second"),
    Chart("ingest", "In batches", "batches of 100: acknowledged events a second"),
    Chart("landing", "Event bytes per core", "event bytes landed per core", over_time=True),
    Chart("cleaning", "The rules alone", r"cleaning alone \(from memory to nowhere\), warm", over_time=True),
    Chart("day", "A day of 11,000 events", "a day of 11,000 events", over_time=True),
    Chart("day", "One more day", "one more day of the run of 30 days", over_time=True),
    Chart("growth", "Seconds of a run", r"[\d,]+ events"),
    Chart("growth", "Memory at the peak", r"[\d,]+ events: memory at the peak"),
    Chart("drivers", "JVM profiles", "[0-9,]+ events, [A-Z_]+"),
    Chart("stream_latency", "Without a batch run", "(p50|p95|p99|worst)"),
    Chart("stream_latency", "Catch-up", "catch-up after a pause", over_time=True),
    Chart("stream_kills", "Until rows flowed again", "(jvm|run|postgres|kafka) killed: rows flowed again"),
    Chart("presto_queries", "Saved queries", "[a-z_]+"),
)


@dataclass(frozen=True)
class Result:
    """A line of the history; `value` is a number, a range [least, most], or whether something held."""

    subject: str
    metric: str
    value: Any
    unit: str
    target: Any
    peer: Mapping[str, Any]
    commit: str
    machine: Mapping[str, Any]
    time: str
    arguments: str
    note: str = ""
    source: str = field(default="recorded")

    def __post_init__(self) -> None:
        if not (self.target is None or self.target is True or _TARGET.fullmatch(self.target)):
            raise ValueError(f"{self.target!r} is no target")
        ends_of(0 if self.is_outcome else self.value)

    @property
    def is_outcome(self) -> bool:
        return isinstance(self.value, bool)


def main() -> None:
    results = read(HISTORY)
    PAGE.write_text(page(results, TEMPLATE.read_text()))
    drawn = pictures(results)
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    for name, picture in drawn.items():
        (PICTURES / name).write_text(picture)
    print(f"{len(results):,} results: {PAGE} and {len(drawn)} pictures")


def read(history: Path) -> list[Result]:
    """The results in order of time.

    Raises:
        ValueError: a line is no result; the message names it.
    """
    results = []
    for number, line in enumerate(history.read_text().splitlines(), start=1):
        try:
            results.append(Result(**json.loads(line)))
        except (TypeError, ValueError) as error:
            raise ValueError(f"Line {number} of {history} is not a result: {error}") from error
    if unknown := {result.subject for result in results} - {subject.name for subject in SUBJECTS}:
        raise ValueError(f"{history} has subjects that benchmarks.report does not know: {', '.join(sorted(unknown))}")
    return sorted(results, key=lambda result: result.time)


def page(results: Sequence[Result], template: str) -> str:
    scripts = "".join(f"| `{one.name}` | {one.what} |\n" for one in SUBJECTS if one.name != "trials")
    scripts = f"| script | what it measures |\n|---|---|\n{scripts}"
    told = "\n".join(_sections(results))
    return template.replace(SCRIPTS_MARK, scripts).replace(RESULTS_MARK, told + "\n")


def _sections(results: Sequence[Result]) -> Iterator[str]:
    group = ""
    for subject in SUBJECTS:
        if subject.group != group:
            yield from ([""] if group else [])
            group = subject.group
            yield f"## {group}"
        yield from _section(subject, [result for result in results if result.subject == subject.name])


def _section(subject: Subject, results: Sequence[Result]) -> Iterator[str]:
    yield from ("", f"### {subject.name}", "", f"{subject.what[0].upper()}{subject.what[1:]}.", "")
    if not results:
        yield f"Target: {subject.target}. No result is recorded yet."
        return
    if subject.target != "none":
        yield from (f"Target: {subject.target}.", "")
    yield "| what | target | latest result | all results | beside | commit | machine | note |"
    yield "|---|---|---|---|---|---|---|---|"
    yield from (_row(of_metric) for of_metric in _by_metric(results).values())
    for chart in CHARTS:
        if chart.subject == subject.name and _rows(chart, results):
            yield from ("", f"![{chart.title}](pictures/{chart.file})")


def _by_metric(results: Iterable[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.metric, []).append(result)
    return found


def _row(results: Sequence[Result]) -> str:
    latest = results[-1]
    beside = "; ".join(f"{name} {in_words(value)}" for name, value in latest.peer.items())
    cells = (
        latest.metric,
        _target(latest),
        f"{in_words(latest.value)} {latest.unit}",
        _all_of(results),
        beside,
        f"`{latest.commit}`, {latest.time[:10]}",
        _machine(latest.machine),
        latest.note,
    )
    return "| " + " | ".join(cell.strip().replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _target(result: Result) -> str:
    if result.target is None:
        return "none"
    if result.target is True:
        return "holds"
    return f"{_target_in_words(result.target)}: {_met(result)}"


def _target_in_words(target: str) -> str:
    sign, number = _target_parts(target)
    return f"{_IN_WORDS[sign]} {in_words(number)}"


def _target_parts(target: str) -> tuple[str, float]:
    match = _TARGET.fullmatch(target)
    if not match:
        raise ValueError(f"{target!r} is no target")
    return match[1], float(match[2])


def _met(result: Result) -> str:
    """By both ends of a range."""
    sign, limit = _target_parts(result.target)
    compare = {"<=": float.__le__, ">=": float.__ge__, "<": float.__lt__, ">": float.__gt__}[sign]
    met = [compare(float(end), limit) for end in ends_of(result.value)]
    return "met" if all(met) else "**met in part**" if any(met) else "**missed**"


def _all_of(results: Sequence[Result]) -> str:
    if len(results) == 1:
        return "1"
    if results[-1].is_outcome:
        return f"{len(results)}, of which {sum(bool(result.value) for result in results)} held"
    ends = [end for result in results for end in ends_of(result.value)]
    return f"{len(results)}: {in_words([min(ends), max(ends)])}"


def ends_of(value: Any) -> tuple[float, float]:
    """Least and most of a number or a range."""
    least, most = value if isinstance(value, list) else (value, value)
    return float(least), float(most)


def in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "held" if value else "**did not hold**"
    least, most = ends_of(value)
    return _number(least) if least == most else f"{_number(least)} to {_number(most)}"


def _number(value: float) -> str:
    places = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _machine(machine: Mapping[str, Any]) -> str:
    memory = f"{machine['memory_gib']:g} GiB" if machine["memory_gib"] else ""
    return ", ".join(filter(None, (f"{machine['cores']} cores", memory, machine["cpu"])))


@dataclass(frozen=True)
class Bar:
    """From nothing to the least; the way on to the most is drawn lighter."""

    label: str
    value: Any


def pictures(results: Sequence[Result]) -> dict[str, str]:
    """The SVG of each chart that has something to show, by file name."""
    drawn = {}
    for chart in CHARTS:
        of_subject = [result for result in results if result.subject == chart.subject]
        if rows := _rows(chart, of_subject):
            targets = {row.target for row in rows}
            target = rows[-1].target if chart.over_time or len(targets) == 1 else None
            drawn[chart.file] = draw(f"{chart.subject}: {chart.title}, {rows[-1].unit}", _bars(chart, rows), target)
    return drawn


def _rows(chart: Chart, results: Iterable[Result]) -> list[Result]:
    """What the chart shows, one unit only; fewer than two bars show nothing."""
    found = [result for result in results if re.fullmatch(chart.metrics, result.metric) and not result.is_outcome]
    found = [result for result in found if result.unit == found[-1].unit]
    newest = [of_metric[-1] for of_metric in _by_metric(found).values()]
    found = found[-_SHOWN:] if chart.over_time else newest
    return found if len(found) + sum(len(result.peer) for result in found) > 1 else []


def _bars(chart: Chart, rows: Sequence[Result]) -> list[Bar]:
    if chart.over_time:
        return [Bar(f"{row.time[:10]} {row.commit}", row.value) for row in rows]
    if len(rows) == 1:
        return [Bar("this platform", rows[0].value), *(Bar(*one) for one in rows[0].peer.items())]
    return [Bar(row.metric, row.value) for row in rows]


# A picture has a ground of its own: it can be read whatever page it lies on, light or dark.
_STYLE = """
    .ground { fill: #ffffff; stroke: #d1d9e0 }
    text { fill: #1f2328; font: 12px sans-serif; stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
    .title { font-weight: bold } .bar { fill: #0969da } .range { fill: #80b9f8 }
    .target { stroke: #cf222e; stroke-dasharray: 4 3 } .limit { fill: #cf222e }
    @media (prefers-color-scheme: dark) {
        .ground { fill: #0d1117; stroke: #3d444d } text { fill: #f0f6fc; stroke: #0d1117 }
        .bar { fill: #4493f8 } .range { fill: #1f4f8f }
        .target { stroke: #f85149 } .limit { fill: #f85149 }
    }"""
_WIDTH, _ROW, _TOP, _CHARACTER = 760, 22, 52, 6.7


def draw(title: str, bars: Sequence[Bar], target: str | None) -> str:
    """Horizontal bars, and the target as a line."""
    left = 16 + _CHARACTER * max(len(bar.label) for bar in bars)
    right = 24 + _CHARACTER * max(len(in_words(bar.value)) for bar in bars)
    limit = _target_parts(target)[1] if target else 0.0
    most = max([*(ends_of(bar.value)[1] for bar in bars), limit]) or 1.0
    scale, height = (_WIDTH - left - right) / most, _TOP + _ROW * len(bars) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}\n</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'<text class="title" x="12" y="22">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        lines += _drawn_bar(bar, left, _TOP + _ROW * number, scale)
    if target:
        lines += _drawn_target(_target_in_words(target), left + limit * scale, height)
    for number, bar in enumerate(bars):
        lines += _written_bar(bar, left, _TOP + _ROW * number + 12, scale)
    return "\n".join([*lines, "</svg>", ""])


def _drawn_bar(bar: Bar, left: float, top: float, scale: float) -> Iterator[str]:
    least, most = (end * scale for end in ends_of(bar.value))
    yield f'<rect class="bar" x="{left:.1f}" y="{top}" width="{least:.1f}" height="15"/>'
    if most > least:
        yield f'<rect class="range" x="{left + least:.1f}" y="{top}" width="{most - least:.1f}" height="15"/>'


def _written_bar(bar: Bar, left: float, at: float, scale: float) -> Iterator[str]:
    yield f'<text x="{left - 6:.1f}" y="{at}" text-anchor="end">{escape(bar.label)}</text>'
    yield f'<text x="{left + ends_of(bar.value)[1] * scale + 6:.1f}" y="{at}">{in_words(bar.value)}</text>'


def _drawn_target(words: str, at: float, height: int) -> Iterator[str]:
    yield f'<line class="target" x1="{at:.1f}" y1="{_TOP - 8}" x2="{at:.1f}" y2="{height - 8}"/>'
    anchor = "end" if at > _WIDTH / 2 else "start"
    yield f'<text class="limit" x="{at:.1f}" y="{_TOP - 13}" text-anchor="{anchor}">{words}</text>'


if __name__ == "__main__":
    main()
