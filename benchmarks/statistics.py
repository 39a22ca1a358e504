"""Statistics over 100,000 cases: each indicator, and all of them in one summary, from one snapshot."""

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Table, bindparam, insert, select, text, update

from app.bootstrap import Application
from app.calls.tables import calls
from app.cases.rules.stages import Outcome
from app.cases.tables import case_categories, cases, members, persons
from app.circumstances.tables import case_parties, circumstances, parties, recoveries
from app.cli.demo import organisations_of
from app.escalation.store import FIRED
from app.escalation.tables import timers
from app.kernel.ids import new_id
from app.statistics import service
from app.statistics.rules.dimensions import Dimension
from app.statistics.rules.periods import Period
from app.statistics.service import Wish
from benchmarks.crowd import Holder, Wanted, fill, staff
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median

_CASES = 100_000
_EVERY = timedelta(minutes=5)  # about a year for all of them
_PARTIES = 300
_AT_ONCE = 5_000
_DESTINATIONS = ("TH", "TH", "TH", "MY", "KR", "JP", None)
_SECTORS = ("fisheries", "construction", "domestic_work", "farming", "manufacturing", None)
_PROVINCES = (*(f"KH-{number}" for number in range(1, 26)), None)
_CURRENCIES = ("THB", "THB", "MYR", "KRW", "USD")
_MORE_CATEGORIES = ("deployment_delay", "trafficking_forced_labour", "unclassified")
_LINKED = (0, 1, 1, 2)  # companies of a case
_WRITTEN_DOWN = (0, 0, 1, 1, 1, 2, 3, 9)  # people of a case, no more than it counts
_AROUND: tuple[Table, ...] = (
    circumstances, case_categories, persons, members, case_parties, recoveries, timers, calls,
)  # fmt: skip
Rows = dict[Table, list[dict[str, Any]]]


def run(given: Run) -> list[Result]:
    """Milliseconds of each indicator by the clock and of processor time, the middle of some rounds."""
    found: dict[str, dict[str, Any]] = {}
    for engine in given.engines:
        with given.application(engine) as application:
            _fill(application)
            for name, (lasted, worked) in _measured(given, engine, application).items():
                row = found.setdefault(name, {"indicator": name})
                row[f"{engine.name}, ms"], row[f"{engine.name}, CPU ms"] = lasted, worked
    crowd = (
        f"{_CASES:,} cases of a year, as many texts, two clocks each, {_PARTIES} companies, nobody to nine "
        f"people written down in each; {given.size(3, 7)} rounds"
    )
    notes = [
        crowd,
        "CPU: of this process and, on PostgreSQL, of the server and all its helpers",
        "all of them: `service.summary` in the internal view, with 15 tables, from one snapshot",
    ]
    return [Result("Statistics", list(found.values()), notes)]


def _measured(given: Run, engine: Engine, application: Application) -> dict[str, tuple[float, float]]:
    office, now = application.office, application.clock.now()
    day = now.date().replace(day=1)
    period = Period(day.replace(year=day.year - 2), (day + timedelta(days=32)).replace(day=1))
    wish = Wish(period, "internal", None, "en", now)
    asked: dict[str, Callable[[], object]] = {
        "contacts": lambda: service.contacts(office, wish),
        "cases by destination": lambda: service.cases(office, wish, [Dimension.DESTINATION]),
        "cases by category and sex": lambda: service.cases(office, wish, [Dimension.CATEGORY, Dimension.SEX]),
        "times": lambda: service.times(office, wish),
        "escalations": lambda: service.escalations(office, wish),
        "caseload": lambda: service.caseload(office, wish),
        "outcomes": lambda: service.outcomes(office, wish),
        "money": lambda: service.money(office, wish, by_employer=True),
        "parties": lambda: service.parties(office, wish, at_least=2),
        "quality": lambda: service.quality(office, wish),
        "years": lambda: service.years(office, wish),
        "all of them": lambda: service.summary(office, period, None, "en", "internal", now),
    }
    return {name: _milliseconds(given, engine, ask) for name, ask in asked.items()}


