"""What came in, counted: texts and calls by channel, language and hour, and from how many phones."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    String,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy import case as when

from app.calls.rules.calls import Kind
from app.calls.tables import calls
from app.cases.tables import cases
from app.intake.tables import message_cases, messages
from app.kernel.phone import SenderKind
from app.statistics.rules.scope import Scope
from app.statistics.store.dimensions import visible
from app.statistics.store.sql import local_hour

TEXT: Final = "sms"
CALL: Final = "call"
MISSED: Final = "missed_call"
# Who may be somebody in need: what operators and machines send is not counted.
_PEOPLE: Final = (SenderKind.PHONE, SenderKind.WITHHELD)

ANSWERED: Final = "answered"
LEFT_WORD: Final = "left_word"
ABANDONED: Final = "abandoned"
GOING_ON: Final = "going_on"


@dataclass(frozen=True, slots=True)
class Came:
    """How many contacts came the same way in the same hour of the office's day."""

    channel: str
    ended: str | None  # of a call to the hotline
    language: str
    hour: int
    contacts: int


class ContactStore:
    """Texts and calls as seen from one transaction.

    They count where they belong to a case that these eyes may see, or to none yet.
    """

    def __init__(self, connection: Connection) -> None:
        """Read inside this transaction."""
        self._connection = connection

    def came(self, scope: Scope) -> tuple[list[Came], int]:
        """How many contacts came, by all that tells them apart, and from how many different phones."""
        # Both look at the same contacts, which are found once.
        came = _came(scope).cte("came").prefix_with("MATERIALIZED")
        rows = select(
            came.c.channel, came.c.ended, came.c.language, func.substr(came.c.hour, 12, 2).label("hour")
        ).subquery()
        of = (rows.c.channel, rows.c.ended, rows.c.language, rows.c.hour)
        nothing = [literal(None, String)] * len(of)
        asked: CompoundSelect[Any] = union_all(
            select(*of, func.count().label("contacts")).group_by(*of),
            select(*nothing, func.count(came.c.phone.distinct())),
        )
        found, phones = [], 0
        for row in self._connection.execute(asked):
            if row.channel is None:
                phones = row.contacts
            else:
                found.append(Came(row.channel, row.ended, row.language, int(row.hour), row.contacts))
        return found, phones

    def callers_by(self, scope: Scope, name: str) -> dict[str, int]:
        """From how many different phones contacts came, by channel, language, hour, or end of calls."""
        came = _came(scope).subquery()
        part = func.substr(came.c.hour, 12, 2) if name == "hour" else came.c[name]
        inner = select(part.label("part"), came.c.phone).where(part.is_not(None)).subquery()
        asked = select(inner.c.part, func.count(inner.c.phone.distinct())).group_by(inner.c.part)
        return {value: int(number) for value, number in self._connection.execute(asked)}


def _came(scope: Scope) -> CompoundSelect[Any]:
    texts = select(
        literal(TEXT, String).label("channel"), literal(None, String).label("ended"),
        type_coerce(messages.c.language, String).label("language"),
        local_hour(messages.c.received_at, scope.zone).label("hour"),
        messages.c.contact_point_id.label("phone"),
    ).where(
        messages.c.received_at >= scope.since, messages.c.received_at < scope.until,
        messages.c.duplicate_of.is_(None), messages.c.sender_kind.in_(_PEOPLE),
        _counts(messages, scope),
    )  # fmt: skip
    rings = select(
        when((calls.c.kind == Kind.HOTLINE, CALL), else_=MISSED).label("channel"), _end().label("ended"),
        type_coerce(calls.c.language, String), local_hour(calls.c.began_at, scope.zone),
        calls.c.contact_point_id,
    ).where(
        calls.c.began_at >= scope.since, calls.c.began_at < scope.until,
        calls.c.kind.in_((Kind.HOTLINE, Kind.MISSED)), calls.c.sender_kind.in_(_PEOPLE),
        _counts(calls, scope),
    )  # fmt: skip
    return union_all(texts, rings)


def _end() -> ColumnElement[Any]:
    """How a call to the hotline went, from the caller's side."""
    said = or_(calls.c.danger, calls.c.problem.is_not(None), calls.c.message)
    return when(
        (calls.c.kind != Kind.HOTLINE, None),
        (calls.c.answered_by.is_not(None), ANSWERED),
        (said, LEFT_WORD),
        (calls.c.ended_at.is_(None), GOING_ON),
        else_=ABANDONED,
    )


def _counts(contacts: FromClause, scope: Scope) -> ColumnElement[bool]:
    """Whether these eyes may know of the contact: those of walled cases are left out."""
    if contacts is calls:
        seen = exists().where(cases.c.id == calls.c.case_id, visible(scope))
        return or_(seen, calls.c.case_id.is_(None)) if scope.organisation_id is None else seen
    belongs = message_cases.c.message_id == messages.c.id
    seen = exists().where(and_(belongs, cases.c.id == message_cases.c.case_id, visible(scope)))
    return or_(seen, ~exists().where(belongs)) if scope.organisation_id is None else seen
