"""How a device's values are weighed, what a cursor proves, how versions of the app understand each other."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.feed import Kind
from app.sync.reading import moment, read_op, read_pair
from app.sync.rules import (
    CursorNotOurs,
    RowUnreadable,
    digest,
    flat,
    late_at,
    merge,
    merge_sets,
    op_id,
    raised,
    read_cursor,
    write_cursor,
)
from app.sync.versions import Step, grown_since, read_as_ours, shown_as_theirs

values = st.none() | st.sampled_from(["ក", "ខ", 1, 2])
fields = st.dictionaries(st.sampled_from(["a", "b", "c"]), values)
names = st.lists(st.sampled_from("abcde"), unique=True)
NOW = datetime(2026, 6, 8, 3, 0, tzinfo=UTC)


def _tag(text: str) -> bytes:
    return text.encode()[::-1].ljust(16, b"x")


@given(fields, fields, fields)
def test_every_value_of_a_device_is_there_already_or_written_or_lost_by_name(
    current: dict[str, Any], wanted: dict[str, Any], was: dict[str, Any]
) -> None:
    merged = merge(current, wanted, was)
    lost = {one.field: one.yours for one in merged.clashes}
    there = {name: value for name, value in wanted.items() if current.get(name) == value}
    assert {**there, **merged.apply, **lost} == wanted
    assert not merged.apply.keys() & lost.keys()
    for one in merged.clashes:
        assert one.kept == current[one.field] != was.get(one.field)


@given(fields, fields, fields)
def test_merging_again_changes_nothing_more(
    current: dict[str, Any], wanted: dict[str, Any], was: dict[str, Any]
) -> None:
    after = {**current, **merge(current, wanted, was).apply}
    assert merge(after, wanted, was).apply == {}


@given(fields, fields)
def test_what_is_as_the_device_saw_it_is_written(current: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert merge(current, wanted, current).clashes == ()


@given(names, names, names)
def test_of_two_who_change_a_list_both_are_heard(
    before: list[str], mine: list[str], theirs: list[str]
) -> None:
    after = set(merge_sets(theirs, mine, before))
    added = (set(mine) | set(theirs)) - set(before)
    taken = set(before) - (set(mine) & set(theirs))
    assert after == (set(before) - taken) | added


def test_a_new_document_that_is_there_already_is_not_written_over() -> None:
    assert merge({"a": "ក"}, {"a": "ខ"}, {}, fresh=True).apply == {}
    assert merge({"a": "ក"}, {"a": "ខ"}, {}).apply == {"a": "ខ"}


@given(st.booleans(), st.booleans())
def test_a_warning_only_ever_rises(current: bool, wanted: bool) -> None:  # noqa: FBT001 - drawn
    assert raised(current, wanted=wanted) >= current


@given(st.binary(min_size=6, max_size=6), st.integers(min_value=0, max_value=2**63))
def test_a_cursor_is_read_as_it_was_written(lineage: bytes, seq: int) -> None:
    assert read_cursor(write_cursor(lineage, seq, _tag), _tag) == (lineage, seq)


@given(st.text(max_size=40))
def test_what_was_not_written_here_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorNotOurs):
        read_cursor(text, _tag)


@given(st.lists(st.tuples(st.uuids(), st.integers(min_value=0, max_value=9)), unique_by=lambda one: one[0]))
def test_a_digest_does_not_depend_on_the_order(held: list[tuple[UUID, int]]) -> None:
    assert digest(held) == digest(held[::-1])
    if held:
        assert digest(held) != digest(held[1:])


@pytest.mark.parametrize(
    ("claimed", "seen", "shown"),
    [
        (None, None, None),
        (NOW + timedelta(days=3650), None, None),
        (NOW - timedelta(seconds=5), None, None),
        (NOW - timedelta(hours=3), None, NOW - timedelta(hours=3)),
        (NOW - timedelta(days=3650), NOW - timedelta(hours=1), NOW - timedelta(hours=1)),
    ],
)
def test_a_devices_time_is_shown_between_its_last_contact_and_now(
    claimed: datetime | None, seen: datetime | None, shown: datetime | None
) -> None:
    assert late_at(claimed, seen, NOW) == shown


@pytest.mark.parametrize(
    "written", [None, 7, "", "yesterday", "2026-06-08T03:00:00", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_none_is_passed_over(written: object) -> None:
    assert moment(written) is None


STEPS = {
    2: Step(added={Kind.NOTE: frozenset({"mood"})}, renamed={Kind.NOTE: {"body": "text"}}),
}


def test_an_older_app_is_read_and_shown_under_its_own_names() -> None:
    assert read_as_ours(Kind.NOTE, {"body": "ក", "new": 1}, 1, STEPS) == {"text": "ក", "new": 1}
    assert shown_as_theirs(Kind.NOTE, {"text": "ក", "mood": "ល្អ"}, 1, STEPS) == {"body": "ក"}
    assert shown_as_theirs(Kind.NOTE, {"text": "ក", "mood": "ល្អ"}, 2, STEPS) == {"text": "ក", "mood": "ល្អ"}
    assert grown_since(1, STEPS) == {Kind.NOTE}
    assert grown_since(2, STEPS) == frozenset()


def test_an_op_has_the_same_name_until_anything_in_it_differs() -> None:
    worker = uuid4()
    row = {"op": "1", "kind": "note", "id": str(uuid4()), "set": {"text": "ក"}}
    op = read_op(row, 2)
    name = op_id(worker, op, row)
    assert op_id(worker, op, {**row, "at": "2026-01-01T00:00:00Z"}) == name
    assert op_id(worker, op, {**row, "set": {"text": "ខ"}}) != name
    assert op_id(uuid4(), op, row) != name


def test_only_what_differs_from_what_the_device_believed_is_meant() -> None:
    doc_id = str(uuid4())
    old = {
        "id": doc_id,
        "summary": "ក",
        "person": {"name": "x", "sex": "female"},
        "rev": 3,
        "_deleted": False,
    }
    new = {**old, "person": {"name": "y", "sex": "female"}, "rev": 4}
    op = read_pair("member", {"newDocumentState": new, "assumedMasterState": old}, 2)
    assert (op.set, op.was, op.create) == ({"person.name": "y"}, {"person.name": "x"}, False)
    assert flat({"person": {"name": "y"}}) == {"person.name": "y"}


@pytest.mark.parametrize(
    "row",
    [
        None, "x", {}, {"op": "1"}, {"op": "", "kind": "note", "id": str(uuid4())},
        {"op": "1", "kind": "note", "id": 5}, {"op": "1", "kind": "note", "id": str(uuid4()), "set": []},
        {"op": "1", "kind": "note", "id": str(uuid4()), "do": "dance"},
        {"op": "1", "kind": "note", "id": str(uuid4()), "set": {"text": "\ud800"}},
        {"op": "1", "kind": "note", "id": str(uuid4()), "set": {"text": "a\x00"}},
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_says_so(row: object) -> None:
    with pytest.raises(RowUnreadable):
        read_op(row, 2)
