"""The order in which a phone's doings arrive, what stands beside them, where we fail: none of it matters."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.makers import Installation
from tests.sync_town import Phone

SAME_IN_ANY_ORDER = ("case", "member", "note", "contact_attempt")
NONSENSE: list[Any] = [
    None, 7, "x", [], {"op": "1"}, {"op": "1", "kind": "note", "id": str(uuid4()), "set": {"text": "\x00"}},
    {"op": "1", "kind": "case", "id": "x", "set": {}}, {"op": 1, "kind": "case", "id": str(uuid4())},
    {"op": "1", "kind": "case", "id": str(uuid4()), "set": {"summary": 7}, "create": True},
    {"op": "1", "kind": "reference", "id": str(uuid4()), "set": {"items": []}},
]  # fmt: skip


def _story() -> list[dict[str, Any]]:
    """A case with all that hangs on it, and a second one."""
    one, two = str(uuid4()), str(uuid4())
    told: list[tuple[str, dict[str, Any]]] = [
        ("member", {"case_id": one, "person.name": "សុខា", "wages_claimed": None}),
        ("note", {"case_id": one, "text": "ទីមួយ"}),
        ("note", {"case_id": two, "text": "ទីពីរ"}),
        ("contact_attempt", {"case_id": two, "channel": "call", "outcome": "no_answer"}),
    ]
    cases = [_op("case", one, {"summary": "ក"}), _op("case", two, {"categories": ["detention"]})]
    return cases + [_op(kind, str(uuid4()), fields) for kind, fields in told]


def _op(kind: str, doc_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"op": str(uuid4()), "kind": kind, "id": doc_id, "set": fields, "create": True}


def _essence(phone: Phone) -> list[tuple[Any, ...]]:
    """What the phone holds, without ids and times."""
    said = ("summary", "text", "categories", "channel", "person.name", "first_contact_at")
    return sorted(
        (kind, *(str(doc.get(name)) for name in said[:-1]), doc.get("first_contact_at") is None)
        for (kind, _), doc in phone.docs.items()
        if kind in SAME_IN_ANY_ORDER
    )


def test_any_order_of_a_phones_doings_ends_the_same(install: Callable[..., Installation]) -> None:
    here = install()

    @settings(max_examples=5, database=None)
    @given(st.permutations(range(6)), st.lists(st.sampled_from(NONSENSE), max_size=3, unique_by=repr))
    def ends_the_same(order: list[int], nonsense: list[Any]) -> None:
        plain, mixed = (Phone(here, here.a_worker()) for _ in range(2))
        plain.push(_story())
        story = _story()
        rows = [story[place] for place in order]
        results = mixed.push([*nonsense[:1], *rows, *nonsense[1:]])
        fine = [result for result in results if result.get("id") in {row["id"] for row in rows}]
        assert {result["status"] for result in fine} <= {"applied", "held"}
        assert [r["status"] for r in results if r not in fine] == ["rejected"] * len(nonsense)
        for phone in (plain, mixed):
            phone.pull()
        assert _essence(mixed) == _essence(plain)

    ends_the_same()


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["sync.changed", "before_commit", "after_commit"])
@pytest.mark.parametrize("nth", [1, 2, 5])
def test_a_crash_anywhere_changes_nothing_that_a_repeat_does_not_heal(
    install: Callable[..., Installation], point: str, nth: int
) -> None:
    left = [0]

    def passed(name: str) -> None:
        if name == point and left[0]:
            left[0] -= 1
            if left[0] == 0:
                raise Crash

    here = install(passed=passed)
    phone = Phone(here, here.a_worker())
    phone.pull()
    story = _story()[::-1]  # children first: each is held, and then released, by itself
    left[0] = nth
    with pytest.raises(Crash):
        phone.push(story)
    left[0] = 0
    again = phone.push(story)
    assert {result["status"] for result in again} <= {"applied", "duplicate", "held"}
    phone.pull()
    whole = Phone(here, here.a_worker())
    whole.push(_story())
    whole.pull()
    assert _essence(phone) == _essence(whole)
    for case_id in phone.held("case"):
        assert here.kinds(UUID(case_id)).count("case.opened") == 1


def test_the_clock_of_a_phone_decides_nothing(here: Installation) -> None:
    worker = here.a_worker()
    ends = []
    for at in (None, "2016-06-08T03:00:00Z", "2036-06-08T03:00:00+07:00", "yesterday", 7):
        phone = Phone(here, worker)
        story = [{**row, "at": at} for row in _story()]
        wrong = {"op": str(uuid4()), "kind": "case", "id": story[0]["id"], "at": at,
                 "set": {"summary": "ថ្មី"}, "was": {"summary": "ចាស់"}}  # fmt: skip
        results = phone.push([*story, wrong])
        phone.pull()
        ids = {row["id"] for row in story}
        phone.docs = {key: doc for key, doc in phone.docs.items() if key[1] in ids}
        ends.append(([result["status"] for result in results], _essence(phone)))
    assert ends == [ends[0]] * len(ends)
