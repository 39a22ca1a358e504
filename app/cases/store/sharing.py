"""Queries on referrals and on the register of what was disclosed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, update

from app.cases.rules.consent import Recipient
from app.cases.rules.sharing import Basis, Disclosure, Ended, Item, Referral, ReferralState
from app.cases.rules.stages import Sight
from app.cases.store.sight import open_to
from app.cases.tables import cases, disclosures, referrals
from app.crypto.vault import Place, Vault


class SharingStore:
    """What is handed over, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def add(self, referral: Referral) -> None:
        """Keep a new referral."""
        self._connection.execute(insert(referrals).values(
            id=referral.id, case_id=referral.case_id, from_organisation_id=referral.from_organisation_id,
            sent_to=referral.to, organisation_id=referral.organisation_id,
            recipient=self._sealed(referral.recipient, "referral", referral.id, "recipient"),
            purpose=self._sealed(referral.purpose, "referral", referral.id, "purpose"),
            needs=referral.needs, items=list(referral.items), people=[str(one) for one in referral.people],
            basis=referral.basis, reason=self._sealed(referral.reason, "referral", referral.id, "reason"),
            worker_id=referral.by, at=referral.at, **_stage(referral),
        ))  # fmt: skip

    def save(self, referral: Referral) -> None:
        """Write down where the referral is now."""
        self._connection.execute(
            update(referrals).where(referrals.c.id == referral.id).values(**_stage(referral))
        )

    def get(self, referral_id: UUID) -> Referral | None:
        """One referral."""
        row = self._connection.execute(select(referrals).where(referrals.c.id == referral_id)).one_or_none()
        return self._referral(row) if row else None

    def of_cases(self, case_ids: Iterable[UUID]) -> list[Referral]:
        """Every referral of these cases, oldest first."""
        asked = select(referrals).where(referrals.c.case_id.in_(list(case_ids)))
        found = self._connection.execute(asked.order_by(referrals.c.at, referrals.c.id))
        return [self._referral(row) for row in found]

    def open_to(self, case_ids: Iterable[UUID], organisation_id: UUID) -> dict[UUID, list[Referral]]:
        """By case, the referrals by which an organisation sees these cases."""
        asked = select(referrals).where(
            referrals.c.case_id.in_(list(case_ids)), referrals.c.organisation_id == organisation_id,
            referrals.c.state == ReferralState.OPEN,
        )  # fmt: skip
        found: dict[UUID, list[Referral]] = {}
        for row in self._connection.execute(asked.order_by(referrals.c.at, referrals.c.id)):
            found.setdefault(row.case_id, []).append(self._referral(row))
        return found

    def disclose(self, disclosure: Disclosure) -> None:
        """Write a handing over into the register."""
        place = ("disclosure", disclosure.id)
        self._connection.execute(insert(disclosures).values(
            id=disclosure.id, case_id=disclosure.case_id, referral_id=disclosure.referral_id,
            from_organisation_id=disclosure.from_organisation_id, sent_to=disclosure.to,
            organisation_id=disclosure.organisation_id,
            recipient=self._sealed(disclosure.recipient, *place, "recipient"), basis=disclosure.basis,
            items=list(disclosure.items), reason=self._sealed(disclosure.reason, *place, "reason"),
            worker_id=disclosure.by, second_id=disclosure.second, at=disclosure.at,
        ))  # fmt: skip

    def register(  # noqa: PLR0913 - four ways to narrow the list, each for itself
        self,
        sight: Sight | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        overrides: bool = False,
        after: tuple[datetime, UUID] | None = None,
        limit: int | None = None,
    ) -> list[Disclosure]:
        """What was handed over, newest first: by one organisation, or, for coordinators, by any.

        `until` is the first moment that no longer counts. `None` as sight is the program itself.
        """
        asked = select(disclosures, cases.c.code).join(cases, cases.c.id == disclosures.c.case_id)
        if sight is not None:
            asked = asked.where(open_to(sight))
            if not sight.coordinates:
                asked = asked.where(disclosures.c.from_organisation_id == sight.organisation_id)
        if since:
            asked = asked.where(disclosures.c.at >= since)
        if until:
            asked = asked.where(disclosures.c.at < until)
        if overrides:
            asked = asked.where(disclosures.c.basis != Basis.CONSENT)
        if after:
            earlier = (disclosures.c.at == after[0]) & (disclosures.c.id < after[1])
            asked = asked.where((disclosures.c.at < after[0]) | earlier)
        found = self._connection.execute(
            asked.order_by(disclosures.c.at.desc(), disclosures.c.id.desc()).limit(limit)
        )
        return [self._disclosure(row) for row in found]

    def _sealed(self, plain: str | None, table: str, row: UUID, field: str) -> bytes | None:
        return self._vault.seal(plain, Place(table, row, field)) if plain else None

    def _opened(self, sealed: bytes | None, table: str, row: UUID, field: str) -> str:
        return self._vault.open(sealed, Place(table, row, field)) if sealed else ""

    def _referral(self, row: Row[Any]) -> Referral:
        place = ("referral", row.id)
        return Referral(
            id=row.id, case_id=row.case_id, from_organisation_id=row.from_organisation_id,
            to=Recipient(row.sent_to), organisation_id=row.organisation_id,
            recipient=self._opened(row.recipient, *place, "recipient") or None,
            purpose=self._opened(row.purpose, *place, "purpose"), needs=row.needs,
            items=tuple(Item(item) for item in row.items), people=tuple(UUID(one) for one in row.people),
            basis=Basis(row.basis), reason=self._opened(row.reason, *place, "reason"), by=row.worker_id,
            at=row.at, state=ReferralState(row.state), confirmed_by=row.confirmed_by,
            confirmed_at=row.confirmed_at, ended_at=row.ended_at,
            ended_because=Ended(row.ended_because) if row.ended_because else None,
        )  # fmt: skip

    def _disclosure(self, row: Row[Any]) -> Disclosure:
        place = ("disclosure", row.id)
        return Disclosure(
            row.id, row.case_id, row.referral_id, row.from_organisation_id, Recipient(row.sent_to),
            row.organisation_id, self._opened(row.recipient, *place, "recipient") or None, Basis(row.basis),
            tuple(Item(item) for item in row.items), self._opened(row.reason, *place, "reason"),
            row.worker_id, row.second_id, row.at, row.code,
        )  # fmt: skip


def _stage(referral: Referral) -> dict[str, Any]:
    return {
        "state": referral.state, "confirmed_by": referral.confirmed_by,
        "confirmed_at": referral.confirmed_at, "ended_at": referral.ended_at,
        "ended_because": referral.ended_because,
    }  # fmt: skip
