"""An API on a real socket with scripted answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiohttp import web

DROP_THE_CONNECTION = 0


@dataclass
class ScriptedApi:
    """Answers with these statuses in turn, then with 200 for ever; `bodies` are those that it was sent."""

    statuses: list[int]
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        status = self.statuses.pop(0) if self.statuses else 200
        if status == DROP_THE_CONNECTION:
            assert request.transport is not None
            request.transport.close()
        place = {"partition": 1, "offset": len(self.bodies) - 1} if status == 200 else {"detail": "as scripted"}
        return web.Response(status=status, body=orjson.dumps(place), content_type="application/json")


@asynccontextmanager
async def scripted_api(*statuses: int) -> AsyncIterator[ScriptedApi]:
    """Serve on a free port of the loopback interface."""
    api = ScriptedApi(list(statuses))
    application = web.Application()
    application.router.add_post("/pin/", api.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    api.url = f"http://127.0.0.1:{port}"
    try:
        yield api
    finally:
        await runner.cleanup()
