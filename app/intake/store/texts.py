"""Queries on what was read: the phones it came from, the messages, the conversations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, false, insert, or_, select, update

from app.crypto.vault import Place, Vault
from app.intake.rules.conversation import STILL_TELLING, Question, Talk
from app.intake.rules.triage import Decision
from app.intake.store.arrivals import ArrivalStore
from app.intake.tables import contact_points, conversations, message_cases, messages
from app.kernel.ids import new_id
from app.kernel.language import Script
from app.kernel.phone import Phone
from app.store.feed import Kind, Touched
from app.store.rows import insert_new, insert_or_change

_PIECES: Final = 10  # the longest text that phones divide: 1,600 letters without Khmer, 670 with
# A phone notes when a text was sent to the second; the same again within so many was never typed twice.
_TYPED_TWICE_AFTER: Final = timedelta(seconds=10)


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


class IntakeStore(ArrivalStore):
    """What came in and what was read of it, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        super().__init__(connection, vault)
        self._touched = touched

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

    def _point(self, row: Row[Any]) -> ContactPoint:
        phone = Phone(self._vault.open(row.phone, Place("contact_point", row.id, "phone")))
        return ContactPoint(row.id, phone, row.language, row.script)

    def _body(self, row: Any) -> str:  # noqa: ANN401 - a row of either query
        return self._vault.open(row.body, Place("message", row.id, "body"))


def _triage(decision: Decision) -> dict[str, Any]:
    """A decision as kept beside its message: rules and spans, never the words."""
    return {
        "categories": list(decision.categories), "urgency": decision.urgency.value,
        "members": decision.members, "destination": decision.destination,
        "reasons": [[r.rule, r.category, r.start, r.end] for r in decision.reasons],
    }  # fmt: skip
