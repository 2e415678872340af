from __future__ import annotations

from infra.local_stack.settings import LocalStackSettings
from pinterest_platform.settings import Settings


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = LocalStackSettings(prometheus_port=1, monitoring=False, kafka_topic="own", spark_options={"a": "b"})

    assert LocalStackSettings.of(settings.environment()) == settings


def test_the_platform_takes_its_own_from_the_local_stacks_environment() -> None:
    settings = LocalStackSettings(prometheus_port=1, kafka_topic="own")

    assert Settings.of(settings.environment()) == Settings(**settings.model_dump(include=set(Settings.model_fields)))
