"""Routing: which organisation and caseworker a case goes to, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.urgency import Urgency
from app.routing.rules import BLOCK_AT, Because, Candidate, Choice, Coverage, Need, Why, choose

NOON = datetime(2026, 11, 2, 5, tzinfo=UTC)


def an_organisation(number: int, **changes: object) -> Coverage:
    """A verified organisation that takes everything, day and night, in Khmer and English."""
    usual = Coverage(
        organisation_id=UUID(int=number),
        code=f"org-{number}",
        categories=frozenset({"*"}),
        destinations=frozenset({"*"}),
        languages=frozenset({"km", "en"}),
        always_open=True,
        capacity=100,
        verified=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # a maker takes any field by name.


def a_worker(number: int, organisation: int = 1, **changes: object) -> Candidate:
    """A caseworker on duty without a case, who speaks Khmer."""
    usual = Candidate(
        worker_id=UUID(int=1000 + number),
        organisation_id=UUID(int=organisation),
        languages=frozenset({"km"}),
        on_duty=True,
        open_cases=0,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # as above.


def a_need(**changes: object) -> Need:
    """Unpaid wages in Thailand, told in Khmer during office hours."""
    usual = Need(
        categories=("unpaid_wages",),
        language="km",
        destination="TH",
        urgency=Urgency.U3,
        declined_by=frozenset(),
        in_hours=True,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # as above.


def rules_of(choice: Choice) -> list[Why]:
    """The reasons without their values."""
    return [because.rule for because in choice.because]


def chosen(
    need: Need,
    coverages: Sequence[Coverage],
    candidates: Sequence[Candidate],
    load: Mapping[UUID, int] | None = None,
) -> int | None:
    """The number of the worker that was chosen."""
    worker = choose(need, coverages, candidates, load or {}).worker_id
    return None if worker is None else worker.int - 1000


def test_a_case_goes_to_the_worker_who_covers_it_with_the_reasons() -> None:
    choice = choose(a_need(), [an_organisation(1, categories=frozenset({"unpaid_wages"}))], [a_worker(7)], {})
    assert choice.organisation_id == UUID(int=1)
    assert choice.worker_id == UUID(int=1007)
    assert [because.plain() for because in choice.because] == [
        {
            "rule": "coverage.category",
            "category": "unpaid_wages",
            "named": "unpaid_wages",
            "organisation": "org-1",
        },
        {"rule": "coverage.destination", "destination": "TH", "named": "*"},
        {"rule": "language.spoken", "language": "km"},
        {"rule": "load.least", "limit": 30, "open_cases": 0},
    ]


def test_the_same_question_has_the_same_answer() -> None:
    inputs = (a_need(), [an_organisation(1), an_organisation(2)], [a_worker(1), a_worker(2, 2)])
    assert choose(*inputs, {}) == choose(*inputs, {})


@pytest.mark.parametrize(
    ("organisation", "need", "reason"),
    [
        (an_organisation(1, categories=frozenset({"detention"})), a_need(), Because.of(Why.NOT_COVERED)),
        (an_organisation(1, destinations=frozenset({"KR"})), a_need(), Because.of(Why.NOT_COVERED)),
        (
            an_organisation(1, destinations=frozenset({"TH", "MY"})),
            a_need(destination=None),
            Because.of(Why.NOT_COVERED),
        ),
        (
            an_organisation(1, always_open=False),
            a_need(urgency=Urgency.U2, in_hours=False),
            Because.of(Why.CLOSED, organisation="org-1"),
        ),
        (an_organisation(1, capacity=5), a_need(), Because.of(Why.ORGANISATION_FULL, organisation="org-1")),
    ],
)
def test_an_organisation_that_cannot_take_it_is_not_asked(
    organisation: Coverage, need: Need, reason: Because
) -> None:
    choice = choose(need, [organisation], [a_worker(1)], {UUID(int=1): 5})
    assert (choice.organisation_id, choice.worker_id) == (None, None)
    assert choice.because == (Because.of(Why.NOBODY), reason)


@pytest.mark.parametrize(
    ("worker", "need", "reason"),
    [
        (a_worker(1, on_duty=False), a_need(), Because.of(Why.OFF_DUTY, workers=1)),
        (a_worker(1, open_cases=30), a_need(), Because.of(Why.WORKER_FULL, workers=1)),
        (a_worker(1, open_cases=3, limit=3), a_need(), Because.of(Why.WORKER_FULL, workers=1)),
        (a_worker(1), a_need(declined_by=frozenset({UUID(int=1001)})), Because.of(Why.DECLINED, workers=1)),
        (a_worker(1, languages=frozenset({"en"})), a_need(), Because.of(Why.NOT_SPOKEN, language="km")),
    ],
)
def test_a_worker_who_cannot_take_it_is_not_asked(worker: Candidate, need: Need, reason: Because) -> None:
    choice = choose(need, [an_organisation(1)], [worker], {})
    assert (choice.organisation_id, choice.worker_id) == (None, None)
    assert choice.because == (Because.of(Why.NOBODY), reason)


def test_a_worker_of_an_organisation_that_does_not_cover_it_is_not_asked() -> None:
    elsewhere = an_organisation(2, categories=frozenset({"detention"}))
    assert chosen(a_need(), [an_organisation(1), elsewhere], [a_worker(1, 2)]) is None


def test_a_closed_organisation_still_takes_what_can_wait() -> None:
    office = an_organisation(1, always_open=False)
    assert chosen(a_need(urgency=Urgency.U3, in_hours=False), [office], [a_worker(1)]) == 1
    assert chosen(a_need(urgency=Urgency.U1, in_hours=True), [office], [a_worker(1)]) == 1


def test_an_unknown_destination_goes_to_an_organisation_for_all_of_them() -> None:
    here = an_organisation(1, destinations=frozenset({"TH"}))
    choice = choose(
        a_need(destination=None), [here, an_organisation(2)], [a_worker(1, 1), a_worker(2, 2)], {}
    )
    assert choice.organisation_id == UUID(int=2)
    assert Because.of(Why.DESTINATION_UNKNOWN, organisation="org-2") in choice.because


def test_a_case_without_a_category_counts_as_unclassified() -> None:
    clerk = an_organisation(1, categories=frozenset({"unclassified"}))
    assert chosen(a_need(categories=()), [clerk], [a_worker(1)]) == 1
    wages = an_organisation(1, categories=frozenset({"unpaid_wages"}))
    assert chosen(a_need(categories=()), [wages], [a_worker(1)]) is None


def test_who_speaks_the_language_comes_before_who_is_idle() -> None:
    thai = a_worker(2, languages=frozenset({"km", "th"}), open_cases=25)
    organisation = an_organisation(1, languages=frozenset({"km", "th"}))
    choice = choose(a_need(language="th"), [organisation], [a_worker(1), thai], {})
    assert choice.worker_id == thai.worker_id
    assert Because.of(Why.SPOKEN, language="th") in choice.because
    assert Because.of(Why.HIGH_LOAD, open_cases=25, limit=30) in choice.because


def test_where_nobody_speaks_the_language_a_khmer_speaker_is_asked_and_it_is_said() -> None:
    choice = choose(
        a_need(language="th"), [an_organisation(1)], [a_worker(1, languages=frozenset({"en", "km"}))], {}
    )
    assert choice.worker_id == UUID(int=1001)
    assert Because.of(Why.FALLBACK, language="th", spoken="km") in choice.because


def test_a_speaker_in_an_organisation_that_does_not_offer_the_language_comes_second() -> None:
    thai = frozenset({"th"})
    offering, other = an_organisation(1, languages=thai), an_organisation(2)
    busy, idle = a_worker(2, 2, languages=thai, open_cases=5), a_worker(3, 2)
    speakers = [a_worker(1, 1, languages=thai, open_cases=9), busy, idle]
    assert chosen(a_need(language="th"), [offering, other], speakers) == 1
    assert chosen(a_need(language="th"), [offering, other], speakers[1:]) == 2


def test_a_verified_organisation_comes_first_and_an_unverified_one_is_named() -> None:
    doubtful = an_organisation(1, verified=False)
    workers = [a_worker(1, 1), a_worker(2, 2, open_cases=9)]
    assert chosen(a_need(), [doubtful, an_organisation(2)], workers) == 2
    assert Why.UNVERIFIED in rules_of(choose(a_need(), [doubtful], workers, {}))


def test_who_covers_more_of_the_case_comes_first() -> None:
    one = an_organisation(1, categories=frozenset({"unpaid_wages"}))
    both = an_organisation(2, categories=frozenset({"unpaid_wages", "passport_confiscation"}))
    need = a_need(categories=("unpaid_wages", "passport_confiscation"))
    assert chosen(need, [one, both], [a_worker(1, 1), a_worker(2, 2, open_cases=9)]) == 2
    assert chosen(need, [one], [a_worker(1, 1)]) == 1


def test_who_names_the_category_or_destination_comes_before_who_takes_anything() -> None:
    by_category = an_organisation(2, categories=frozenset({"unpaid_wages"}))
    by_country = an_organisation(2, destinations=frozenset({"TH"}))
    workers = [a_worker(1, 1), a_worker(2, 2, open_cases=9)]
    assert chosen(a_need(), [an_organisation(1), by_category], workers) == 2
    assert chosen(a_need(), [an_organisation(1), by_country], workers) == 2


def test_load_is_measured_against_each_worker_s_own_limit() -> None:
    half_time = a_worker(1, open_cases=5, limit=10)
    full_time = a_worker(2, open_cases=10, limit=30)
    assert chosen(a_need(), [an_organisation(1)], [half_time, full_time]) == 2


def test_of_equal_load_who_waited_longest_is_next() -> None:
    lately = a_worker(1, last_assigned_at=NOON)
    long_ago = a_worker(2, last_assigned_at=NOON - timedelta(days=1))
    assert chosen(a_need(), [an_organisation(1)], [lately, long_ago]) == 2
    assert chosen(a_need(), [an_organisation(1)], [lately, long_ago, a_worker(3)]) == 3
    assert chosen(a_need(), [an_organisation(1)], [a_worker(5), a_worker(4)]) == 4


def test_declining_passes_the_case_to_the_next_and_at_last_to_the_coordinator() -> None:
    workers = [a_worker(n) for n in (1, 2, 3)]
    declined: frozenset[UUID] = frozenset()
    for expected in (1, 2, 3):
        choice = choose(a_need(declined_by=declined), [an_organisation(1)], workers, {})
        assert choice.worker_id == UUID(int=1000 + expected)
        declined |= {UUID(int=1000 + expected)}
    choice = choose(a_need(declined_by=declined), [an_organisation(1)], workers, {})
    assert choice.worker_id is None
    assert choice.because == (Because.of(Why.NOBODY), Because.of(Why.DECLINED, workers=3))


def test_the_reasons_say_who_was_passed_over() -> None:
    closed = an_organisation(2, always_open=False)
    workers = [a_worker(1), a_worker(2, on_duty=False), a_worker(3, open_cases=30), a_worker(4, 2)]
    choice = choose(a_need(urgency=Urgency.U1, in_hours=False), [an_organisation(1), closed], workers, {})
    assert choice.because[-3:] == (
        Because.of(Why.CLOSED, organisation="org-2"),
        Because.of(Why.OFF_DUTY, workers=1),
        Because.of(Why.WORKER_FULL, workers=1),
    )


CODES = ["unpaid_wages", "detention", "unclassified"]
COUNTRIES = ["TH", "MY", "KR"]
LANGUAGES = ["km", "en", "th"]


def some(values: Sequence[str], *, least: int = 1) -> st.SearchStrategy[frozenset[str]]:
    """Any non-empty choice of these values."""
    return st.frozensets(st.sampled_from(values), min_size=least)


organisations = st.lists(
    st.builds(
        Coverage,
        organisation_id=st.integers(1, 4).map(lambda number: UUID(int=number)),
        code=st.just("org"),
        categories=some([*CODES, "*"]),
        destinations=some([*COUNTRIES, "*"]),
        languages=some(LANGUAGES),
        always_open=st.booleans(),
        capacity=st.integers(0, 3),
        verified=st.booleans(),
    ),
    max_size=5,
)
workers = st.lists(
    st.builds(
        Candidate,
        worker_id=st.integers(1001, 1030).map(lambda number: UUID(int=number)),
        organisation_id=st.integers(1, 4).map(lambda number: UUID(int=number)),
        languages=some(LANGUAGES),
        on_duty=st.booleans(),
        open_cases=st.integers(0, 4),
        limit=st.integers(0, 5),
        last_assigned_at=st.none() | st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    max_size=8,
    unique_by=lambda candidate: candidate.worker_id,
)
needs = st.builds(
    Need,
    categories=st.lists(st.sampled_from(CODES), max_size=2).map(tuple),
    language=st.sampled_from(LANGUAGES),
    destination=st.none() | st.sampled_from(COUNTRIES),
    urgency=st.sampled_from(Urgency),
    declined_by=st.frozensets(st.integers(1001, 1005).map(lambda number: UUID(int=number)), max_size=2),
    in_hours=st.booleans(),
)
loads = st.dictionaries(st.integers(1, 4).map(lambda number: UUID(int=number)), st.integers(0, 3))


def may_take(need: Need, coverage: Coverage, worker: Candidate, load: Mapping[UUID, int]) -> bool:
    """Whether this pair breaks no constraint, said again in other words."""
    wanted = set(need.categories) or {"unclassified"}
    urgent = need.urgency in {Urgency.U1, Urgency.U2}
    return all(
        [
            worker.organisation_id == coverage.organisation_id,
            "*" in coverage.categories or bool(wanted & coverage.categories),
            bool({"*", need.destination} & coverage.destinations),
            coverage.always_open or need.in_hours or not urgent,
            load.get(coverage.organisation_id, 0) < coverage.capacity,
            worker.on_duty,
            worker.open_cases < worker.limit,
            worker.worker_id not in need.declined_by,
            bool({need.language, "km"} & worker.languages),
        ]
    )


@given(needs, organisations, workers, loads)
def test_a_choice_breaks_no_rule_and_is_made_wherever_one_can_be(
    need: Need, coverages: list[Coverage], candidates: list[Candidate], load: dict[UUID, int]
) -> None:
    choice = choose(need, coverages, candidates, load)
    possible = {
        (coverage.organisation_id, worker.worker_id)
        for coverage in coverages
        for worker in candidates
        if may_take(need, coverage, worker, load)
    }
    if possible:
        assert (choice.organisation_id, choice.worker_id) in possible
        assert Why.NOBODY not in rules_of(choice)
    else:
        assert (choice.organisation_id, choice.worker_id) == (None, None)
        assert rules_of(choice)[0] is Why.NOBODY


@given(needs, organisations, workers, loads, st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_changes_nothing(
    need: Need, coverages: list[Coverage], candidates: list[Candidate], load: dict[UUID, int], chance: Random
) -> None:
    first = choose(need, coverages, candidates, load)
    chance.shuffle(coverages)
    chance.shuffle(candidates)
    assert choose(need, coverages, candidates, load) == first


@given(needs, organisations, workers, loads)
def test_a_fallback_is_taken_only_where_nobody_speaks_the_language(
    need: Need, coverages: list[Coverage], candidates: list[Candidate], load: dict[UUID, int]
) -> None:
    fell_back = Why.FALLBACK in rules_of(choose(need, coverages, candidates, load))
    speakers = [
        worker
        for coverage in coverages
        for worker in candidates
        if may_take(need, coverage, worker, load) and need.language in worker.languages
    ]
    assert not (fell_back and speakers)


def test_the_limit_of_a_caseworker_is_thirty_open_cases_unless_set() -> None:
    assert a_worker(1).limit == BLOCK_AT == 30


def test_a_caseworker_with_twenty_open_cases_is_named_as_loaded() -> None:
    def said(open_cases: int) -> list[Why]:
        return rules_of(choose(a_need(), [an_organisation(1)], [a_worker(1, open_cases=open_cases)], {}))

    assert Why.HIGH_LOAD not in said(19)
    assert Why.HIGH_LOAD in said(20)
