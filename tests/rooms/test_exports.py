"""The supervisors' CSV of cases, read back as strictly as RFC 4180 is written."""

import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update

from app.audit.tables import entries
from app.cases.tables import case_categories, cases
from app.crypto.vault import Place
from app.escalation.rules.ladder import ClockKind, PlannedTimer
from app.exports.rules import NARROW, Locale, WantedCases, recover
from app.exports.service import Plan, begin, begin_for_operator, stream
from app.identity.rules import Role, Worker
from app.kernel.clock import utc_text
from app.kernel.refusal import NotAllowed
from app.usecases.setting_up import organisation_id
from tests.fakes import START
from tests.makers import LOTUS, TONLE, Installation

KHMER = "ថៅកែដកហូតលិខិតឆ្លងដែន ហើយមិនបើកប្រាក់ខែ ៣ ខែ។"
MARK = b"\xef\xbb\xbf"
PIECE = 64 * 1024
EVERYTHING = WantedCases(locale="en")


def read_strictly(text: str) -> list[list[str]]:
    """The records of a CSV; anything that RFC 4180 does not allow is an error."""
    records: list[list[str]] = []
    record: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == '"':
            cell, at = _quoted(text, at + 1)
        else:
            end = min(found for sign in (",", "\r", "\n", '"') if (found := text.find(sign, at)) >= 0)
            assert text[end] in ",\r", "a bare line feed or quote"
            cell, at = text[at:end], end
        record.append(cell)
        if text[at] == ",":
            at += 1
        else:
            assert text[at : at + 2] == "\r\n", "a cell is followed by a comma or by CRLF"
            at += 2
            records.append(record)
            record = []
    assert not record, "the last line ends with CRLF"
    assert {len(found) for found in records} == {len(NARROW)}
    return records


def _quoted(text: str, at: int) -> tuple[str, int]:
    cell = ""
    while True:
        end = text.index('"', at)
        cell += text[at:end]
        if text[end + 1] != '"':
            return cell, end + 1
        cell += '"'
        at = end + 2


def some_cases(
    here: Installation,
    count: int = 1,
    *,
    opened_at: datetime = START,
    step: timedelta = timedelta(minutes=1),
    summary: str | None = KHMER,
    categories: Sequence[str] = ("detention",),
    **values: object,
) -> list[UUID]:
    """This many cases with these values, opened one `step` after the other, in order of their ids."""
    usual: dict[str, object] = {
        "status": "assigned", "urgency": "U2", "categories": list(categories), "language": "km",
        "origin_channel": "sms", "destination_country": "TH", "organisation_id": organisation_id(TONLE),
        "queue": "organisation", "member_count": 1, "version": 1, "event_count": 0,
    }  # fmt: skip
    ids = sorted(uuid4() for _ in range(count))
    rows = []
    for number, id_ in enumerate(ids):
        at = opened_at + number * step
        sealed = here.office.vault.seal(summary, Place("case_file", id_, "summary")) if summary else None
        own = {"id": id_, "code": id_.hex, "opened_at": at, "updated_at": at, "summary": sealed}
        rows.append({**usual, **own, **values})
    named = [{"case_id": id_, "category": name} for id_ in ids for name in categories]
    with here.office.database.write() as connection:
        connection.execute(insert(cases), rows)
        if named:
            connection.execute(insert(case_categories), named)
    return ids


def for_operator(here: Installation, wanted: WantedCases = EVERYTHING) -> Plan:
    with here.office.work(here.clock.now()) as uow:
        return begin_for_operator(uow, wanted, here.clock.now())


def for_worker(here: Installation, worker: Worker, wanted: WantedCases = EVERYTHING) -> Plan:
    with here.office.work(here.clock.now()) as uow:
        return begin(uow, worker, wanted, here.clock.now())


def pieces(here: Installation, plan: Plan) -> Iterator[bytes]:
    return stream(here.office.database, here.office.vault, here.office.rulebook.catalogues, plan)


