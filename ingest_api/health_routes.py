"""`/health/live` and `/health/ready`, for supervisors, monitoring and load balancers."""

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
    """Checks of the process itself (`live`) and of the broker (`ready`)."""

    publisher: Publisher

    def routes(self) -> APIRouter:
        """The routes of both checks, with their OpenAPI descriptions."""
        router = APIRouter(prefix="/health", tags=["health"])
        router.add_api_route("/live", self.live, summary="Is the process running?")
        unavailable = {"description": "The topic cannot be written at present.", "model": Failure}
        router.add_api_route(
            "/ready",
            self.ready,
            summary="Can the API accept events?",
            response_model=Health | Failure,
            responses={503: unavailable},
        )
        return router

    async def live(self) -> Health:
        """Always 200: an unavailable broker is no reason to restart the API."""
        return Health(status="live")

    async def ready(self, response: Response) -> Health | Failure:
        """200 if every partition of the topic can be written. Asks the broker each time."""
        try:
            await self.publisher.check_writable()
        except BrokerUnavailableError as error:
            response.status_code = 503
            return Failure(detail=str(error))
        return Health(status="ready")
