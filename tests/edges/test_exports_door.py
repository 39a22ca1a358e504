"""The door through which supervisors take cases out: who may, what, and that it is remembered first."""

import csv
import io
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.audit.tables import entries
from app.identity.rules import Role
from tests.makers import KHMER_EXTENDED, KHMER_LOCKED_IN, KHMER_UNPAID, LOTUS, TONLE, Installation

DOOR = "/v1/exports/cases.csv"


def rows(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:]


def codes(answer: Any) -> list[str]:
    return [row[0] for row in rows(answer)]


def exports_noted(here: Installation) -> int:
    with here.office.database.read() as connection:
        asked = select(func.count()).where(entries.c.action == "export.started")
        return int(connection.execute(asked).scalar_one())


def two_cases(here: Installation, *organisations: str) -> list[str]:
    """Two cases, two days apart, of these organisations; their codes."""
    found: list[str] = []
    for organisation, body in zip(
        organisations or (TONLE, TONLE), (KHMER_LOCKED_IN, KHMER_UNPAID), strict=True
    ):
        worker = here.a_worker(organisation=organisation)
        case = here.a_text(body, sender=f"+6681000000{len(found)}").case
        assert case is not None
        assert case.owner_id == worker.id
        found.append(case.code)
        with here.office.work(here.clock.now()) as uow:
            uow.identity.set_on_duty(worker.id, on_duty=False)
        here.clock.forward(days=2)
    return found


def test_whoever_takes_cases_out_gets_those_that_they_may_know_of(here: Installation) -> None:
    first, second = two_cases(here, TONLE, LOTUS)
    for organisation, theirs in ((TONLE, [first]), (LOTUS, [second])):
        supervisor = here.a_worker(Role.SUPERVISOR, organisation)
        assert codes(here.ask(supervisor, "GET", DOOR)) == theirs
    coordinator = here.a_worker(Role.COORDINATOR)
    assert codes(here.ask(coordinator, "GET", DOOR)) == []
    queued = here.a_text(KHMER_EXTENDED, sender="+821012345678").case  # nobody is on duty
    assert queued is not None
    assert codes(here.ask(coordinator, "GET", DOOR)) == [queued.code]


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.DUTY_LEAD, Role.ADMIN])
def test_others_may_not_and_nothing_is_noted(here: Installation, role: Role) -> None:
    answer = here.ask(here.a_worker(role), "GET", DOOR)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert exports_noted(here) == 0


def test_who_is_not_signed_in_gets_nothing(here: Installation) -> None:
    assert here.client.get(DOOR).status_code == 401


def test_the_file_says_what_it_is_and_its_name_tells_nothing_but_a_time(here: Installation) -> None:
    two_cases(here)
    answer = here.ask(here.a_worker(Role.SUPERVISOR), "GET", DOOR)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="cases-20260612T030000Z.csv"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.content.count(b"\r\n") == 3


def test_headings_are_in_the_language_that_was_asked_for(here: Installation) -> None:
    coordinator = here.a_worker(Role.COORDINATOR)

    def heading(path: str = DOOR, accept: str = "") -> str:
        answer = here.ask(coordinator, "GET", path, headers={"Accept-Language": accept})
        return str(answer.content.decode("utf-8-sig").splitlines()[0])

    assert heading(accept="en").isascii()
    assert not heading(accept="km").isascii()
    assert heading(f"{DOOR}?locale=en", accept="km") == heading(accept="en")


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("from=2026-06-08&to=2026-06-08", [0]), ("from=2026-06-09", [1]), ("to=2026-06-07", []),
        ("from=2026-06-08T03:00:00Z", [0, 1]), ("from=2026-06-08T03:00:01Z", [1]),
        ("to=2026-06-08T03:00:00Z", []), ("to=2026-06-08T10:00:01%2B07:00", [0]),
        ("category=unpaid_wages", [1]), ("category=unpaid_wages&category=detention", [0, 1]),
        ("status=closed", []), ("status=assigned&status=new", [0, 1]),
    ],
)  # fmt: skip
def test_an_export_holds_what_was_asked_for(here: Installation, query: str, places: list[int]) -> None:
    made = two_cases(here)
    answer = here.ask(here.a_worker(Role.SUPERVISOR), "GET", f"{DOOR}?{query}")
    assert codes(answer) == [made[place] for place in places]


@pytest.mark.parametrize(
    "query", ["from=yesterday", "to=9999-12-31", "from=0001-01-01", "from=2026-06-08T03:00:00", "status=x",
              "category=no_such", "category=X", "locale=fr"],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_not_noted(here: Installation, query: str) -> None:
    answer = here.ask(here.a_worker(Role.COORDINATOR), "GET", f"{DOOR}?{query}")
    assert answer.status_code == 422
    assert exports_noted(here) == 0


def test_the_audit_entry_is_there_even_when_the_export_breaks(here: Installation) -> None:
    here.a_worker()
    here.a_case(KHMER_EXTENDED)
    coordinator = here.a_worker(Role.COORDINATOR)
    with here.office.database.write() as connection:
        connection.execute(text("ALTER TABLE timer RENAME TO timer_gone"))
    answer = here.ask(coordinator, "GET", DOOR)
    with here.office.database.write() as connection:
        connection.execute(text("ALTER TABLE timer_gone RENAME TO timer"))
    # Broken before the first row, it is a fault in words, not a torn file.
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert exports_noted(here) == 1
    assert here.ask(coordinator, "GET", DOOR).status_code == 200