def rows(written: bytes) -> list[dict[str, str]]:
    """The rows below the headings, by the columns' names."""
    records = read_strictly(written.removeprefix(MARK).decode())
    return [dict(zip((column.name for column in NARROW), record, strict=True)) for record in records[1:]]


def exported(here: Installation, plan: Plan) -> list[dict[str, str]]:
    return rows(b"".join(pieces(here, plan)))


def codes(here: Installation, plan: Plan) -> list[str]:
    return [row["code"] for row in exported(here, plan)]


def hexes(*ids: UUID) -> list[str]:
    return [id_.hex for id_ in ids]


def test_a_row_says_everything_that_the_columns_promise(here: Installation) -> None:
    owner = here.a_worker(username="sokha")
    at = datetime(2026, 5, 1, 23, 59, 59, 12, tzinfo=UTC)
    moments: dict[str, Any] = {
        name: at + timedelta(hours=hours)
        for hours, name in enumerate(
            ("opened_at", "accepted_at", "first_contact_at", "closed_at", "overdue_since", "updated_at")
        )
    }
    [case_id] = some_cases(
        here, code="0482-1376", status="closed", urgency="U1", categories=["unpaid_wages", "detention"],
        owner_id=owner.id, queue=None, member_count=12, outcome="wages_recovered", version=7, **moments,
    )  # fmt: skip
    due = at + timedelta(minutes=5)
    with here.office.work(at) as uow:
        plans = [
            PlannedTimer(kind, 1, "owner", due + late, at)
            for kind, late in (
                (ClockKind.ACCEPT, timedelta()),
                (ClockKind.REVIEW, timedelta(hours=2)),
                (ClockKind.FIRST_CONTACT, timedelta(hours=1)),
            )
        ]
        uow.timers.arm([(case_id, 1, plan) for plan in plans], at)
        uow.timers.disarm(case_id, [ClockKind.ACCEPT], at)

    expected = {name: utc_text(moment) for name, moment in moments.items()} | {
        "code": "0482-1376", "status": "closed", "urgency": "U1", "categories": "unpaid_wages; detention",
        "language": "km", "origin_channel": "sms", "destination_country": "TH", "organisation": TONLE,
        "owner": "sokha", "members": "12", "outcome": "wages_recovered", "next_timer_kind": "first_contact",
        "next_timer_due_at": utc_text(due + timedelta(hours=1)), "version": "7", "summary": KHMER,
    }  # fmt: skip
    assert exported(here, for_operator(here)) == [expected]


def test_what_is_not_known_is_an_empty_cell(here: Installation) -> None:
    some_cases(
        here, summary=None, destination_country=None, organisation_id=None, queue="coordinator", categories=[]
    )
    [row] = exported(here, for_operator(here))
    empty = {name for name, cell in row.items() if cell == ""}
    assert empty == {
        "categories", "destination_country", "organisation", "owner", "accepted_at", "first_contact_at",
        "closed_at", "outcome", "next_timer_kind", "next_timer_due_at", "overdue_since", "summary",
    }  # fmt: skip


@pytest.mark.parametrize(("locale", "heading"), [("km", "លេខករណី"), ("en", "Code")])
def test_a_file_without_cases_has_its_mark_and_its_headings(
    here: Installation, locale: Locale, heading: str
) -> None:
    written = b"".join(pieces(here, for_operator(here, WantedCases(locale=locale))))
    assert written.startswith(MARK)
    [headings] = read_strictly(written.removeprefix(MARK).decode())
    assert headings[0] == heading


SUMMARIES = [
    'she said "come", then left', "one\ntwo\r\nthree\rfour", '{"a": [1, "x,y"], "b": null}', KHMER,
    "😀🇰🇭", " kept blanks ", '"', '""', ",", "\u200bខ្មែរ", "007 b",
    "'quoted'", "\n", "007", "=1+1", "+85512345678", "-5", "@here", "\t=1", " =1", "\uff1d1",
]  # fmt: skip


