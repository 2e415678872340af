"""A valid pin, which tests change as they need."""

from __future__ import annotations

import json
from typing import Any

VALID_PIN: dict[str, Any] = {
    "unique_id": "4f6d2a4e-9d3c-4d0e-8c6b-2f1f0a9b7c55",
    "index": 7,
    "title": "A paper lamp",
    "description": "Βότανα, травы, ハーブ 🌿… \u00a0",
    "poster_name": "Leaf & Ladle",
    "follower_count": "12k",
    "tag_list": "Paper,Lamp",
    "is_image_or_video": "image",
    "image_src": "https://images.example/a.jpg",
    "downloaded": 1,
    "save_location": "Local save in /data/home-decor",
    "category": "home-decor",
}


def pin(**changes: Any) -> dict[str, Any]:
    """A valid pin with these fields changed or added."""
    return VALID_PIN | changes


def pin_without(field: str) -> dict[str, Any]:
    """A valid pin that lacks a field."""
    return {name: value for name, value in VALID_PIN.items() if name != field}


def posted(**changes: Any) -> bytes:
    """The value of a Kafka record: `pin` as JSON in UTF-8."""
    return json.dumps(pin(**changes), ensure_ascii=False).encode()
