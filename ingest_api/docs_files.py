"""Which files of Swagger UI the page needs: a module of its own, since who lays them out needs no web framework."""

from __future__ import annotations

from collections.abc import Mapping

# By their types: what a system's own table says of them varies.
FILES: Mapping[str, str] = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
