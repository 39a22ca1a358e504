"""When what identifies people is let go, as rules, and the file that an NGO edits (H10, H19)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration import ConfigurationError, load_configuration
from app.privacy.rules import Receipt, RetentionRules, digest_of, months_before
from tests.config_folder import a_folder


@given(st.integers(946_684_800, 7_000_000_000), st.integers(0, 600))
def test_months_before_is_never_the_other_way_round_and_about_as_long(seconds: int, months: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    before = months_before(moment, months)
    assert before <= moment
    assert abs((moment - before).days - months * 30.44) < 4
    assert (moment.year * 12 + moment.month) - (before.year * 12 + before.month) == months


def test_the_last_day_of_a_month_stays_in_its_month() -> None:
    assert months_before(datetime(2028, 3, 31, tzinfo=UTC), 1) == datetime(2028, 2, 29, tzinfo=UTC)


def test_the_longest_time_of_a_cases_categories_counts() -> None:
    rules = RetentionRules(24, {"detention": 60, "information_request": 6})
    assert rules.of(("unpaid_wages", "detention")) == 60
    assert rules.of(("information_request",)) == 6
    assert rules.of(("information_request", "unpaid_wages")) == 24
    assert rules.of(()) == 24


@given(st.dictionaries(st.sampled_from(["message", "note", "person"]), st.integers(1, 99)), st.booleans())
def test_h19_every_part_of_a_receipt_changes_its_fingerprint(counts: dict[str, int], notes: bool) -> None:  # noqa: FBT001 - as hypothesis gives it
    at = datetime(2026, 6, 8, tzinfo=UTC)
    told = Receipt(UUID(int=1), at, UUID(int=2), None, notes, counts)
    others = [
        Receipt(UUID(int=3), at, UUID(int=2), None, notes, counts),
        Receipt(UUID(int=1), at + timedelta(seconds=1), UUID(int=2), None, notes, counts),
        Receipt(UUID(int=1), at, UUID(int=2), UUID(int=9), notes, counts),
        Receipt(UUID(int=1), at, UUID(int=2), None, not notes, counts),
        Receipt(UUID(int=1), at, UUID(int=2), None, notes, {**counts, "call": 1}),
    ]
    assert digest_of(told) == digest_of(Receipt(UUID(int=1), at, UUID(int=2), None, notes, dict(counts)))
    assert len({digest_of(one) for one in [told, *others]}) == 6


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("default_months: 0", "line 1, default_months: must be 1 or more"),
        (
            "default_months: 24\nmonths:\n  piracy: 3",
            "line 3, months.piracy: “piracy” is not in categories.yaml",
        ),
        ("texts_days: soon", "line 1, texts_days: “soon” is not a whole number"),
        ("raw_day: 9", "line 1, raw_day: is not a field that is known here"),
        ("default_months: 9999", "line 1, default_months: must be 600 or less"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_line_and_field(tmp_path: Path, text: str, wrong: str) -> None:
    folder = a_folder(tmp_path)
    (folder / "retention.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_configuration(folder)
    (problem,) = refused.value.problems
    assert wrong in problem


def test_a_folder_without_the_file_has_the_shipped_times(tmp_path: Path) -> None:
    rules = load_configuration(a_folder(tmp_path)).retention
    assert (rules.default_months, rules.of(("detention",)), rules.texts_days) == (24, 60, 180)
