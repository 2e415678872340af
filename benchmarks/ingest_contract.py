"""Schemathesis sends thousands of valid and invalid requests to the API over a real broker.

Run it with `.venv/bin/python -m benchmarks.ingest_contract`. It fails on an answer of 5xx, and on one that the OpenAPI
page does not describe: another status, content type or shape.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.ingest import APIS, own_topic, served, url_of
from benchmarks.record import record
from benchmarks.stack import running
from pinterest_platform.stores.kafka import open_topic
from pinterest_platform_tests.support.api_contract import NOT_CHECKED

_HOOKS = "pinterest_platform_tests.support.api_contract"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-examples", type=int, default=2_500, help="an operation, beside what the schema covers")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with running(["kafka"]) as settings:
        own = own_topic(settings)
        with served(own, APIS["this API"]):
            code = _run(url_of(own), options.max_examples, options.seed)
        with open_topic(own) as topic:
            taken = sum(topic.end_offsets().values())
        print(f"{taken:,} events are in Kafka")
    record("ingest_contract", "no 5xx, and no answer that OpenAPI does not promise", code == 0)
    record("ingest_contract", "events that were acknowledged", taken, "events")
    return code


def _run(url: str, max_examples: int, seed: int) -> int:
    program = Path(sys.executable).parent / "schemathesis"
    line = [str(program), "run", f"{url}/openapi.json", "--max-examples", str(max_examples), "--seed", str(seed)]
    line += ["--exclude-checks", ",".join(NOT_CHECKED), "--phases", "examples,coverage,fuzzing"]
    line += ["--suppress-health-check", "all", "--no-color", "--workers", "1"]
    return subprocess.run(line, env=os.environ | {"SCHEMATHESIS_HOOKS": _HOOKS}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
