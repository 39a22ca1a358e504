"""One's own second factor, second password and sign-ins; those of others, and new passwords."""

from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from app.api.doors import Asked, Asking, Door, Given, lets, may_answer
from app.api.schemas import NewPasswordIn, SecondPasswordIn, TotpCodeIn
from app.api.sign_in import claim_of
from app.api.sign_in_views import RecoveryCodes, ResetCodeOut, SignInOut, SignIns, TotpSecretOut
from app.identity.rules import Action
from app.usecases import credentials
from app.usecases.credentials import ShownSignIn

door = Door(prefix="/v1", tags=["sign-in"])
_NO_STORE = {"Cache-Control": "no-store"}


@door.post("/me/totp", responses=may_answer(409))
@lets(Action.CHANGE_SECRETS)
def begin_totp(asked: Asked, response: Response) -> TotpSecretOut:
    """A secret for your phone's app. It counts from the first code on that you confirm it with."""
    response.headers.update(_NO_STORE)
    with asked.office.work(asked.now) as uow:
        made = credentials.begin_totp(uow, asked.worker)
    return TotpSecretOut(secret=made.secret, otpauth_uri=made.address)


@door.post("/me/totp/confirm", responses=may_answer(409))
@lets(Action.CHANGE_SECRETS)
def confirm_totp(asked: Asked, body: TotpCodeIn, response: Response) -> RecoveryCodes:
    """From now on your sign-in takes a code. Keep the recovery codes: they are shown this once."""
    response.headers.update(_NO_STORE)
    with asked.office.work(asked.now) as uow:
        return RecoveryCodes(items=credentials.confirm_totp(uow, asked.worker, body.code, now=asked.now))


@door.delete("/me/totp", status_code=204, responses=may_answer(), response_class=Response)
@lets(Action.CHANGE_SECRETS)
def remove_totp(asked: Asked) -> None:
    """Your sign-in takes the password alone."""
    with asked.office.work(asked.now) as uow:
        credentials.remove_totp(uow, asked.worker)


@door.put("/me/duress", status_code=204, responses=may_answer(503), response_class=Response)
@lets(Action.CHANGE_SECRETS)
def set_duress(asked: Asked, body: SecondPasswordIn) -> None:
    """Choose a second password. Whoever signs in with it sees an empty account; those in charge are told."""
    credentials.set_duress(asked.office, asked.worker, body.password, now=asked.now)


@door.get("/me/sign-ins", responses=may_answer())
@lets(Action.SEE_SELF)
def my_sign_ins(asked: Asked) -> SignIns:
    """Where you are signed in, the one used last first."""
    return _listed(asked, asked.worker.id)


@door.delete("/me/sign-ins/{sign_in_id}", status_code=204, responses=may_answer(404), response_class=Response)
@lets(Action.SEE_SELF)
def end_my_sign_in(asked: Asked, sign_in_id: UUID) -> None:
    """End one of your sign-ins, such as that of a lost phone."""
    with asked.office.work(asked.now) as uow:
        credentials.end_sign_in(uow, asked.worker, asked.worker.id, sign_in_id, now=asked.now)


@door.get("/workers/{worker_id}/sign-ins", responses=may_answer(404))
@lets(Action.MANAGE_SIGN_INS)
def sign_ins_of(asked: Asked, worker_id: UUID) -> SignIns:
    """Where a worker of yours is signed in."""
    return _listed(asked, worker_id)


@door.delete(
    "/workers/{worker_id}/sign-ins/{sign_in_id}",
    status_code=204,
    responses=may_answer(404),
    response_class=Response,
)
@lets(Action.MANAGE_SIGN_INS)
def end_sign_in_of(asked: Asked, worker_id: UUID, sign_in_id: UUID) -> None:
    """End a sign-in of a worker of yours."""
    with asked.office.work(asked.now) as uow:
        credentials.end_sign_in(uow, asked.worker, worker_id, sign_in_id, now=asked.now)


@door.post("/workers/{worker_id}/reset", responses=may_answer(404))
@lets(Action.RESET_PASSWORDS)
def allow_reset(asked: Asked, worker_id: UUID, response: Response) -> ResetCodeOut:
    """A one-time code with which a worker of yours chooses a new password within a day."""
    response.headers.update(_NO_STORE)
    with asked.office.work(asked.now) as uow:
        made = credentials.allow_reset(uow, asked.worker, worker_id, now=asked.now)
    return ResetCodeOut(code=made.code, expires_at=made.until)


@door.post("/password", status_code=204, responses=may_answer(503), response_class=Response)
@lets(Action.OPEN_DOOR)
def set_password(request: Request, given: Given, body: NewPasswordIn) -> None:
    """Choose a new password with the code that your supervisor gave you. Every sign-in of before ends."""
    claim = claim_of(request, given, body.username)
    credentials.set_password(given.office, claim, body.code, body.new_password, now=given.clock.now())


def _listed(asked: Asking, worker_id: UUID) -> SignIns:
    with asked.office.look() as uow:
        found = credentials.see_sign_ins(uow, asked.worker, worker_id, now=asked.now)
    return SignIns(items=[_shown(one, asked) for one in found])


def _shown(one: ShownSignIn, asked: Asking) -> SignInOut:
    return SignInOut(
        id=one.id, device_id=one.device_id, device_name=one.device_name, began_at=one.began_at,
        seen_at=one.seen_at, current=one.id == asked.held.sign_in_id,
    )  # fmt: skip
