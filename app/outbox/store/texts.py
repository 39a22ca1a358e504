"""Queries on the outbox: queue, claim, offer, record what became of a text."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from app.crypto.vault import Place, Vault
from app.kernel.clock import utc_text
from app.kernel.phone import Phone
from app.outbox.rules import (
    LEASE,
    OUTSIDE_HOURS,
    STAFF,
    WAITING,
    PhoneRule,
    Purpose,
    SafeContact,
    State,
    Text,
    Way,
    strictest,
)
from app.outbox.store.safety import SafetyStore
from app.outbox.store.waiting import is_due, is_over
from app.outbox.tables import outbox, phone_rules
from app.store.feed import Kind, Touched
from app.store.rows import insert_or_change

_ALIKE_WITHIN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Queued:
    """A text as it is put into the outbox.

    It is held where the gate said no for good, with its reason; where the gate said not now, it is due
    later. `wrote_at` is when the person wrote what this answers.
    """

    id: UUID
    purpose: Purpose
    to: Phone
    way: Way
    body: str
    language: str
    parts: int
    automatic: bool
    expires_at: datetime
    case_id: UUID | None = None
    worker_id: UUID | None = None
    answers_id: UUID | None = None
    held_because: str | None = None
    due_at: datetime | None = None
    wrote_at: datetime | None = None

    @property
    def state(self) -> State:
        """Held where there is a reason and no later time, else queued."""
        return State.HELD if self.held_because and self.due_at is None else State.QUEUED


@dataclass(frozen=True, slots=True)
class Kept:
    """What a report needs to know of the text it is about."""

    id: UUID
    purpose: Purpose
    state: State
    parts: int
    attempts: int
    via: str
    carrier_id: str | None
    case_id: UUID | None
    phone_index: bytes
    expires_at: datetime


class OutboxStore:
    """The outbox as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault, touched: Touched) -> None:
        """Work inside this transaction, and note what changes on devices."""
        self._connection = connection
        self._vault = vault
        self._touched = touched
        self.safety = SafetyStore(connection, vault)

    def phone_index(self, phone: Phone) -> bytes:
        """The blind index under which everything about a phone is found."""
        return self._vault.index("phone", phone.e164)

    def add(self, text: Queued, now: datetime) -> None:
        """Keep a text to send, or one that is held."""
        state = text.state
        self._connection.execute(insert(outbox), {
            "id": text.id, "purpose": text.purpose, "case_id": text.case_id, "worker_id": text.worker_id,
            "answers_id": text.answers_id, "carrier": text.way.carrier, "via": text.way.via,
            "phone": self._vault.seal(text.to.e164, Place("outbox", text.id, "phone")),
            "phone_index": self.phone_index(text.to),
            "body": self._vault.seal(text.body, Place("outbox", text.id, "body")),
            "language": text.language, "parts": text.parts, "automatic": text.automatic, "state": state,
            "created_at": now, "due_at": text.due_at or now, "expires_at": text.expires_at,
            "wrote_at": text.wrote_at,
            "error_code": text.held_because, "history": [_step(state, now, text.held_because)],
        })  # fmt: skip
        if text.case_id and text.purpose not in STAFF:
            self._touched.note(Kind.MESSAGE, text.id, text.case_id)

    def count_alone(self, phone_index: bytes) -> None:
        """Until the transaction ends nobody else counts what goes to this phone; SQLite has one writer."""
        if self._connection.dialect.name == "postgresql":
            number = int.from_bytes(phone_index[:8], "big", signed=True)
            self._connection.execute(select(func.pg_advisory_xact_lock(number)))

    def automatic_since(self, phone: Phone, since: datetime) -> int:
        """How many automatic texts went, or will go, to a phone since then."""
        return len(self._since(_AUTOMATIC_SINCE, phone, since))

    def only_said_since(self, phone: Phone, body: str, since: datetime) -> bool:
        """Whether every automatic text to this phone since then had just these words."""
        return all(self._body(row) == body for row in self._since(_AUTOMATIC_SINCE, phone, since))

    def acknowledged_since(self, phone: Phone, since: datetime) -> bool:
        """Whether the phone was sent an acknowledgement since then."""
        return bool(self._since(_ACKNOWLEDGED_SINCE, phone, since))

    def alerted_since(self, case_id: UUID, worker_id: UUID, since: datetime) -> bool:
        """Whether this worker was told about this case since then."""
        asked = select(outbox.c.id).where(
            outbox.c.case_id == case_id, outbox.c.worker_id == worker_id, outbox.c.created_at > since
        )
        return self._connection.execute(asked.limit(1)).first() is not None

    def answer_to(self, message_id: UUID) -> list[tuple[UUID, str, str, int]]:
        """What was answered to one incoming text, or will be: id, phone, words, parts. Not what is held."""
        asked = select(outbox).where(outbox.c.answers_id == message_id, outbox.c.state != State.HELD)
        return [
            (row.id, self._phone(row).e164, self._body(row), row.parts)
            for row in self._connection.execute(asked)
        ]

    def anything_due(self, carrier: str, now: datetime) -> bool:
        """Whether there is a text to hand to this carrier."""
        return (
            self._connection.execute(select(outbox.c.id).where(*is_due(carrier, now)).limit(1)).first()
            is not None
        )

    def anything_over(self, now: datetime) -> bool:
        """Whether the time of some text that waits is over."""
        return self._connection.execute(select(outbox.c.id).where(*is_over(now)).limit(1)).first() is not None

    def claim_due(self, carrier: str, now: datetime, limit: int) -> list[Text]:
        """Lease up to `limit` texts of a carrier that are due and still true, oldest first.

        A text whose lease ran out is taken again, marked as one that may have gone already.
        """
        due = (
            select(outbox.c.id)
            .where(*is_due(carrier, now))
            .order_by(outbox.c.due_at, outbox.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = self._connection.execute(
            select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(due))
        ).all()
        if not found:
            return []
        in_doubt = {row.id for row in found if row.state == State.SENDING}
        taken = self._connection.execute(
            update(outbox)
            .where(outbox.c.id.in_([row.id for row in found]))
            .values(state=State.SENDING, lease_until=now + LEASE, attempts=outbox.c.attempts + 1)
            .returning(outbox)
        ).all()
        texts = [
            self._text(row, now, in_doubt=row.id in in_doubt, not_these=self._alike(row, in_doubt))
            for row in taken
        ]
        return sorted(texts, key=lambda text: text.created_at)

    def offer(self, carrier: str, via: str, now: datetime, limit: int) -> list[Text]:
        """What a gateway phone should send: what it was offered least lately comes first.

        Offered again and again until the phone reports something of it; never after its time.
        """
        asked = (
            select(outbox)
            .where(
                outbox.c.carrier == carrier, outbox.c.via == via,
                outbox.c.state.in_(WAITING), outbox.c.due_at <= now, outbox.c.expires_at > now,
            )
            .order_by(outbox.c.offered_at.is_not(None), outbox.c.offered_at, outbox.c.created_at, outbox.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )  # fmt: skip
        rows = self._connection.execute(asked).all()
        if rows:
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id.in_([row.id for row in rows]))
                .values(state=State.SENDING, offered_at=now)
            )
        return [self._text(row, now, in_doubt=False) for row in rows]

    def claim_expired(self, now: datetime, limit: int) -> list[Kept]:
        """Texts whose time is over before anything came of them, now marked expired."""
        over = select(outbox.c.id).where(*is_over(now)).order_by(outbox.c.expires_at).limit(limit)
        found = select(outbox).where(outbox.c.id.in_(over.with_for_update(skip_locked=True)))
        kept = [_kept(row) for row in self._connection.execute(found)]
        for text in kept:
            self.move(text, State.EXPIRED, now)
        return kept

    def whereabouts(self, text_id: UUID) -> tuple[State, datetime, str | None] | None:
        """Where a text is, when it is due, and what keeps it."""
        asked = select(outbox.c.state, outbox.c.due_at, outbox.c.error_code).where(outbox.c.id == text_id)
        row = self._connection.execute(asked).one_or_none()
        return (State(row.state), row.due_at, row.error_code) if row else None

    def locked(self, text_id: UUID) -> Kept | None:
        """One text, locked until the transaction ends."""
        return self._one(outbox.c.id == text_id)

    def locked_by_carrier_id(self, carrier: str, carrier_id: str) -> Kept | None:
        """The text that a carrier knows under its own id, locked until the transaction ends."""
        return self._one((outbox.c.carrier == carrier) & (outbox.c.carrier_id == carrier_id))

    def move(
        self,
        kept: Kept,
        state: State,
        now: datetime,
        *,
        error_code: str | None = None,
        **also: Any,  # noqa: ANN401 - column values
    ) -> None:
        """Write down that the text is now in this state."""
        history = self._connection.execute(
            select(outbox.c.history).where(outbox.c.id == kept.id)
        ).scalar_one()
        changed = {"state": state, "lease_until": None, "error_code": error_code, **also}
        if state is not kept.state:
            changed["history"] = [*history, _step(state, now, error_code)]
        self._connection.execute(update(outbox).where(outbox.c.id == kept.id).values(**changed))
        if kept.case_id and kept.purpose not in STAFF:
            self._touched.note(Kind.MESSAGE, kept.id, kept.case_id)

    def known_as(self, kept: Kept, carrier_id: str | None) -> None:
        """The carrier has the text under this id, whatever we thought of it in the meantime."""
        self._connection.execute(update(outbox).where(outbox.c.id == kept.id).values(carrier_id=carrier_id))

    def bodies(self, ids: Iterable[UUID]) -> dict[UUID, tuple[str, bool]]:
        """The words of texts by id, and whether they went to staff."""
        asked = select(outbox.c.id, outbox.c.body, outbox.c.purpose).where(outbox.c.id.in_(list(ids)))
        return {
            row.id: (self._body(row), Purpose(row.purpose) in STAFF)
            for row in self._connection.execute(asked)
        }

    def in_cases(self, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
        """Texts to people in cases, with their words, by id. What waits is queued, whoever holds it."""
        asked = select(outbox).where(outbox.c.id.in_(list(ids)), outbox.c.case_id.is_not(None))
        return {
            row.id: {
                "case_id": row.case_id, "direction": "out", "text": self._body(row), "at": row.created_at,
                "carrier": row.carrier, "purpose": row.purpose,
                "state": (State.QUEUED if row.state in WAITING else State(row.state)).value,
            }
            for row in self._connection.execute(asked)
        }  # fmt: skip

    def rule_for(self, phone: Phone) -> PhoneRule:
        """What is known of whether this phone may be written to."""
        index = self.phone_index(phone)
        row = self._connection.execute(_RULE, {"phone": index}).one_or_none()
        rule = PhoneRule(row.opted_out_at, row.cannot_text_since, row.blocked_until) if row else PhoneRule()
        told = strictest(self.safety.of_phone(index))
        return replace(rule, safety=replace(told, opted_out_at=rule.opted_out_at, country=phone.country))

    def safety_of(self, phone: Phone) -> SafeContact:
        """How this phone may be used without harm: the strictest of what its cases say of it."""
        return self.rule_for(phone).safety

    def safety_by_index(self, indexes: Iterable[bytes]) -> dict[bytes, SafeContact]:
        """As safety_of, for many phones of which only the blind index is known: `country` is not told."""
        wanted = list(indexes)
        told = self.safety.of_phones(wanted)
        asked = select(phone_rules.c.phone_index, phone_rules.c.opted_out_at)
        silent = {
            bytes(row.phone_index): row.opted_out_at
            for row in self._connection.execute(asked.where(phone_rules.c.phone_index.in_(wanted)))
        }
        return {
            index: replace(strictest(told.get(index, ())), opted_out_at=silent.get(index)) for index in wanted
        }

    def wrote_again(self, phone: Phone, at: datetime) -> None:
        """A text came from the phone: whatever a carrier said of it before, it takes texts."""
        self._connection.execute(_WROTE_AGAIN, {"phone": self.phone_index(phone), "wrote_at": at})

    def set_rule(self, phone_index: bytes, **values: datetime | None) -> None:
        """Change what is known of one phone."""
        insert_or_change(self._connection, phone_rules, {"phone_index": phone_index}, values)

    def in_trouble(self, before: datetime) -> dict[tuple[str, str], int]:
        """How many texts queued before then still wait after an error, by carrier and error code."""
        asked = (
            select(outbox.c.carrier, outbox.c.error_code, func.count())
            .where(
                outbox.c.state.in_(WAITING),
                outbox.c.created_at < before,
                outbox.c.error_code.is_not(None),
                outbox.c.error_code != OUTSIDE_HOURS,
            )
            .group_by(outbox.c.carrier, outbox.c.error_code)
        )
        return {(carrier, code): number for carrier, code, number in self._connection.execute(asked)}

    def _since(self, asked: Select[Any], phone: Phone, since: datetime) -> Sequence[Row[Any]]:
        values = {"phone": self.phone_index(phone), "since": since}
        return self._connection.execute(asked, values).all()

    def _alike(self, row: Row[Any], in_doubt: Container[UUID]) -> frozenset[str]:
        """The carrier's ids of texts to the same phone, for a text that may have gone already.

        The same words may have gone to the same phone shortly before, as another text of ours.
        """
        if row.id not in in_doubt:
            return frozenset()
        asked = select(outbox.c.carrier_id).where(
            outbox.c.carrier == row.carrier, outbox.c.phone_index == row.phone_index,
            outbox.c.carrier_id.is_not(None), outbox.c.created_at > row.created_at - _ALIKE_WITHIN,
        )  # fmt: skip
        return frozenset(self._connection.execute(asked).scalars())

    def _one(self, condition: Any) -> Kept | None:  # noqa: ANN401 - SQL expression
        row = self._connection.execute(select(outbox).where(condition).with_for_update()).one_or_none()
        return _kept(row) if row else None

    def _text(
        self, row: Row[Any], now: datetime, *, in_doubt: bool, not_these: frozenset[str] = frozenset()
    ) -> Text:
        return Text(
            row.id, row.carrier, row.via, self._phone(row), self._body(row), Purpose(row.purpose),
            row.attempts, row.created_at, row.expires_at - now, in_doubt, not_these,
            row.worker_id is not None, row.wrote_at,
        )  # fmt: skip

    def _phone(self, row: Any) -> Phone:  # noqa: ANN401 - rows of more than one selection
        return Phone(self._vault.open(row.phone, Place("outbox", row.id, "phone")))

    def _body(self, row: Any) -> str:  # noqa: ANN401 - rows of more than one selection
        return self._vault.open(row.body, Place("outbox", row.id, "body"))


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.id, Purpose(row.purpose), State(row.state), row.parts, row.attempts, row.via, row.carrier_id,
        row.case_id, bytes(row.phone_index), row.expires_at,
    )  # fmt: skip


def _step(state: State, now: datetime, code: str | None) -> dict[str, Any]:
    return {"state": state.value, "at": utc_text(now), **({"code": code} if code else {})}


# Made once, for every text asks them: a new statement costs SQLAlchemy more than it costs the database.
_SINCE: Final = (
    outbox.c.phone_index == bindparam("phone"),
    outbox.c.created_at > bindparam("since"),
    outbox.c.state != State.HELD,
)
_AUTOMATIC_SINCE: Final = select(outbox.c.id, outbox.c.body).where(*_SINCE, outbox.c.automatic)
_ACKNOWLEDGED_SINCE: Final = (
    select(outbox.c.id).where(*_SINCE, outbox.c.purpose == Purpose.ACKNOWLEDGE).limit(1)
)
_RULE: Final = select(phone_rules).where(phone_rules.c.phone_index == bindparam("phone"))
_WROTE_AGAIN: Final = (
    update(phone_rules)
    .where(
        phone_rules.c.phone_index == bindparam("phone"),
        phone_rules.c.cannot_text_since < bindparam("wrote_at"),
    )
    .values(cannot_text_since=None)
)
