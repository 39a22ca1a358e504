"""The rules of signing in: how long one waits, who is fresh, who manages whom, what is a password."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.one_time import heard_code, new_spoken_code, new_totp_secret, totp_address, totp_step
from app.identity.rules import (
    AT_ONE_PLACE,
    OF_ONE_NAME,
    Action,
    Attempts,
    FreshSignInNeeded,
    Holder,
    PasswordUnfit,
    Role,
    TooManyAttempts,
    TotpNeeded,
    Worker,
    may_manage,
    must_be_a_password,
)
from app.kernel.refusal import NotAllowed

NOW = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)
HERE, THERE = uuid4(), uuid4()
NOBODY: frozenset[Role] = frozenset()


def _worker(role: Role, organisation: UUID | None = HERE) -> Worker:
    of = None if role in {Role.COORDINATOR, Role.ADMIN} else organisation
    return Worker(uuid4(), "dara", role, of, frozenset({"km"}), on_duty=True, active=True)


def _wait(attempts: Attempts, now: datetime) -> float:
    try:
        attempts.must_be_open(OF_ONE_NAME, now)
    except TooManyAttempts as refusal:
        return float(refusal.details["seconds"] or 0)
    return 0.0


@given(st.lists(st.integers(min_value=0, max_value=7200), max_size=80))
def test_a_name_under_attack_waits_longer_and_longer_but_never_above_a_minute(gaps: list[int]) -> None:
    kept, now, last_wait, last_failed = Attempts(), NOW, 0.0, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        kept = kept.after_failure(OF_ONE_NAME, now)
        wait = _wait(kept, now)
        assert wait <= 60
        assert (wait > 0) == (kept.failed >= 20)
        if kept.failed > last_failed:
            assert wait >= last_wait
        assert _wait(kept, now + timedelta(minutes=1)) == 0
        last_wait, last_failed = wait, kept.failed


def test_failures_are_forgotten_when_none_came_for_a_while() -> None:
    kept = Attempts(19, NOW)
    assert kept.after_failure(OF_ONE_NAME, NOW + timedelta(minutes=59)).failed == 20
    assert kept.after_failure(OF_ONE_NAME, NOW + timedelta(hours=1)).failed == 1
    assert Attempts(4, NOW).after_failure(AT_ONE_PLACE, NOW + timedelta(minutes=5)).failed == 1


def test_five_failures_at_one_place_close_it_for_five_minutes_and_say_how_long() -> None:
    kept = Attempts()
    for _ in range(5):
        kept.must_be_open(AT_ONE_PLACE, NOW)
        kept = kept.after_failure(AT_ONE_PLACE, NOW)
    with pytest.raises(TooManyAttempts) as refused:
        kept.must_be_open(AT_ONE_PLACE, NOW + timedelta(minutes=4, seconds=59, milliseconds=1))
    assert refused.value.details["seconds"] == 1
    kept.must_be_open(AT_ONE_PLACE, NOW + timedelta(minutes=5))
    kept.forgiven_one().must_be_open(AT_ONE_PLACE, NOW)


def test_what_a_stolen_token_must_not_be_enough_for_asks_for_a_password_of_ten_minutes() -> None:
    held = Holder(_worker(Role.SUPERVISOR), uuid4(), signed_in_at=NOW)
    for action in (Action.EXPORT_CASES, Action.RESET_PASSWORDS, Action.CHANGE_SECRETS):
        held.must_be_allowed(action, NOW + timedelta(minutes=9, seconds=59), totp_roles=NOBODY)
        with pytest.raises(FreshSignInNeeded):
            held.must_be_allowed(action, NOW + timedelta(minutes=10), totp_roles=NOBODY)
    held.must_be_allowed(Action.READ_CASES, NOW + timedelta(days=20), totp_roles=NOBODY)


def test_a_token_that_no_password_was_given_for_is_never_fresh() -> None:
    assert not Holder(_worker(Role.SUPERVISOR), uuid4()).is_fresh(NOW)


def test_who_may_not_do_it_at_all_is_not_asked_to_sign_in_again() -> None:
    with pytest.raises(NotAllowed):
        Holder(_worker(Role.CASEWORKER), uuid4()).must_be_allowed(Action.EXPORT_CASES, NOW, totp_roles=NOBODY)


def test_a_role_that_needs_a_code_may_only_set_one_up_before_it_has_one() -> None:
    roles = frozenset({Role.SUPERVISOR})
    held = Holder(_worker(Role.SUPERVISOR), uuid4(), signed_in_at=NOW)
    held.must_be_allowed(Action.SEE_SELF, NOW, totp_roles=roles)
    held.must_be_allowed(Action.CHANGE_SECRETS, NOW, totp_roles=roles)
    with pytest.raises(TotpNeeded):
        held.must_be_allowed(Action.READ_CASES, NOW, totp_roles=roles)
    Holder(held.worker, uuid4(), has_totp=True).must_be_allowed(Action.READ_CASES, NOW, totp_roles=roles)
    Holder(_worker(Role.CASEWORKER), uuid4()).must_be_allowed(Action.READ_CASES, NOW, totp_roles=roles)


def test_supervisors_and_coordinators_read_statistics_without_a_fresh_sign_in_and_nobody_else_does() -> None:
    may = {role for role in Role if _worker(role).may(Action.READ_STATISTICS)}
    assert may == {Role.SUPERVISOR, Role.COORDINATOR}
    held = Holder(_worker(Role.SUPERVISOR), uuid4(), signed_in_at=NOW)
    held.must_be_allowed(Action.READ_STATISTICS, NOW + timedelta(days=20), totp_roles=NOBODY)


@pytest.mark.parametrize(
    ("role", "of", "other", "of_other", "may"),
    [
        (Role.CASEWORKER, HERE, Role.CASEWORKER, HERE, False),
        (Role.DUTY_LEAD, HERE, Role.CASEWORKER, HERE, False),
        (Role.SUPERVISOR, HERE, Role.CASEWORKER, HERE, True),
        (Role.SUPERVISOR, HERE, Role.CASEWORKER, THERE, False),
        (Role.SUPERVISOR, HERE, Role.COORDINATOR, None, False),
        (Role.SUPERVISOR, HERE, Role.ADMIN, None, False),
        (Role.COORDINATOR, None, Role.SUPERVISOR, THERE, True),
        (Role.COORDINATOR, None, Role.COORDINATOR, None, True),
        (Role.COORDINATOR, None, Role.ADMIN, None, False),
        (Role.ADMIN, None, Role.COORDINATOR, None, True),
    ],
)
def test_who_manages_whom(
    role: Role,
    of: UUID | None,
    other: Role,
    of_other: UUID | None,
    may: bool,  # noqa: FBT001 - a case of the test
) -> None:
    assert may_manage(_worker(role, of), _worker(other, of_other)) is may


@pytest.mark.parametrize("bad", ["short", "sophea.case", "Sophea.CaseSOPHEA.CASE", "aaaaaaaaaaaaaaa", ""])
def test_a_password_is_long_and_not_the_name(bad: str) -> None:
    with pytest.raises(PasswordUnfit):
        must_be_a_password("sophea.case", bad)


def test_a_sentence_is_a_password_in_any_script() -> None:
    must_be_a_password("dara", "ភ្នំខ្ពស់ ទឹកថ្លា")
    must_be_a_password("", "correct horse battery")


def test_a_code_fits_one_step_around_now_and_no_other() -> None:
    secret = new_totp_secret()
    step = int(NOW.timestamp()) // 30
    code = pyotp.TOTP(secret).at(NOW)
    assert totp_step(secret, code, NOW) == step
    assert totp_step(secret, f" {code[:3]} {code[3:]} ", NOW + timedelta(seconds=30)) == step
    assert totp_step(secret, code, NOW - timedelta(seconds=30)) == step
    assert totp_step(secret, code, NOW + timedelta(seconds=61)) is None
    assert totp_step(secret, "", NOW) is None
    assert totp_step(secret, code + "1", NOW) is None
    khmer = code.translate(str.maketrans("0123456789", "០១២៣៤៥៦៧៨៩"))
    assert totp_step(secret, khmer, NOW) == step
    assert totp_address(secret, "dara").startswith("otpauth://totp/Spean:dara?secret=")


def test_a_spoken_code_is_heard_however_it_is_written() -> None:
    for _ in range(200):
        code = new_spoken_code()
        meant = heard_code(code)
        assert len(meant) == 12
        assert heard_code(code.lower().replace("-", " ")) == meant
        assert heard_code(code.replace("0", "o").replace("1", "L")) == meant
