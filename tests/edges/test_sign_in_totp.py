"""One-time codes: set up, asked for, used once, replaced by recovery codes, taken away again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
from sqlalchemy import select

from app.identity.rules import Role, Worker
from app.identity.tables import credentials, recovery_codes
from tests.makers import Installation
from tests.signing import ask, sign_in


def _code(here: Installation, secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(here.clock.now() + timedelta(seconds=30 * steps))


def _set_up(here: Installation, worker: Worker) -> tuple[str, list[str]]:
    secret = here.ask(worker, "POST", "/v1/me/totp").json()["secret"]
    answer = here.ask(worker, "POST", "/v1/me/totp/confirm", {"code": _code(here, secret)})
    assert answer.status_code == 200
    here.clock.forward(seconds=60)
    return secret, answer.json()["items"]


def test_a_worker_sets_up_codes_and_signs_in_with_one_from_then_on(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    begun = here.ask(worker, "POST", "/v1/me/totp")
    assert begun.headers["cache-control"] == "no-store"
    assert begun.json()["otpauth_uri"].startswith("otpauth://totp/Spean:dara?secret=")
    assert sign_in(here, "dara").status_code == 200  # nothing counts before the first code
    secret = begun.json()["secret"]
    confirmed = here.ask(worker, "POST", "/v1/me/totp/confirm", {"code": _code(here, secret)})
    assert len(set(confirmed.json()["items"])) == 10
    here.clock.forward(seconds=60)
    lacking, wrong = sign_in(here, "dara"), sign_in(here, "dara", "nope", otp=_code(here, secret))
    assert (lacking.status_code, lacking.json()) == (wrong.status_code, wrong.json())
    assert lacking.json()["code"] == "bad_credentials"
    assert sign_in(here, "dara", otp=_code(here, secret)).status_code == 200


def test_a_code_is_good_once_and_a_little_early_or_late(here: Installation) -> None:
    secret, _ = _set_up(here, here.a_worker(username="dara"))
    now = _code(here, secret)
    assert [sign_in(here, "dara", otp=now).status_code for _ in range(2)] == [200, 401]
    assert sign_in(here, "dara", otp=_code(here, secret, steps=-1)).status_code == 401  # older than the last
    assert sign_in(here, "dara", otp=_code(here, secret, steps=1)).status_code == 200
    here.clock.forward(seconds=300)
    assert sign_in(here, "dara", otp=_code(here, secret, steps=-1)).status_code == 200
    assert sign_in(here, "dara", otp=_code(here, secret, steps=2)).status_code == 401


def test_guessing_at_codes_is_guessing_at_passwords(here: Installation) -> None:
    secret, _ = _set_up(here, here.a_worker(username="dara"))
    right = _code(here, secret)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    assert [sign_in(here, "dara", otp=wrong).status_code for _ in range(6)] == [401] * 5 + [429]
    assert sign_in(here, "dara", otp=right).status_code == 429


def test_a_recovery_code_stands_in_for_a_lost_phone_once(here: Installation) -> None:
    _, codes = _set_up(here, here.a_worker(username="dara"))
    spoken = codes[3].lower().replace("-", " ")
    assert [sign_in(here, "dara", otp=spoken).status_code for _ in range(2)] == [200, 401]
    assert sign_in(here, "dara", otp=codes[4]).status_code == 200


def test_secrets_and_codes_do_not_lie_open_in_the_database(here: Installation) -> None:
    secret, codes = _set_up(here, here.a_worker(username="dara"))
    with here.office.database.read() as connection:
        kept = [*connection.execute(select(credentials)), *connection.execute(select(recovery_codes))]
    written = repr([tuple(row) for row in kept])
    assert secret not in written
    assert not [code for code in codes if code in written or code.replace("-", "") in written]
    assert len(kept) == 11


def test_codes_are_confirmed_by_a_right_one_and_begun_once(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    confirm = "/v1/me/totp/confirm"
    assert here.ask(worker, "POST", confirm, {"code": "123456"}).json()["code"] == "totp_not_begun"
    secret = here.ask(worker, "POST", "/v1/me/totp").json()["secret"]
    wrong = f"{(int(_code(here, secret)) + 1) % 1_000_000:06d}"
    assert here.ask(worker, "POST", confirm, {"code": wrong}).json()["code"] == "code_wrong"
    assert here.ask(worker, "POST", confirm, {"code": _code(here, secret)}).status_code == 200
    assert here.ask(worker, "POST", "/v1/me/totp").status_code == 409
    assert here.ask(worker, "POST", confirm, {"code": _code(here, secret)}).status_code == 409


def test_codes_are_taken_away_by_a_fresh_sign_in_only(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    secret, _ = _set_up(here, worker)
    token = sign_in(here, "dara", otp=_code(here, secret)).json()["access_token"]
    here.clock.forward(minutes=11)
    stale = ask(here, token, "DELETE", "/v1/me/totp")
    assert (stale.status_code, stale.json()["code"]) == (401, "fresh_sign_in_needed")
    token = sign_in(here, "dara", otp=_code(here, secret)).json()["access_token"]
    assert [ask(here, token, "DELETE", "/v1/me/totp").status_code for _ in range(2)] == [204, 204]
    assert sign_in(here, "dara").status_code == 200


def test_a_role_that_needs_codes_sees_nothing_before_it_has_set_them_up(
    install: Callable[..., Installation],
) -> None:
    here = install(require_totp_roles="supervisor,coordinator")
    lead = here.a_worker(Role.SUPERVISOR, username="lead")
    worker = here.a_worker()

    def cases(by: Worker) -> Any:
        return here.ask(by, "GET", "/v1/cases")

    assert (cases(lead).status_code, cases(lead).json()["code"]) == (403, "totp_needed")
    assert here.ask(lead, "GET", "/v1/me").status_code == 200
    assert cases(worker).status_code == 200
    _set_up(here, lead)
    assert cases(lead).status_code == 200
