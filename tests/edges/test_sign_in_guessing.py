"""Guessing at passwords: what it costs, whom it locks out, and what it tells of names."""

import threading
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from app.crypto.passwords import Busy, NarrowGate, hash_password, is_cheap, which_matches
from app.identity.tables import attempts
from tests.makers import PASSWORD, Installation
from tests.signing import Elsewhere, renew, sign_in

PROXIES = "10.0.0.0/8"


def _hashes() -> float:
    return REGISTRY.get_sample_value("spean_password_hashes_total") or 0.0


def _cost(of: Callable[[], object]) -> float:
    before = _hashes()
    of()
    return _hashes() - before


def test_every_sign_in_costs_the_same_hashes_whoever_it_is_and_whatever_is_wrong(here: Installation) -> None:
    worker = here.a_worker(username="dara")
    here.a_worker(username="sokha")
    with here.office.work(here.clock.now()) as uow:
        uow.credentials.set_duress(worker.id, hash_password("an ordinary day", cheap=True))
    costs = [
        _cost(lambda: sign_in(here, "dara")),
        _cost(lambda: sign_in(here, "dara", "nope")),
        _cost(lambda: sign_in(here, "dara", "an ordinary day")),
        _cost(lambda: sign_in(here, "sokha")),
        _cost(lambda: sign_in(here, "sokha", "nope")),
        _cost(lambda: sign_in(here, "nobody", "nope")),
    ]
    assert costs == [2.0] * 6


def test_the_hash_that_stands_in_for_none_takes_the_work_of_the_one_beside_it() -> None:
    cheap, dear = hash_password("x", cheap=True), hash_password("x")
    assert (is_cheap(cheap), is_cheap(dear)) == (True, False)
    assert which_matches([cheap, None], "x") == 0
    assert which_matches([None, cheap], "x") == 1
    assert which_matches([cheap, None], "y") is None
    assert which_matches([None, None], "x") is None


def test_a_name_that_nobody_bears_is_answered_like_any_other_to_the_last_header(here: Installation) -> None:
    here.a_worker(username="dara")
    for _ in range(7):
        wrong, unknown = sign_in(here, "dara", "nope"), sign_in(here, "nobody", "nope")
        assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
        assert wrong.headers.get("retry-after") == unknown.headers.get("retry-after")
        assert wrong.headers.keys() == unknown.headers.keys()


def test_when_too_many_passwords_are_checked_at_once_the_rest_are_turned_away_at_once() -> None:
    gate = NarrowGate(at_once=1, waiting=1, patience_seconds=0.05)
    inside, leave = threading.Event(), threading.Event()
    turned_away: list[Busy] = []

    def stay() -> None:
        with gate:
            inside.set()
            leave.wait(10)

    def come() -> None:
        try:
            with gate:
                pass
        except Busy as busy:
            turned_away.append(busy)

    first = threading.Thread(target=stay)
    first.start()
    inside.wait(10)
    come()  # waits a little, and then no more
    assert [(busy.status, busy.details["seconds"]) for busy in turned_away] == [(503, 5)]
    patient = NarrowGate(at_once=1, waiting=0, patience_seconds=60)
    with patient, pytest.raises(Busy), patient:  # nobody may wait here, so this ends at once
        pass
    leave.set()
    first.join()
    come()
    assert len(turned_away) == 1


