"""The figures of each indicator, read from one snapshot and exact: what may be told is decided elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from app.cases.rules.stages import Outcome
from app.identity.rules import Role
from app.statistics.labels import Labels
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.dollars import Lot, changes, digits_of, in_cents
from app.statistics.rules.figures import (
    Breach,
    Caseload,
    Cell,
    Contacts,
    Escalations,
    LoadBand,
    MoneyFigures,
    OrganisationLoad,
    PartyMoney,
    Quality,
    QueueLoad,
    RepeatParty,
    RungFired,
    Sum,
    Table,
    Unknown,
    Volume,
    Wait,
    WorkerLoad,
    YearLine,
)
from app.statistics.rules.scope import Scope
from app.statistics.store.contacts import ABANDONED, ANSWERED, CALL, LEFT_WORD, MISSED, TEXT, ContactStore
from app.statistics.store.money import Added, MoneyStore
from app.statistics.store.parties import repeated
from app.statistics.store.quality import QualityStore
from app.statistics.store.tables import Count, Cut, counted
from app.statistics.store.times import Kept, Measured, TimeStore
from app.statistics.store.work import WorkStore
from app.usecases.unit_of_work import UnitOfWork

# The bands of caseload. Source: docs/statistics.md#caseload
YEARS: Final = (Dimension.YEAR, Dimension.ORGANISATION)
HOME: Final = (*YEARS, Dimension.OUTCOME)
_BANDS: Final = ((0, 9), (10, 19), (20, 29), (30, None))
_COMPANIES: Final = frozenset({Dimension.RECRUITER, Dimension.EMPLOYER})
_Line = tuple[int | None, str | None, bool]  # a year, an organisation, whether it is the sum of all of them
_MOST_PARTIES: Final = 500
_OWNED: Final = "owner"
_AFTER_ALL: Final = 9_999  # where the sum of all years stands


@dataclass(frozen=True)
class Reading:
    """One snapshot, the cases that count in it, and the names of codes."""

    uow: UnitOfWork
    scope: Scope
    labels: Labels
    now: datetime

    def table(self, *dimensions: Dimension) -> Table:
        """Cases and people by these dimensions, in the order of their values, the unknown last."""
        return self.tables(dimensions)[dimensions]

    def tables(self, *cuts: Cut) -> dict[Cut, Table]:
        """The same for several sets of dimensions, each of which may be none."""
        found = counted(self.uow.connection, cuts, self.scope)
        ids = {
            value
            for cut, counts in found.items()
            for place, one in enumerate(cut)
            if one in _COMPANIES
            for value in (count.values[place] for count in counts)
            if value
        }
        labels = self._naming(ids) if ids else self.labels
        return {cut: _table(cut, counts, labels) for cut, counts in found.items()}

    def totals(self) -> Cell:
        """All cases and people."""
        return total_of(self.table())

    def _naming(self, ids: Iterable[UUID]) -> Labels:
        known = self.uow.circumstances.named_by_ids(ids)
        names = {one.id: one.names[0] for one in known.values() if one.names}
        return replace(self.labels, parties=names)

    def outcomes(self) -> Table:
        """Cases that were closed in the period, and their people, by outcome."""
        return replace(self, scope=replace(self.scope, clock="closed_at")).table(Dimension.OUTCOME)

    def contacts(self) -> Contacts:
        """What came in."""
        came, callers = ContactStore(self.uow.connection).came(self.scope)
        number = Counter[str]()
        ended = Counter[str | None]()
        for one in came:
            number[one.channel] += one.contacts
            ended[one.ended] += one.contacts
        over = sum(ended[one] for one in (ANSWERED, LEFT_WORD, ABANDONED))
        channels, languages, hours = Counter[str](), Counter[str](), Counter[int]()
        for one in came:
            channels[one.channel] += one.contacts
            languages[one.language] += one.contacts
            hours[one.hour] += one.contacts
        return Contacts(
            texts=number[TEXT], calls=number[CALL], answered=ended[ANSWERED], left_word=ended[LEFT_WORD],
            abandoned=ended[ABANDONED], missed=number[MISSED], unique_callers=callers,
            answered_share=_share(ended[ANSWERED], over),
            by_channel=self._volumes(channels, lambda code: self.labels.of(Dimension.CHANNEL, code)),
            by_language=self._volumes(languages, self.labels.language_name),
            by_hour=tuple(Volume(f"{hour:02d}", f"{hour:02d}:00", hours[hour]) for hour in range(24)),
        )  # fmt: skip

    def _volumes(self, found: Counter[str], label: Callable[[str], str]) -> tuple[Volume, ...]:
        return tuple(Volume(code, label(code), number) for code, number in sorted(found.items()))

    def times(self) -> tuple[Wait, ...]:
        """How long cases waited for each thing, all together and by urgency."""
        store = TimeStore(self.uow.connection)
        kept = self.kept
        found = store.measured(self.scope)
        by_key = {(one.clock, one.urgency): one for one in found}
        keys = {*by_key, *((one.clock, one.urgency) for one in kept), *((one.clock, None) for one in kept)}
        return tuple(
            self._wait(clock, urgency, by_key.get((clock, urgency)), kept)
            for clock, urgency in sorted(keys, key=lambda key: (key[0], key[1] or ""))
        )

    @cached_property
    def kept(self) -> list[Kept]:
        """How many targets were kept, by clock and urgency."""
        return TimeStore(self.uow.connection).kept(self.scope, self.uow.rulebook.ladders, self.now)

    def _wait(self, clock: str, urgency: str | None, found: Measured | None, kept: list[Kept]) -> Wait:
        judged = [one for one in kept if one.clock == clock and urgency in {None, one.urgency}]
        in_time, late = sum(one.in_time for one in judged), sum(one.late for one in judged)
        p50, p90, p95 = found.percentiles if found else (None, None, None)
        name = self.labels.coded("urgency", urgency) if urgency else self.labels.everything
        return Wait(
            clock, urgency, f"{self.labels.coded('statistics.clock', clock)}: {name}",
            found.count if found else 0, p50, p90, p95, found.longest if found else None,
            in_time if judged else None, late if judged else None, _share(in_time, in_time + late),
        )  # fmt: skip

    def escalations(self) -> Escalations:
        """Rungs that were reached, and targets that were missed."""
        reached = WorkStore(self.uow.connection).reached(self.scope)
        rungs = tuple(
            RungFired(
                one.clock, one.rung, one.to,
                f"{self.labels.coded('statistics.clock', one.clock)} {one.rung}: {self._rung_role(one.to)}",
                one.fired, one.cases,
            )
            for one in reached
        )  # fmt: skip
        return Escalations(rungs, breaches_of(self.kept))

    def _rung_role(self, to: str) -> str:
        return self.labels.coded("role", Role.CASEWORKER if to == _OWNED else to)

    def caseload(self) -> Caseload:
        """Who has how many cases open now."""
        store = WorkStore(self.uow.connection)
        found, staff = store.open_cases(self.scope), store.staff(self._organisation)
        owned, of_organisation = Counter[UUID](), Counter[UUID]()
        unowned, queues, homes = Counter[UUID](), Counter[str | None](), dict[UUID, UUID | None]()
        for one in found:
            queues[None if one.owner_id else one.queue] += one.number
            if one.owner_id:
                owned[one.owner_id] += one.number
                homes[one.owner_id] = one.organisation_id
            if one.organisation_id:
                of_organisation[one.organisation_id] += one.number
                unowned[one.organisation_id] += 0 if one.owner_id else one.number
        for worker in staff:
            if worker.role == Role.CASEWORKER:
                owned[worker.id] += 0
                homes[worker.id] = worker.organisation_id
        names = self.uow.identity.names(owned)
        return Caseload(
            open_cases=sum(queues.values()),
            workers=tuple(
                WorkerLoad(one, names[one], homes[one], number)
                for one, number in sorted(owned.items(), key=lambda item: (-item[1], str(item[0])))
            ),
            organisations=self._organisation_loads(of_organisation, unowned, staff),
            queues=tuple(
                QueueLoad(queue, self.labels.coded("statistics.queue", queue or _OWNED), number)
                for queue, number in sorted(queues.items(), key=lambda item: item[0] or "")
            ),
            bands=tuple(
                LoadBand(first, last, sum(first <= n <= (last or n) for n in owned.values()))
                for first, last in _BANDS
            ),
        )  # fmt: skip

    @property
    def _organisation(self) -> UUID | None:
        sight = self.scope.sight
        own = sight.organisation_id if sight and not sight.coordinates else None
        return self.scope.organisation_id or own

    def _organisation_loads(
        self, open_cases: Counter[UUID], unowned: Counter[UUID], staff: list[Any]
    ) -> tuple[OrganisationLoad, ...]:
        number = Counter((worker.organisation_id, worker.role) for worker in staff)
        ids = sorted({*open_cases, *(worker.organisation_id for worker in staff)}, key=str)
        return tuple(
            OrganisationLoad(
                one, self.labels.of(Dimension.ORGANISATION, one), open_cases[one], unowned[one],
                workers := number[one, Role.CASEWORKER], supervisors := number[one, Role.SUPERVISOR],
                _share(open_cases[one], workers), _share(workers, supervisors),
            )
            for one in ids
        )  # fmt: skip

    def money(self, *, by_employer: bool) -> MoneyFigures:
        """Wages claimed and money recovered."""
        store, around = MoneyStore(self.uow.connection), self.uow.rulebook.surroundings
        days = changes(around)
        claimed, recovered = store.claimed(self.scope, days), store.recovered(self.scope, days)
        claimants, cases = store.number_of_claimants(self.scope), store.number_of_cases(self.scope)
        currencies = sorted({one.currency for one in (*claimed, *recovered)})
        return MoneyFigures(
            tuple(
                self._sum(
                    currency, _of(claimed, currency), _of(recovered, currency),
                    (claimants.get(currency, 0), cases.get(currency, 0)),
                )
                for currency in currencies
            ),
            in_cents(_lots(claimed), around)[0], in_cents(_lots(recovered), around)[0],
            self._by_party(store) if by_employer else None,
        )  # fmt: skip

    def _sum(self, currency: str, claimed: list[Added], recovered: list[Added], of: tuple[int, int]) -> Sum:
        around = self.uow.rulebook.surroundings
        claimed_cents, claimed_left = in_cents(_lots(claimed), around)
        recovered_cents, recovered_left = in_cents(_lots(recovered), around)
        return Sum(
            currency, digits_of(currency),
            sum(one.minor for one in claimed), of[0], claimed_cents, claimed_left.get(currency, 0),
            sum(one.minor for one in recovered), of[1], recovered_cents, recovered_left.get(currency, 0),
        )  # fmt: skip

    def _by_party(self, store: MoneyStore) -> tuple[PartyMoney, ...]:
        around = self.uow.rulebook.surroundings
        days = changes(around)
        claimed: dict[UUID | None, list[Added]] = defaultdict(list)
        recovered: dict[UUID | None, list[Added]] = defaultdict(list)
        for one in store.claimed(self.scope, days, by_employer=True):
            claimed[one.party_id].append(one)
        for one in store.recovered(self.scope, days, by_employer=True):
            recovered[one.party_id].append(one)
        labels = self._naming(party for party in {*claimed, *recovered} if party)
        found = [
            PartyMoney(
                party, labels.of(Dimension.EMPLOYER, party), sum(one.rows for one in claimed[party]),
                in_cents(_lots(claimed[party]), around)[0], in_cents(_lots(recovered[party]), around)[0],
            )
            for party in {*claimed, *recovered}
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda one: (-one.claimed_usd_cents, str(one.party_id))))

    def parties(self, *, at_least: int) -> tuple[RepeatParty, ...]:
        """Companies and places with so many cases or more, those with most first."""
        found = repeated(self.uow.connection, self.scope, at_least=at_least, limit=_MOST_PARTIES)
        known = self.uow.circumstances.named_by_ids([one.party_id for one in found])
        zone = self.scope.zone
        return tuple(
            RepeatParty(
                one.party_id, party.kind.value, party.names[0] if party.names else str(party.id), party.names,
                party.country, party.licence, party.disputed_since is not None, one.cases, one.people,
                one.organisations, one.first.astimezone(zone).date(), one.last.astimezone(zone).date(),
            )
            for one, party in ((one, known[one.party_id]) for one in found)
        )  # fmt: skip

    def quality(self) -> Quality:
        """How well cases are written down."""
        store = QualityStore(self.uow.connection)
        cases, people = store.of_cases(self.scope), store.of_people(self.scope)
        overdue = store.overdue(self.scope, self.now)
        fields = [
            *(self._unknown(name, cases[name], cases["cases"]) for name in _CASE_FIELDS),
            self._unknown("outcome", cases["outcome"], cases["closed"]),
            *(self._unknown(name, people[name], people["people"]) for name in _PEOPLE_FIELDS),
        ]
        return Quality(
            tuple(fields), cases["cases"], cases["without_members"], cases["not_written"],
            overdue.cases, overdue.tasks, overdue.reviews,
        )  # fmt: skip

    def _unknown(self, field: str, unknown: int, of: int) -> Unknown:
        label = self.labels.text(f"statistics.field.{field}")
        return Unknown(field, label, unknown, of, _share(unknown, of))

    def years(self) -> tuple[YearLine, ...]:
        """Cases, people and those brought home, by year of opening and organisation, and in all."""
        # A filter by outcome leaves nobody out who came home.
        kept = dict(self.scope.filters)
        kept.pop(Dimension.OUTCOME, None)
        home = replace(self, scope=replace(self.scope, filters=kept))
        return self.years_from(self.table(*YEARS), home.table(*HOME))

    def years_from(self, by_year: Table, by_outcome: Table) -> tuple[YearLine, ...]:
        """The same out of the tables of `YEARS` and `HOME`."""
        # A case has one year and one organisation, so that lines can be added up.
        lines: dict[_Line, list[int]] = defaultdict(lambda: [0, 0, 0])
        labels: dict[str | None, str] = {None: self.labels.unknown}
        for cell in by_year.cells:
            labels[cell.keys[Dimension.ORGANISATION]] = cell.labels[Dimension.ORGANISATION]
            _add(lines, cell, (cell.cases or 0, cell.people or 0, 0))
        for cell in by_outcome.cells:
            if cell.keys[Dimension.OUTCOME] == Outcome.REPATRIATED:
                labels[cell.keys[Dimension.ORGANISATION]] = cell.labels[Dimension.ORGANISATION]
                _add(lines, cell, (0, 0, cell.people or 0))
        found = [self._line(key, labels[key[1]], numbers) for key, numbers in lines.items()]
        return tuple(sorted(found, key=_by_year))

    def _code_of(self, organisation: str | None) -> str | None:
        return self.labels.organisations[UUID(organisation)][0] if organisation else None

    def _line(self, key: _Line, label: str, numbers: list[int]) -> YearLine:
        year, organisation, of_all = key
        return YearLine(
            year, UUID(organisation) if organisation else None, self._code_of(organisation), of_all,
            self.labels.everything if of_all else label, numbers[0], numbers[1], numbers[2],
        )  # fmt: skip


def total_of(table: Table) -> Cell:
    """The cell of a table by no dimension."""
    return table.cells[0] if table.cells else Cell({}, {}, 0, 0)


def _table(cut: Cut, counts: Iterable[Count], labels: Labels) -> Table:
    cells = []
    for count in counts:
        known = dict(zip(cut, count.values, strict=True))
        keys = {one.value: None if value is None else str(value) for one, value in known.items()}
        names = {one.value: labels.of(one, value) for one, value in known.items()}
        cells.append(Cell(keys, names, count.cases, count.people))
    return Table(tuple(one.value for one in cut), tuple(sorted(cells, key=_by_keys)))


def breaches_of(kept: Iterable[Kept]) -> tuple[Breach, ...]:
    """The targets that were missed, by clock and urgency."""
    late, of = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in kept:
        late[one.clock, one.urgency] += one.late
        of[one.clock, one.urgency] += one.late + one.in_time
    return tuple(Breach(*key, late[key], of[key]) for key in sorted(of))


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _add(lines: dict[_Line, list[int]], cell: Cell, numbers: tuple[int, int, int]) -> None:
    """Add the numbers to the cell's own line, and to the sums of its year, its organisation and of all."""
    year, organisation = int(cell.keys["year"] or 0), cell.keys["organisation"]
    for key in (
        (year, organisation, False),
        (year, None, True),
        (None, organisation, False),
        (None, None, True),
    ):
        lines[key] = [before + more for before, more in zip(lines[key], numbers, strict=True)]


def _by_year(line: YearLine) -> tuple[int, bool, str]:
    return line.year or _AFTER_ALL, line.of_all, str(line.organisation)


def _by_keys(cell: Cell) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in cell.keys.values())


def _of(added: Iterable[Added], currency: str) -> list[Added]:
    return [one for one in added if one.currency == currency]


def _lots(added: Iterable[Added]) -> list[Lot]:
    return [Lot(one.currency, one.stretch, one.minor) for one in added]


_CASE_FIELDS: Final = ("category", "destination", "organisation", "province", "sector")
_PEOPLE_FIELDS: Final = ("birth_date", "sex", "wages")
