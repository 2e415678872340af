"""Twins of a topic and a bucket, empty for every test."""

from __future__ import annotations

import pytest

from pinterest_platform_tests.support.fakes import FakeBucket, FakeTopic


@pytest.fixture
def topic() -> FakeTopic:
    return FakeTopic()


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()