def test_strangers_lock_out_themselves_and_not_the_one_whose_name_they_guess_at(
    install: Callable[..., Installation],
) -> None:
    here = install(trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    stranger, worker = Elsewhere(here, "203.0.113.9"), Elsewhere(here, "198.51.100.4")
    codes = [stranger.sign_in("dara", f"guess {n}").status_code for n in range(7)]
    assert codes == [401] * 5 + [429] * 2
    assert stranger.sign_in("dara").status_code == 429
    assert worker.sign_in("dara").status_code == 200


def test_a_wide_attack_slows_down_and_leaves_a_known_device_alone(
    install: Callable[..., Installation],
) -> None:
    here = install(trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    first = sign_in(here, "dara", device_id="phone-7").json()
    renewed = renew(here, first["refresh_token"]).json()
    waits = []
    for n in range(40):
        answer = Elsewhere(here, f"203.0.113.{n}").sign_in("dara", "a guess")
        waits.append(int(answer.headers.get("retry-after", 0)))
        here.clock.forward(seconds=waits[-1])
        if waits[-1]:
            assert answer.status_code == 429
    assert waits[:20] == [0] * 20
    grown = [wait for wait in waits[20:] if wait]
    assert grown == sorted(grown)
    assert grown[:4] == [1, 2, 4, 8]
    assert max(grown) <= 60
    Elsewhere(here, "203.0.113.99").sign_in("dara", "a guess")
    strange = Elsewhere(here, "198.51.100.4").sign_in("dara")
    assert strange.status_code == 429
    known = sign_in(here, "dara", device_id="phone-7", refresh_token=renewed["refresh_token"])
    assert known.status_code == 200


def test_what_proves_a_device_is_its_last_token_and_that_of_this_worker(
    install: Callable[..., Installation],
) -> None:
    here = install(trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    here.a_worker(username="sokha")
    old = sign_in(here, "dara").json()["refresh_token"]
    renew(here, old)
    others = sign_in(here, "sokha").json()["refresh_token"]
    for n in range(20):
        Elsewhere(here, f"203.0.113.{n}").sign_in("dara", "a guess")
    for proof in (old, others, "made up", ""):
        assert sign_in(here, "dara", refresh_token=proof).status_code == 429


def test_a_known_device_in_a_thiefs_hands_has_five_guesses(here: Installation) -> None:
    here.a_worker(username="dara")
    proof = sign_in(here, "dara").json()["refresh_token"]
    guesses = [sign_in(here, "dara", f"guess {n}", refresh_token=proof).status_code for n in range(6)]
    assert guesses == [401] * 5 + [429]
    assert sign_in(here, "dara").status_code == 200


def test_a_proof_is_good_long_after_the_token_itself_ran_out_but_not_for_ever(here: Installation) -> None:
    here.a_worker(username="dara")
    proof = sign_in(here, "dara").json()["refresh_token"]
    with here.office.look() as uow:
        found = uow.identity.worker_named("dara")
        assert found
        for days, known in ((40, True), (49, True), (2, False)):
            now = here.clock.forward(days=days)
            assert bool(uow.sign_ins.known_device(found[0].id, proof, now)) is known


def test_guesses_at_one_moment_in_two_processes_all_count(install: Callable[..., Installation]) -> None:
    one = install()
    two = install(database_url=one.application.settings.database_url)
    one.a_worker(username="dara")
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda h=here: codes.append(sign_in(h, "dara", "guess").status_code))
        for here in (one, two)
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [401] * 5 + [429] * 7


@pytest.mark.parametrize(
    ("proxy", "forwarded", "other", "same"),
    [
        ("10.9.8.7", "203.0.113.1", "203.0.113.2", False),
        ("10.9.8.7", "1.2.3.4, 203.0.113.1", "9.9.9.9, 203.0.113.1", True),  # the left may be made up
        ("10.9.8.7", "203.0.113.1, 10.1.1.1", "203.0.113.2, 10.1.1.1", False),  # two of our proxies
        ("10.9.8.7", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # one household
        ("10.9.8.7", "2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "203.0.113.1", "203.0.113.2", True),  # not one of our proxies: nobody believes it
        ("10.9.8.7", "nonsense", "rubbish", True),
    ],
)
def test_where_somebody_comes_from_is_believed_of_our_own_proxies_only(
    install: Callable[..., Installation],
    proxy: str,
    forwarded: str,
    other: str,
    same: bool,  # noqa: FBT001 - a case of the test
) -> None:
    here = install(trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    for n in range(5):
        Elsewhere(here, forwarded, proxy=proxy).sign_in("dara", f"guess {n}")
    again = Elsewhere(here, other, proxy=proxy).sign_in("dara")
    assert again.status_code == (429 if same else 200)


def test_names_that_strangers_invented_are_forgotten_after_a_day(here: Installation) -> None:
    here.a_worker(username="dara")
    sign_in(here, "nobody", "x")
    here.clock.forward(hours=25)
    sign_in(here, "dara", PASSWORD)
    with here.office.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(attempts)).scalar_one() == 0
