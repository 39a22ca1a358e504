"""Exports: rows a second against Python's csv writer on a raw cursor, memory, and intake meanwhile."""

import csv
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Select, insert, null, select

from app.bootstrap import Application, build
from app.cases.store.people import Person, person_values
from app.cases.tables import cases, members, persons
from app.cli.demo import organisations_of
from app.exports.contents import headings
from app.exports.making import Making, make
from app.exports.rules.asking import Format, Profile, Wanted
from app.exports.rules.columns import COLUMNS, NARROW, Column, Sheet
from app.exports.rules.narrowing import question_of
from app.exports.store.phones import PhoneBook
from app.exports.store.rows import RowStore
from app.exports.writers.csv_file import pieces
from app.kernel.phone import Phone
from app.settings import Settings
from app.statistics.publishing import publish
from app.usecases.unit_of_work import UnitOfWork
from benchmarks import beside
from benchmarks.crowd import KHMER, Holder, fill, staff
from benchmarks.crowd import Wanted as Crowd
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median

_FEW, _CASES, _MANY = 10_000, 100_000, 200_000
_EVERY = timedelta(seconds=30)
_AT_ONCE = 5_000


def run(given: Run) -> list[Result]:
    """Rows a second in turns; memory in fresh processes; what texts wait for while exports are made."""
    speed: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    intake: list[dict[str, Any]] = []
    many = given.size(_CASES, _MANY)
    for engine in given.engines:
        with given.application(engine) as application:
            now = application.clock.now()
            workers = staff(application, organisations_of(application)[:1], each=20, now=now)
            holders = [workers[number % len(workers)] for number in range(many)]
            fill(application.office, Crowd(holders, until=now, every=_EVERY, summary=KHMER[3]))
            _people(application)
            speed.extend(_speed(given, engine, application, many))
            memory.extend(_memory(engine, application, now, many))
            intake.append(beside.measured(given, engine, application, _organisation(workers)))
    rounds = given.size(3, 5)
    about = "a sealed summary each, and as many members with a name, a phone and a day of birth"
    notes = [
        f"{_CASES:,} cases with {about}; medians of {rounds} rounds",
        "cases: the raw cursor runs the very same statement, and unseals and guards nothing",
        f"people: {many:,} are counted and frozen once; then ours writes rows of the frozen groups",
        "people: the raw cursor reads what a row is made of from the tables, as many rows and columns",
    ]
    return [
        Result("CSV against a raw cursor, rows/s", speed, notes),
        Result("Memory of an export", memory, ["the most a fresh process held, above an export of no rows"]),
        Result("Intake while an export runs", intake, [beside.NOTE]),
    ]


def _organisation(holders: Sequence[Holder]) -> UUID:
    """Where all of them work."""
    [found] = {holder.organisation_id for holder in holders}
    assert found is not None
    return found


def _people(application: Application) -> None:
    """A member for each case."""
    rng, vault = random.Random(11), application.office.vault
    with application.office.database.read() as connection:
        ids = list(connection.execute(select(cases.c.id)).scalars())
    for begin in range(0, len(ids), _AT_ONCE):
        people, theirs = [], []
        for number, case_id in enumerate(ids[begin : begin + _AT_ONCE], start=begin):
            born = date(rng.randrange(1970, 2009), rng.randrange(1, 13), rng.randrange(1, 29))
            sex = rng.choice(("female", "male"))
            who = Person(uuid4(), "ស្រីមុំ កណ្ដាល", Phone(f"+6681{number:07d}"), sex, born, "km")
            people.append({"id": who.id, "created_at": application.clock.now(), **person_values(vault, who)})
            theirs.append(_member(case_id, who.id, application.clock.now()))
        with application.office.database.write() as connection:
            connection.execute(insert(persons), people)
            connection.execute(insert(members), theirs)


def _member(case_id: UUID, person_id: UUID, now: datetime) -> dict[str, Any]:
    return {"id": uuid4(), "case_id": case_id, "person_id": person_id, "status": "active", "outcome": None,
            "flags": None, "wages_minor": 150_000, "wages_currency": "THB", "created_at": now}  # fmt: skip


def _speed(given: Run, engine: Engine, application: Application, many: int) -> Iterator[dict[str, Any]]:
    frozen, rows_of_people = _frozen(application)
    yield {"engine": engine.name, "what": "people, counted and frozen", "rows/s": many / frozen,
           "raw cursor": None, "ratio": ""}  # fmt: skip
    listed: list[tuple[str, Callable[[Path], float], Callable[[Path], float]]] = [
        ("short list, 21 columns", *_of_cases(application, NARROW)),
        (f"cases, {len(COLUMNS[Sheet.CASES])} columns", *_of_cases(application, COLUMNS[Sheet.CASES])),
        (
            "people, anonymised",
            lambda folder: _made(application, Profile.ANONYMISED, folder),
            _raw_people(application, rows_of_people),
        ),
    ]
    for name, ours, raw in listed:
        taken: dict[str, list[float]] = {"ours": [], "raw": []}
        for _ in range(given.size(3, 5)):
            for who, write in (("ours", ours), ("raw", raw)):
                with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                    taken[who].append(write(Path(folder)))
        rows = rows_of_people if name.startswith("people") else _CASES
        fast, bare = rows / median(taken["ours"]), rows / median(taken["raw"])
        yield {"engine": engine.name, "what": name, "rows/s": fast, "raw cursor": bare,
               "ratio": f"{fast / bare:.0%}"}  # fmt: skip


