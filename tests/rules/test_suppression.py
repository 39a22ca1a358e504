"""Suppression: what is told of any tables leaves enough people in everything that is kept back."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statistics.rules.suppression import Star, Telling, Told, apart, tell

K = 11
SEXES = ("female", "male", "other", "unknown")

Rows = Mapping[str, Mapping[str, int]]


@st.composite
def stars(draw: st.DrawFn) -> Star:
    """The same people cut in three ways: one dimension is drawn, the others deal them out anew."""
    number = st.one_of(st.just(0), st.integers(1, 15), st.integers(10, 60))
    columns = {sex: draw(number) for sex in SEXES}
    tables = {
        name: _dealt(draw, columns, values)
        for name, values in (("destination", "TH MY KR"), ("outcome", "open home"), ("sector", "a b c d e"))
    }
    return Star(
        {sex: (count,) for sex, count in columns.items() if count},
        {
            name: {
                v: {s: (n,) for s, n in line.items() if n} for v, line in rows.items() if any(line.values())
            }
            for name, rows in tables.items()
        },
    )


def _dealt(draw: st.DrawFn, columns: Mapping[str, int], values: str) -> Rows:
    names = values.split()
    rows: dict[str, dict[str, int]] = {name: {} for name in names}
    for sex, count in columns.items():
        cuts = sorted(draw(st.lists(st.integers(0, count), min_size=len(names) - 1, max_size=len(names) - 1)))
        for name, begin, end in zip(names, [0, *cuts], [*cuts, count], strict=True):
            rows[name][sex] = end - begin
    return rows


def total_of(line: Mapping[str, tuple[int, ...]]) -> int:
    return sum(count[0] for count in line.values())


@given(stars())
def test_h21_no_small_count_is_told(star: Star) -> None:
    telling = tell(star, K)
    if not telling.total:
        assert total_of(star.columns) < K
        return
    told = [star.columns[sex][0] for sex in telling.columns or ()]
    for name, rows in telling.rows.items():
        for value, how in rows.items():
            line = star.tables[name][value]
            told += [total_of(line)] if how is not Told.NOTHING else []
            told += [line.get(sex, (0,))[0] for sex in telling.columns or ()] if how is Told.SPLIT else []
    assert [number for number in told if 0 < number < K] == []


@given(stars())
def test_h21_what_is_missing_to_a_total_is_never_small(star: Star) -> None:
    telling = tell(star, K)
    if not telling.total:
        return
    if telling.columns is not None:
        hidden = star.columns.keys() - telling.columns
        missing = sum(star.columns[sex][0] for sex in hidden)
        assert not hidden or missing >= K + len(hidden) - 1
    for name, rows in telling.rows.items():
        kept = [value for value, how in rows.items() if how is Told.NOTHING]
        missing = sum(total_of(star.tables[name][value]) for value in kept)
        assert not kept or missing >= K + len(kept) - 1
        for sex in telling.columns or ():
            left = star.columns[sex][0] - sum(
                star.tables[name][value].get(sex, (0,))[0] for value, how in rows.items() if how is Told.SPLIT
            )
            assert left == 0 or left >= K


@given(stars())
def test_h21_a_row_with_a_split_tells_no_small_count_by_what_is_missing_in_it(star: Star) -> None:
    telling = tell(star, K)
    for name, rows in telling.rows.items():
        for value, how in rows.items():
            if how is Told.SPLIT:
                line = star.tables[name][value]
                left = total_of(line) - sum(line.get(sex, (0,))[0] for sex in telling.columns or ())
                assert left == 0 or left >= K


@given(stars())
def test_h21_whoever_knows_an_organisation_is_told_no_more_than_whoever_does_not(star: Star) -> None:
    # Beside everybody, everybody without an organisation that has nobody: the same conditions twice.
    twice = Star(
        {sex: count * 2 for sex, count in star.columns.items()},
        {
            n: {v: {s: c * 2 for s, c in line.items()} for v, line in t.items()}
            for n, t in star.tables.items()
        },
    )
    assert tell(twice, K) == tell(star, K)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"a": 20, "b": 30}, {"a", "b"}),
        ({"a": 20, "b": 3, "c": 40}, {"c"}),  # b alone would be found by subtraction
        ({"a": 6, "b": 6, "c": 40}, {"c"}),  # 12 together: either may be 11
        ({"a": 6, "b": 5, "c": 40, "d": 12}, {"c"}),  # 11 together, and each at least 1: neither may be 11
        ({"a": 12}, {"a"}),
        ({"a": 6, "b": 5}, None),
        ({}, set()),
    ],
)
def test_h21_small_parts_are_hidden_with_as_many_others_as_it_takes(
    parts: dict[str, int], told: set[str] | None
) -> None:
    assert apart({name: (count,) for name, count in parts.items()}, K) == told


def test_h21_nothing_is_told_of_too_few() -> None:
    nothing = Telling(total=False, columns=None, rows={})
    assert tell(Star({}, {"sector": {}}), K).total
    assert tell(Star({"male": (10,)}, {"sector": {"a": {"male": (10,)}}}), K) == nothing
