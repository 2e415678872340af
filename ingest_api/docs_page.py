"""`/docs`: the Swagger UI page for trying out the API, from local files.

The page works without internet, and its Content-Security-Policy blocks every other host. `infra` provides the files.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from ingest_api.docs_files import FILES

_START = "start.js"
# React sets styles through the DOM, which the policy allows. Swagger UI's stylesheet has its icons in data URLs.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Pinterest ingest API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_STARTING = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
"""
_WITHOUT_FILES = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Pinterest ingest API</title>
<h1>Pinterest ingest API</h1>
<p>The schema is at <a href="/openapi.json">/openapi.json</a>, for any OpenAPI client.</p>
<p>This page needs the files of Swagger UI, but PINTEREST_INGEST_DOCS_FOLDER does not name a folder that has them.
<code>make run</code> provides them and sets it.</p>
</html>
"""


def docs_routes(folder: Path | None) -> APIRouter:
    """Routes for the page and its files below `/docs`; without the files, for a page that links to the schema.

    Args:
        folder: The folder with the files in `FILES`. None or a folder that lacks some means that there are none.
    """
    router = APIRouter(include_in_schema=False)
    if folder is None or not all((folder / name).is_file() for name in FILES):
        router.add_api_route("/docs", partial(_text, _WITHOUT_FILES, "text/html"))
        return router
    router.add_api_route("/docs", partial(_text, _PAGE, "text/html"))
    router.add_api_route(f"/docs/{_START}", partial(_text, _STARTING, "text/javascript"))
    for name, media_type in FILES.items():
        router.add_api_route(f"/docs/{name}", partial(_file, folder / name, media_type))
    return router


async def _text(text: str, media_type: str, _: Request) -> Response:
    return HTMLResponse(text, media_type=media_type, headers=_HEADERS)


async def _file(file: Path, media_type: str, _: Request) -> Response:
    return FileResponse(file, media_type=media_type, headers=_HEADERS)
