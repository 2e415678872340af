"""The in-memory topic reads like a real one."""

from __future__ import annotations

import pytest

from pinterest_platform_tests.support.fakes import FakeTopic
from pinterest_platform_tests.support.topic_suite import TopicSuite


class TestFakeTopic(TopicSuite):
    @pytest.fixture
    def topic(self) -> FakeTopic:
        return FakeTopic(partitions=2)