def _milliseconds(given: Run, engine: Engine, ask: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of processors."""
    ask()
    lasted, worked = [], []
    for _ in range(given.size(3, 7)):
        began, before = time.perf_counter(), _worked(engine)
        ask()
        lasted.append((time.perf_counter() - began) * 1e3)
        worked.append((_worked(engine) - before) * 1e3)
    return median(lasted), median(worked)


def _worked(engine: Engine) -> float:
    """How many seconds processors have worked for us so far: here, and in PostgreSQL's processes."""
    here = time.process_time()
    if engine.cluster is None:
        return here
    server = int((engine.cluster.folder / "data" / "postmaster.pid").read_text("ascii").split()[0])
    children = Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split()
    # Helpers that have ended are in the server's own count of its children.
    ticks = sum(_ticks(server)) + sum(sum(_ticks(int(child))[:2]) for child in children)
    return here + ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: int) -> tuple[int, ...]:
    """Of a process by itself (user, system) and of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return tuple(int(field) for field in fields[11:15])


def _fill(application: Application) -> None:
    """The crowd's cases, made different from one another, with people, companies and money."""
    office, now = application.office, application.clock.now()
    workers = staff(application, organisations_of(application), each=20, now=now)
    holders = [
        workers[number % len(workers)] if number % 11 else Holder(queue="coordinator")
        for number in range(_CASES)
    ]
    fill(office, Wanted(holders, until=now, every=_EVERY))
    rng = random.Random(5)
    with office.database.write() as connection:
        ids = connection.execute(
            select(cases.c.id, cases.c.opened_at, cases.c.member_count).order_by(cases.c.opened_at)
        ).all()
        known = _companies(connection, workers[0].owner_id, now)
        for begin in range(0, len(ids), _AT_ONCE):
            _enrich(connection, rng, ids[begin : begin + _AT_ONCE], (known, workers[0].owner_id))
    if not office.database.is_sqlite:
        engine = office.database.engine
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _companies(connection: Connection, worker_id: Any, now: datetime) -> list[Any]:  # noqa: ANN401 - ids
    kinds = ("recruiter", "employer", "broker", "site")
    rows = [
        {"id": new_id(now), "kind": kinds[number % 4], "created_at": now, "created_by": worker_id}
        for number in range(_PARTIES)
    ]
    connection.execute(insert(parties), rows)
    return [row["id"] for row in rows]


def _enrich(connection: Connection, rng: random.Random, ids: Any, of: tuple[list[Any], Any]) -> None:  # noqa: ANN401 - rows
    rows: Rows = {table: [] for table in _AROUND}
    for row in ids:
        for table, values in _around(rng, row, of):
            rows[table].append(values)
    for table, values_of in rows.items():
        connection.execute(insert(table), values_of)
    connection.execute(_CHANGED, [_changed(rng, row, place) for place, row in enumerate(ids)])


def _changed(rng: random.Random, row: Any, place: int) -> dict[str, Any]:  # noqa: ANN401 - a row
    """How far a case has come: most are accepted, half are closed."""
    accepted_at = row.opened_at + timedelta(seconds=rng.randrange(1, 300_000))
    waits, outcome = place % 9 == 0, rng.choice([*Outcome, *[None] * len(Outcome)])
    closed_at = accepted_at + timedelta(hours=rng.randrange(1, 900))
    return {
        "case": row.id, "destination": rng.choice(_DESTINATIONS), "level": f"U{1 + place % 4}",
        "status": "triaged" if waits else ("closed" if outcome else "accepted"),
        "accepted": None if waits else accepted_at,
        "contacted": None if waits or place % 5 == 0 else accepted_at + timedelta(hours=1),
        "closed": None if waits or not outcome else closed_at, "outcome": None if waits else outcome,
    }  # fmt: skip