def test_a_strict_reader_finds_every_text_again(here: Installation) -> None:
    for number, summary in enumerate(SUMMARIES):
        some_cases(here, summary=summary, opened_at=START + timedelta(seconds=number))
    cells = [row["summary"] for row in exported(here, for_operator(here))]
    assert [recover(cell) for cell in cells] == SUMMARIES
    assert cells[:-10] == SUMMARIES[:-10]
    assert cells[-10:] == [f"'{summary}" for summary in SUMMARIES[-10:]]


def test_a_word_from_the_settings_is_guarded_too(here: Installation) -> None:
    owner = here.a_worker(username="=cmd")
    some_cases(here, owner_id=owner.id, queue=None, categories=["@x", "y"])
    [row] = exported(here, for_operator(here))
    assert (row["owner"], row["categories"]) == ("'=cmd", "'@x; y")


def test_what_is_no_text_does_not_stop_an_export(here: Installation) -> None:
    some_cases(here, summary="broken \ud83d phone, a\x00b")
    assert exported(here, for_operator(here))[0]["summary"] == "broken ? phone, a\ufffdb"


def test_no_phone_of_a_migrant_leaves(here: Installation) -> None:
    case_id = here.a_case(sender="+66812345678")
    written = b"".join(pieces(here, for_operator(here)))
    with here.office.look() as uow:
        case = uow.cases.get(case_id, None)
    assert case is not None
    assert case.code.encode() in written
    assert b"812345678" not in written


def test_cases_opened_at_the_same_moment_all_come_once_in_order(here: Installation) -> None:
    before = some_cases(here, 3, opened_at=START - timedelta(days=1), summary=None)
    together = some_cases(here, 4_500, step=timedelta(), summary=None)
    after = some_cases(here, 3, opened_at=START + timedelta(microseconds=1), summary=None)
    assert codes(here, for_operator(here)) == hexes(*before, *together, *after)


def test_the_rows_are_those_of_one_moment_while_others_go_on_working(here: Installation) -> None:
    some_cases(here, 5_000)
    before = [(row["code"], row["version"]) for row in exported(here, for_operator(here))]
    coming = pieces(here, for_operator(here))
    written = next(coming)
    under_way, enough = threading.Event(), threading.Event()

    def work() -> None:
        while not enough.is_set():
            with here.office.database.write() as connection:
                connection.execute(update(cases).values(version=cases.c.version + 1))
            some_cases(here, 3, opened_at=START + timedelta(minutes=2_500, seconds=30))
            some_cases(here, 3, opened_at=START + timedelta(minutes=9_000))
            under_way.set()

    others = threading.Thread(target=work)
    others.start()
    try:
        assert under_way.wait(30)
        written += b"".join(coming)
    finally:
        enough.set()
        others.join()
    assert [(row["code"], row["version"]) for row in rows(written)] == before
    later = exported(here, for_operator(here))
    assert len(later) > len(before)
    assert min(int(row["version"]) for row in later[:2_500]) > 1


def test_supervisors_see_their_organisation_and_coordinators_what_they_look_after(here: Installation) -> None:
    [ours] = some_cases(here)
    [theirs] = some_cases(here, organisation_id=organisation_id(LOTUS))
    [nobodys] = some_cases(here, organisation_id=None, queue="coordinator")
    coordinator = here.a_worker(Role.COORDINATOR)
    with here.office.work(START) as uow:
        uow.cases.add_helpers([(theirs, coordinator.id, "coordinator")], START)

    def seen(worker: Worker) -> set[str]:
        return set(codes(here, for_worker(here, worker)))

    assert seen(here.a_worker(Role.SUPERVISOR, TONLE)) == {ours.hex}
    assert seen(here.a_worker(Role.SUPERVISOR, LOTUS)) == {theirs.hex}
    assert seen(coordinator) == {theirs.hex, nobodys.hex}
    assert set(codes(here, for_operator(here))) == {ours.hex, theirs.hex, nobodys.hex}


