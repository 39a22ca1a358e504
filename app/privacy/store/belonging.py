"""Which rows belong to a case, to one person in it, or to a phone that no case needs: as conditions."""

from collections.abc import Collection, Iterator
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, false, or_, select, true
from sqlmodel import SQLModel

Condition = ColumnElement[bool]


def live_cases() -> Condition:
    """Cases in which somebody is still named: not closed, or not made pseudonymous since."""
    cases = _table("case_file")
    return or_(
        cases.c.closed_at.is_(None),
        cases.c.pseudonymised_at.is_(None),
        cases.c.pseudonymised_at < cases.c.closed_at,
    )


def points_of(connection: Connection, case_id: UUID, person_id: UUID | None) -> frozenset[UUID]:
    """The contact points of a case, or those of one person in it."""
    ways, points, persons = _table("case_phone"), _table("contact_point"), _table("person")
    messages, links, calls = _table("message"), _table("message_case"), _table("call")
    asked = select(ways.c.contact_point_id).where(ways.c.case_id == case_id)
    if person_id:
        theirs = (
            select(points.c.id)
            .join(persons, persons.c.phone_index == points.c.phone_index)
            .where(persons.c.id == person_id)
        )
        of_person = or_(ways.c.person_id == person_id, ways.c.contact_point_id.in_(theirs))
        return frozenset(connection.execute(asked.where(of_person)).scalars())
    texts = (
        select(messages.c.contact_point_id)
        .join(links, links.c.message_id == messages.c.id)
        .where(links.c.case_id == case_id, messages.c.contact_point_id.is_not(None))
    )
    called = select(calls.c.contact_point_id).where(
        calls.c.case_id == case_id, calls.c.contact_point_id.is_not(None)
    )
    return frozenset(connection.execute(asked.union(texts, called)).scalars())


def people_of(connection: Connection, case_id: UUID, person_id: UUID | None) -> frozenset[UUID]:
    """The people of a case, or the one of them who is meant, if they are one of them."""
    members, cases, ways = _table("case_member"), _table("case_file"), _table("case_phone")
    asked = (
        select(members.c.person_id)
        .where(members.c.case_id == case_id)
        .union(
            select(cases.c.reporter_id).where(cases.c.id == case_id, cases.c.reporter_id.is_not(None)),
            select(ways.c.person_id).where(ways.c.case_id == case_id, ways.c.person_id.is_not(None)),
        )
    )
    found = frozenset(connection.execute(asked).scalars())
    return found if person_id is None else found & {person_id}


def phones_of(connection: Connection, points: Collection[UUID], person_id: UUID | None) -> frozenset[bytes]:
    """The blind indexes of these phones, and of the one that was written down of a person."""
    table, persons = _table("contact_point"), _table("person")
    found = [*connection.execute(select(table.c.phone_index).where(table.c.id.in_(list(points)))).scalars()]
    if person_id:
        own = select(persons.c.phone_index).where(persons.c.id == person_id)
        found += [one for one in connection.execute(own).scalars() if one]
    return frozenset(bytes(one) for one in found)


def case_rows(
    case_id: UUID, points: Collection[UUID], phones: Collection[bytes], *, whole: bool, words: bool
) -> Iterator[tuple[str, Condition]]:
    """Each table with the condition for its rows: what hangs on others first."""
    calls, messages = _calls(case_id, points, whole=whole), _messages(case_id, points, whole=whole)
    yield from _hanging(calls, messages)
    outbox, cases = _table("outbox"), _table("case_file")
    closed = select(cases.c.id).where(cases.c.id == case_id, cases.c.closed_at.is_not(None))
    to_people = or_(outbox.c.worker_id.is_(None), outbox.c.case_id.in_(closed))
    yield "outbox", _of(outbox, case_id) & (to_people if whole else outbox.c.phone_index.in_(list(phones)))
    safety = _table("safe_contact")
    yield "safe_contact", _of(safety, case_id) & (true() if whole else safety.c.phone_index.in_(list(phones)))
    for name in ("conversation", "case_phone"):
        table = _table(name)
        yield name, _of(table, case_id) & (true() if whole else table.c.contact_point_id.in_(list(points)))
    yield "message", messages
    yield "call", calls
    if whole or words:
        yield from _written(case_id)
    if whole:
        yield from _of_whole_cases(case_id)


