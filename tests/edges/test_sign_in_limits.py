"""How much one may ask for in a minute: a worker, each of their devices, and a place that signs in."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy import func, select

from app.identity.tables import allowances
from app.kernel.language import Language, Script
from app.kernel.phone import Phone
from app.outbox.rules import Purpose, State
from app.usecases.allowing import Allowance, TooManyRequests
from app.usecases.words import Words, say
from tests.makers import Installation
from tests.signing import Elsewhere, ask, sign_in

SOMEBODY_ELSE = "+66898765432"
PROXIES = "10.0.0.0/8"


def _codes(here: Installation, token: str, times: int) -> list[int]:
    return [ask(here, token, "GET", "/v1/me").status_code for _ in range(times)]


def test_a_worker_who_asks_too_often_is_told_when_to_come_back(install: Callable[..., Installation]) -> None:
    here = install(requests_per_minute=6)
    here.a_worker(username="dara")
    here.a_worker(username="sokha")
    token, other = (str(sign_in(here, name).json()["access_token"]) for name in ("dara", "sokha"))
    assert _codes(here, token, 8) == [200] * 6 + [429] * 2
    refused = ask(here, token, "GET", "/v1/me")
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "10"
    assert _codes(here, other, 1) == [200]
    here.clock.forward(seconds=10)
    assert _codes(here, token, 2) == [200, 429]


def test_a_device_that_runs_wild_leaves_its_worker_the_others(install: Callable[..., Installation]) -> None:
    here = install(requests_per_minute=10, device_requests_per_minute=4)
    here.a_worker(username="dara")
    phone, desk = (
        str(sign_in(here, "dara", device_id=name).json()["access_token"]) for name in ("phone", "desk")
    )
    assert _codes(here, phone, 6) == [200] * 4 + [429] * 2
    assert _codes(here, desk, 5) == [200] * 4 + [429]


def test_signing_in_is_counted_for_each_place_that_one_comes_from(
    install: Callable[..., Installation],
) -> None:
    here = install(sign_ins_per_minute=3, trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    office, home = Elsewhere(here, "203.0.113.1"), Elsewhere(here, "203.0.113.2")
    tried = [office.sign_in("dara", "one password for all") for _ in range(4)]
    assert [answer.status_code for answer in tried] == [401] * 3 + [429]
    assert int(tried[-1].headers["retry-after"]) == 20
    assert home.sign_in("dara").status_code == 200


def test_processes_together_give_out_no_more_than_the_limit(install: Callable[..., Installation]) -> None:
    one = install()
    two = install(database_url=one.application.settings.database_url)
    now = one.clock.now()
    limits = [Allowance(here.office, "worker", 90) for here in (one, two)]
    given = 0
    for n in range(200):
        with suppress(TooManyRequests):
            limits[n % 2].take("dara", now)
            given += 1
    assert given == 90
    later = one.clock.forward(minutes=5)
    for _ in range(90):
        limits[1].take("dara", later)
    with pytest.raises(TooManyRequests):
        limits[1].take("dara", later)


def _at_once(*asks: Callable[[], list[int]]) -> list[int]:
    """What all of them were answered who asked at the same time."""
    with ThreadPoolExecutor(len(asks)) as pool:
        return [code for answered in pool.map(lambda ask: ask(), asks) for code in answered]


def test_two_servers_asked_at_once_give_a_worker_and_a_device_no_more_than_one_would(
    install: Callable[..., Installation],
) -> None:
    one = install(requests_per_minute=60, device_requests_per_minute=40)
    two = install(
        database_url=one.application.settings.database_url, requests_per_minute=60,
        device_requests_per_minute=40,
    )  # fmt: skip
    one.a_worker(username="dara")
    phone, desk = (
        str(sign_in(one, "dara", device_id=name).json()["access_token"]) for name in ("phone", "desk")
    )
    servers = [one, two, one, two]
    of_phone = _at_once(*(partial(_codes, here, phone, 20) for here in servers))
    assert set(of_phone) == {200, 429}
    assert 36 <= of_phone.count(200) <= 40  # what one server borrowed and nobody spent is lost
    of_both = of_phone + _at_once(*(partial(_codes, here, desk, 20) for here in servers))
    assert 52 <= of_both.count(200) <= 60


def test_two_servers_write_to_a_phone_at_once_no_oftener_than_one_would(
    install: Callable[..., Installation],
) -> None:
    one = install()
    two = install(database_url=one.application.settings.database_url)

    phone, now = Phone(SOMEBODY_ELSE), one.clock.now()
    words = Words(phone, ("sms.thanks",), "km", None, {}, Purpose.ANSWER, wrote_at=now)

    def write(here: Installation) -> list[int]:
        states = []
        for _ in range(4):
            with here.office.work(now) as uow:
                # Whoever writes to a person holds their phone, or their case, until it is done.
                uow.intake.contact_point(phone, language=Language.KM, script=Script.KHMER, now=now)
                states.append(say(uow, words, now=now))
        return [state not in {None, State.HELD} for state in states]

    went = _at_once(*(partial(write, here) for here in (one, two, one, two)))
    assert sum(went) == 5


def test_a_steady_flow_within_the_limit_is_never_refused(here: Installation) -> None:
    allowed = Allowance(here.office, "worker", 60)
    for _ in range(300):
        allowed.take("dara", here.clock.forward(seconds=1))


def test_no_limit_counts_nothing(here: Installation) -> None:
    allowed = Allowance(here.office, "worker", 0)
    for _ in range(1000):
        allowed.take("dara", here.clock.now())
    with here.office.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(allowances)).scalar_one() == 0


def test_who_is_counted_does_not_lie_open_and_is_forgotten(install: Callable[..., Installation]) -> None:
    here = install(sign_ins_per_minute=50, trusted_proxies=PROXIES)
    here.a_worker(username="dara")
    Elsewhere(here, "203.0.113.1").sign_in("nobody", "x")
    with here.office.database.read() as connection:
        (who,) = connection.execute(select(allowances.c.who_index)).scalars().all()
    assert b"203" not in bytes(who)
    here.clock.forward(minutes=10)
    Elsewhere(here, "203.0.113.2").sign_in("dara")
    with here.office.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(allowances)).scalar_one() == 1


def test_counting_costs_a_small_part_of_a_request(install: Callable[..., Installation]) -> None:
    # A ratio, for machines differ: with the default limits one of thirteen requests writes a row.
    here = install(requests_per_minute=600, device_requests_per_minute=400)
    here.a_worker(username="dara")
    token = str(sign_in(here, "dara").json()["access_token"])
    terms, now = here.application.sign_in_terms, here.clock.now()

    def seconds(of: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(150):
            of()
        return time.process_time() - began

    def count() -> None:
        terms.device_requests.take("x", now)
        terms.requests.take("x", now)

    counting = seconds(count)
    asking = seconds(lambda: ask(here, token, "GET", "/v1/me"))
    assert counting < asking / 3
