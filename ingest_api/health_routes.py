"""`/health/live` and `/health/ready`, for whoever starts, watches or balances the API."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from ingest_api.answers import Failure
from ingest_api.publisher import BrokerUnavailableError, Publisher


class Health(BaseModel):
    """The answer of a healthy API."""

    status: str


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """Answers from the process itself (`live`) and from the broker (`ready`)."""

    publisher: Publisher

    def routes(self) -> APIRouter:
        """Both checks, with their part of the OpenAPI page."""
        router = APIRouter(prefix="/health", tags=["health"])
        router.add_api_route("/live", self.live, summary="Is the process alive?")
        unavailable = {"description": "The topic cannot be written now.", "model": Failure}
        router.add_api_route(
            "/ready",
            self.ready,
            summary="Can events be taken?",
            response_model=Health | Failure,
            responses={503: unavailable},
        )
        return router

    async def live(self) -> Health:
        """Always 200: a broker that is away is no reason to restart the API."""
        return Health(status="live")

    async def ready(self, response: Response) -> Health | Failure:
        """200 while every partition of the topic can be written, asked of the broker for this answer."""
        try:
            await self.publisher.check_writable()
        except BrokerUnavailableError as error:
            response.status_code = 503
            return Failure(detail=str(error))
        return Health(status="ready")
