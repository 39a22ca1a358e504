"""The commands `spean backup` and `spean restore`."""

from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from app.cli.opening import (
    MISUSED,
    opened,
    progress,
    read_settings,
    refuse_strange_keys,
    say_wrong,
    stop,
)
from app.kernel.refusal import Fault
from app.settings import Settings
from app.store.archive import ArchiveDamaged, KeyMissing, NotAnArchive
from app.store.copies import CopyImpossible
from app.store.migrations import is_at_head
from app.usecases.backing_up import back_up
from app.usecases.restoring import RestoredWrong, RestoreRefused, Wish, checked, erased_so_far
from app.usecases.restoring import restore as put_back

_AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


def backup(
    file: Annotated[Path, typer.Argument(help="the file to make; it must not exist yet", dir_okay=False)],
    *,
    as_json: _AsJson = False,
) -> None:
    """Keep the database and the files in one sealed file, while the service runs.

    It opens with the key file alone, which is not in it: keep a copy of that elsewhere.
    """
    settings = read_settings()
    with opened(settings) as application:
        if not is_at_head(application.office.database):
            stop("the database lacks its newest tables: run `spean migrate` first")
        refuse_strange_keys(application)
        now = application.clock.now()
        try:
            with progress("backing up") as told:
                done = back_up(application.office, settings.files_dir, file, now=now, told=told)
        except FileExistsError:
            stop(f"{file} exists already and is left as it is")
        except CopyImpossible as problem:
            stop(str(problem))
        except OSError as problem:
            stop(f"{file} cannot be made: {problem.strerror}")
    files = len(done.manifest.parts) - 1
    for missing in done.manifest.missing:
        say_wrong(f"a row names a file that is not there: {missing}")
    if as_json:
        told_all = {
            "ok": True, "file": str(file), "bytes": done.size_bytes, "key": done.key, "files": files,
            "revision": done.manifest.revision, "rows": sum(done.manifest.rows.values()),
            "missing": done.manifest.missing,
        }  # fmt: skip
        typer.echo(orjson.dumps(told_all))
    else:
        typer.echo(f"made {file}: {done.size_bytes} bytes, {files} files, needs the key {done.key}")


def restore(
    file: Annotated[
        Path, typer.Argument(help="a file that `spean backup` made", exists=True, dir_okay=False)
    ],
    into: Annotated[
        str | None, typer.Option(help="the database, as in SPEAN_DATABASE_URL, which it is by default")
    ] = None,
    files_into: Annotated[Path | None, typer.Option(help="by default SPEAN_FILES_DIR")] = None,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="also over a database that holds something")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Put a backup back. All of it is checked before anything is touched. Stop the service first."""
    settings = _aimed(read_settings(), into, files_into)
    if not settings.keys_file.is_file():
        stop(
            f"there is no key file at {settings.keys_file}: without the one of that time nothing can be read"
        )
    with opened(settings) as application:
        # Before anything is touched: the database that goes may know of erasures that no file does.
        erased = erased_so_far(application.office, application.ledger)
        wish = Wish(file, settings.files_dir, replace, erased)
        now = application.clock.now()
        try:
            with progress("checking the backup") as told:
                manifest = checked(wish, application.office, now=now, told=told)
            with progress("putting the backup back") as told:
                done = put_back(wish, application.office, manifest, now=now, told=told)
            application.forgetting.drop(done.again.files)
            application.forgetting.note_erasures()
        except (NotAnArchive, KeyMissing, ArchiveDamaged, CopyImpossible, RestoreRefused) as problem:
            _refuse(file, problem, settings)
        except RestoredWrong as wrong:
            stop(f"{file} was put back, but {wrong}: do not work with it")
        except OSError as problem:
            stop(f"{problem.filename or file}: {problem.strerror}")
    rows, files = sum(manifest.rows.values()), len(manifest.parts) - 1
    for missing in manifest.missing:
        say_wrong(f"a row names a file that was not there when the backup was made: {missing}")
    if as_json:
        told_all = {
            "ok": True, "made_at": manifest.made_at, "rows": rows, "files": files, "entries": done.entries,
            "erased_again": done.again.erasures,
        }  # fmt: skip
        typer.echo(orjson.dumps(told_all))
        return
    typer.echo(f"put back what was kept at {manifest.made_at}: {rows} rows, {files} files; "
               f"all {done.entries} audit entries hold")  # fmt: skip
    typer.echo(f"erased again, because it was erased since: {done.again.erasures} of {len(erased)} erasures")


def _aimed(settings: Settings, into: str | None, files_into: Path | None) -> Settings:
    changes = {"database_url": into, "files_dir": files_into}
    try:
        return Settings(**{**settings.model_dump(), **{k: v for k, v in changes.items() if v is not None}})
    except ValueError:
        stop("--into is no database, such as sqlite:///path/to/file", status=MISUSED)


def _refuse(file: Path, problem: Fault, settings: Settings) -> NoReturn:
    if isinstance(problem, KeyMissing):
        stop(f"{file} was made with the key {problem}, which {settings.keys_file} does not hold: "
             "use a copy of the key file that holds it")  # fmt: skip
    if isinstance(problem, NotAnArchive | ArchiveDamaged):
        stop(f"{file} cannot be put back: {problem}")
    stop(f"nothing was put back: {problem}")
