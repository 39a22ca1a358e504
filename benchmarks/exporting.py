"""The supervisors' CSV: rows a second against Python's csv writer on a raw cursor, and its memory."""

import csv
import multiprocessing
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from app.bootstrap import Application, build
from app.cli.demo import organisations_of
from app.exports.rules import WantedCases
from app.exports.service import Plan, stream
from app.settings import Settings
from benchmarks.crowd import KHMER, Wanted, fill, staff
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, median

_CASES = 100_000
_FEW = 10_000
_EVERY = timedelta(seconds=30)

# The columns of the export as they lie there: sealed summaries stay sealed.
_SAME_COLUMNS = """
SELECT c.code, c.status, c.urgency, c.categories, c.language, c.origin_channel, c.destination_country,
       o.code, w.username, c.member_count, c.opened_at, c.accepted_at, c.first_contact_at, c.closed_at,
       c.outcome, (SELECT min(t.due_at) FROM timer t WHERE t.case_id = c.id AND t.state = 'armed'),
       c.overdue_since, c.version, c.updated_at, c.summary
FROM case_file c LEFT JOIN organisation o ON o.id = c.organisation_id LEFT JOIN worker w ON w.id = c.owner_id
ORDER BY c.opened_at, c.id
"""


def run(given: Run) -> list[Result]:
    """Rows a second in turns; memory in processes of their own."""
    rows = []
    for engine in given.engines:
        with given.application(engine) as application:
            now = application.clock.now()
            workers = staff(application, organisations_of(application), each=20, now=now)
            holders = [workers[number % len(workers)] for number in range(_CASES)]
            fill(application.office, Wanted(holders, until=now, every=_EVERY, summary=KHMER[3]))
            rows.append(_on(given, engine, application, now))
    notes = [
        f"{_CASES:,} cases, 21 columns, every summary unsealed and guarded; {given.size(3, 7)} rounds",
        "the raw cursor reads the same columns and joins, unseals and guards nothing",
        "memory: the most that a fresh process held, above what it held after an export of no cases",
    ]
    return [Result("CSV of all cases", rows, notes)]


def _on(given: Run, engine: Engine, application: Application, now: datetime) -> dict[str, Any]:
    file = given.folder / "cases.csv"
    ours, raw = [], []
    for _ in range(given.size(3, 7)):
        ours.append(_CASES / _export(application, _plan(now), file))
        raw.append(_CASES / _raw(application, file))
    first = now - _EVERY * (_CASES - 1)
    few = _memory(application.settings, _plan(now, opened_to=first + _EVERY * _FEW))
    many = _memory(application.settings, _plan(now))
    file.unlink()
    return {
        "engine": engine.name,
        "rows/s": median(ours),
        "raw cursor": median(raw),
        "ratio": f"{median(ours) / median(raw):.0%}",
        f"MiB, {_FEW:,} cases": few,
        f"MiB, {_CASES:,} cases": many,
    }


def _plan(now: datetime, opened_to: datetime | None = None) -> Plan:
    return Plan("benchmark", WantedCases(opened_to=opened_to), None, now)


def _export(application: Application, plan: Plan, file: Path) -> float:
    office = application.office
    began = time.perf_counter()
    with file.open("wb") as out:
        for piece in stream(office.database, office.vault, office.rulebook.catalogues, plan):
            out.write(piece)
    return time.perf_counter() - began


def _raw(application: Application, file: Path) -> float:
    connection = application.office.database.engine.raw_connection()
    try:
        began = time.perf_counter()
        cursor = connection.cursor()
        cursor.execute(_SAME_COLUMNS)
        with file.open("w", newline="", encoding="utf-8-sig") as out:
            csv.writer(out).writerows(cast("Iterable[Any]", cursor))
        return time.perf_counter() - began
    finally:
        connection.rollback()
        connection.close()


def _memory(settings: Settings, plan: Plan) -> float | None:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(_growth, settings, plan).result()


def _growth(settings: Settings, plan: Plan) -> float | None:
    """MiB that this process came to hold at most, above what it held before the first row."""
    application = build(settings)
    nothing = replace(plan, wanted=WantedCases(opened_to=plan.begun_at - timedelta(days=9_999)))
    _export(application, nothing, Path(os.devnull))
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget the peak so far
    except OSError:
        return None
    before = _most_held()
    _export(application, plan, Path(os.devnull))
    after = _most_held()
    application.office.database.close()
    return (after - before) / 1024


def _most_held() -> int:
    """KiB that this process has held at most since its peak was forgotten. Linux tells it."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
