"""People in cases as rows: what is sealed of them, and what older versions left open."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, or_, select, update

from app.cases.tables import cases, members, persons
from app.crypto.vault import Place, Vault
from app.kernel.phone import Phone


@dataclass(frozen=True, slots=True)
class Person:
    """A human being in a case; everything but the id may be unknown."""

    id: UUID
    name: str | None = None
    phone: Phone | None = None
    sex: str = "unknown"
    birth_date: date | None = None
    language: str | None = None


class PeopleStore:
    """What older versions left open of people, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def births_open(self) -> bool:
        """Whether a day of birth lies open since a version that did not seal it."""
        asked = select(persons.c.id).where(persons.c.birth_date.is_not(None)).limit(1)
        return self._connection.execute(asked).first() is not None

    def seal_births(self, limit: int) -> int:
        """Seal up to so many days of birth that lie open. Returns how many."""
        asked = select(persons).where(persons.c.birth_date.is_not(None)).order_by(persons.c.id).limit(limit)
        found = self._connection.execute(asked.with_for_update(skip_locked=True)).all()
        for row in found:
            changed = _of_birth(self._vault, row.id, row.birth_date)
            self._connection.execute(update(persons).where(persons.c.id == row.id).values(**changed))
        return len(found)

    def with_phones(self, after: tuple[UUID, UUID] | None, *, limit: int) -> list[tuple[UUID, Person]]:
        """People with a phone in cases that are open, each with the case, beyond this person in this case."""
        of_members = (
            select(members.c.person_id.label("person_id"), members.c.case_id.label("case_id"))
            .join(cases, cases.c.id == members.c.case_id)
            .where(cases.c.closed_at.is_(None))
        )
        reporters = select(cases.c.reporter_id, cases.c.id).where(
            cases.c.closed_at.is_(None), cases.c.reporter_id.is_not(None)
        )
        pairs = of_members.union(reporters).subquery()
        asked = (
            select(persons, pairs.c.case_id.label("in_case"))
            .join(pairs, pairs.c.person_id == persons.c.id)
            .where(persons.c.phone.is_not(None))
            .order_by(persons.c.id, pairs.c.case_id)
        )
        if after:
            person_id, case_id = after
            same = (persons.c.id == person_id) & (pairs.c.case_id > case_id)
            asked = asked.where(or_(persons.c.id > person_id, same))
        found = self._connection.execute(asked.limit(limit)).all()
        return [(row.in_case, person_of(self._vault, row)) for row in found]


def person_values(vault: Vault, person: Person) -> dict[str, Any]:
    """What is kept of a person but their id: names, phones and days of birth sealed."""
    phone = person.phone.e164 if person.phone else None
    return {
        "name": _sealed(vault, person.name, person.id, "name"),
        "phone": _sealed(vault, phone, person.id, "phone"),
        "phone_index": vault.index("phone", phone) if phone else None,
        "sex": person.sex, "language": person.language,
        **_of_birth(vault, person.id, person.birth_date),
    }  # fmt: skip


def person_of(vault: Vault, row: Row[Any]) -> Person:
    """The person of a row."""
    phone = _opened(vault, row.phone, row.id, "phone")
    return Person(
        row.id, _opened(vault, row.name, row.id, "name"), Phone(phone) if phone else None, row.sex,
        _born(vault, row), row.language,
    )  # fmt: skip


def _of_birth(vault: Vault, person_id: UUID, born: date | None) -> dict[str, Any]:
    """The day sealed; the year open, for ages are counted by it."""
    text = born.isoformat() if born else None
    return {
        "born": _sealed(vault, text, person_id, "born"), "birth_year": born.year if born else None,
        "birth_date": None,
    }  # fmt: skip


def _born(vault: Vault, row: Row[Any]) -> date | None:
    """The day, or the first of the year where only that is known any more."""
    if day := _opened(vault, row.born, row.id, "born"):
        return date.fromisoformat(day)
    return row.birth_date or (date(row.birth_year, 1, 1) if row.birth_year else None)


def _sealed(vault: Vault, plain: str | None, person_id: UUID, field: str) -> bytes | None:
    return vault.seal(plain, Place("person", person_id, field)) if plain else None


def _opened(vault: Vault, sealed: bytes | None, person_id: UUID, field: str) -> str | None:
    return vault.open(sealed, Place("person", person_id, field)) if sealed else None
