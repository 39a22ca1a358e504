"""What every JSON route needs: a capability, the worker who asks, a unit of work, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.api.duress import must_be_empty, nobody_like
from app.api.lines import Lines
from app.api.origins import SignInTerms
from app.api.problems import Problem
from app.api.turns import Turns
from app.identity.rules import Action, Holder, Worker
from app.kernel.clock import Clock
from app.kernel.refusal import NotSignedIn
from app.privacy.rules import Receipt
from app.store.files import FileStore
from app.usecases import signing_in
from app.usecases.unit_of_work import Office

# What a door shows to somebody who was forced to sign in: nothing, without being opened; what it shows to
# a worker whose eyes see nothing; or what it always shows.
UnderDuress = Literal["closed", "sees_nothing", "as_usual"]
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


def lets(action: Action, *, under_duress: UnderDuress = "closed") -> Callable[[Handler], Handler]:
    """Say what a route lets somebody do."""

    def mark(handler: Handler) -> Handler:
        vars(handler)["capability"] = action
        vars(handler)["under_duress"] = under_duress
        return handler

    return mark


def capability_of(endpoint: Callable[..., Any]) -> Action | None:
    """What a route lets somebody do, or None where it does not say."""
    return cast("Action | None", getattr(endpoint, "capability", None))


def may_answer(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers that a route may give besides the good one, for the OpenAPI document."""
    return {
        status: {"model": Problem, "content": {"application/problem+json": {}}}
        for status in sorted({400, 401, 403, 422, 429, *statuses})
    }


@dataclass(frozen=True)
class Services:
    """What routes work with; it hangs on the application's state."""

    office: Office
    clock: Clock
    token_minutes: int
    recordings: FileStore
    files: FileStore
    exports: FileStore
    look_after: Callable[[UUID], None]  # an attachment: settle it if it is whole, remove what is left over
    terms: SignInTerms
    erased: Callable[[list[Receipt]], None]  # note erasures outside the database, once they are committed
    lines: Lines = field(default_factory=Lines)
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True)
class Asking:
    """Who asks, and when; `office` is where their units of work are opened."""

    worker: Worker
    office: Office
    now: datetime
    held: Holder

    @property
    def device(self) -> str | None:
        """The id that the device gave itself when its worker signed in."""
        return self.held.device_id


def services(request: Request) -> Services:
    """What routes work with."""
    return cast("Services", request.app.state.services)


def asking(
    request: Request,
    given: Annotated[Services, Depends(services)],
    token: Annotated[str | None, Depends(_BEARER)],
) -> Asking:
    """The worker who asks, if the route's capability is theirs.

    Raises: NotSignedIn, DeviceRevoked, TooManyRequests, NotAllowed, TotpNeeded, FreshSignInNeeded; and
    what `must_be_empty` raises.
    """
    if token is None:
        raise NotSignedIn
    now = given.clock.now()
    with given.office.look() as uow:
        held = signing_in.holder(uow, token, now=now)
    _count(given.terms, held, now)
    endpoint = request.scope["endpoint"]
    capability = capability_of(endpoint)
    if capability is not None:
        held.must_be_allowed(capability, now, totp_roles=given.terms.totp_roles)
    worker = held.worker
    if held.duress and endpoint.under_duress != "as_usual":
        if endpoint.under_duress == "closed":
            must_be_empty(request)
        worker = nobody_like(worker)
    return Asking(worker, given.office, now, held)


def _count(terms: SignInTerms, held: Holder, now: datetime) -> None:
    """Raises: TooManyRequests. The device first: one that runs wild must not use up its worker's share."""
    worker_id = held.worker.id
    terms.device_requests.take(f"{worker_id}/{held.device_id or ''}", now)
    terms.requests.take(str(worker_id), now)


Asked = Annotated[Asking, Depends(asking)]
Given = Annotated[Services, Depends(services)]
