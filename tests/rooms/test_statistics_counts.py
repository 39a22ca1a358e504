"""Cases and people by every dimension, each count computed once more by hand from rows that were opened."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.cases.rules.stages import Case
from app.circumstances.rules import PartyKind
from app.statistics.rules.dimensions import AGE_BANDS, GRAIN, Dimension, Grain
from app.statistics.rules.scope import Scope
from app.statistics.store.tables import counted
from app.usecases.seeing import sight_of
from tests.makers import Installation
from tests.statistics_town import BEGINS, LENGTH, Town, a_town, age_at, an_installation_on

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
BERLIN = ZoneInfo("Europe/Berlin")  # puts its clocks forth and back
SIGNS = {
    "unpaid_wages": ("wages",),
    "detention": ("movement", "isolation"),
    "forced_extension": ("movement",),
}
D = Dimension
Found = dict[tuple[Any, ...], tuple[int, int]]


@pytest.fixture(scope="module")
def town(
    template: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Town]:
    folder, cluster = tmp_path_factory.mktemp("town"), partial(request.getfixturevalue, "cluster")
    with an_installation_on(template, folder, cluster) as here:
        yield a_town(here, seed=1, cases=200)


def everything(zone: ZoneInfo = PHNOM_PENH, **narrowed: Any) -> Scope:
    return Scope(**{"since": BEGINS, "until": BEGINS + LENGTH, "zone": zone, "indicators": SIGNS, **narrowed})


def values_of(town: Town, case: Case, dimension: Dimension, zone: ZoneInfo) -> set[Any]:
    """Every value that a case has by a dimension that does not tell its people apart."""
    local = case.opened_at.astimezone(zone)
    one: dict[Dimension, Callable[[], Any]] = {
        D.DESTINATION: lambda: case.destination_country,
        D.SECTOR: lambda: town.around[case.id].sector,
        D.PROVINCE: lambda: town.around[case.id].origin_province,
        D.CHANNEL: lambda: case.origin_channel,
        D.ORGANISATION: lambda: case.organisation_id,
        D.URGENCY: lambda: case.urgency.value,
        D.STATUS: lambda: case.status.value,
        D.MONTH: lambda: f"{local:%Y-%m}",
        D.YEAR: lambda: f"{local:%Y}",
    }
    if dimension in one:
        return {one[dimension]()}
    if dimension is D.CATEGORY:
        return set(case.categories)
    if dimension is D.INDICATOR:
        return {sign for name in case.categories for sign in SIGNS.get(name, ())} or {None}
    kind = PartyKind(dimension.value)
    return {party.id for party in town.linked[case.id] if party.kind is kind} or {None}


def people_of(town: Town, case: Case, zone: ZoneInfo) -> list[dict[Dimension, Any]]:
    """Everybody in a case, those not written down as well, by the dimensions of people."""
    outcome = case.outcome.value if case.outcome else None
    found = []
    for member in town.members[case.id]:
        age = age_at(member.person.birth_date, case.opened_at.astimezone(zone).date())
        band = next(
            (b.code for b in AGE_BANDS if age is not None and b.first <= age <= (b.last or 999)), None
        )
        found.append({
            D.SEX: None if member.person.sex == "unknown" else member.person.sex,
            D.AGE_BAND: band,
            D.AGE_GROUP: None if age is None else ("child" if age < 18 else "adult"),
            D.OUTCOME: member.outcome or outcome,
        })  # fmt: skip
    nobody = {D.SEX: None, D.AGE_BAND: None, D.AGE_GROUP: None, D.OUTCOME: outcome}
    return found + [nobody] * (case.member_count - len(found))


def by_hand(town: Town, dimensions: tuple[Dimension, ...], scope: Scope) -> Found:
    cases: Counter[tuple[Any, ...]] = Counter()
    people: Counter[tuple[Any, ...]] = Counter()
    for case in town.seen(scope.sight):
        if not scope.since <= case.opened_at < scope.until:
            continue
        if scope.organisation_id not in {None, case.organisation_id}:
            continue
        if not all(
            GRAIN[one] is Grain.PERSON or values_of(town, case, one, scope.zone) & set(wanted)
            for one, wanted in scope.filters.items()
        ):
            continue
        keys: set[tuple[Any, ...]] = set()
        for person in people_of(town, case, scope.zone):
            if any(person[one] not in wanted for one, wanted in scope.filters.items() if one in person):
                continue
            each = [
                {person[one]} if one in person else values_of(town, case, one, scope.zone)
                for one in dimensions
            ]
            found = list(product(*each))
            keys.update(found)
            people.update(found)
        cases.update(keys)
    return {key: (cases[key], people[key]) for key in cases}


def by_sql(town: Town, dimensions: tuple[Dimension, ...], scope: Scope) -> Found:
    with town.here.office.look() as uow:
        rows = counted(uow.connection, [dimensions], scope)[dimensions]
    found = {row.values: (row.cases, row.people) for row in rows}
    assert len(found) == len(rows)
    return found


def test_cases_and_people_by_one_dimension_are_what_counting_by_hand_gives(town: Town) -> None:
    for zone in (PHNOM_PENH, BERLIN):
        for dimension in Dimension:
            found = by_sql(town, (dimension,), everything(zone))
            assert found == by_hand(town, (dimension,), everything(zone)), dimension
            assert len(found) > 1, dimension


@pytest.mark.parametrize("seed", [3, 4])
def test_cases_and_people_by_two_dimensions_are_what_counting_by_hand_gives(town: Town, seed: int) -> None:
    for pair in random.Random(seed).sample(list(combinations(Dimension, 2)), 12):
        assert by_sql(town, pair, everything()) == by_hand(town, pair, everything()), pair


def test_a_period_is_cut_at_its_moments_and_an_organisation_counts_its_own_cases_only(town: Town) -> None:
    middle = BEGINS + LENGTH / 2
    organisation = town.workers[0].organisation_id
    halves = [everything(until=middle, organisation_id=organisation), everything(since=middle)]
    for scope in halves:
        for pair in ((D.CATEGORY, D.MONTH), (D.SEX, D.DESTINATION)):
            assert by_sql(town, pair, scope) == by_hand(town, pair, scope)


def test_nobody_counts_what_walls_and_childrens_protection_keep_from_them(town: Town) -> None:
    for eyes in (town.supervisor, town.coordinator):
        scope = everything(sight=sight_of(eyes))
        kept = len(town.seen(None)) - len(town.seen(scope.sight))
        assert kept > 0
        for dimension in (D.STATUS, D.SEX, D.RECRUITER):
            assert by_sql(town, (dimension,), scope) == by_hand(town, (dimension,), scope)


@pytest.mark.parametrize(
    "filters",
    [
        {D.DESTINATION: ("TH", None)},
        {D.SECTOR: ("fisheries",), D.PROVINCE: (None, "KH-1")},
        {D.CATEGORY: ("detention", "unpaid_wages")},
        {D.INDICATOR: (None,), D.MONTH: ("2026-01", "2026-02")},
        {D.SEX: ("female", None)},
        {D.SEX: ("female",), D.OUTCOME: ("repatriated",), D.CATEGORY: ("unpaid_wages",)},
        {D.AGE_GROUP: ("child", "adult")},
        {D.ORGANISATION: (None,), D.URGENCY: ("U1", "U3")},
    ],
    ids=str,
)
def test_filters_leave_out_cases_and_people_alike(
    town: Town, filters: dict[Dimension, tuple[str | None, ...]]
) -> None:
    scope = everything(filters=filters)
    for dimensions in ((), (D.DESTINATION,), (D.SEX,), (D.SEX, D.CATEGORY), (D.SECTOR, D.PROVINCE)):
        found = {key: count for key, count in by_sql(town, dimensions, scope).items() if count[0]}
        assert found == by_hand(town, dimensions, scope)


def test_a_filter_by_company_takes_its_id(town: Town) -> None:
    recruiter = next(one for one in town.parties if one.kind is PartyKind.RECRUITER)
    scope = everything(filters={D.RECRUITER: (str(recruiter.id),)})
    linked = [c for c in town.seen(None) if recruiter in town.linked[c.id]]
    assert by_sql(town, (), scope)[()][0] == len(linked) > 0


def test_of_no_case_nothing_is_counted(here: Installation) -> None:
    scope = everything()
    with here.office.look() as uow:
        for dimension in Dimension:
            assert counted(uow.connection, [(dimension,)], scope) == {(dimension,): []}
