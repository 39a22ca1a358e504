"""Queries on what came in: the inbox, contact points, messages, conversations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, exists, false, insert, or_, select, update

from app.crypto.vault import Place, Vault
from app.intake.rules.conversation import STILL_TELLING, Question, Talk
from app.intake.rules.incoming import Arrival, kept_id
from app.intake.rules.triage import Decision
from app.intake.tables import contact_points, conversations, inbox, message_cases, messages
from app.kernel.ids import new_id
from app.kernel.language import Script
from app.kernel.phone import Phone
from app.store.feed import Kind, Touched
from app.store.rows import insert_new, insert_or_change

STORED: Final = "stored"  # waits for reception
TAKEN: Final = "taken"
_FROM_PEOPLE: Final = ("text", "call")
QUARANTINED: Final = "quarantined"  # nobody could read it; a human was told
_NO_SENDER: Final = b""
_PIECES: Final = 10  # the longest text that phones divide: 1,600 letters without Khmer, 670 with
# A phone notes when a text was sent to the second; the same again within so many was never typed twice.
_TYPED_TWICE_AFTER: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An arrival that reception has claimed."""

    id: UUID
    carrier: str
    account: str
    carrier_id: str
    kind: str
    raw: bytes
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """One phone that people write or call from."""

    id: UUID
    phone: Phone
    language: str
    script: str


@dataclass(frozen=True, slots=True)
class Message:
    """One incoming text. `contact_point_id` is None where no phone stands behind it."""

    id: UUID
    contact_point_id: UUID | None
    sender_kind: str
    carrier: str
    via: str
    carrier_id: str
    body: str
    received_at: datetime
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """How far the questions to the person at a phone have come, in which case."""

    case_id: UUID
    talk: Talk
    expires_at: datetime


