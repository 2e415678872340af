"""The distinct pins that the emulator draws from, in place of the original project's table.

`drawing` chooses which pin is posted next, and its follower count at that time.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Any

from ingest_api.emulator import words
from ingest_api.emulator.posters import SIZE_SHARES, Poster
from pinterest_platform.pins.fields import ADDED_FIELDS, MISSING_TEXTS

PIN_COUNT = 11_000
NO_USER_INFO_SHARE = 1 - sum(SIZE_SHARES.values())
STORY_SHARE, VIDEO_SHARE = 0.12, 0.10
NO_TITLE_SHARE, NO_DESCRIPTION_SHARE, NO_TAGS_SHARE, NO_IMAGE_SHARE = 0.03, 0.08, 0.06, 0.02
FOREIGN_SHARE = 0.10
CUT_OFF_SHARE = 0.35
# Fields that came after the first release have no values of the emulator's own.
_ADDED = {each.posted_name: each.example for each in ADDED_FIELDS if each.example is not None}
# Scraped pages cut a description off and leave this no-break space behind.
CUT_OFF = "…\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class CataloguePin:
    """A pin as it is posted, and its poster: None when the page gave no user info."""

    fields: dict[str, Any]
    poster: Poster | None


def make_catalogue(random: Random, posters: list[Poster], count: int = PIN_COUNT) -> list[CataloguePin]:
    """Invent `count` pins with distinct `unique_id`s by these posters."""
    authors = random.choices(posters, weights=[poster.weight for poster in posters], k=count)
    categories = random.choices(list(words.CATEGORY_SHARES), weights=list(words.CATEGORY_SHARES.values()), k=count)
    return [
        _make_pin(random, index, poster, category)
        for index, (poster, category) in enumerate(zip(authors, categories, strict=True))
    ]


def _make_pin(random: Random, index: int, author: Poster, category: str) -> CataloguePin:
    poster = None if random.random() < NO_USER_INFO_SHARE else author
    form = random.choices(
        ("image", "video", "multi-video(story page format)"),
        weights=(1 - VIDEO_SHARE - STORY_SHARE, VIDEO_SHARE, STORY_SHARE),
    )[0]
    title, description = _texts(random, author, category, is_story=form.startswith("multi"))
    image = _missing_or(random, NO_IMAGE_SHARE, "image_src", _image_address(random))
    fields = {
        "index": index,
        "unique_id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "title": title,
        "description": description,
        "poster_name": poster.name if poster else MISSING_TEXTS["poster_name"][0],
        "follower_count": MISSING_TEXTS["follower_count"][0],
        "tag_list": _missing_or(random, NO_TAGS_SHARE, "tag_list", _tags(random, category)),
        "is_image_or_video": form,
        "image_src": image,
        "downloaded": int(image not in MISSING_TEXTS["image_src"]),
        "save_location": f"Local save in /data/{category}",
        "category": category,
    }
    return CataloguePin(fields | _ADDED, poster)


def _texts(random: Random, author: Poster, category: str, *, is_story: bool) -> tuple[str, str]:
    if random.random() < FOREIGN_SHARE:
        title, description = random.choice(words.FOREIGN_TEXTS)
    else:
        title, description = random.choice(words.TITLES), " ".join(random.sample(words.SENTENCES, random.randint(1, 4)))
    fillings = {
        "quality": random.choice(words.QUALITIES),
        "subject": random.choice(words.SUBJECTS[category]),
        "number": random.randint(3, 40),
        "poster": author.name,
    }
    description = _maybe_cut_off(random, description.format(**fillings))
    no_story_description, no_description = MISSING_TEXTS["description"]
    if is_story:
        description = no_story_description
    elif random.random() < NO_DESCRIPTION_SHARE:
        description = no_description
    return _missing_or(random, NO_TITLE_SHARE, "title", title.format(**fillings)), description


def _maybe_cut_off(random: Random, text: str) -> str:
    if random.random() >= CUT_OFF_SHARE:
        return text
    return text[: random.randint(len(text) // 2, len(text))].rstrip() + CUT_OFF


def _tags(random: Random, category: str) -> str:
    subjects = random.sample(words.SUBJECTS[category], 3)
    return ",".join(f"{subject} {tag}" for subject, tag in zip(subjects, random.sample(words.TAGS, 3), strict=True))


def _image_address(random: Random) -> str:
    digest = f"{random.getrandbits(128):032x}"
    return f"https://images.example/originals/{digest[:2]}/{digest[2:4]}/{digest[4:6]}/{digest}.jpg"


def _missing_or(random: Random, share: float, field: str, text: str) -> str:
    return MISSING_TEXTS[field][0] if random.random() < share else text
