"""Signing in, staying signed in, and who I am."""

from typing import Annotated, Literal

from fastapi import Form
from starlette.responses import Response

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.schemas import DutyIn, Word
from app.api.views import Me, TokenOut
from app.crypto.passwords import password_matches
from app.identity.rules import Action, BadCredentials, Worker
from app.kernel.refusal import NotSignedIn
from app.usecases import signing_in
from app.usecases.signing_in import SignIn, SignInDevice

door = Door(prefix="/v1", tags=["sign-in"])
_NO_STORE = {"Cache-Control": "no-store"}


@door.post("/token", responses=may_answer(429))
@lets(Action.OPEN_DOOR)
def token(
    given: Given,
    response: Response,
    grant_type: Annotated[Literal["password", "refresh_token"], Form()],
    username: Annotated[Word, Form()] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    refresh_token: Annotated[str, Form(max_length=200)] = "",
    device_id: Annotated[Word | None, Form()] = None,
    device_name: Annotated[Word | None, Form()] = None,
) -> TokenOut:
    """A pair of tokens for a name and password, or for a refresh token, which is good once."""
    response.headers.update(_NO_STORE)
    if grant_type == "refresh_token":
        return _shown(_refreshed(given, refresh_token), given)
    return _shown(
        _signed_in(given, username, password, SignInDevice(device_id or None, device_name or None)), given
    )


@door.get("/me", responses=may_answer())
@lets(Action.SEE_SELF)
def me(asked: Asked) -> Me:
    """The worker who is signed in."""
    return _me(asked.worker, on_duty=asked.worker.on_duty)


@door.patch("/me", responses=may_answer())
@lets(Action.SEE_SELF)
def change_me(asked: Asked, body: DutyIn) -> Me:
    """Go on or off duty: routing gives new cases only to who is on duty."""
    with asked.office.work(asked.now) as uow:
        signing_in.set_on_duty(uow, asked.worker, on_duty=body.on_duty)
    return _me(asked.worker, on_duty=body.on_duty)


def _signed_in(given: Given, username: str, password: str, device: SignInDevice) -> SignIn:
    now = given.clock.now()
    with given.office.look() as uow:
        known = signing_in.look_up(uow, username, now=now)
    right = password_matches(known.password_hash, password)
    with given.office.work(now) as uow:
        if right and known.worker and known.worker.active:
            return signing_in.sign_in(
                uow, username, known.worker, device, minutes=given.token_minutes, now=now
            )
        signing_in.refuse(uow, username, now=now)
    raise BadCredentials


def _refreshed(given: Given, token: str) -> SignIn:
    now = given.clock.now()
    with given.office.work(now) as uow:
        fresh = signing_in.refresh(uow, token, minutes=given.token_minutes, now=now)
    if fresh is None:
        raise NotSignedIn
    return fresh


def _shown(pair: SignIn, given: Given) -> TokenOut:
    return TokenOut(access_token=pair.access, expires_in=given.token_minutes * 60, refresh_token=pair.refresh)


def _me(worker: Worker, *, on_duty: bool) -> Me:
    return Me(
        id=worker.id,
        username=worker.username,
        role=worker.role,
        organisation_id=worker.organisation_id,
        languages=sorted(worker.languages),
        on_duty=on_duty,
    )
