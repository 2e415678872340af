"""A valid pin to change in tests."""

from __future__ import annotations

from typing import Any

VALID_PIN: dict[str, Any] = {
    "index": 7,
    "unique_id": "4f6d2a4e-9d3c-4d0e-8c6b-2f1f0a9b7c55",
    "title": "Balcony herbs… ",
    "description": "Βότανα, травы, ハーブ 🌿",
    "poster_name": "Leaf & Ladle",
    "follower_count": "1.5k",
    "tag_list": "Herbs,Balcony",
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
