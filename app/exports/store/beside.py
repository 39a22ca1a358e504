"""What other tables add to one page of cases: the parties by kind, the consents, the reporter's phone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, extract, select

from app.cases.rules.guards import is_minor
from app.cases.tables import cases, consents, members, persons
from app.circumstances.rules import PartyKind
from app.circumstances.tables import case_parties, parties, party_names
from app.crypto.vault import Place, Vault
from app.exports.store.births import birth_columns, born_on
from app.exports.store.sources import ADULT
from app.outbox.rules import Known, SafeContact

BETWEEN: Final = "; "
_REMEMBERED: Final = 4_096
_KINDS: Final = {
    "recruiters": PartyKind.RECRUITER, "employers": PartyKind.EMPLOYER, "brokers": PartyKind.BROKER,
    "sites": PartyKind.SITE,
}  # fmt: skip


class PartyNames:
    """The names of parties, oldest first. A few thousand are remembered: a big employer comes often."""

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Look names up inside this snapshot."""
        self._connection = connection
        self._vault = vault
        self._known: dict[UUID, list[str]] = {}

    def of(self, ids: Iterable[UUID]) -> Mapping[UUID, list[str]]:
        """The names of at least these parties. Raises: SealBroken."""
        wanted = set(ids)
        if len(self._known) + len(wanted) > _REMEMBERED:
            self._known.clear()
        unknown = wanted - self._known.keys()
        if unknown:
            self._known.update({party_id: [] for party_id in unknown})
            asked = select(party_names.c.party_id, party_names.c.id, party_names.c.name)
            asked = asked.where(party_names.c.party_id.in_(unknown))
            rows = self._connection.execute(asked.order_by(party_names.c.at, party_names.c.id)).all()
            for party_id, row_id, sealed in rows:
                self._known[party_id].append(self._vault.open(sealed, Place("party_name", row_id, "name")))
        return self._known


class Beside:
    """Puts into the rows of one page what was found beside its cases."""

    def __init__(
        self,
        place: Mapping[str, int],
        by_kind: Mapping[tuple[str, str], str],
        said: Mapping[str, str],
        safe: Mapping[bytes, tuple[Known, SafeContact]],
        children: Mapping[str, int],
    ) -> None:
        """Keep it; `place` is where each column stands."""
        self._kinds = [(place[name], kind) for name, kind in _KINDS.items()]
        self._by_kind = by_kind
        self._consents = place["consents"]
        self._said = said
        self._safe_to_call = place["reporter_safe_to_call"]
        self._phone = place["reporter_phone"]
        self._safe = safe
        self._children = place["children"]
        self._more_children = children

    def put(self, values: list[Any], case_id: str) -> None:
        """Fill in one case. The reporter's phone goes unless it is known to be safe to call."""
        for place, kind in self._kinds:
            values[place] = self._by_kind.get((case_id, kind))
        values[self._consents] = self._said.get(case_id)
        values[self._children] += self._more_children.get(case_id, 0)
        index = values[self._safe_to_call]
        known = self._safe[bytes(index)][0] if index else None
        values[self._safe_to_call] = known and known.value
        if known is not Known.YES:
            values[self._phone] = None


def parties_of(connection: Connection, names: PartyNames, ids: list[UUID]) -> dict[tuple[str, str], str]:
    """The parties of each case by case and kind, each by its first name."""
    asked = (
        select(case_parties.c.case_id, parties.c.kind, parties.c.id)
        .join(parties, parties.c.id == case_parties.c.party_id)
        .where(case_parties.c.case_id.in_(ids))
        .order_by(case_parties.c.added_at, parties.c.id)
    )
    rows = connection.execute(asked).all()
    known = names.of(row.id for row in rows)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for case_id, kind, party_id in rows:
        found[str(case_id), kind].extend(known[party_id][:1])
    return {key: BETWEEN.join(listed) for key, listed in found.items()}


def consents_of(connection: Connection, ids: list[UUID]) -> dict[str, str]:
    """What the people of each case said last to each purpose, as `services: given; services: refused`."""
    asked = (
        select(
            consents.c.case_id, consents.c.person_id, consents.c.purpose, consents.c.organisation_id,
            consents.c.said,
        )
        .where(consents.c.case_id.in_(ids))
        .order_by(consents.c.number)
    )  # fmt: skip
    newest: dict[UUID, dict[Any, str]] = defaultdict(dict)
    for case_id, person_id, purpose, organisation_id, said in connection.execute(asked):
        newest[case_id][person_id, purpose, organisation_id] = f"{purpose}: {said}"
    return {str(case_id): BETWEEN.join(sorted(set(said.values()))) for case_id, said in newest.items()}


def children_in_doubt(connection: Connection, vault: Vault, ids: list[UUID]) -> dict[str, int]:
    """How many members of each case became eighteen in the year in which it was opened, but later.

    The year lies open and the day is sealed: only of these few the day has to be read. Raises: SealBroken.
    """
    asked = (
        select(members.c.case_id, cases.c.opened_at, *birth_columns())
        .join(persons, persons.c.id == members.c.person_id)
        .join(cases, cases.c.id == members.c.case_id)
        .where(members.c.case_id.in_(ids), extract("year", cases.c.opened_at) - persons.c.birth_year == ADULT)
    )
    found: Counter[str] = Counter()
    for case_id, opened_at, *birth in connection.execute(asked):
        born = born_on(vault, *birth)
        if born and is_minor(born, opened_at.date()):
            found[str(case_id)] += 1
    return found
