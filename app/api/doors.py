"""What every JSON route needs: a capability, the worker who asks, a unit of work, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.api.lines import Lines
from app.api.problems import Problem
from app.identity.rules import Action, Worker
from app.kernel.clock import Clock
from app.kernel.refusal import NotSignedIn
from app.store.files import FileStore
from app.usecases import signing_in
from app.usecases.unit_of_work import Office

Handler = TypeVar("Handler", bound=Callable[..., Any])
_BEARER = OAuth2PasswordBearer(tokenUrl="/v1/token", auto_error=False)


class RouteWithoutCapability(TypeError):
    """A route was added that does not say what it lets somebody do."""


class Door(APIRouter):
    """A router that refuses a route without a capability."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own options
        """Add the route. Raises: RouteWithoutCapability."""
        if not isinstance(capability_of(endpoint), Action):
            raise RouteWithoutCapability(f"{path} names no capability")
        super().add_api_route(path, endpoint, **options)


def lets(action: Action) -> Callable[[Handler], Handler]:
    """Say what a route lets somebody do."""

    def mark(handler: Handler) -> Handler:
        vars(handler)["capability"] = action
        return handler

    return mark


def capability_of(endpoint: Callable[..., Any]) -> Action | None:
    """What a route lets somebody do, or None where it does not say."""
    return cast("Action | None", getattr(endpoint, "capability", None))


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers that a route may give besides the good one, for the OpenAPI document."""
    return {
        status: {"model": Problem, "content": {"application/problem+json": {}}}
        for status in sorted({400, 401, 403, 422, *statuses})
    }


@dataclass(frozen=True)
class Services:
    """What routes work with; it hangs on the application's state."""

    office: Office
    clock: Clock
    token_minutes: int
    recordings: FileStore
    files: FileStore
    look_after: Callable[[UUID], None]  # an attachment: settle it if it is whole, remove what is left over
    lines: Lines = field(default_factory=Lines)


@dataclass(frozen=True)
class Asking:
    """Who asks, and when; `office` is where their units of work are opened."""

    worker: Worker
    office: Office
    now: datetime
    device: str | None = None  # the id that the device gave itself at sign-in


def services(request: Request) -> Services:
    """What routes work with."""
    return cast("Services", request.app.state.services)


def asking(
    request: Request,
    given: Annotated[Services, Depends(services)],
    token: Annotated[str | None, Depends(_BEARER)],
) -> Asking:
    """The worker who asks, if the route's capability is theirs. Raises: NotSignedIn,
    DeviceRevoked, NotAllowed."""
    if token is None:
        raise NotSignedIn
    now = given.clock.now()
    with given.office.look() as uow:
        worker, device = signing_in.holder(uow, token, now=now)
    capability = capability_of(request.scope["endpoint"])
    if capability is not None:
        worker.must_be_allowed(capability)
    return Asking(worker, given.office, now, device)


Asked = Annotated[Asking, Depends(asking)]
Given = Annotated[Services, Depends(services)]
