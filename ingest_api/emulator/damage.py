"""Ways to damage a valid body, as a broken client would. The API must refuse each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import orjson

from ingest_api.emulator.post import Post

Damage = Callable[[Post], Post]


def _cut_in_half(post: Post) -> Post:
    return replace(post, body=post.body[: len(post.body) // 2])


def _wrap_in_a_list(post: Post) -> Post:
    return replace(post, body=b"[" + post.body + b"]")


def _latin_1(post: Post) -> Post:
    return replace(post, body=post.body.replace(b'"category":"', b'"category":"\xe9', 1))


def _not_a_number(post: Post) -> Post:
    return _with_raw_index(post, b"NaN")


def _index_as_text(post: Post) -> Post:
    return _with_raw_index(post, b'"seven"')


def _half_a_character(post: Post) -> Post:
    return replace(post, body=post.body.replace(b'"title":"', b'"title":"\\ud83d', 1))


def _nul_character(post: Post) -> Post:
    return replace(post, body=post.body.replace(b'"title":"', b'"title":"\\u0000', 1))


def _no_unique_id(post: Post) -> Post:
    return _without(post, "unique_id")


def _no_category(post: Post) -> Post:
    return _without(post, "category")


def _with_raw_index(post: Post, raw: bytes) -> Post:
    pin: dict[str, Any] = orjson.loads(post.body)
    return replace(post, body=orjson.dumps(pin | {"index": orjson.Fragment(raw)}))


def _without(post: Post, field: str) -> Post:
    pin: dict[str, Any] = orjson.loads(post.body)
    return replace(post, body=orjson.dumps({name: value for name, value in pin.items() if name != field}))


DAMAGES: tuple[Damage, ...] = (
    _cut_in_half,
    _wrap_in_a_list,
    _latin_1,
    _not_a_number,
    _index_as_text,
    _half_a_character,
    _nul_character,
    _no_unique_id,
    _no_category,
)


def damaged(post: Post, random: Random, share: float) -> Post:
    """The post, damaged with probability `share`.

    Draws the same random numbers for every `share`, so the other posts of a seed stay the same.
    """
    is_damaged, damage = random.random() < share, random.choice(DAMAGES)
    return damage(post) if is_damaged else post
