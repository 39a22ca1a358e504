"""Each indicator of the internal view against a computation by hand over rows that were opened."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from babel.numbers import get_currency_precision

from app.cases.rules.stages import Case, Queue, Sight
from app.circumstances.rules import PartyKind, Rate, Surroundings
from app.escalation.rules.ladder import ClockKind, promised_at
from app.kernel.ids import new_id
from app.kernel.urgency import Urgency
from app.statistics import service
from app.statistics.rules.figures import Breach, MoneyFigures, Sum, Wait
from app.statistics.rules.percentiles import PERCENTS, nearest_rank, rounded
from app.statistics.rules.periods import Period
from app.statistics.service import Wish
from app.usecases.seeing import sight_of
from tests.makers import Installation
from tests.statistics_town import Town, a_town, an_installation_on

PERIOD = Period(date(2025, 12, 1), date(2026, 5, 1))
RATES = Surroundings(rates={
    "THB": (Rate(date(2026, 1, 10), Decimal("0.0287")), Rate(date(2026, 3, 1), Decimal("0.0301"))),
    "KRW": (Rate(date(2025, 1, 1), Decimal("0.000734")), Rate(date(2026, 2, 3), Decimal("0.000703"))),
})  # fmt: skip
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def town(
    template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Town]:
    """A town whose clocks have fired."""
    folder, cluster = tmp_path_factory.mktemp("town"), partial(request.getfixturevalue, "cluster")
    with an_installation_on(template, folder, cluster) as here:
        made = a_town(here, seed=11, cases=220)
        here.fire()
        made.read()
        yield made


@pytest.fixture(params=["all", "supervisor"])
def seen(town: Town, request: pytest.FixtureRequest) -> tuple[Town, Wish]:
    """The town, and a wish for all of it or for what one supervisor may see."""
    sight = None if request.param == "all" else sight_of(town.supervisor)
    return town, Wish(PERIOD, "internal", sight, "en", town.here.clock.now())


def bounds(town: Town) -> tuple[datetime, datetime]:
    return PERIOD.moments(town.here.office.rulebook.ladders.calendar.timezone)


def opened(town: Town, sight: Sight | None) -> list[Case]:
    since, until = bounds(town)
    return [case for case in town.seen(sight) if since <= case.opened_at < until]


def waits(cases: list[Case], clock: str, urgency: str | None) -> list[int]:
    moments = {"accept": "accepted_at", "first_contact": "first_contact_at", "close": "closed_at"}
    of = [case for case in cases if urgency in {None, case.urgency.value}]
    lasted = [getattr(case, moments[clock]) - case.opened_at for case in of if getattr(case, moments[clock])]
    return sorted(-(-one // SECOND) for one in lasted)


def judged(town: Town, case: Case, clock: ClockKind, now: datetime) -> bool | None:
    """Whether the target was kept; None while it still can be, and where nobody waits any more."""
    rules = town.here.office.rulebook
    profile = rules.profile_for(
        urgency=case.urgency, categories=case.categories, members=case.member_count,
        queued=case.queue is Queue.COORDINATOR,
    )  # fmt: skip
    by = promised_at(profile, rules.ladders.calendar, kind=clock, base_at=case.opened_at)
    done = case.accepted_at if clock is ClockKind.ACCEPT else case.first_contact_at
    if (done or case.closed_at or now) > by:
        return False
    return True if done else None


def test_waiting_times_and_targets_are_what_counting_by_hand_gives(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    cases = opened(town, wish.sight)
    found = {(one.clock, one.urgency): one for one in service.times(town.here.office, wish)}
    assert len(found) > 10
    for (clock, urgency), wait in found.items():
        lasted = waits(cases, clock, urgency)
        assert wait.count == len(lasted)
        assert (wait.p50, wait.p90, wait.p95) == tuple(nearest_rank(lasted, p) for p in PERCENTS)
        assert wait.longest == max(lasted, default=None)
        if clock == "close":
            assert (wait.in_time, wait.late, wait.share_in_time) == (None, None, None)
            continue
        of = [case for case in cases if urgency in {None, case.urgency.value}]
        kept = Counter(judged(town, case, ClockKind(clock), wish.now) for case in of)
        assert (wait.in_time, wait.late) == (kept[True], kept[False])
        assert wait.share_in_time == kept[True] / (kept[True] + kept[False])
    assert sum(one.late or 0 for one in found.values()) > 0


def test_rungs_are_those_that_the_timelines_tell_of_and_breaches_are_the_targets_missed(
    seen: tuple[Town, Wish],
) -> None:
    town, wish = seen
    since, until = bounds(town)
    wide = Wish(Period(date(2025, 1, 1), date(2027, 1, 1)), "internal", wish.sight, "en", wish.now)
    fired: list[tuple[tuple[str, int, str], UUID]] = []
    with town.here.office.look() as uow:
        for case in town.seen(wish.sight):
            fired += [
                ((item.details["clock"], item.details["rung"], item.details["to"]), case.id)
                for item in uow.timeline.of_case(case.id)
                if item.kind == "escalation.fired"
            ]
    found = service.escalations(town.here.office, wide)
    assert {(one.clock, one.rung, one.to): one.fired for one in found.rungs} == Counter(
        key for key, _ in fired
    )
    by_case = Counter(key for key, _ in set(fired))
    assert {(one.clock, one.rung, one.to): one.cases for one in found.rungs} == by_case
    assert fired
    cases = [case for case in town.seen(wish.sight) if since <= case.opened_at < until]
    assert set(service.escalations(town.here.office, wish).breaches) == {
        Breach(clock.value, level.value, kept[False], kept[False] + kept[True])
        for clock in (ClockKind.ACCEPT, ClockKind.FIRST_CONTACT)
        for level in Urgency
        for kept in [Counter(judged(town, c, clock, wish.now) for c in cases if c.urgency is level)]
    }


def test_contacts_are_what_came_in_of_cases_that_one_may_see_or_of_none(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    since, until = bounds(town)
    shown = {case.id for case in town.seen(wish.sight)}
    came = [
        one for one in town.contacts
        if one.counts and one.channel and since <= one.at < until and (not one.case or one.case.id in shown)
    ]  # fmt: skip
    found = service.contacts(town.here.office, wish)
    ended = Counter(one.ended for one in came)
    assert (found.texts, found.calls, found.missed) == tuple(
        sum(one.channel == name for one in came) for name in ("sms", "call", "missed_call")
    )
    assert (found.answered, found.left_word, found.abandoned) == (
        ended["answered"], ended["left_word"], ended["abandoned"],
    )  # fmt: skip
    assert found.answered_share == ended["answered"] / sum(
        ended[one] for one in ("answered", "left_word", "abandoned")
    )
    assert found.unique_callers == len({one.phone for one in came if one.phone})
    zone = town.here.office.rulebook.ladders.calendar.timezone
    hours = Counter(f"{one.at.astimezone(zone):%H}" for one in came)
    assert {one.value: one.contacts for one in found.by_hour or ()} == {
        f"{h:02d}": hours[f"{h:02d}"] for h in range(24)
    }
    for volumes, values in (
        (found.by_channel, Counter(one.channel for one in came)),
        (found.by_language, Counter(one.language for one in came)),
    ):
        assert {one.value: one.contacts for one in volumes or ()} == values


def test_caseload_is_of_this_moment_and_counts_who_has_nothing_to_do(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    cases = [case for case in town.seen(wish.sight) if case.is_open]
    found = service.caseload(town.here.office, wish)
    owned = Counter(case.owner_id for case in cases if case.owner_id)
    own = wish.sight.organisation_id if wish.sight else None
    staff = [worker for worker in town.workers if own in {None, worker.organisation_id}]
    assert found.open_cases == len(cases)
    assert {one.worker_id: one.open_cases for one in found.workers} == {
        **{worker.id: 0 for worker in staff}, **owned,
    }  # fmt: skip
    for one in found.organisations:
        of = [case for case in cases if case.organisation_id == one.organisation_id]
        workers = sum(worker.organisation_id == one.organisation_id for worker in staff)
        supervisors = int(town.supervisor.organisation_id == one.organisation_id)
        assert (one.open_cases, one.without_owner) == (len(of), sum(case.owner_id is None for case in of))
        assert (one.caseworkers, one.supervisors) == (workers, supervisors)
        assert one.cases_per_caseworker == (len(of) / workers if workers else None)
        assert one.caseworkers_per_supervisor == (workers / supervisors if supervisors else None)
    queues = Counter(None if case.owner_id else case.queue for case in cases)
    assert {one.queue: one.open_cases for one in found.queues} == queues
    loads = [one.open_cases for one in found.workers]
    for band in found.bands:
        assert band.caseworkers == sum(band.first <= load <= (band.last or load) for load in loads)
    assert sum(band.caseworkers for band in found.bands) == len(loads)


def test_outcomes_are_each_persons_own_else_the_cases_by_the_day_of_closing(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    since, until = bounds(town)
    people, cases = Counter[str | None](), Counter[str | None]()
    for case in town.seen(wish.sight):
        if case.closed_at and since <= case.closed_at < until:
            own = [member.outcome for member in town.members[case.id]]
            each = Counter(one or case.outcome for one in [*own, *[None] * (case.member_count - len(own))])
            people.update(each)
            cases.update(each.keys())
    found = service.outcomes(town.here.office, wish).cells
    assert {one.keys["outcome"]: (one.cases, one.people) for one in found} == {
        outcome: (cases[outcome], people[outcome]) for outcome in cases
    }


def test_money_is_summed_up_by_currency_and_in_dollars_at_the_rate_of_its_day(
    seen: tuple[Town, Wish], monkeypatch: pytest.MonkeyPatch
) -> None:
    town, wish = seen
    office = town.here.office
    monkeypatch.setattr(office, "rulebook", replace(office.rulebook, surroundings=RATES))
    rules, zone = town.here.office.rulebook, town.here.office.rulebook.ladders.calendar.timezone
    claims, back = [], []
    for case in town.seen(wish.sight):
        known = [one.id for one in town.linked[case.id] if one.kind is PartyKind.EMPLOYER]
        employers: list[UUID | None] = [*known] or [None]
        claims += [
            (member.wages_claimed, case.opened_at.astimezone(zone).date(), case.id, employers)
            for member in town.members[case.id]
            if member.wages_claimed
        ]
        back += [(one.amount, one.day, case.id, employers) for one in town.recoveries[case.id]]
    claims = [one for one in claims if PERIOD.since <= one[1] < PERIOD.until]
    back = [one for one in back if PERIOD.since <= one[1] < PERIOD.until]

    def cents(lots: list[Any]) -> int:
        total = Decimal(0)
        for money, day, *_ in lots:
            rate = rules.surroundings.usd_for_unit(money.currency, day)
            unit = Decimal(10) ** get_currency_precision(money.currency)
            total += (rate or Decimal(0)) * money.amount_minor / unit
        return round(total * 100)

    def unrated(lots: list[Any]) -> int:
        rate_of = rules.surroundings.usd_for_unit
        return sum(money.amount_minor for money, day, *_ in lots if rate_of(money.currency, day) is None)

    def of(lots: list[Any], currency: str) -> list[Any]:
        return [one for one in lots if one[0].currency == currency]

    found = service.money(town.here.office, wish, by_employer=True)
    currencies = sorted({one[0].currency for one in (*claims, *back)})
    assert found.currencies == tuple(
        Sum(
            name, get_currency_precision(name),
            sum(one[0].amount_minor for one in of(claims, name)), len(of(claims, name)),
            cents(of(claims, name)), unrated(of(claims, name)),
            sum(one[0].amount_minor for one in of(back, name)), len({one[2] for one in of(back, name)}),
            cents(of(back, name)), unrated(of(back, name)),
        )
        for name in currencies
    )  # fmt: skip
    assert {"USD", "THB", "KRW", "XXX"} == set(currencies)
    assert 0 < unrated(of(claims, "THB")) < sum(one[0].amount_minor for one in of(claims, "THB"))
    assert (found.claimed_usd_cents, found.recovered_usd_cents) == (cents(claims), cents(back))
    by_party: dict[Any, list[list[Any]]] = defaultdict(lambda: [[], []])
    for place, lots in enumerate((claims, back)):
        for one in lots:
            for party in one[3]:
                by_party[party][place].append(one)
    assert {
        one.party_id: (one.claimed_people, one.claimed_usd_cents, one.recovered_usd_cents)
        for one in found.by_employer or ()
    } == {party: (len(c), cents(c), cents(b)) for party, (c, b) in by_party.items()}


def test_companies_with_several_cases_are_told_with_the_number_of_organisations(
    seen: tuple[Town, Wish],
) -> None:
    town, wish = seen
    of: dict[UUID, list[Case]] = defaultdict(list)
    for case in opened(town, wish.sight):
        for party in town.linked[case.id]:
            of[party.id].append(case)
    found = {one.party_id: one for one in service.parties(town.here.office, wish, at_least=4)}
    assert found.keys() == {party for party, cases in of.items() if len(cases) >= 4}
    assert found
    for party_id, one in found.items():
        assert one.cases == len(of[party_id])
        assert one.people == sum(case.member_count for case in of[party_id])
        assert one.organisations == len({case.organisation_id for case in of[party_id]} - {None})
        assert one.names == next(known.names for known in town.parties if known.id == party_id)


def test_quality_tells_what_nobody_wrote_down_and_what_is_overdue(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    cases, here = opened(town, wish.sight), town.here
    found = service.quality(here.office, wish)
    people = [member for case in cases for member in town.members[case.id]]
    unknown = {
        "category": sum("unclassified" in case.categories for case in cases),
        "destination": sum(case.destination_country is None for case in cases),
        "organisation": sum(case.organisation_id is None for case in cases),
        "province": sum(town.around[case.id].origin_province is None for case in cases),
        "sector": sum(town.around[case.id].sector is None for case in cases),
        "outcome": 0,
        "birth_date": sum(member.person.birth_date is None for member in people),
        "sex": sum(member.person.sex == "unknown" for member in people),
        "wages": sum(member.wages_claimed is None for member in people),
    }
    assert {one.field: one.unknown for one in found.fields} == unknown
    assert all(one.share == one.unknown / one.of for one in found.fields)
    assert found.cases == len(cases)
    assert found.cases_without_members == sum(not town.members[case.id] for case in cases)
    assert found.people_not_written_down == sum(c.member_count for c in cases) - len(people)
    everything = town.seen(wish.sight)
    with here.office.look() as uow:
        timers = [timer for case in everything for timer in uow.timers.of_case(case.id)]
    assert found.overdue_cases == sum(case.is_open and case.overdue_since is not None for case in everything)
    assert found.overdue_cases > 0
    assert found.overdue_reviews == sum(
        timer.state == "armed" and timer.plan.kind == "review" and timer.plan.due_at < wish.now
        for timer in timers
    )


def test_lines_of_years_are_cases_people_and_those_who_came_home(seen: tuple[Town, Wish]) -> None:
    town, wish = seen
    zone = town.here.office.rulebook.ladders.calendar.timezone
    lines: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for case in opened(town, wish.sight):
        year = case.opened_at.astimezone(zone).year
        own = [member.outcome or case.outcome for member in town.members[case.id]]
        home = [*own, *[case.outcome] * (case.member_count - len(own))].count("repatriated")
        own_lines = ((when, case.organisation_id, False) for when in (year, None))
        for key in (*own_lines, (year, None, True), (None, None, True)):
            for place, number in enumerate((1, case.member_count, home)):
                lines[key][place] += number
    found = service.years(town.here.office, wish)
    assert {
        (one.year, one.organisation_id, one.of_all): [one.cases, one.people, one.repatriated] for one in found
    } == lines
    assert len(found) == len(lines)
    assert found[-1].of_all
    assert (found[-1].repatriated or 0) > 0


def test_of_a_town_without_cases_every_figure_is_nothing(here: Installation) -> None:
    wish = Wish(PERIOD, "internal", None, "km", here.clock.now())
    found = service.summary(here.office, PERIOD, None, "km", "internal", here.clock.now())
    assert (found.totals.cases, found.totals.people) == (0, 0)
    assert found.times == ()
    assert found.money == MoneyFigures((), 0, 0, ())
    assert found.years == ()
    assert found.contacts == service.contacts(here.office, wish)
    assert found.contacts.answered_share is None


@pytest.mark.parametrize("number", [0, 1, 2, 3, 19, 20, 21])
def test_percentiles_are_right_for_few_values(here: Installation, number: int) -> None:
    town = a_town(here, seed=1, cases=0)
    zone = here.office.rulebook.ladders.calendar.timezone
    base = PERIOD.moments(zone)[0] + timedelta(days=3)
    lasting = [(n * 7919) % 100 + 1 for n in range(number)]
    with here.office.work(base) as uow:
        for seconds in lasting:
            uow.cases.add(_accepted(uow.cases.free_code(), base, seconds))
    wish = Wish(PERIOD, "internal", None, "en", here.clock.now())
    found = [
        one for one in service.times(town.here.office, wish) if (one.clock, one.urgency) == ("accept", None)
    ]
    if not number:
        assert found == []
        return
    expected = tuple(nearest_rank(sorted(lasting), percent) for percent in PERCENTS)
    assert (found[0].p50, found[0].p90, found[0].p95) == expected
    assert isinstance(found[0], Wait)


def _accepted(code: str, at: datetime, seconds: int) -> Case:
    return Case(
        id=new_id(at), code=code, status="accepted", urgency=Urgency.U2, categories=("unpaid_wages",),  # type: ignore[arg-type]  # a code of the same word
        reasons=(), language="km", origin_channel="sms", destination_country=None, organisation_id=None,
        owner_id=None, queue=Queue.COORDINATOR, member_count=1, reporter_id=None, summary=None, opened_at=at,
        updated_at=at, accepted_at=at + timedelta(seconds=seconds),
    )  # fmt: skip


def test_published_times_are_rounded_upwards() -> None:
    assert [rounded(one) for one in (0, 1, 300, 301, 3_599, 3_600, 3_601, 86_400, 86_401)] == [
        0, 300, 300, 600, 3_600, 3_600, 7_200, 86_400, 172_800,
    ]  # fmt: skip
