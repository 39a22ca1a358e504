"""Reads and writes what lies around cases: trade and origin, parties by all their names, recoveries."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from app.circumstances.rules import Circumstances, Party, PartyKind, Recovery, same_name
from app.circumstances.tables import case_parties, circumstances, parties, party_names, recoveries
from app.crypto.vault import Place, Vault
from app.kernel.ids import new_id
from app.kernel.money import Money
from app.store.rows import insert_new, insert_or_change

NAME_INDEX: Final = "party"


class CircumstanceStore:
    """What lies around cases, as seen from one transaction."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def of_case(self, case_id: UUID) -> Circumstances:
        """The trade and origin of a case; both unknown where nobody wrote them down."""
        row = self._connection.execute(_OF_CASE, {"case": case_id}).one_or_none()
        return Circumstances(case_id, row.sector, row.origin_province) if row else Circumstances(case_id)

    def keep(self, known: Circumstances, worker_id: UUID, now: datetime) -> None:
        """Write the trade and origin of a case down."""
        insert_or_change(self._connection, circumstances, {"case_id": known.case_id}, {
            "sector": known.sector, "origin_province": known.origin_province,
            "updated_at": now, "updated_by": worker_id,
        })  # fmt: skip

    def party(self, party_id: UUID) -> Party | None:
        """One party, itself and not what it was merged into."""
        return next(iter(self._opened([party_id])), None)

    def named(self, kind: PartyKind, name: str) -> Party | None:
        """The party of this kind with this name, however it is written; where merged, the one it became."""
        index = self._vault.index(NAME_INDEX, same_name(name))
        asked = select(party_names.c.party_id).where(
            party_names.c.kind == kind, party_names.c.name_index == index
        )
        found = self._connection.execute(asked).scalar_one_or_none()
        return self.standing(found) if found else None

    def standing(self, party_id: UUID) -> Party | None:
        """The party that this one is today: itself, or what it was merged into."""
        found = self.party(party_id)
        while found and found.merged_into:
            found = self.party(found.merged_into)
        return found

    def add_party(self, party: Party, worker_id: UUID, now: datetime) -> None:
        """Keep a new party with its names."""
        self._connection.execute(insert(parties), {
            "id": party.id, "kind": party.kind, "country": party.country, "licence": party.licence,
            "merged_into": None, "created_at": now, "created_by": worker_id,
        })  # fmt: skip
        for name in party.names:
            self.add_name(party, name, now)

    def add_name(self, party: Party, name: str, now: datetime) -> bool:
        """The party is also called this; False where a party of its kind has the name already."""
        row_id = new_id(now)
        return insert_new(self._connection, party_names, {
            "id": row_id, "party_id": party.id, "kind": party.kind, "at": now,
            "name": self._vault.seal(name, Place("party_name", row_id, "name")),
            "name_index": self._vault.index(NAME_INDEX, same_name(name)),
        })  # fmt: skip

    def describe(self, party_id: UUID, *, country: str | None, licence: str | None) -> None:
        """Where the party is at home, and under which licence it works."""
        self._connection.execute(
            update(parties).where(parties.c.id == party_id).values(country=country, licence=licence)
        )

    def dispute(self, party_id: UUID, since: datetime | None) -> None:
        """Somebody says that what is kept of the party is wrong; None: that was looked into."""
        self._connection.execute(update(parties).where(parties.c.id == party_id).values(disputed_since=since))

    def named_by_ids(self, ids: Iterable[UUID]) -> dict[UUID, Party]:
        """Parties by id."""
        return {party.id: party for party in self._opened(ids)}

    def all_parties(self, kind: PartyKind | None) -> list[Party]:
        """Every party of a kind that stands by itself, oldest first."""
        asked = select(parties.c.id).where(parties.c.merged_into.is_(None))
        if kind:
            asked = asked.where(parties.c.kind == kind)
        found = self._connection.execute(asked.order_by(parties.c.created_at, parties.c.id))
        return self._opened(found.scalars())

    def merge(self, party_id: UUID, into: UUID) -> None:
        """The two are one: names, cases and what had been merged before go to the one that stays."""
        run = self._connection.execute
        for case_id, added_at, added_by in run(
            select(case_parties.c.case_id, case_parties.c.added_at, case_parties.c.added_by).where(
                case_parties.c.party_id == party_id
            )
        ).all():
            self._link(case_id, into, added_by, added_at)
        run(delete(case_parties).where(case_parties.c.party_id == party_id))
        run(update(party_names).where(party_names.c.party_id == party_id).values(party_id=into))
        run(update(parties).where(parties.c.merged_into == party_id).values(merged_into=into))
        run(update(parties).where(parties.c.id == party_id).values(merged_into=into))

    def parties_of(self, case_id: UUID) -> list[Party]:
        """The parties of a case, in the order in which they were added."""
        asked = select(case_parties.c.party_id).where(case_parties.c.case_id == case_id)
        found = self._connection.execute(asked.order_by(case_parties.c.added_at, case_parties.c.party_id))
        return self._opened(list(found.scalars()))

    def link(self, case_id: UUID, party_id: UUID, worker_id: UUID, now: datetime) -> bool:
        """The party has to do with the case; False where that was known."""
        return self._link(case_id, party_id, worker_id, now)

    def unlink(self, case_id: UUID, party_id: UUID) -> bool:
        """The party has nothing to do with the case after all; False where nobody had said so."""
        asked = delete(case_parties).where(
            case_parties.c.case_id == case_id, case_parties.c.party_id == party_id
        )
        return self._connection.execute(asked).rowcount > 0

    def add_recovery(self, recovery: Recovery) -> bool:
        """Keep that money came back; False where it was kept already."""
        return insert_new(self._connection, recoveries, {
            "id": recovery.id, "case_id": recovery.case_id, "member_id": recovery.member_id,
            "minor": recovery.amount.amount_minor, "currency": recovery.amount.currency,
            "day": recovery.day, "worker_id": recovery.worker_id, "at": recovery.at,
        })  # fmt: skip

    def recoveries_of(self, case_id: UUID) -> list[Recovery]:
        """What came back in a case, oldest first."""
        asked = select(recoveries).where(recoveries.c.case_id == case_id)
        return [
            Recovery(
                row.id, row.case_id, Money(row.minor, row.currency), row.day, row.worker_id, row.at,
                row.member_id,
            )
            for row in self._connection.execute(asked.order_by(recoveries.c.day, recoveries.c.id))
        ]  # fmt: skip

    def _link(self, case_id: UUID, party_id: UUID, worker_id: UUID, now: datetime) -> bool:
        return insert_new(self._connection, case_parties, {
            "case_id": case_id, "party_id": party_id, "added_at": now, "added_by": worker_id,
        })  # fmt: skip

    def _opened(self, ids: Iterable[UUID]) -> list[Party]:
        wanted = list(ids)
        names: dict[UUID, list[str]] = defaultdict(list)
        asked = select(party_names).where(party_names.c.party_id.in_(wanted))
        for row in self._connection.execute(asked.order_by(party_names.c.at, party_names.c.id)):
            names[row.party_id].append(self._vault.open(row.name, Place("party_name", row.id, "name")))
        found = {
            row.id: Party(
                row.id,
                PartyKind(row.kind),
                tuple(names[row.id]),
                row.country,
                row.licence,
                row.merged_into,
                row.disputed_since,
            )
            for row in self._connection.execute(select(parties).where(parties.c.id.in_(wanted)))
        }
        return [found[one] for one in wanted if one in found]


_OF_CASE: Final = select(circumstances).where(circumstances.c.case_id == bindparam("case"))