def loose_rows(points: Collection[UUID], phones: Collection[bytes]) -> Iterator[tuple[str, Condition]]:
    """What came from these phones, or went to them, and belongs to no case that is live."""
    calls, messages, outbox = _table("call"), _table("message"), _table("outbox")
    live = select(_table("case_file").c.id).where(live_cases())
    texts = messages.c.contact_point_id.in_(list(points)) & messages.c.id.not_in(_in_live_cases())
    called = and_(
        calls.c.contact_point_id.in_(list(points)),
        or_(calls.c.case_id.is_(None), calls.c.case_id.not_in(live)),
    )
    yield from _hanging(called, texts)
    no_case = or_(outbox.c.case_id.is_(None), outbox.c.case_id.not_in(live))
    yield "outbox", outbox.c.phone_index.in_(list(phones)) & outbox.c.worker_id.is_(None) & no_case
    yield "conversation", _table("conversation").c.contact_point_id.in_(list(points))
    yield "message", texts
    yield "call", called


def _hanging(calls: Condition, messages: Condition) -> Iterator[tuple[str, Condition]]:
    """What hangs on these calls and messages."""
    call, message, inbox = _table("call"), _table("message"), _table("inbox")
    these_calls, these_texts = select(call.c.id).where(calls), select(message.c.id).where(messages)
    yield "inbox", or_(inbox.c.message_id.in_(these_texts), inbox.c.call_id.in_(these_calls))
    yield "recording", _table("recording").c.call_id.in_(these_calls)
    yield "dial", _table("dial").c.call_id.in_(these_calls)


def _written(case_id: UUID) -> Iterator[tuple[str, Condition]]:
    """What workers wrote or took in, of whomever it speaks."""
    for name in ("note", "contact_attempt", "case_event", "attachment", "case_conflict"):
        if (table := SQLModel.metadata.tables.get(name)) is not None:
            yield name, _of(table, case_id)


def _of_whole_cases(case_id: UUID) -> Iterator[tuple[str, Condition]]:
    """What speaks of the case as a whole."""
    for name in ("guardian", "consent", "referral", "disclosure", "case_wall", "legal_hold"):
        if (table := SQLModel.metadata.tables.get(name)) is not None:
            yield name, _of(table, case_id)


def _calls(case_id: UUID, points: Collection[UUID], *, whole: bool) -> Condition:
    table = _table("call")
    theirs = true() if whole else table.c.contact_point_id.in_(list(points))
    return (table.c.case_id == case_id) & theirs


def _messages(case_id: UUID, points: Collection[UUID], *, whole: bool) -> Condition:
    """The texts of a case with their repeats, but those that a live case beside it holds too."""
    table, links = _table("message"), _table("message_case")
    linked = select(links.c.message_id).where(links.c.case_id == case_id)
    theirs = true() if whole else table.c.contact_point_id.in_(list(points))
    mine = or_(table.c.id.in_(linked), table.c.duplicate_of.in_(linked))
    return mine & theirs & table.c.id.not_in(_in_live_cases(but=case_id))


def _in_live_cases(but: UUID | None = None) -> Select[tuple[UUID]]:
    links, cases = _table("message_case"), _table("case_file")
    found = select(links.c.message_id).join(cases, cases.c.id == links.c.case_id).where(live_cases())
    return found.where(cases.c.id != but) if but else found


def _of(table: Table, case_id: UUID) -> Condition:
    return table.c.case_id == case_id if "case_id" in table.c else false()


def _table(name: str) -> Table:
    return SQLModel.metadata.tables[name]
