"""Rows without names tell of k people alike each, and leave nobody or k beside what the tables count."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from app.statistics.rules.groups import (
    BETWEEN,
    CATEGORIES,
    CATEGORY,
    HAS_ROW,
    KIND,
    NO,
    TRAITS,
    YES,
    groups_of,
)
from app.statistics.rules.publishing import OPEN, ORGANISATION, ROWS, SEX, UNKNOWN, Group
from app.statistics.rules.suppression import REST, Counts, Star, Told, merged, tell

K = 11
ORGANISATIONS = ("lotus", "tonle")
Kind = tuple[str, ...]
ONE = {
    SEX: "female", CATEGORIES: BETWEEN.join(("detention", "unpaid_wages")), "province": "KH-3",
    "channel": "sms", "outcome": "repatriated", "sector": "fisheries", CATEGORY: "detention",
    "age_band": "24-29", "destination": "TH", ORGANISATION: "tonle", HAS_ROW: YES,
}  # fmt: skip
TOLD = {name: value for name, value in ONE.items() if name != HAS_ROW}


def a_kind(**values: str) -> Kind:
    told = {**ONE, **values}
    if CATEGORY in values and CATEGORIES not in values:
        told[CATEGORIES] = told[CATEGORY]
    return tuple(told[name] for name in KIND)


def _drawn(sex: str, categories: tuple[str, ...], has_row: str, *others: str) -> Kind:
    named = dict(zip(("channel", "outcome", "age_band", "destination", ORGANISATION), others, strict=True))
    listed = BETWEEN.join(categories)
    return a_kind(**{SEX: sex, CATEGORY: categories[0], CATEGORIES: listed, HAS_ROW: has_row}, **named)


kinds = st.builds(
    _drawn,
    st.sampled_from(["female", "male", "other", UNKNOWN]),
    st.sampled_from([("detention",), ("unpaid_wages",), ("detention", "unpaid_wages"), (UNKNOWN,)]),
    st.sampled_from([YES, YES, YES, NO]),
    st.sampled_from(["sms", "call"]),
    st.sampled_from([OPEN, "repatriated"]),
    st.sampled_from(["0-17", "18-23", UNKNOWN]),
    st.sampled_from(["TH", "TH", "MY", "JP"]),
    st.sampled_from(ORGANISATIONS),
)
populations = st.dictionaries(kinds, st.integers(1, 40), max_size=60)


def counted(people: Mapping[Kind, int], *, insiders: bool = False) -> tuple[Star, dict[Kind, Counts]]:
    """The people as the store counts them."""
    inside = ORGANISATIONS if insiders else ()
    place = KIND.index(ORGANISATION)

    def by(*names: str) -> dict[Kind, Counts]:
        found: dict[Kind, list[int]] = defaultdict(lambda: [0] * (1 + len(inside)))
        for kind, number in people.items():
            key = tuple(kind[KIND.index(name)] for name in names)
            for at, one in enumerate((None, *inside)):
                found[key][at] += number if one != kind[place] else 0
        return {key: tuple(count) for key, count in found.items()}

    tables: dict[str, dict[str, dict[str, Counts]]] = {name: defaultdict(dict) for name in ROWS}
    for name in ROWS:
        for (value, sex), count in by(name, SEX).items():
            tables[name][value][sex] = count
    return Star({sex: count for (sex,), count in by(SEX).items()}, tables), by(*KIND)


def grouped(people: Mapping[Kind, int], k: int = K, *, insiders: bool = False) -> tuple[Group, ...]:
    return groups_of(*counted(people, insiders=insiders), k)


def fits(number: int, k: int) -> bool:
    return number == 0 or number >= k


@given(populations, st.integers(5, 20))
def test_every_row_is_that_of_k_people_and_no_two_groups_are_told_alike(
    people: dict[Kind, int], k: int
) -> None:
    groups = grouped(people, k)
    assert [one for one in groups if one.people < k] == []
    assert len({tuple(one.keys.items()) for one in groups}) == len(groups)


@given(populations)
def test_only_what_a_table_tells_a_number_of_is_told_in_rows(people: dict[Kind, int]) -> None:
    star, by_kind = counted(people)
    telling = tell(star, K)
    for group in groups_of(star, by_kind, K):
        told = dict(group.keys)
        assert told.pop(SEX, None) in {None, *(telling.columns or ())}
        assert CATEGORIES not in told or told.pop(CATEGORIES).split(BETWEEN)[0] == told[CATEGORY]
        assert all(telling.rows[name][value] is not Told.NOTHING for name, value in told.items())
        assert not {UNKNOWN, OPEN} & {*told.values()}


@given(populations, st.integers(5, 20))
def test_beside_the_rows_that_tell_a_value_its_table_counts_nobody_or_k(
    people: dict[Kind, int], k: int
) -> None:
    star, by_kind = counted(people)
    telling, told, rows = tell(star, k), Counter[tuple[str, str, str]](), Counter[str]()
    for group in groups_of(star, by_kind, k):
        column = group.keys.get(SEX, REST)
        rows[column] += group.people
        for name in group.keys.keys() & {*ROWS}:
            told[name, group.keys[name], column] += group.people
    columns = {c: number for c, (number,) in merged(star.columns, telling.columns).items()}
    assert not rows or [c for c, number in columns.items() if not fits(number - rows[c], k)] == []
    for name, how in telling.rows.items():
        of_rest = Counter[str]()
        for value, line in star.tables[name].items():
            cells = {c: number for c, (number,) in merged(line, telling.columns).items()}
            beyond = {c: number - told[name, value, c] for c, number in cells.items()}
            assert how[value] is not Told.SPLIT or all(fits(number, k) for number in beyond.values())
            assert how[value] is not Told.TOTAL or fits(sum(beyond.values()), k)
            of_rest.update({} if how[value] is Told.SPLIT else beyond)
        assert all(fits(number, k) for number in of_rest.values())


@given(populations)
def test_what_each_organisation_cannot_tell_of_others_by_itself_is_of_k_people_too(
    people: dict[Kind, int],
) -> None:
    place = KIND.index(ORGANISATION)
    groups = grouped(people, insiders=True)
    for group in groups:
        others = ORGANISATIONS if ORGANISATION not in group.keys else (group.keys[ORGANISATION],)
        possible = sum(
            number for kind, number in people.items()
            if kind[place] in others and kind[-1] == YES
            and all(kind[KIND.index(name)] == value for name, value in group.keys.items())
        )  # fmt: skip
        assert K <= group.people <= possible


@given(populations)
def test_the_same_people_are_grouped_alike_in_whatever_order_they_come(people: dict[Kind, int]) -> None:
    assert grouped(dict(reversed(people.items()))) == grouped(people)


@given(populations)
def test_rows_are_only_of_those_who_may_have_one(people: dict[Kind, int]) -> None:
    may = sum(number for kind, number in people.items() if kind[-1] == YES)
    assert sum(one.people for one in grouped(people)) <= may


def test_eleven_alike_are_told_of_with_all_that_they_share() -> None:
    assert grouped({a_kind(): 11}) == (Group(TOLD, 11),)


def test_of_ten_in_all_there_is_no_row() -> None:
    assert grouped({a_kind(): 10}) == ()


def test_of_whom_too_few_share_all_less_is_told_one_trait_after_the_other() -> None:
    groups = grouped({a_kind(): 30, a_kind(channel="call"): 6, a_kind(channel="worker"): 6})
    assert [(one.keys.get("channel"), one.people) for one in groups] == [(None, 12), ("sms", 30)]


def test_a_category_is_told_with_the_others_of_the_case_or_alone_or_not_at_all() -> None:
    alone = a_kind(categories="detention")
    groups = grouped(
        {a_kind(): 30, alone: 6, a_kind(categories="detention; other"): 5, a_kind(category="debt"): 40}
    )
    found = {(one.keys.get(CATEGORY), one.keys.get(CATEGORIES)): one.people for one in groups}
    both = BETWEEN.join(("detention", "unpaid_wages"))
    assert found == {("detention", both): 30, ("detention", None): 11, ("debt", "debt"): 40}


def test_who_refused_has_no_row_and_takes_the_smallest_group_along_where_they_are_few() -> None:
    refused = a_kind(destination="MY", has_row=NO)
    people = {a_kind(): 30, a_kind(destination="MY"): 12, refused: 3}
    assert [(one.keys.get("destination"), one.people) for one in grouped(people)] == [("TH", 30)]
    many = grouped({**people, refused: 11})
    assert [(one.keys.get("destination"), one.people) for one in many] == [("MY", 12), ("TH", 30)]


def test_where_rows_leave_a_few_of_what_a_table_counts_a_whole_group_tells_less() -> None:
    # In Thailand too few came by call or by a worker. The tables would tell how many, if all others did tell.
    people = {
        a_kind(): 30, a_kind(channel="call"): 6, a_kind(channel="worker"): 8,
        a_kind(destination="MY", channel="call"): 14, a_kind(destination="MY", channel="worker"): 20,
    }  # fmt: skip
    found = {(one.keys["destination"], one.keys.get("channel")): one.people for one in grouped(people)}
    assert found == {("TH", "sms"): 30, ("TH", None): 14, ("MY", None): 34}


def test_traits_are_those_of_the_tables_and_the_list_of_categories() -> None:
    assert set(TRAITS) == {*ROWS, CATEGORIES}
