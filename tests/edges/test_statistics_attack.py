"""Everything that the publishing gate ever says, read by a solver that looks for small counts of people."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.audit.tables import entries
from app.cases.rules.stages import Status
from app.cases.tables import persons
from app.circumstances.rules import Recovery
from app.kernel.ids import new_id
from app.kernel.money import Money
from app.kernel.refusal import Refusal
from app.statistics.publishing import publish
from app.statistics.rules.aggregate import aggregate_rows
from app.statistics.rules.publishing import (
    DIMENSIONS,
    Cell,
    Publication,
    Question,
    TooEarly,
    Window,
    WindowTooSmall,
    WouldReveal,
)
from app.statistics.tables import published, published_months
from app.usecases.setting_up import organisation_id
from tests.attacker import WINDOW, Attacker, atoms_of, boxed, reads, reads_rows, small_kinds
from tests.counted_town import CANARY, CATEGORIES, DESTINATIONS, SEXES, Group, a_month, keep
from tests.makers import LOTUS, TONLE, Installation

K = 11
JANUARY = Question(date(2026, 1, 1), date(2026, 2, 1))
FIRST_QUARTER = Question(date(2026, 1, 1), date(2026, 4, 1))
LATER = datetime(2026, 6, 1, tzinfo=UTC)
VALUES = {"destination": DESTINATIONS, "category": CATEGORIES, "sex": SEXES}


@pytest.fixture
def here(install: Callable[..., Installation]) -> Installation:
    return install(published_after="7d")


def told(answer: Publication, **keys: str) -> int | None:
    (found,) = [cell for cell in answer.cells if cell.keys == keys]
    return found.people


def an_attacker(*answers: Publication) -> Attacker:
    """Somebody who has all the answers. What each says of a window is learned, also if it says it again."""
    said: dict[Window, list[tuple[Publication, list[Cell]]]] = {}
    for answer in answers:
        for window in answer.windows:
            cells = [one for one in answer.cells if one.window == window and one.keys.keys() <= VALUES.keys()]
            said.setdefault(window, []).append((answer, cells))
    kinds = [
        atom
        for window, ((answer, cells), *_) in said.items()
        for atom in boxed(atoms_of([str(window.since)], VALUES), cells, answer.groups[window] or ())
    ]
    attacker = Attacker(kinds)
    for window, told_of in said.items():
        for answer, cells in told_of:
            reads(attacker, str(window.since), cells, VALUES, answer.withheld[window])
            reads_rows(attacker, str(window.since), answer.groups[window] or ())
    return attacker


@pytest.mark.parametrize("seed", range(3))
def test_h21_the_solver_finds_no_small_count_in_everything_that_was_ever_answered(
    here: Installation, seed: int
) -> None:
    keep(here, [group for month in (1, 2, 3) for group in a_month(seed, month)])
    answers = [publish(here.office, FIRST_QUARTER, LATER)]
    keep(here, [Group(3, 3, "JP", sex="female", day=date(2026, 2, 3)), Group(2, day=date(2026, 3, 1))])
    for since, until in ((1, 2), (2, 4), (1, 3), (1, 4)):
        question = Question(date(2026, since, 1), date(2026, until, 1))
        answers.append(publish(here.office, question, LATER + timedelta(days=1)))
    assert all(groups for groups in answers[0].groups.values())
    assert all(answer.groups.items() <= answers[0].groups.items() for answer in answers)
    assert small_kinds(an_attacker(*answers), K, *VALUES) == []


def test_h21_the_solver_finds_what_came_in_between_two_pulls_where_nothing_is_frozen(
    here: Installation,
) -> None:
    keep(here, a_month(1, 1))
    before = publish(here.office, JANUARY, LATER)
    keep(here, [Group(3, 3, "TH", sex="female")])
    thawed(here)
    after = publish(here.office, JANUARY, LATER)
    attacker = Attacker(atoms_of(["before", "between"], VALUES))
    cells = [cell for cell in before.cells if cell.keys.keys() <= VALUES.keys()]
    reads(attacker, "before", cells, VALUES, before.withheld[before.windows[0]])
    for cell in after.cells:
        if cell.keys.keys() <= VALUES.keys() and cell.people is not None:
            attacker.learn(cell.keys, cell.people, cell.people)
    assert attacker.bounds(attacker.places({WINDOW: "between"})) == (3, 3)


def thawed(here: Installation) -> None:
    """Forget the ledger, as no door of the program does."""
    with here.office.work(LATER) as uow:
        uow.connection.execute(published_months.delete())
        uow.connection.execute(published.delete())


def test_h21_what_was_published_is_what_it_was_whoever_asks_and_whatever_came_in(here: Installation) -> None:
    keep(here, a_month(2, 1))
    first = publish(here.office, JANUARY, LATER)
    keep(here, [Group(40, 40, "KR"), *a_month(3, 1)])
    again = publish(here.office, JANUARY, LATER + timedelta(days=400))
    assert again == first
    whole = publish(here.office, FIRST_QUARTER, LATER)
    assert [cell for cell in whole.cells if cell.window == first.windows[0]] == list(first.cells)


def test_h21_figures_are_those_of_the_people_written_down_or_not(here: Installation) -> None:
    keep(here, [
        Group(20, 12, "TH", ("unpaid_wages", "detention"), "female", date(1990, 1, 1), sector="farming"),
        Group(30, 30, "MY", ("detention",), "male", date(2012, 1, 1), province="KH-4"),
        Group(15, 15, None, sex="male", born=date(2012, 1, 1), outcome="repatriated", organisation=LOTUS),
        Group(50, 50, status=Status.MERGED),
    ])  # fmt: skip
    answer = publish(here.office, JANUARY, LATER)
    assert told(answer) == 65
    assert told(answer, destination="TH") == 20
    assert told(answer, destination="unknown", sex="male") == 15
    assert told(answer, category="unpaid_wages") == 35  # a case counts under its first category
    assert told(answer, category="detention") == 30
    assert told(answer, age_band="0-17") == 45
    assert told(answer, age_band="30-47") is told(answer, sex="female") is None  # 8 nobody knows of
    assert told(answer, sex="male") == 45
    assert told(answer, outcome="repatriated") == 15
    assert told(answer, province="KH-4") == 30
    assert told(answer, organisation=LOTUS) == 15


def test_h21_ages_are_those_of_the_day_on_which_the_case_was_opened(here: Installation) -> None:
    # On 10 January: some have their birthday that day, some the day after, and of some only the year is left.
    births = [
        (date(2008, 1, 10), 20),
        (date(2008, 1, 11), 30),
        (date(1996, 6, 1), 40),
        (date(1970, 1, 1), 50),
    ]
    later_born, only_year = (date(2026, 3, 1), 15), (date(2002, 12, 31), 25)
    keep(here, [Group(many, many, born=born) for born, many in (*births, later_born, only_year)])
    with here.office.work(LATER) as uow:
        year_alone = update(persons).where(persons.c.birth_year == 2002)
        uow.connection.execute(year_alone.values(born=None, birth_date=None))
    answer = publish(here.office, JANUARY, LATER)
    bands = {band: told(answer, age_band=band) for band in ("0-17", "18-23", "24-29", "48+", "unknown")}
    assert bands == {"0-17": 30, "18-23": 20, "24-29": 65, "48+": 50, "unknown": 15}


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 1, 2), date(2026, 2, 1)),
        (date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 2, 1), date(2026, 1, 1)),
    ],
)
def test_h21_a_window_that_is_no_whole_month_is_refused(here: Installation, since: date, until: date) -> None:
    with pytest.raises(WindowTooSmall):
        publish(here.office, Question(since, until), LATER)


@pytest.mark.parametrize(
    "filters",
    [
        {"destination": ("TH",), "category": ("detention",)},
        {"recruiter": ("x",)},
        {"owner": ("x",)},
        {"urgency": ("U1",)},
    ],
)
def test_h21_a_combination_that_is_in_no_table_is_refused(
    here: Installation, filters: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(WouldReveal):
        publish(here.office, Question(JANUARY.since, JANUARY.until, filters), LATER)


@pytest.mark.parametrize(
    "filters",
    [
        {"category": ("detention", "unpaid_wages")},
        {"sex": ("female",)},
        {"destination": ("TH",), "sex": ("male", "female")},
    ],
)
def test_h21_a_filter_selects_cells_and_counts_nothing_anew(
    here: Installation, filters: dict[str, tuple[str, ...]]
) -> None:
    keep(here, a_month(4, 1))
    everything = publish(here.office, JANUARY, LATER)
    some = publish(here.office, Question(JANUARY.since, JANUARY.until, filters), LATER)
    assert some.cells
    assert set(map(repr, some.cells)) < set(map(repr, everything.cells))
    assert all(cell.keys[name] in values for cell in some.cells for name, values in filters.items())


def test_h21_an_organisation_sees_its_own_row_and_what_all_see(here: Installation) -> None:
    keep(here, [Group(30, 30), Group(20, 20, organisation=LOTUS), Group(4, 4, organisation=LOTUS)])
    everything = publish(here.office, JANUARY, LATER)
    own = publish(here.office, Question(JANUARY.since, JANUARY.until, {}, organisation_id(LOTUS)), LATER)
    rows = {cell.keys["organisation"] for cell in own.cells if "organisation" in cell.keys}
    assert rows == {LOTUS}
    assert [cell for cell in everything.cells if cell.keys.get("organisation") != TONLE] == list(own.cells)


def test_h21_a_month_is_published_when_it_has_been_over_for_a_while(here: Installation) -> None:
    keep(here, a_month(5, 1))
    # The month ends in Phnom Penh, seven hours before it does in UTC.
    over = datetime(2026, 1, 31, 17, tzinfo=UTC) + timedelta(days=7)
    with pytest.raises(TooEarly):
        publish(here.office, JANUARY, over - timedelta(seconds=1))
    assert told(publish(here.office, JANUARY, over))
    quarter = publish(here.office, FIRST_QUARTER, over)
    assert [window.since.month for window in quarter.windows] == [1]
    assert [window.since.month for window in quarter.pending] == [2]


def test_h21_a_month_that_goes_on_is_frozen_as_well_where_it_may_be_published(
    install: Callable[..., Installation],
) -> None:
    here = install()
    in_january = datetime(2026, 1, 20, tzinfo=UTC)
    assert publish(here.office, JANUARY, in_january).cells == ()
    keep(here, [Group(4)])
    assert told(publish(here.office, JANUARY, in_january)) is None
    keep(here, [Group(30)])
    assert told(publish(here.office, JANUARY, in_january)) == 34
    keep(here, [Group(30)])
    assert told(publish(here.office, JANUARY, LATER)) == 34


def test_h21_of_too_few_people_nothing_is_told_and_of_nobody_that_there_is_nobody(here: Installation) -> None:
    keep(here, [Group(10, 10), Group(40, 40, day=date(2026, 3, 5))])
    answer = publish(here.office, FIRST_QUARTER, LATER)
    totals = [(cell.window.since.month, cell.people) for cell in answer.cells if not cell.keys]
    assert totals == [(1, None), (2, 0), (3, 40)]
    assert [len(answer.withheld[window]) for window in answer.windows[:2]] == [len(DIMENSIONS), 0]


def test_h21_two_who_ask_at_once_are_given_one_answer_that_was_frozen_once(here: Installation) -> None:
    keep(here, a_month(6, 1))
    start = Barrier(4)
    answers: list[Publication] = []

    def ask() -> None:
        start.wait()
        answers.append(publish(here.office, JANUARY, LATER))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    with here.office.look() as uow:
        assert uow.connection.execute(select(func.count()).select_from(published)).scalar_one() == 1
        released = select(func.count()).where(entries.c.action == "statistics.released")
        assert uow.connection.execute(released).scalar_one() == 1


def test_h21_the_ledger_takes_no_month_twice_and_holds_no_hidden_number(here: Installation) -> None:
    keep(here, [*[Group(1, 1, "JP", sex="male")] * 7, Group(60, 60), Group(50, 50, "MY")])
    publish(here.office, JANUARY, LATER)
    with here.office.look() as uow:
        row = uow.connection.execute(select(published)).one()
    assert {"keys": {"destination": "JP"}, "people": None, "cases": None, "usd": None} in row.cells
    numbers = [cell[name] or 0 for cell in row.cells for name in ("people", "cases")]
    assert [number for number in numbers if 0 < number < K] == []
    again = insert(published_months).values(month=JANUARY.since, published_id=row.id)
    with pytest.raises(IntegrityError), here.office.work(LATER) as uow:
        uow.connection.execute(again)


def test_h21_whoever_goes_over_to_longer_windows_subtracts_none_from_another(
    install: Callable[..., Installation], here: Installation
) -> None:
    keep(here, [group for month in range(1, 7) for group in a_month(7, month)])
    publish(here.office, JANUARY, LATER)
    url = here.application.settings.database_url
    quarters = install(database_url=url, published_months=3, published_after="7d")
    half_a_year = Question(date(2026, 1, 1), date(2026, 7, 1))
    answer = publish(quarters.office, half_a_year, LATER + timedelta(days=90))
    assert [(one.since.month, one.until.month) for one in answer.windows] == [(1, 2), (2, 3), (3, 4), (4, 7)]
    with pytest.raises(WindowTooSmall):
        publish(quarters.office, Question(date(2026, 5, 1), date(2026, 7, 1)), LATER)


def test_h22_no_word_that_anybody_wrote_is_in_what_is_published(here: Installation) -> None:
    keep(here, a_month(8, 1))
    answer = publish(here.office, JANUARY, LATER)
    with here.office.look() as uow:
        ledger = repr(uow.connection.execute(select(published)).all())
    rows = repr(list(aggregate_rows(answer)))
    assert "unpaid_wages" in rows
    assert [text for text in (repr(answer), ledger, rows) if CANARY in text] == []


@pytest.mark.parametrize("k", [5, 20])
def test_h21_the_least_count_is_a_setting(install: Callable[..., Installation], k: int) -> None:
    here = install(small_cell_k=k, published_after="7d")
    keep(here, [Group(12, 12, "MY"), Group(60, 60), Group(40, 40, "KR")])
    answer = publish(here.office, JANUARY, LATER)
    assert answer.k == k
    assert told(answer, destination="MY") == (12 if k == 5 else None)


@pytest.mark.parametrize("language", ["km", "en"])
@pytest.mark.parametrize("refusal", [WindowTooSmall(months=1), WouldReveal(), TooEarly(until="2026-02-01")])
def test_h21_a_refusal_says_why_in_both_languages(
    here: Installation, refusal: Refusal, language: str
) -> None:
    words = here.office.rulebook.catalogues.fill(f"refusal.{refusal.code}.detail", language, refusal.details)
    assert "។" in words if language == "km" else "published" in words
    assert "{" not in words


def test_money_that_came_back_is_told_of_everybody_together(here: Installation) -> None:
    worker = here.a_worker()
    ids = keep(here, [Group(3, 3)] * 12)
    with here.office.work(LATER) as uow:
        for case_id in ids:
            back = Money(25_050, "USD")
            uow.circumstances.add_recovery(
                Recovery(new_id(LATER), case_id, back, date(2026, 1, 20), worker.id, LATER)
            )
    answer = publish(here.office, JANUARY, LATER)
    assert [cell.usd for cell in answer.cells if cell.usd is not None] == [3_006]
    assert [cell.usd for cell in answer.cells if not cell.keys] == [3_006]
