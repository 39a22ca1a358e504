"""Queries on consent: what each person answered, and what is known of children's guardians."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select

from app.cases.rules.consent import By, Channel, Consent, Minor, Said
from app.cases.tables import consents, guardians, members
from app.crypto.vault import Place, Vault
from app.kernel.phone import Phone
from app.store.rows import insert_or_change


@dataclass(frozen=True, slots=True)
class Guardian:
    """Who answers for a child, and what the child says."""

    member_id: UUID
    case_id: UUID
    name: str | None
    phone: Phone | None
    minor: Minor
    worker_id: UUID
    at: datetime


class ConsentStore:
    """Consent as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, consent: Consent) -> None:
        """Keep an answer after those before it. The caller has locked its case."""
        number = self._connection.execute(_LAST, {"case": consent.case_id}).scalar_one()
        witness = Place("consent", consent.id, "witness")
        self._connection.execute(insert(consents).values(
            id=consent.id, case_id=consent.case_id, number=number + 1, person_id=consent.person_id,
            purpose=consent.purpose, organisation_id=consent.organisation_id, said=consent.said,
            said_by=consent.by, channel=consent.channel, language=consent.language,
            witness=self._vault.seal(consent.witness, witness) if consent.witness else None,
            worker_id=consent.worker_id, at=consent.at,
        ))  # fmt: skip

    def history(self, case_id: UUID, people: Iterable[UUID]) -> list[Consent]:
        """Every answer of these people, wherever they gave it, with this case's unnamed; oldest first."""
        unnamed = and_(consents.c.case_id == case_id, consents.c.person_id.is_(None))
        asked = select(consents).where(or_(consents.c.person_id.in_(list(people)), unnamed))
        found = self._connection.execute(asked.order_by(consents.c.at, consents.c.number))
        return [self._consent(row) for row in found]

    def in_force(
        self, case_id: UUID, people: Iterable[UUID]
    ) -> dict[tuple[UUID | None, str, UUID | None], Consent]:
        """The newest answer of each person about each purpose and organisation."""
        return {consent.about: consent for consent in self.history(case_id, people)}

    def get(self, consent_id: UUID) -> Consent | None:
        """One answer."""
        row = self._connection.execute(select(consents).where(consents.c.id == consent_id)).one_or_none()
        return self._consent(row) if row else None

    def cases_of(self, person_id: UUID) -> frozenset[UUID]:
        """The cases in which this person is a member."""
        asked = select(members.c.case_id).where(members.c.person_id == person_id)
        return frozenset(self._connection.execute(asked).scalars())

    def set_guardian(self, guardian: Guardian) -> None:
        """Keep this in place of what was known of the child's guardian."""
        key = {"member_id": guardian.member_id}
        insert_or_change(self._connection, guardians, key, {
            "case_id": guardian.case_id, "name": self._sealed(guardian.name, guardian, "name"),
            "phone": self._sealed(guardian.phone.e164 if guardian.phone else None, guardian, "phone"),
            "assent": guardian.minor.assent, "guardian_is_suspect": guardian.minor.guardian_is_suspect,
            "worker_id": guardian.worker_id, "at": guardian.at,
        })  # fmt: skip

    def guardians_of(self, case_id: UUID) -> dict[UUID, Guardian]:
        """What is known of the guardians of a case's members, by member."""
        found = self._connection.execute(select(guardians).where(guardians.c.case_id == case_id))
        return {row.member_id: self._guardian(row) for row in found}

    def suspects_phones(self, case_id: UUID) -> frozenset[Phone]:
        """The phones of guardians in this case who are suspected of the harm."""
        known = self.guardians_of(case_id).values()
        return frozenset(one.phone for one in known if one.phone and one.minor.guardian_is_suspect)

    def _sealed(self, plain: str | None, guardian: Guardian, field: str) -> bytes | None:
        return self._vault.seal(plain, Place("guardian", guardian.member_id, field)) if plain else None

    def _opened(self, sealed: bytes | None, member_id: UUID, field: str) -> str | None:
        return self._vault.open(sealed, Place("guardian", member_id, field)) if sealed else None

    def _guardian(self, row: Row[Any]) -> Guardian:
        phone = self._opened(row.phone, row.member_id, "phone")
        return Guardian(
            row.member_id, row.case_id, self._opened(row.name, row.member_id, "name"),
            Phone(phone) if phone else None, Minor(Said(row.assent), row.guardian_is_suspect),
            row.worker_id, row.at,
        )  # fmt: skip

    def _consent(self, row: Row[Any]) -> Consent:
        witness = self._vault.open(row.witness, Place("consent", row.id, "witness")) if row.witness else None
        return Consent(
            row.id, row.case_id, row.person_id, row.purpose, row.organisation_id, Said(row.said),
            By(row.said_by), Channel(row.channel), row.language, row.worker_id, row.at, witness,
        )  # fmt: skip


_LAST: Final = select(func.coalesce(func.max(consents.c.number), 0)).where(
    consents.c.case_id == bindparam("case")
)
