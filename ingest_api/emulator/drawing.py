"""Draws which pin is posted next: an endless sequence, with replacement, that the seed determines.

Follower counts change between posts, and a share of the bodies is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

import orjson

from ingest_api.emulator.catalogue import CataloguePin, make_catalogue
from ingest_api.emulator.damage import damaged
from ingest_api.emulator.post import Post
from ingest_api.emulator.posters import Poster, make_posters, written_count

FOLLOWERS_MOVE_SHARE = 0.3
LARGEST_LOSS, LARGEST_GAIN = 0.985, 1.02


def draw_posts(seed: int, new_event_id: Callable[[], str], malformed_share: float = 0.0) -> Iterator[Post]:
    """Draws posts without end. The same seed gives the same pins in the same order."""
    random = Random(seed)  # noqa: S311 - not for secrets
    posters = make_posters(random)
    catalogue = make_catalogue(random, posters)
    followers = {poster: poster.followers for poster in posters}
    while True:
        pin = random.choice(catalogue)
        if pin.poster is not None:
            followers[pin.poster] = _moved(random, followers[pin.poster])
        yield damaged(_post(pin, followers, new_event_id()), random, malformed_share)


def _moved(random: Random, followers: int) -> int:
    if random.random() >= FOLLOWERS_MOVE_SHARE:
        return followers
    return round(followers * random.uniform(LARGEST_LOSS, LARGEST_GAIN))


def _post(pin: CataloguePin, followers: Mapping[Poster, int], event_id: str) -> Post:
    fields = pin.fields | {"event_id": event_id}
    if pin.poster is not None:
        fields["follower_count"] = written_count(followers[pin.poster])
    return Post(fields["unique_id"], event_id, orjson.dumps(fields))