def _around(
    rng: random.Random,
    case: Any,  # noqa: ANN401 - a row
    of: tuple[list[Any], Any],
) -> Iterator[tuple[Table, dict[str, Any]]]:
    """What hangs on a case: where it is from, kinds of problem, companies, people, money, a call."""
    (known, worker_id), case_id, at = of, case.id, case.opened_at
    yield circumstances, {
        "case_id": case_id, "sector": rng.choice(_SECTORS), "origin_province": rng.choice(_PROVINCES),
        "updated_at": at, "updated_by": worker_id,
    }  # fmt: skip
    if rng.random() < 0.3:
        yield case_categories, {"case_id": case_id, "category": rng.choice(_MORE_CATEGORIES)}
    for party_id in rng.sample(known, rng.choice(_LINKED)):
        yield case_parties, {
            "case_id": case_id, "party_id": party_id, "added_at": at, "added_by": worker_id,
        }  # fmt: skip
    for _ in range(min(case.member_count, rng.choice(_WRITTEN_DOWN))):
        yield from _member(rng, case_id, at)
    if rng.random() < 0.1:
        yield recoveries, {
            "id": new_id(at), "case_id": case_id, "minor": rng.randrange(10**7),
            "currency": rng.choice(_CURRENCIES), "day": at.date(), "worker_id": worker_id, "at": at,
        }  # fmt: skip
    if rng.random() < 0.5:
        yield timers, _fired(rng, case_id, at)
    if rng.random() < 0.2:
        yield calls, _call(rng, case_id, at, worker_id)


def _member(rng: random.Random, case_id: UUID, at: datetime) -> Iterator[tuple[Table, dict[str, Any]]]:
    person_id, wages = new_id(at), rng.choice((None, rng.randrange(10**7)))
    yield persons, {
        "id": person_id, "sex": rng.choice(("female", "male", "unknown")), "created_at": at,
        "birth_year": rng.choice((None, rng.randrange(1960, 2024))),
    }  # fmt: skip
    yield members, {
        "id": new_id(at), "case_id": case_id, "person_id": person_id, "status": "active",
        "outcome": rng.choice((None, None, Outcome.REPATRIATED)), "wages_minor": wages,
        "wages_currency": rng.choice(_CURRENCIES) if wages is not None else None, "created_at": at,
    }  # fmt: skip


def _fired(rng: random.Random, case_id: UUID, at: datetime) -> dict[str, Any]:
    ended_at = at + timedelta(hours=rng.randrange(1, 48))
    return {
        "id": new_id(at), "case_id": case_id, "kind": rng.choice(("accept", "first_contact")),
        "rung": rng.randrange(1, 4), "to_role": rng.choice(("owner", "duty_lead", "supervisor")),
        "base_at": at, "due_at": ended_at, "state": FIRED, "armed_at": at, "armed_for": 1,
        "ended_at": ended_at,
    }  # fmt: skip


def _call(rng: random.Random, case_id: UUID, at: datetime, worker_id: UUID) -> dict[str, Any]:
    answered = rng.random() < 0.5
    return {
        "id": new_id(at), "kind": rng.choice(("hotline", "hotline", "missed")), "carrier": "twilio",
        "account": "AC", "carrier_id": f"CA{new_id(at).hex}", "via": "+15005550006", "case_id": case_id,
        "sender_kind": "phone", "step": "over", "language": rng.choice(("km", "km", "en")), "documents": 1,
        "rung": [], "answered_by": worker_id if answered else None, "message": rng.random() < 0.3,
        "began_at": at, "ended_at": at + timedelta(minutes=3), "ends_by": at + timedelta(hours=1),
    }  # fmt: skip


_CHANGED: Final = (
    update(cases)
    .where(cases.c.id == bindparam("case"))
    .values(
        destination_country=bindparam("destination"), urgency=bindparam("level"),
        status=bindparam("status"), accepted_at=bindparam("accepted"),
        first_contact_at=bindparam("contacted"), closed_at=bindparam("closed"), outcome=bindparam("outcome"),
    )
)  # fmt: skip
