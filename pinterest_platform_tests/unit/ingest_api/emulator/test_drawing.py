from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import count, islice
from random import Random
from typing import Any

import orjson
import pytest

from ingest_api.emulator import words
from ingest_api.emulator.catalogue import CUT_OFF, make_catalogue
from ingest_api.emulator.drawing import draw_posts
from ingest_api.emulator.post import Post
from ingest_api.emulator.posters import make_posters
from ingest_api.posted_event import RefusedPinError, read_event
from pinterest_platform.pins.event import PostedPin
from pinterest_platform.pins.fields import MISSING_TEXTS, PIN_FIELDS

SEED = 7


def draw(number: int, seed: int = SEED, malformed_share: float = 0.0) -> list[Post]:
    ids = count(1)
    return list(islice(draw_posts(seed, lambda: f"event-{next(ids)}", malformed_share), number))


def is_pin(post: Post) -> bool:
    try:
        read_event(post.body, lambda: "unused")
    except RefusedPinError:
        return False
    return True


@pytest.fixture(scope="module")
def posted() -> list[dict[str, Any]]:
    return [orjson.loads(post.body) for post in draw(11_000)]


@pytest.mark.parametrize("seed", [0, 2**40])
def test_one_seed_gives_one_sequence(seed: int) -> None:
    assert draw(500, seed) == draw(500, seed)


def test_another_seed_gives_other_pins() -> None:
    assert not {post.unique_id for post in draw(500)} & {post.unique_id for post in draw(500, seed=SEED + 1)}


def test_every_body_is_a_pin_with_the_ids_of_its_post() -> None:
    for post in draw(500):
        pin = PostedPin.model_validate_json(post.body)
        assert (pin.unique_id, pin.event_id) == (post.unique_id, post.event_id)


def test_the_same_pin_is_posted_again_with_a_follower_count_that_has_moved(posted: list[dict[str, Any]]) -> None:
    counts = defaultdict(set)
    for pin in posted:
        counts[pin["unique_id"]].add(pin["follower_count"])
    assert 6_500 < len(counts) < 7_500  # 11,000 draws with replacement from 11,000: 1 - 1/e of them
    assert sum(len(different) > 1 for different in counts.values()) > 500


def _size(count: str) -> str:
    return "missing" if count in MISSING_TEXTS["follower_count"] else re.sub(r"[\d.]+", "", count) or "plain"


def test_follower_counts_have_the_shares_of_the_real_table(posted: list[dict[str, Any]]) -> None:
    sizes = Counter(_size(pin["follower_count"]) for pin in posted)
    shares = {size: number / len(posted) for size, number in sizes.items()}
    assert shares == pytest.approx({"k": 0.743, "plain": 0.172, "M": 0.070, "missing": 0.015}, abs=0.015)


def test_categories_are_the_thirteen_with_skewed_popularity(posted: list[dict[str, Any]]) -> None:
    categories = [category for category, _ in Counter(pin["category"] for pin in posted).most_common()]
    assert set(categories) == set(words.CATEGORY_SHARES)
    assert len(categories) == 13
    assert (categories[0], categories[-1]) == ("christmas", "vehicles")


def test_posters_are_many_and_a_few_are_popular(posted: list[dict[str, Any]]) -> None:
    posters = Counter(pin["poster_name"] for pin in posted if pin["poster_name"] != "User Info Error")
    assert len(posters) > 1_500
    assert 0.005 < posters.most_common(1)[0][1] / len(posted) < 0.03


@pytest.mark.parametrize("field", MISSING_TEXTS)
def test_every_missing_text_occurs_where_it_belongs(posted: list[dict[str, Any]], field: str) -> None:
    values = {pin[field] for pin in posted}
    assert values.issuperset(MISSING_TEXTS[field])
    assert len(values) > len(MISSING_TEXTS[field])


@pytest.mark.parametrize(
    "letters", [r"[\u03b1-\u03c9]", r"[\u0430-\u044f]", "[ぁ-ん一-龠]", "[가-힣]", "[\U0001f300-\U0001faff]", CUT_OFF]
)
def test_text_is_not_only_ascii(posted: list[dict[str, Any]], letters: str) -> None:
    assert any(re.search(letters, pin["title"] + pin["description"]) for pin in posted)


def test_a_share_of_bodies_is_malformed_and_the_api_refuses_each() -> None:
    good, mixed = draw(2_000), draw(2_000, malformed_share=0.2)
    damaged = [post for post, original in zip(mixed, good, strict=True) if post != original]
    assert 300 < len(damaged) < 500
    assert not any(is_pin(post) for post in damaged)


def test_the_catalogue_has_eleven_thousand_distinct_pins() -> None:
    random = Random(SEED)
    catalogue = make_catalogue(random, make_posters(random))
    assert len({pin.fields["unique_id"] for pin in catalogue}) == 11_000
    assert [pin.fields["index"] for pin in catalogue] == list(range(11_000))


def test_an_invented_pin_has_the_fields_of_the_table() -> None:
    random = Random(0)

    [pin] = make_catalogue(random, make_posters(random), 1)

    assert pin.fields.keys() == {each.posted_name for each in PIN_FIELDS}
