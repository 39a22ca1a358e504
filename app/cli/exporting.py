"""Taking cases out from the command line: the plain CSV, or what a job would make, in a file."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal
from uuid import uuid4

import orjson
import typer

from app.bootstrap import Application
from app.cases.rules.stages import Status
from app.cli.opening import MISUSED, opened, progress, read_settings, stop
from app.exports import jobs, service
from app.exports.making import CODEBOOK, MANIFEST, make
from app.exports.packing import packed, pieces_of, sha256_of
from app.exports.rules import WantedCases
from app.exports.rules.asking import Cells, DateField, Format, Profile, Wanted
from app.i18n.catalogue import Catalogues
from app.kernel.clock import day_begins
from app.kernel.refusal import Refusal

_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
_STDOUT: Final = "-"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be written where, and what for."""

    wanted: Wanted
    output: Path
    reason: str | None
    password: str | None = None


def export(
    output: Annotated[Path, typer.Option("--output", "--out", help="the file; - for standard output")] = Path(
        _STDOUT
    ),
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="on this day or later")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="on this day or earlier")
    ] = None,
    status: Annotated[list[Status] | None, typer.Option(help="only cases at this stage; repeatable")] = None,
    category: Annotated[list[str] | None, typer.Option(help="only cases about this; repeatable")] = None,
    locale: Annotated[Literal["km", "en"], typer.Option(help="language of headings and labels")] = "km",
    profile: Annotated[
        Profile | None, typer.Option(help="how far it is reduced; without it, the plain CSV of cases")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="how it is written")] = Format.CSV,
    cells: Annotated[
        Cells | None, typer.Option(help="what cells hold; by default labels in CSV and XLSX with names")
    ] = None,
    date_field: Annotated[
        DateField, typer.Option(help="the moment that --from and --to look at")
    ] = DateField.OPENED_AT,
    updated_since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only what changed on this day or later")
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", metavar="NAME=VALUE", help="repeatable")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="what names are taken out for")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="the password of the archive is its first line; else it is asked for")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="tell what was written, for programs")] = False,
) -> None:
    """Write cases of every organisation to a file. Remembered in the audit chain before the first row.

    With --profile the file is what an export of that profile holds, its manifest and codebook with it.
    """
    with opened(read_settings()) as application:
        zone = application.office.rulebook.ladders.calendar.timezone
        first, end = _day(since, "--from", zone), _day(until, "--to", zone, after=timedelta(days=1))
        if profile is None:
            shaped = form is not Format.CSV or cells or as_json
            if shaped or filters or reason or password_file or updated_since:
                stop("say how far it is to be reduced: --profile", status=MISUSED)
            statuses = tuple(item.value for item in status or ())
            _plain(application, WantedCases(first, end, statuses, tuple(category or ()), locale), output)
            return
        if status or category:
            stop("with --profile, say --filter status=… or --filter categories=…", status=MISUSED)
        changed = _day(updated_since, "--updated-since", zone)
        named = _filters(filters or ())
        wanted = Wanted(profile, form, locale, date_field, first, end, changed, named, cells)
        _with_profile(application, _Wish(wanted, output, reason), password_file, as_json=as_json)


def _with_profile(
    application: Application, wish: _Wish, password_file: Path | None, *, as_json: bool
) -> None:
    """What a job would make, in a file; for programs, what was written."""
    if as_json and str(wish.output) == _STDOUT:
        stop("--json tells of a file: give it with --out", status=MISUSED)
    if wish.wanted.profile is Profile.IDENTIFIED:
        wish = replace(wish, password=_password(password_file))
    try:
        told = _made(application, wish)
    except Refusal as refusal:
        stop(_words(application.office.rulebook.catalogues, refusal))
    if as_json:
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))


def _plain(application: Application, wanted: WantedCases, output: Path) -> None:
    """The plain CSV of cases, streamed."""
    office = application.office
    strange = sorted(set(wanted.categories) - office.rulebook.floors.keys())
    if strange:
        stop(f"--category: no category is called {', '.join(strange)}", status=MISUSED)
    now = application.clock.now()
    with office.work(now) as uow:
        plan = service.begin_for_operator(uow, wanted, now)
    pieces = service.stream(office.database, office.vault, office.rulebook.catalogues, plan)
    with progress("exporting") as tell, _written(output) as file:
        _write(file, pieces, tell)


