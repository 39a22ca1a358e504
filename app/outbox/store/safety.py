"""Queries on what was told of how phones may be used without harm."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from app.crypto.vault import Place, Vault
from app.kernel.ids import new_id
from app.outbox.rules.safety import AfterDroppedCall, Known, SafeContact, SafeHours, SafeWindow, overlaid
from app.outbox.tables import safe_contacts


class Source(StrEnum):
    """Who said how a phone may be used."""

    PERSON = "person"  # the person's own answers to our questions
    CASEWORKER = "caseworker"


@dataclass(frozen=True, slots=True)
class Told:
    """What one source said of a phone in one case, and when; `worker_id` where it was a caseworker."""

    case_id: UUID
    phone_index: bytes
    source: Source
    safe: SafeContact
    at: datetime
    worker_id: UUID | None = None
    ended_at: datetime | None = None
    version: int = 0  # how often this source wrote it down; counted by the store


class SafetyStore:
    """What was told of phones, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def tell(self, told: Told) -> None:
        """Keep this in place of what the same source said before of this phone in this case."""
        here = (
            safe_contacts.c.case_id == told.case_id,
            safe_contacts.c.phone_index == told.phone_index,
            safe_contacts.c.source == told.source,
        )
        known = self._connection.execute(
            select(safe_contacts.c.id, safe_contacts.c.version).where(*here).with_for_update()
        ).one_or_none()
        row_id = known.id if known else new_id(told.at)
        values = {**self._values(row_id, told), "version": (known.version or 1) + 1 if known else 1}
        if known:
            self._connection.execute(
                update(safe_contacts).where(safe_contacts.c.id == row_id).values(**values)
            )
        else:
            self._connection.execute(insert(safe_contacts), {"id": row_id, **values})

    def in_case(self, case_id: UUID) -> dict[bytes, dict[Source, Told]]:
        """What was told in one case, by the phone's blind index and by source."""
        found: dict[bytes, dict[Source, Told]] = {}
        asked = select(safe_contacts).where(safe_contacts.c.case_id == case_id)
        for row in self._connection.execute(asked):
            told = self._told(row)
            found.setdefault(told.phone_index, {})[told.source] = told
        return found

    def of_phone(self, phone_index: bytes) -> list[SafeContact]:
        """What each case says of a phone, the latest first.

        What a closed case knew counts only where no caseworker of an open one wrote something down.
        """
        rows = self._connection.execute(_OF_PHONE, {"phone": phone_index}).all()
        return _by_case([self._told(row) for row in rows])

    def of_phones(self, indexes: Iterable[bytes]) -> dict[bytes, list[SafeContact]]:
        """As of_phone, for many at once; phones of which nothing was told are left out."""
        asked = select(safe_contacts).where(safe_contacts.c.phone_index.in_(list(indexes)))
        found: dict[bytes, list[Told]] = {}
        for row in self._connection.execute(
            asked.order_by(safe_contacts.c.at.desc(), safe_contacts.c.id.desc())
        ):
            told = self._told(row)
            found.setdefault(told.phone_index, []).append(told)
        return {index: _by_case(told) for index, told in found.items()}

    def heard_code_word(self, phone_index: bytes, word: str, now: datetime) -> None:
        """Whoever holds the phone said this code word."""
        rows = self._connection.execute(_OF_PHONE, {"phone": phone_index}).all()
        agreed = [row.id for row in rows if self._told(row).safe.code_word == word]
        self._connection.execute(
            update(safe_contacts).where(safe_contacts.c.id.in_(agreed)).values(code_word_heard_at=now)
        )

    def end(self, case_id: UUID, at: datetime | None) -> None:
        """The case was closed then; None where it was opened again."""
        self._connection.execute(
            update(safe_contacts).where(safe_contacts.c.case_id == case_id).values(ended_at=at)
        )

    def _values(self, row_id: UUID, told: Told) -> dict[str, Any]:
        safe = told.safe
        place = Place("safe_contact", row_id, "code_word")
        return {
            "case_id": told.case_id, "phone_index": told.phone_index, "source": told.source,
            "worker_id": told.worker_id, "at": told.at, "may_text": safe.may_text,
            "may_call": safe.may_call, "may_leave_voicemail": safe.may_leave_voicemail,
            "hours": [window_as_json(window) for window in safe.hours], "zone": safe.zone,
            "shared": safe.shared, "held_by_employer": safe.held_by_employer,
            "code_word": self._vault.seal(safe.code_word, place) if safe.code_word else None,
            "code_word_heard_at": safe.code_word_heard_at, "language": safe.language,
            "after_dropped_call": safe.after_dropped_call, "valid_until": safe.valid_until,
            "ended_at": told.ended_at,
            "also_within": [
                {"zone": hours.zone, "windows": [window_as_json(one) for one in hours.windows]}
                for hours in safe.also_within
            ] or None,
        }  # fmt: skip

    def _told(self, row: Row[Any]) -> Told:
        place = Place("safe_contact", row.id, "code_word")
        safe = SafeContact(
            may_text=Known(row.may_text), may_call=Known(row.may_call),
            may_leave_voicemail=Known(row.may_leave_voicemail),
            hours=tuple(_window(window) for window in row.hours), zone=row.zone,
            shared=Known(row.shared), held_by_employer=Known(row.held_by_employer),
            code_word=self._vault.open(row.code_word, place) if row.code_word else None,
            code_word_heard_at=row.code_word_heard_at, language=row.language,
            after_dropped_call=AfterDroppedCall(row.after_dropped_call), valid_until=row.valid_until,
            also_within=tuple(
                SafeHours(tuple(_window(one) for one in hours["windows"]), hours["zone"])
                for hours in row.also_within or ()
            ),
        )  # fmt: skip
        return Told(
            row.case_id, bytes(row.phone_index), Source(row.source), safe, row.at, row.worker_id,
            row.ended_at, row.version or 1,
        )  # fmt: skip


def _by_case(told: list[Told]) -> list[SafeContact]:
    """What each case says, the latest first; closed ones only where no open one knows by a caseworker."""
    now_known = [one for one in told if one.ended_at is None]
    if any(one.source is Source.CASEWORKER for one in now_known):
        told = now_known
    cases: dict[UUID, dict[Source, Told]] = {}
    for one in told:
        cases.setdefault(one.case_id, {})[one.source] = one
    return [in_force(sources) for sources in cases.values()]


def in_force(sources: dict[Source, Told]) -> SafeContact:
    """What holds in one case, of what the person said and what a caseworker wrote down."""
    worker, person = sources.get(Source.CASEWORKER), sources.get(Source.PERSON)
    if worker is None or person is None:
        only = worker or person
        return only.safe if only else SafeContact()
    return overlaid(worker.safe, person.safe, said_later=person.at > worker.at)


def window_as_json(window: SafeWindow) -> dict[str, Any]:
    """A window as JSON keeps it."""
    return {
        "begins": window.begins.strftime("%H:%M"),
        "ends": window.ends.strftime("%H:%M"),
        "days": sorted(window.days),
    }


def _window(kept: dict[str, Any]) -> SafeWindow:
    return SafeWindow(
        time.fromisoformat(kept["begins"]), time.fromisoformat(kept["ends"]), frozenset(kept["days"])
    )


# Made once, for every text asks it: a new statement costs SQLAlchemy more than it costs the database.
_OF_PHONE: Final = (
    select(safe_contacts)
    .where(safe_contacts.c.phone_index == bindparam("phone"))
    .order_by(safe_contacts.c.at.desc(), safe_contacts.c.id.desc())
)
