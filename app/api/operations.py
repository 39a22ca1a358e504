"""What operators ask: is it alive, is it ready, how is it doing. No personal data in any answer."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import Response

from app.api.doors import Door, Given, lets
from app.identity.rules import Action
from app.usecases import health
from app.usecases.health import Check

door: APIRouter = Door(tags=["operations"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Ready(BaseModel):
    """Whether the service can do its work, and what is missing."""

    status: str
    checks: dict[str, str]


@door.get("/healthz")
@lets(Action.OPEN_DOOR)
def healthz() -> Alive:
    """The process answers."""
    return Alive()


@door.get("/readyz", responses={503: {"model": Ready}})
@lets(Action.OPEN_DOOR)
def readyz(given: Given, response: Response) -> Ready:
    """Whether the database answers, has the newest tables, and a worker was seen lately."""
    checks: list[Check] = health.readiness(given.office, now=given.clock.now())
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    return Ready(
        status="ready" if ready else "not ready", checks={check.name: check.finding for check in checks}
    )


@door.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
@lets(Action.OPEN_DOOR)
def metrics() -> Any:  # noqa: ANN401 - a plain text
    """Counters and times in Prometheus' format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
