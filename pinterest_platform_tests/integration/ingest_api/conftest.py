"""The ingest API's tests need a running broker."""

from __future__ import annotations

import pytest

from pinterest_platform.settings import Settings


@pytest.fixture(scope="session")
def settings(stores: Settings) -> Settings:
    return stores
