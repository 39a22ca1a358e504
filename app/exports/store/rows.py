"""Reads the rows of an export from one snapshot, page after page, as plain values in the columns' order."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Select, Text, cast, select

from app.cases.rules.stages import Sight
from app.cases.tables import cases, members, persons
from app.circumstances.tables import case_parties, parties, recoveries
from app.crypto.vault import Place, Vault
from app.exports.rules.asking import Wanted
from app.exports.rules.columns import Column
from app.exports.store.beside import BETWEEN, Beside, PartyNames, children_in_doubt, consents_of, parties_of
from app.exports.store.births import birth_columns, born_on
from app.exports.store.phones import PhoneBook, hours_of
from app.exports.store.sources import around_cases, moment_on, of_cases, wanted_cases
from app.outbox.rules import Known

PAGE: Final = 1_000
_LISTS_REMEMBERED: Final = 4_096
_BARE: Final = 32
_BIRTH: Final = 4  # columns of a birth
_FLAGS: Final = ("minor", "in_danger", "do_not_contact")

Values = list[Any]


class RowStore:
    """The rows of an export as seen from one snapshot.

    The database writes times as text and hands everything over as it lies there. No more than a page
    of rows is held at once. Every method is for the cases that were asked for and that these eyes may
    see (`None` as sight is the program itself), oldest case first.
    """

    def __init__(self, connection: Connection, vault: Vault, phones: PhoneBook) -> None:
        """Read inside this snapshot."""
        self._connection = connection
        self._vault = vault
        self._phones = phones
        self._names = PartyNames(connection, vault)
        self._reading: list[CursorResult[Any]] = []

    def close(self) -> None:
        """Let go of whatever was being read: a cursor must not outlive its snapshot."""
        for result in self._reading:
            result.close()

    def cases(self, columns: Sequence[Column], wanted: Wanted, sight: Sight | None) -> Iterator[Values]:
        """The values of each case, in the order of the columns; None where there is none.

        Raises: SealBroken.
        """
        place = {column.name: number for number, column in enumerate(columns)}
        for page in self._pages(self.asked_of_cases(columns, wanted, sight)):
            yield from self._opened(page, place)

    def asked_of_cases(self, columns: Sequence[Column], wanted: Wanted, sight: Sight | None) -> Select[Any]:
        """The question behind `cases`, ids of case and reporter last; what is sealed comes sealed."""
        sources = of_cases(self._connection.dialect.name)
        shown = [sources.get(column.name, cases.c.id).label(column.name) for column in columns]
        return (
            select(*shown, cast(cases.c.id, Text), cast(cases.c.reporter_id, Text))
            .select_from(around_cases())
            .where(wanted_cases(wanted, sight))
            .order_by(cases.c.opened_at, cases.c.id)
        )

    def members(self, wanted: Wanted, sight: Sight | None) -> Iterator[Values]:
        """The people of the cases; a phone only where it is known to be safe to call. Raises: SealBroken."""
        moment = moment_on(self._connection.dialect.name)
        asked = (
            select(
                cases.c.code, cast(members.c.id, Text), persons.c.name, persons.c.sex, persons.c.language,
                cast(members.c.flags, Text), persons.c.phone, persons.c.phone_index, members.c.status,
                members.c.outcome, members.c.wages_minor, members.c.wages_currency,
                moment(members.c.created_at), *birth_columns(),
            )
            .select_from(members.join(persons, persons.c.id == members.c.person_id)
                         .join(cases, cases.c.id == members.c.case_id))
            .where(wanted_cases(wanted, sight))
            .order_by(cases.c.opened_at, cases.c.id, members.c.created_at, members.c.id)
        )  # fmt: skip
        for page in self._pages(asked):
            safe = self._phones.known(row[7] for row in page)
            for row in page:
                code, member_id, name, sex, language, flags, phone, index, *rest = row
                birth, rest = rest[-_BIRTH:], rest[:-_BIRTH]
                who, flagged, born = UUID(birth[0]), _flags(flags), born_on(self._vault, *birth)
                known, safety = safe[bytes(index)] if index else (None, None)
                if known and flagged[-1] == "yes":
                    known = Known.NO  # what a caseworker flagged stands above what was said of the phone
                number = self._open(phone, Place("person", who, "phone")) if known is Known.YES else None
                hours = hours_of(safety, number) if safety and number else None
                yield [
                    code, dashed(member_id), self._open(name, Place("person", who, "name")), sex,
                    born and born.isoformat(), language, *flagged, number, known and known.value, hours,
                    *rest,
                ]  # fmt: skip

    def claims(self, wanted: Wanted, sight: Sight | None) -> Iterator[Values]:
        """The wages that each member says are owed, and then the money that came back."""
        counts = wanted_cases(wanted, sight)
        claimed = (
            select(
                cases.c.code, cast(members.c.id, Text), members.c.wages_minor, members.c.wages_currency
            )
            .join(cases, cases.c.id == members.c.case_id)
            .where(counts, members.c.wages_currency.is_not(None))
            .order_by(cases.c.opened_at, cases.c.id, members.c.created_at, members.c.id)
        )  # fmt: skip
        for page in self._pages(claimed):
            for code, member_id, minor, currency in page:
                yield [code, "claimed", dashed(member_id), minor, currency, None]
        came_back = (
            select(
                cases.c.code, cast(recoveries.c.member_id, Text), recoveries.c.minor, recoveries.c.currency,
                cast(recoveries.c.day, Text),
            )
            .join(cases, cases.c.id == recoveries.c.case_id)
            .where(counts)
            .order_by(cases.c.opened_at, cases.c.id, recoveries.c.day, recoveries.c.id)
        )  # fmt: skip
        for page in self._pages(came_back):
            for code, member_id, minor, currency, day in page:
                yield [code, "recovered", member_id and dashed(member_id), minor, currency, day]

    def parties(self, wanted: Wanted, sight: Sight | None) -> Iterator[Values]:
        """The companies and people that act in each case, by all their names. Raises: SealBroken."""
        asked = (
            select(
                cases.c.code, parties.c.kind, parties.c.id, parties.c.country, parties.c.licence,
                moment_on(self._connection.dialect.name)(parties.c.disputed_since),
            )
            .select_from(case_parties.join(parties, parties.c.id == case_parties.c.party_id)
                         .join(cases, cases.c.id == case_parties.c.case_id))
            .where(wanted_cases(wanted, sight))
            .order_by(cases.c.opened_at, cases.c.id, case_parties.c.added_at, parties.c.id)
        )  # fmt: skip
        for page in self._pages(asked):
            names = self._names.of(row.id for row in page)
            for code, kind, party_id, country, licence, disputed in page:
                first, *others = names[party_id] or [""]
                yield [
                    code, kind, str(party_id), first or None, BETWEEN.join(others) or None, country, licence,
                    disputed,
                ]  # fmt: skip

    def _pages(self, asked: Select[Any]) -> Iterator[Sequence[Any]]:
        result = self._connection.execute(asked.execution_options(yield_per=PAGE))
        self._reading.append(result)
        yield from result.partitions()

    def _opened(self, page: Sequence[Any], place: dict[str, int]) -> Iterator[Values]:
        """The rows of one page with what is sealed and what other tables add."""
        categories, timer, kind = place["categories"], place["next_timer_due_at"], place["next_timer_kind"]
        summary = place["summary"]
        beside = self._beside(page, place) if "reporter_name" in place else None
        for row in page:
            *values, case_key, reporter_id = row
            case_id = dashed(case_key)
            values[categories] = _joined(values[categories])
            if due := values[timer]:
                values[timer], _, values[kind] = due.partition(" ")
            if values[summary]:
                values[summary] = self._open(values[summary], Place("case_file", UUID(case_key), "summary"))
            if beside:
                values[place["case_id"]] = case_id
                beside.put(values, case_id)
                if reporter_id:
                    self._open_reporter(values, place, UUID(reporter_id))
            yield values

    def _open_reporter(self, values: Values, place: dict[str, int], person_id: UUID) -> None:
        name, phone = place["reporter_name"], place["reporter_phone"]
        values[name] = self._open(values[name], Place("person", person_id, "name"))
        values[phone] = self._open(values[phone], Place("person", person_id, "phone"))

    def _beside(self, page: Sequence[Any], place: dict[str, int]) -> Beside:
        ids = [UUID(row[-2]) for row in page]
        safe = self._phones.known(row[place["reporter_safe_to_call"]] for row in page)
        by_kind = parties_of(self._connection, self._names, ids)
        children = children_in_doubt(self._connection, self._vault, ids)
        return Beside(place, by_kind, consents_of(self._connection, ids), safe, children)

    def _open(self, sealed: bytes | None, place: Place) -> str | None:
        return self._vault.open(sealed, place) if sealed else None


def dashed(written: str) -> str:
    """An id as programs write it; SQLite keeps it without its dashes."""
    if len(written) != _BARE:
        return written
    return f"{written[:8]}-{written[8:12]}-{written[12:16]}-{written[16:20]}-{written[20:]}"


def _flags(written: str | None) -> list[str]:
    flags = _listed(written or "[]")
    return ["yes" if flag in flags else "no" for flag in _FLAGS]


@lru_cache(maxsize=_LISTS_REMEMBERED)
def _listed(names: str) -> tuple[str, ...]:
    return tuple(json.loads(names) or ())


@lru_cache(maxsize=_LISTS_REMEMBERED)
def _joined(names: str) -> str:
    return BETWEEN.join(json.loads(names))