def test_filters_narrow_what_comes(here: Installation) -> None:
    first, second, third = some_cases(here, 3, step=timedelta(days=1))
    [closed] = some_cases(here, status="closed", opened_at=START + timedelta(days=9))
    both = ("unpaid_wages", "detention")
    [double] = some_cases(here, categories=both, opened_at=START + timedelta(days=10))

    def found(wanted: WantedCases) -> list[str]:
        return codes(here, for_operator(here, wanted))

    one_day, two_days = START + timedelta(days=1), START + timedelta(days=2)
    assert found(WantedCases(opened_from=one_day, opened_to=two_days)) == hexes(second)
    assert found(WantedCases(opened_to=two_days)) == hexes(first, second)
    assert found(WantedCases(opened_from=two_days)) == hexes(third, closed, double)
    assert found(WantedCases(statuses=("closed",))) == hexes(closed)
    assert found(WantedCases(statuses=("assigned",), categories=both)) == hexes(first, second, third, double)
    assert found(WantedCases(categories=("unpaid_wages",))) == hexes(double)
    assert found(WantedCases(categories=("missing_person",))) == []


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.DUTY_LEAD, Role.ADMIN])
def test_who_may_not_export_is_refused_and_nothing_is_begun(here: Installation, role: Role) -> None:
    worker = here.a_worker(role)
    with pytest.raises(NotAllowed):
        for_worker(here, worker)
    assert _noted(here) == []


def test_the_audit_chain_knows_of_an_export_before_its_first_byte(here: Installation) -> None:
    supervisor = here.a_worker(Role.SUPERVISOR)
    some_cases(here)
    wanted = WantedCases(statuses=("+66812345678",), opened_to=START, locale="en")
    coming = pieces(here, for_worker(here, supervisor, wanted))
    noted = _noted(here)
    with here.office.look() as uow:
        _, broken = uow.audit.first_break()
    assert next(coming).startswith(MARK)
    assert noted == [(str(supervisor.id), None, {"filters": ["opened_to", "statuses"], "locale": "en"})]
    assert broken is None


def test_each_export_is_noted_and_the_operators_bear_no_workers_name(here: Installation) -> None:
    for_operator(here)
    for_operator(here)
    assert [actor for actor, _, _ in _noted(here)] == ["cli", "cli"]


def test_a_file_name_tells_nothing_but_its_time(here: Installation) -> None:
    assert for_operator(here).file_name == "cases-20260608T030000Z.csv"


def test_who_stops_listening_gives_the_snapshot_back(here: Installation) -> None:
    some_cases(here, 2_500)
    pool: Any = here.office.database.engine.pool
    coming: Any = pieces(here, for_operator(here))
    next(coming)
    assert pool.checkedout() == 1
    coming.close()
    assert pool.checkedout() == 0


def test_pieces_are_of_about_64_kib(here: Installation) -> None:
    some_cases(here, 3_000, summary=KHMER * 3)
    sizes = [len(piece) for piece in pieces(here, for_operator(here))]
    assert len(sizes) > 10
    assert min(sizes[:-1]) >= PIECE
    assert max(sizes) < 2 * PIECE


def test_memory_does_not_grow_with_the_number_of_cases(here: Installation) -> None:
    some_cases(here, 2_000)
    assert sum(1 for _ in pieces(here, for_operator(here))) > 1  # what is loaded only once, is loaded
    few = _peak(here)
    some_cases(here, 18_000, opened_at=START + timedelta(days=30))
    assert _peak(here) < 1.5 * few


def _peak(here: Installation) -> int:
    plan = for_operator(here)
    tracemalloc.start()
    try:
        for _ in pieces(here, plan):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _noted(here: Installation) -> list[tuple[str, UUID | None, dict[str, Any]]]:
    asked = select(entries.c.actor, entries.c.subject, entries.c.details)
    asked = asked.where(entries.c.action == "export.started").order_by(entries.c.number)
    with here.office.database.read() as connection:
        return [(row.actor, row.subject, row.details) for row in connection.execute(asked)]
