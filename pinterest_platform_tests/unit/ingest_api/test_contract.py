"""Schemathesis with few cases: `benchmarks.ingest_contract` sends thousands to a running API."""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case

from ingest_api.application import create_app
from ingest_api.metrics import IngestMetrics
from pinterest_platform.settings import Settings
from pinterest_platform_tests.support.api_contract import contract_checks
from pinterest_platform_tests.support.memory_publisher import MemoryPublisher

log = MemoryPublisher()
asyncio.run(log.open())
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(), log, IngestMetrics()))


@schema.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_openapi_page_promises(case: Case[Any]) -> None:
    case.call_and_validate(checks=contract_checks())
