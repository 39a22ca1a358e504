"""Signing in, staying signed in, and who I am."""

from typing import Annotated, Literal

from fastapi import Form, Request
from starlette.responses import Response

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.origins import origin_of
from app.api.schemas import DutyIn, Word
from app.api.views import Me, TokenOut
from app.crypto.passwords import Busy, which_matches
from app.identity.rules import Action, BadCredentials, DeviceRevoked, Worker
from app.kernel.refusal import NotSignedIn
from app.usecases import signing_in
from app.usecases.signing_in import Claim, SignIn, SignInDevice

door = Door(prefix="/v1", tags=["sign-in"])
_NO_STORE = {"Cache-Control": "no-store"}
_NO_DEVICE = SignInDevice()


@door.post("/token", responses=may_answer(429, 503))
@lets(Action.OPEN_DOOR)
def token(
    request: Request,
    given: Given,
    response: Response,
    grant_type: Annotated[Literal["password", "refresh_token"], Form()],
    username: Annotated[Word, Form()] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    refresh_token: Annotated[str, Form(max_length=200)] = "",
    device_id: Annotated[Word | None, Form()] = None,
    device_name: Annotated[Word | None, Form()] = None,
    otp: Annotated[Word, Form(description="a one-time code or a recovery code, where one is set up")] = "",
) -> TokenOut:
    """A pair of tokens for a name and password, or for a refresh token, which is good once.

    A device that sends its last `refresh_token` along with a name and password shows that it is known:
    then nobody else's wrong passwords can make it wait.
    """
    response.headers.update(_NO_STORE)
    if grant_type == "refresh_token":
        return _shown(_refreshed(given, refresh_token), given)
    device = SignInDevice(device_id or None, device_name or None)
    claim = claim_of(request, given, username, device=device, proof=refresh_token)
    return _shown(_signed_in(given, claim, password, otp), given)


def claim_of(
    request: Request, given: Given, username: str, *, device: SignInDevice = _NO_DEVICE, proof: str = ""
) -> Claim:
    """Who somebody says they are, counted for the place that they come from. Raises: TooManyRequests."""
    origin = origin_of(request, given.terms.trusted_proxies)
    given.terms.sign_ins.take(origin, given.clock.now())
    return Claim(username, origin, device, proof)


@door.get("/me", responses=may_answer())
@lets(Action.SEE_SELF, under_duress="as_usual")
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


def _signed_in(given: Given, claim: Claim, password: str, otp: str) -> SignIn:
    now = given.clock.now()
    with given.office.work(now) as uow:
        begun = signing_in.begin(uow, claim, now=now)
    try:
        which = which_matches(begun.hashes, password)
        with given.office.work(now) as uow:
            pair = signing_in.finish(uow, begun, which, otp, minutes=given.token_minutes, now=now)
    except (Busy, DeviceRevoked):
        # The password was not looked at, or it was right.
        with given.office.work(now) as uow:
            signing_in.forgive(uow, begun, now=now)
        raise
    if pair is None:
        raise BadCredentials
    return pair


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
