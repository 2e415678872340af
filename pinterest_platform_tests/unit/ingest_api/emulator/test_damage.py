from __future__ import annotations

import orjson
import pytest

from ingest_api.emulator.damage import DAMAGES, Damage
from ingest_api.emulator.post import Post
from ingest_api.posted_event import RefusedPinError, read_event
from pinterest_platform_tests.support.pins import VALID_PIN, pin


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_makes_a_body_that_the_api_refuses(damage: Damage) -> None:
    post = Post(VALID_PIN["unique_id"], "event-1", orjson.dumps(pin(event_id="event-1")))
    read_event(post.body, lambda: "unused")
    damaged = damage(post)
    assert (damaged.unique_id, damaged.event_id) == (post.unique_id, post.event_id)
    with pytest.raises(RefusedPinError):
        read_event(damaged.body, lambda: "unused")
