"""A corner of running servers: a topic and a bucket that nobody else uses."""

from __future__ import annotations

import uuid
from typing import TypeVar

from pinterest_platform.settings import Settings
from pinterest_platform.stores import kafka, s3

AnySettings = TypeVar("AnySettings", bound=Settings)


def new_corner(settings: AnySettings) -> AnySettings:
    """Settings with a new topic and a new bucket."""
    name = f"own{uuid.uuid4().hex[:12]}"
    own = settings.model_copy(update={"kafka_topic": name, "s3_bucket": name})
    kafka.create_topic(own)
    s3.create_bucket(own)
    return own