class IntakeStore:
    """What came in, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched

    def keep(self, arrivals: Iterable[Arrival], now: datetime) -> int:
        """Keep each arrival once; one that is here already changes nothing. Returns how many were new."""
        return sum(
            insert_new(self._connection, inbox, inbox_values(self._vault, arrival, now))
            for arrival in arrivals
        )

    def keep_answered(
        self, arrival: Arrival, call_id: UUID, now: datetime, *, problem: str | None = None
    ) -> None:
        """Keep a call that was answered while it came: nothing of it waits for reception.

        `problem` says, as a stable code, why nothing will follow, for whoever looks.
        """
        values = inbox_values(self._vault, arrival, now)
        insert_new(
            self._connection, inbox, {**values, "state": TAKEN, "call_id": call_id, "problem": problem}
        )

    def anything_waits(self, now: datetime) -> bool:
        """Whether reception has something to do."""
        return self._connection.execute(_ANYTHING_WAITS, {"now": now}).first() is not None

    def claim_next(self, now: datetime) -> Waiting | None:
        """The oldest arrival that waits, locked; one sender's arrivals are never taken out of order.

        An arrival that failed waits for its next try, and only its own sender's later ones wait
        with it.
        """
        row = self._connection.execute(_NEXT, {"now": now}).one_or_none()
        return self._waiting(row) if row else None

    def taken(self, arrival_id: UUID, *, problem: str | None = None, **became: UUID | None) -> None:
        """Reception made a `message_id` or `call_id` of this arrival, if any; `problem`: `keep_answered`."""
        self._set(arrival_id, state=TAKEN, problem=problem, **became)

    def still_waits(self, arrival: Waiting) -> bool:
        """Whether the arrival is as it was when it was claimed; locked until the transaction ends."""
        asked = select(inbox.c.state, inbox.c.attempts).where(inbox.c.id == arrival.id).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        return row is not None and (row.state, row.attempts) == (STORED, arrival.attempts)

    def try_again(self, arrival_id: UUID, *, at: datetime, problem: str) -> None:
        """The arrival waits and is tried again."""
        self._set(arrival_id, attempts=inbox.c.attempts + 1, due_at=at, problem=problem)

    def quarantine(self, arrival_id: UUID, *, problem: str) -> None:
        """Nobody could read the arrival: a human has to look at it."""
        self._set(arrival_id, state=QUARANTINED, problem=problem)

    def of_arrival(self, carrier: str, account: str, carrier_id: str) -> tuple[str, UUID | None] | None:
        """The state of an arrival and the message that came of it."""
        asked = select(inbox.c.state, inbox.c.message_id).where(
            inbox.c.carrier == carrier, inbox.c.account == account, inbox.c.carrier_id == kept_id(carrier_id)
        )
        row = self._connection.execute(asked).one_or_none()
        return (row.state, row.message_id) if row else None

    def contact_point(self, phone: Phone, *, language: str, script: str, now: datetime) -> ContactPoint:
        """The one contact point of a phone, made if it is new, and locked until the transaction ends."""
        index = self._vault.index("phone", phone.e164)
        fresh = new_id(now)
        insert_new(self._connection, contact_points, {
            "id": fresh, "phone": self._vault.seal(phone.e164, Place("contact_point", fresh, "phone")),
            "phone_index": index, "country": phone.country, "language": language, "script": script,
            "first_seen_at": now, "last_seen_at": now,
        })  # fmt: skip
        changed: dict[str, Any] = {"last_seen_at": now}
        if script != Script.UNREADABLE:
            # A lone digit has no script: the person goes on reading what they wrote before.
            changed |= {"language": language, "script": script}
        row = self._connection.execute(
            update(contact_points)
            .where(contact_points.c.phone_index == index)
            .values(**changed)
            .returning(contact_points.c.id, contact_points.c.language, contact_points.c.script)
        ).one()
        return ContactPoint(row.id, phone, row.language, row.script)

    def language_of(self, contact_point_id: UUID) -> str | None:
        """The language that the person at this phone reads."""
        asked = select(contact_points.c.language).where(contact_points.c.id == contact_point_id)
        return self._connection.execute(asked).scalar_one_or_none()

    def points(self, ids: Iterable[UUID]) -> dict[UUID, ContactPoint]:
        """Contact points by id."""
        found = self._connection.execute(select(contact_points).where(contact_points.c.id.in_(list(ids))))
        return {row.id: self._point(row) for row in found}

    def phones(self, ids: Iterable[UUID]) -> dict[UUID, Phone]:
        """The phone of each contact point."""
        return {point_id: point.phone for point_id, point in self.points(ids).items()}

    def last_wrote_at(self, contact_point_id: UUID, since: datetime) -> datetime | None:
        """When the person at this phone last wrote, as far as that is after then."""
        asked = select(messages.c.received_at, messages.c.claimed_at).where(
            messages.c.contact_point_id == contact_point_id, messages.c.received_at > since
        )
        wrote = [row.claimed_at or row.received_at for row in self._connection.execute(asked)]
        return max((moment for moment in wrote if moment > since), default=None)

    def add_message(self, message: Message, decision: Decision, duplicate_of: UUID | None) -> None:
        """Keep an incoming text with what triage made of it."""
        self._connection.execute(insert(messages), {
            "id": message.id, "contact_point_id": message.contact_point_id,
            "sender_kind": message.sender_kind, "carrier": message.carrier, "via": message.via,
            "carrier_id": message.carrier_id,
            "body": self._vault.seal(message.body, Place("message", message.id, "body")),
            "body_index": self._vault.index("body", message.body),
            "script": decision.script, "language": decision.language,
            "received_at": message.received_at, "claimed_at": message.claimed_at,
            "triage": _triage(decision), "duplicate_of": duplicate_of,
        })  # fmt: skip

    def same_lately(self, message: Message, within: timedelta, *, reply: bool = False) -> UUID | None:
        """A text with the same words from the same phone shortly before: a carrier sent it twice.

        A person may well answer two questions with "1": such a `reply` is the same text only where it
        came another way, or was sent at the same moment.
        """
        asked = select(messages.c.id).where(
            messages.c.contact_point_id == message.contact_point_id,
            messages.c.body_index == self._vault.index("body", message.body),
            messages.c.received_at > message.received_at - within,
            messages.c.duplicate_of.is_(None),
        )  # fmt: skip
        if reply:
            another_way = or_(messages.c.carrier != message.carrier, messages.c.via != message.via)
            sent = message.claimed_at
            at_once = messages.c.claimed_at > sent - _TYPED_TWICE_AFTER if sent else false()
            asked = asked.where(or_(another_way, at_once))
        return self._connection.execute(asked.order_by(messages.c.received_at).limit(1)).scalar_one_or_none()

    def link(self, message_id: UUID, case_id: UUID, now: datetime) -> None:
        """The message belongs to the case."""
        insert_new(
            self._connection, message_cases, {"message_id": message_id, "case_id": case_id, "linked_at": now}
        )
        self._touched.note(Kind.MESSAGE, message_id, case_id)

    def cases_of(self, message_ids: Iterable[UUID]) -> dict[UUID, UUID]:
        """The case of each message that has one."""
        asked = select(message_cases.c.message_id, message_cases.c.case_id)
        found = self._connection.execute(asked.where(message_cases.c.message_id.in_(list(message_ids))))
        return {row.message_id: row.case_id for row in found}

    def bodies(self, ids: Iterable[UUID]) -> dict[UUID, str]:
        """The words of incoming texts by id."""
        asked = select(messages.c.id, messages.c.body).where(messages.c.id.in_(list(ids)))
        return {row.id: self._body(row) for row in self._connection.execute(asked)}

    def in_cases(self, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """Incoming texts that belong to cases, with their words, by id."""
        asked = select(messages, message_cases.c.case_id).join(message_cases)
        return {
            row.id: {
                "case_id": row.case_id, "direction": "in", "text": self._body(row), "at": row.received_at,
                "carrier": row.carrier, "state": "received", "purpose": None,
            }
            for row in self._connection.execute(asked.where(messages.c.id.in_(list(ids))))
        }  # fmt: skip

    def conversation(
        self, contact_point_id: UUID, *, came_at: datetime, now: datetime
    ) -> Conversation | None:
        """What the person was asked, as seen by a text that came then; an old question is open no more."""
        asked = select(conversations).where(conversations.c.contact_point_id == contact_point_id)
        row = self._connection.execute(asked).one_or_none()
        if row is None:
            return None
        question = Question(row.asked) if row.asked and row.expires_at > now else None
        before = tuple(Question(name) for name in row.asked_before)
        talk = Talk(
            question,
            before,
            asked_just_now=row.asked_at > came_at - STILL_TELLING,
            asked_later=row.asked_at > came_at,
        )
        return Conversation(row.case_id, talk, row.expires_at)

    def converse(self, contact_point_id: UUID, conversation: Conversation, now: datetime) -> None:
        """The questions have come this far."""
        talk = conversation.talk
        insert_or_change(self._connection, conversations, {"contact_point_id": contact_point_id}, {
            "case_id": conversation.case_id, "asked": talk.open, "asked_before": list(talk.asked),
            "asked_at": now, "expires_at": conversation.expires_at,
        })  # fmt: skip

    def said_lately(self, contact_point_id: UUID, since: datetime) -> list[str]:
        """What the phone sent since then, oldest first."""
        asked = select(messages.c.id, messages.c.body).where(
            messages.c.contact_point_id == contact_point_id,
            messages.c.received_at > since,
            messages.c.duplicate_of.is_(None),
        )
        newest = asked.order_by(messages.c.received_at.desc(), messages.c.id.desc()).limit(_PIECES)
        return [self._body(row) for row in self._connection.execute(newest)][::-1]

    def read_in(self, contact_point_id: UUID, *, language: str, script: str) -> None:
        """The person asked for this language."""
        self._connection.execute(
            update(contact_points)
            .where(contact_points.c.id == contact_point_id)
            .values(language=language, script=script)
        )

    def arrivals(
        self, *, state: str | None, kind: str | None, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """What came in, newest first, with the message and its sender where there is one."""
        asked = (
            select(
                inbox,
                messages.c.sender_kind,
                messages.c.via,
                messages.c.contact_point_id,
                contact_points.c.phone,
            )
            .select_from(
                inbox.outerjoin(messages, messages.c.id == inbox.c.message_id).outerjoin(contact_points)
            )
            .where(inbox.c.kind.in_(_FROM_PEOPLE))
            .order_by(inbox.c.number.desc())
            .limit(limit)
        )
        if state:
            asked = asked.where(inbox.c.state == state)
        if kind:
            asked = asked.where(or_(inbox.c.carrier == kind, inbox.c.kind == kind))
        if before is not None:
            asked = asked.where(inbox.c.number < before)
        return [self._listed(row) for row in self._connection.execute(asked)]

    def raw_of(self, arrival_id: UUID) -> tuple[bytes, UUID | None, UUID | None] | None:
        """What a carrier gave us, byte for byte, and the message or call that came of it."""
        asked = select(inbox).where(inbox.c.id == arrival_id)
        row = self._connection.execute(asked).one_or_none()
        if row is None:
            return None
        return self._vault.open_bytes(row.raw, Place("inbox", row.id, "raw")), row.message_id, row.call_id

    def _listed(self, row: Row[Any]) -> dict[str, Any]:
        place = Place("contact_point", row.contact_point_id, "phone") if row.contact_point_id else None
        return {
            "number": row.number, "id": row.id, "carrier": row.carrier, "carrier_id": row.carrier_id,
            "kind": row.kind, "state": row.state, "problem": row.problem, "received_at": row.received_at,
            "message_id": row.message_id, "call_id": row.call_id, "sender_kind": row.sender_kind,
            "from": self._vault.open(row.phone, place) if place else None,
        }  # fmt: skip

    def _set(self, arrival_id: UUID, **values: Any) -> None:  # noqa: ANN401 - column values
        self._connection.execute(update(inbox).where(inbox.c.id == arrival_id).values(**values))

    def _waiting(self, row: Row[Any]) -> Waiting:
        raw = self._vault.open_bytes(row.raw, Place("inbox", row.id, "raw"))
        return Waiting(
            row.id, row.carrier, row.account, row.carrier_id, row.kind, raw, row.received_at, row.attempts
        )

    def _point(self, row: Row[Any]) -> ContactPoint:
        phone = Phone(self._vault.open(row.phone, Place("contact_point", row.id, "phone")))
        return ContactPoint(row.id, phone, row.language, row.script)

    def _body(self, row: Any) -> str:  # noqa: ANN401 - a row of either query
        return self._vault.open(row.body, Place("message", row.id, "body"))


def inbox_values(vault: Vault, arrival: Arrival, now: datetime) -> dict[str, Any]:
    """The inbox row of an arrival. Its sender is kept as a blind index only, to keep order."""
    fresh = new_id(now)
    return {
        "id": fresh, "carrier": arrival.carrier, "account": arrival.account,
        "carrier_id": kept_id(arrival.carrier_id), "kind": arrival.kind,
        "sender_index": vault.index("sender", arrival.sender) if arrival.sender else _NO_SENDER,
        "raw": vault.seal_bytes(arrival.raw, Place("inbox", fresh, "raw")),
        "received_at": now, "state": STORED, "due_at": now, "attempts": 0,
    }  # fmt: skip


def _triage(decision: Decision) -> dict[str, Any]:
    """A decision as kept beside its message: rules and spans, never the words."""
    return {
        "categories": list(decision.categories), "urgency": decision.urgency.value,
        "members": decision.members, "destination": decision.destination,
        "reasons": [[r.rule, r.category, r.start, r.end] for r in decision.reasons],
    }  # fmt: skip


def _next() -> Select[Any]:
    """The oldest arrival that is due and has none of its own sender's before it."""
    earlier = inbox.alias("earlier")
    blocked = exists().where(
        earlier.c.sender_index == inbox.c.sender_index,
        earlier.c.sender_index != _NO_SENDER,
        earlier.c.state == STORED,
        earlier.c.number < inbox.c.number,
    )
    return (
        select(inbox)
        .where(inbox.c.state == STORED, inbox.c.due_at <= bindparam("now"), ~blocked)
        .order_by(inbox.c.number)
        .limit(1)
        .with_for_update(skip_locked=True, of=inbox)
    )


# Made once, for every text asks them: a new statement costs SQLAlchemy more than it costs the database.
_NEXT: Final = _next()
_ANYTHING_WAITS: Final = (
    select(inbox.c.number).where(inbox.c.state == STORED, inbox.c.due_at <= bindparam("now")).limit(1)
)
