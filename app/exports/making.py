"""Makes the files of one export in a folder: the data, the codebook, the manifest."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from app.cases.rules.stages import Sight
from app.exports import codebook, manifest
from app.exports.contents import Contents, aggregated, anonymised, identified, reported
from app.exports.rules.asking import Format, Profile, Wanted
from app.exports.rules.columns import Cell, Column
from app.exports.writers.csv_file import pieces, write_csv
from app.exports.writers.json_file import write_json, write_ndjson
from app.exports.writers.tables import Count, Written
from app.exports.writers.xlsx_file import write_xlsx
from app.kernel.clock import utc_text
from app.usecases.rulebook import Rulebook
from app.usecases.unit_of_work import Office

CODEBOOK: Final = "codebook.csv"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Making:
    """All that is needed to make one file. `sight` None is the operator: every case."""

    job_id: UUID
    wanted: Wanted
    sight: Sight | None
    generated_at: datetime


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: data files first, in their order, then the codebook and the manifest.

    `rows` counts the rows of all tables; the manifest tells them apart.
    """

    files: tuple[Path, ...]
    rows: int
    manifest: Mapping[str, Any]


Maker = Callable[[Office, Wanted, Sight | None, datetime], AbstractContextManager[Contents]]
_MAKERS: Final[dict[Profile, Maker]] = {
    Profile.IDENTIFIED: identified,
    Profile.ANONYMISED: anonymised,
    Profile.AGGREGATE: aggregated,
    Profile.REPORT: reported,
}


def make(office: Office, making: Making, folder: Path, progress: Callable[[int], None]) -> Made:
    """Write the files of one export into an empty folder; `progress` is told the rows so far now and then.

    All rows are of one moment, and no more than a page of them is held in memory.
    Raises: FilterUnknown, WindowTooSmall, WouldTell, SealBroken, and what the gate of published figures does.
    """
    wanted = making.wanted
    count = Count(progress)
    with _MAKERS[wanted.profile](office, wanted, making.sight, making.generated_at) as found:
        told = manifest.about(
            wanted, generated_at=utc_text(making.generated_at), snapshot_at=found.snapshot_at
        ) | {"job_id": str(making.job_id), **found.told}
        written = _written(office.rulebook, found, told, folder, count)
    book = _codebook(office.rulebook, found, folder)
    full = {**told, "rows": count.all, "files": manifest.contents([*written, book])}
    path = folder / MANIFEST
    path.write_bytes(orjson.dumps(full, option=orjson.OPT_INDENT_2) + b"\n")
    return Made((*(one.path for one in written), book.path, path), count.all, full)


def _written(
    rulebook: Rulebook, found: Contents, told: Mapping[str, Any], folder: Path, count: Count
) -> list[Written]:
    match Format(told["format"]):
        case Format.HTML:
            path = folder / f"{found.name}.html"
            path.write_text(found.page, "utf-8")
            return [Written(path, {})]
        case Format.CSV:
            return write_csv(found.tables, folder, count)
        case Format.NDJSON:
            return write_ndjson(found.tables, folder, count)
        case Format.JSON:
            return write_json(found.tables, folder, count, found.name, told)
        case _:

            def extras() -> Iterator[tuple[str, Any]]:
                yield "codebook", [codebook.HEADINGS, *codebook.lines(rulebook, found.sheets)]
                counted = {**told, "rows": count.all, "tables": dict(count.of)}
                yield "manifest", [("name", "value"), *manifest.as_lines(counted)]

            return write_xlsx(found.tables, folder, count, found.name, extras)


def _codebook(rulebook: Rulebook, found: Contents, folder: Path) -> Written:
    path = folder / CODEBOOK
    columns = [Column(name, Cell.WORD) for name in codebook.HEADINGS]
    listed = [list(line) for line in codebook.lines(rulebook, found.sheets)]
    with path.open("wb") as file:
        for piece in pieces(columns, [codebook.HEADINGS], iter(listed)):
            file.write(piece)
    return Written(path, {"codebook": len(listed)})
