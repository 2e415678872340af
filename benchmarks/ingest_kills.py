"""Kills the ingest API and its broker with -9 again and again while events are posted, and checks every event.

Run it with `.venv/bin/python -m benchmarks.ingest_kills`. It starts the whole platform on its own ports. It fails if an
acknowledged event is not in Kafka at the offset in the answer, or is missing or repeated in the stream's table. It also
fails if an event was acknowledged while the broker was down.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass

import orjson

from benchmarks.check_results import check_profiles, check_stream_rows, collected
from benchmarks.record import record
from benchmarks.stack import BENCHMARK_SETTINGS, running
from benchmarks.stream_kills import EACH_ONCE
from benchmarks.streaming import Acknowledgements, posting, wait_for
from infra.local_stack.stack import LocalStack
from pinterest_platform.settings import Settings
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform.stream.lag import stream_lag
from pinterest_platform_tests.support.dagster import switch_sensor
from pinterest_platform_tests.support.outages import kill_server

API, BROKER = "ingest-api", "kafka"
LIMITS_SECONDS = {API: 3.0, BROKER: 30.0}
# An answer that was on its way when the broker was killed reaches the client a little later.
ON_ITS_WAY_SECONDS = 0.5


@dataclass(frozen=True)
class Kill:
    """When a server was killed, when it was started again, and when an event was acknowledged again."""

    server: str
    killed_at: float
    started_at: float
    back_at: float

    @property
    def seconds(self) -> float:
        return self.back_at - self.started_at


def main() -> int:
    options = _options()
    dice = random.Random(options.seed)  # noqa: S311
    servers = [API] * options.api + [BROKER] * options.broker
    dice.shuffle(servers)
    with running(None if options.tables else [API]) as settings:
        stack = LocalStack(BENCHMARK_SETTINGS)
        if options.tables:
            switch_sensor(settings, "new_pins_in_kafka", on=False)  # batch runs would take the machine
        kills: list[Kill] = []
        with posting(settings, options.events, options.rate) as seen:
            wait_for(lambda: bool(seen.times), 60, "first answer")
            for server in servers:
                time.sleep(dice.uniform(2, 5))
                kills.append(_kill(stack, server, seen, options.away))
                print(f"{server:<11}{kills[-1].seconds:6.1f} s until an event was acknowledged again", flush=True)
        findings = [_in_kafka(settings, seen), _while_away(kills, seen), _slow(kills)]
        record("ingest_kills", "acknowledged events", len(seen.events), "events")
        record("ingest_kills", "each acknowledged event is at its place in Kafka", not findings[0])
        record("ingest_kills", "no event is acknowledged while the broker is unavailable", not findings[1])
        if options.tables:
            wait_for(lambda: stream_lag(settings) == 0, 240, "end of the lag")
            results = collected([check_stream_rows(settings, seen.events), check_profiles(settings)])
            findings.append(sum(not result.holds for result in results))
            record("ingest_kills", EACH_ONCE, not findings[-1])
    return int(any(findings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=120_000)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--api", type=int, default=5, help="kills of the API")
    parser.add_argument("--broker", type=int, default=5, help="kills of the broker")
    parser.add_argument("--away", type=float, default=2, help="seconds before the broker is started again")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-tables", dest="tables", action="store_false", help="Kafka alone, without the platform")
    return parser.parse_args()


def _kill(stack: LocalStack, server: str, seen: Acknowledgements, away: float) -> Kill:
    kill_server(stack, server)
    killed_at = time.time()
    if server == BROKER:
        time.sleep(away)
    started_at = time.time()
    stack.start([server])
    # What was answered before the kill may be read later: that is no sign of life.
    later = started_at + ON_ITS_WAY_SECONDS
    wait_for(lambda: any(at > later for at in list(seen.times.values())), 60, "acknowledged event")
    return Kill(server, killed_at, started_at, back_at=min(at for at in list(seen.times.values()) if at > later))


def _in_kafka(settings: Settings, seen: Acknowledgements) -> int:
    with open_topic(settings) as topic:
        ends = topic.end_offsets()
        events = {
            (partition, record.offset): orjson.loads(record.value or b"{}").get("event_id")
            for partition, end in ends.items()
            for record in topic.read(partition, 0, end)
        }
    missing = [place for place, event in seen.places.items() if events.get(place) != event]
    again = len(events) - len(set(events.values()))
    print(f"{len(seen.events):,} acknowledged events, {len(missing)} of them not at their place in Kafka.")
    print(f"{len(events):,} records in Kafka, {again:,} of them the same event again, sent because no answer came.")
    record("ingest_kills", "events that were sent again for want of an answer", again, "records")
    return len(missing)


def _while_away(kills: list[Kill], seen: Acknowledgements) -> int:
    away = [(kill.killed_at + ON_ITS_WAY_SECONDS, kill.started_at) for kill in kills if kill.server == BROKER]
    wrong = [at for at in seen.times.values() if any(gone < at < back for gone, back in away)]
    print(f"{len(wrong)} acknowledgements while the broker was away.")
    return len(wrong)


def _slow(kills: list[Kill]) -> int:
    for server, limit in LIMITS_SECONDS.items():
        seconds = sorted(kill.seconds for kill in kills if kill.server == server)
        if seconds:
            print(f"{server} was back after {seconds[0]:.1f} to {seconds[-1]:.1f} s (wanted: {limit:.0f} s)")
            back = (seconds[0], seconds[-1])
            record("ingest_kills", f"{server} killed: acknowledges again", back, "s", target=f"<= {limit:g}")
    return sum(kill.seconds > LIMITS_SECONDS[kill.server] for kill in kills)


if __name__ == "__main__":
    sys.exit(main())
