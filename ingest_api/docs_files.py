"""The files of Swagger UI that the page needs. Separate from `docs_page`, so that `infra` imports no web framework."""

from __future__ import annotations

from collections.abc import Mapping

# With their media types, because the operating system's tables differ.
FILES: Mapping[str, str] = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