def _made(application: Application, wish: _Wish) -> dict[str, Any]:
    """What was written, for programs. Raises: Refusal, SealBroken."""
    office, now = application.office, application.clock.now()
    with office.work(now) as uow:
        making = jobs.begin_for_operator(uow, wish.wanted, wish.reason, password=wish.password, now=now)
    try:
        with progress("exporting") as tell, application.exports.scratch.room(making.job_id) as room:
            made = make(office, making, room, lambda rows: tell(f"{rows} rows"))
            file = packed(made, password=wish.password, at=now, lives=lambda: None)
            size, sha256 = file.stat().st_size, sha256_of(file)
            _hand_over(file, wish.output)
            if wish.password is None and str(wish.output) != _STDOUT:
                for part in made.files:
                    if part.name in {CODEBOOK, MANIFEST}:
                        _hand_over(part, wish.output.with_name(f"{wish.output.name}.{part.name}"))
    except BaseException:
        _note(application, jobs.Ended(making.job_id))
        raise
    _note(application, jobs.Ended(making.job_id, rows=made.rows, sha256=sha256, size_bytes=size))
    return {
        "file": str(wish.output), "rows": made.rows, "sha256": sha256, "size_bytes": size,
        "manifest": made.manifest,
    }  # fmt: skip


def _note(application: Application, ended: jobs.Ended) -> None:
    now = application.clock.now()
    with application.office.work(now) as uow:
        jobs.end_for_operator(uow, ended, now=now)


def _hand_over(source: Path, output: Path) -> None:
    with _written(output) as file:
        for piece in pieces_of(source):
            file.write(piece)


def _filters(listed: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """`name=value` once or more, by name."""
    found: dict[str, tuple[str, ...]] = {}
    for item in listed:
        name, between, value = item.partition("=")
        if not (name and between and value):
            stop("--filter is written NAME=VALUE", status=MISUSED)
        found[name] = (*found.get(name, ()), value)
    return found


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            with file.open(encoding="utf-8") as lines:
                return lines.readline().rstrip("\r\n")
        except (OSError, UnicodeError):
            stop("--password-file cannot be read", status=MISUSED)
    if not sys.stdin.isatty():
        stop("nobody is there to ask for the password: give it with --password-file", status=MISUSED)
    return str(typer.prompt("password of the archive", hide_input=True, confirmation_prompt=True, err=True))


def _words(catalogues: Catalogues, refusal: Refusal) -> str:
    key = f"refusal.{refusal.words or refusal.code}"
    title, detail = (catalogues.fill(f"{key}.{part}", "en", refusal.details) for part in ("title", "detail"))
    return f"{title}. {detail}"


def _day(
    written: datetime | None, option: str, zone: tzinfo, *, after: timedelta = timedelta(0)
) -> datetime | None:
    if written is None:
        return None
    if not _FIRST_DAY <= written.date() <= _LAST_DAY:
        stop(f"{option} is no day of a case", status=MISUSED)
    return day_begins(written.date() + after, zone).astimezone(UTC)


@contextmanager
def _written(output: Path) -> Iterator[BinaryIO]:
    """Where the rows go. A file appears when it is complete, and only its owner may read it."""
    if str(output) == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(f".{output.name}.{uuid4().hex[:8]}.part")
    try:
        file = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except OSError as problem:
        stop(f"{output} cannot be written: {problem.strerror}")
    try:
        with file:
            yield file
        draft.replace(output)
    except OSError as problem:
        stop(f"{output} cannot be written: {problem.strerror}")
    finally:
        draft.unlink(missing_ok=True)


def _write(file: BinaryIO, pieces: Iterable[bytes], tell: Callable[[str], None]) -> None:
    written = 0
    for piece in pieces:
        file.write(piece)
        written += len(piece)
        tell(f"{written // 1024} KiB")