def _of_cases(
    application: Application, columns: Sequence[Column]
) -> tuple[Callable[[Path], float], Callable[[Path], float]]:
    """Writing these columns of all cases, by our own way and by a raw cursor."""
    office = application.office
    since = application.clock.now() - _EVERY * _CASES
    wanted = Wanted(Profile.IDENTIFIED, Format.CSV, "en", since=since)

    def rows_of(uow: UnitOfWork) -> RowStore:
        return RowStore(uow.connection, uow.vault, PhoneBook(uow.outbox, application.clock.now()))

    def ours(folder: Path) -> float:
        began = time.perf_counter()
        called = headings(office.rulebook.catalogues, columns, "en")
        with office.snapshot() as uow, (folder / "cases.csv").open("wb") as out:
            for piece in pieces(columns, [called], rows_of(uow).cases(columns, wanted, None)):
                out.write(piece)
        return time.perf_counter() - began

    with office.snapshot() as uow:
        statement = rows_of(uow).asked_of_cases(columns, wanted, None)
    return ours, _raw(application, statement)


def _frozen(application: Application) -> tuple[float, int]:
    """How many seconds it takes to publish all windows, and of how many people there are rows."""
    began = time.perf_counter()
    now, zone = application.clock.now(), application.office.rulebook.ladders.calendar.timezone
    wanted = Wanted(Profile.ANONYMISED, Format.CSV, "en")
    publication = publish(application.office, question_of(wanted, None, zone, now), now)
    seconds = time.perf_counter() - began
    return seconds, sum(one.people for groups in publication.groups.values() for one in groups or ())


def _raw_people(application: Application, rows: int) -> Callable[[Path], float]:
    joined = members.join(persons, persons.c.id == members.c.person_id)
    return _raw(application, select(
        cases.c.opened_at, persons.c.sex, persons.c.id, persons.c.born, persons.c.birth_date,
        persons.c.birth_year, cases.c.destination_country, cases.c.categories, cases.c.origin_channel,
        members.c.outcome, cases.c.outcome.label("case_outcome"),
        *(null().label(f"more_{number}") for number in range(len(COLUMNS[Sheet.PEOPLE]) - 11)),
    ).select_from(joined.join(cases, cases.c.id == members.c.case_id)).limit(rows))  # fmt: skip


def _raw(application: Application, statement: Select[Any]) -> Callable[[Path], float]:
    engine = application.office.database.engine
    asked = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))

    def write(folder: Path) -> float:
        connection = engine.raw_connection()
        try:
            began = time.perf_counter()
            cursor = connection.cursor()
            cursor.execute(asked)
            with (folder / "raw.csv").open("w", newline="", encoding="utf-8-sig") as out:
                csv.writer(out).writerows(cast("Iterable[Any]", cursor))
            return time.perf_counter() - began
        finally:
            connection.rollback()
            connection.close()

    return write


def _made(application: Application, profile: Profile, folder: Path, **wanted: Any) -> float:  # noqa: ANN401 - as Wanted takes it
    began = time.perf_counter()
    asked = Wanted(profile, wanted.pop("form", Format.CSV), "en", **wanted)
    making = Making(uuid4(), asked, None, application.clock.now())
    make(application.office, making, folder, lambda _: None)
    return time.perf_counter() - began


def _memory(engine: Engine, application: Application, now: datetime, many: int) -> Iterator[dict[str, Any]]:
    """With 10,000 cases and with all."""
    until = now - _EVERY * (many - 1 - _FEW)
    for profile, form in _PROFILES:
        yield {
            "engine": engine.name, "what": f"{profile.value}, {form.value}",
            f"MiB, {_FEW:,} cases": _in_its_own(application.settings, (profile, form), until),
            f"MiB, {many:,} cases": _in_its_own(application.settings, (profile, form), None),
        }  # fmt: skip


_PROFILES = (
    (Profile.IDENTIFIED, Format.CSV), (Profile.IDENTIFIED, Format.NDJSON), (Profile.IDENTIFIED, Format.JSON),
    (Profile.IDENTIFIED, Format.XLSX), (Profile.ANONYMISED, Format.CSV),
)  # fmt: skip


def _in_its_own(settings: Settings, what: tuple[Profile, Format], until: datetime | None) -> float | None:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_growth, settings, what, until).result()


def _growth(settings: Settings, what: tuple[Profile, Format], until: datetime | None) -> float | None:
    """MiB that this process came to hold at most, above what it held before the first row."""
    application = build(settings)
    profile, form = what
    long_ago = datetime(2001, 1, 1, tzinfo=application.clock.now().tzinfo)
    # Of what is anonymised all windows are asked for; they were frozen when its speed was measured.
    narrowed = {"until": until} if profile is Profile.IDENTIFIED else {}
    with tempfile.TemporaryDirectory() as folder:
        _made(application, Profile.IDENTIFIED, Path(folder), form=form, until=long_ago)
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak so far
    except OSError:
        return None
    before = _most_held()
    with tempfile.TemporaryDirectory() as folder:
        _made(application, profile, Path(folder), form=form, **narrowed)
    after = _most_held()
    application.office.database.close()
    return (after - before) / 1024


def _most_held() -> int:
    """KiB that this process has held at most since its peak was forgotten. Linux tells it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
