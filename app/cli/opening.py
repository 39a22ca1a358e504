"""Opening the application for a command, and ending a command with words instead of a traceback."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Application, build
from app.configuration import ConfigurationError
from app.crypto.keyring import KeyRingError
from app.crypto.vault import SealBroken
from app.i18n.catalogue import CatalogueError
from app.i18n.wording import WordListError
from app.intake.rules.lexicon import LexiconError
from app.settings import Settings
from app.store.migrations import current

REFUSED = 1
MISUSED = 2


def stop(words: str, *, status: int = REFUSED) -> NoReturn:
    """End the command: 1 for what was refused or found wrong, 2 for wrong usage."""
    say_wrong(words)
    raise typer.Exit(status)


def say_wrong(words: str) -> None:
    """Say on standard error what is wrong."""
    Console(stderr=True).print(words, style="bold red", highlight=False, markup=False, soft_wrap=True)


def settings_faults(problem: ValidationError) -> list[str]:
    """What is wrong with the settings, one sentence for each. Values are not repeated: some are secrets."""
    found = []
    for error in problem.errors(include_url=False, include_input=False):
        name = "_".join(str(step) for step in error["loc"]).upper()
        found.append(f"SPEAN_{name}: {error['msg'].removeprefix('Value error, ')}")
    return found


def read_settings() -> Settings:
    """What the environment and `.env` say; what is wrong there ends the command in plain words."""
    try:
        return Settings()
    except ValidationError as problem:
        stop("\n".join(settings_faults(problem)))


@contextmanager
def opened(settings: Settings) -> Iterator[Application]:
    """The application for these settings; what is wrong with them ends the command in plain words."""
    try:
        application = build(settings)
    except (ConfigurationError, KeyRingError, CatalogueError, LexiconError, WordListError) as problem:
        stop(str(problem))
    except OSError as problem:
        stop(f"{problem.filename}: {problem.strerror}")
    try:
        yield application
    except SQLAlchemyError as problem:
        kind = type(getattr(problem, "orig", None) or problem).__name__
        stop(f"the database does not answer, or lacks its tables (run `spean migrate`): {kind}")
    except SealBroken:
        stop("the database holds what these keys cannot open: is SPEAN_KEYS_FILE the right one?")
    finally:
        application.office.database.close()


def refuse_strange_keys(application: Application) -> None:
    """End the command where going on with these keys would lose what other keys wrote."""
    if not keys_fit(application):
        stop(f"the database was not written with the keys in {application.settings.keys_file}")


def keys_fit(application: Application) -> bool:
    """Whether the newest audit entry was made with our keys; true of a database without tables."""
    if current(application.office.database) is None:
        return True
    with application.office.look() as uow:
        return uow.audit.fits_keys()


def must_be_meant(word: str, *, yes: bool) -> None:
    """End the command unless the operator says that it is meant: with `--yes`, or by typing this word.

    A program that runs it gives `--yes`; whoever sits before a terminal that somebody left open does not
    know that they will be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        stop("nobody is there to be asked whether it is meant: say so with --yes", status=MISUSED)
    if typer.prompt(f"type {word} to go on", err=True) != word:
        stop("not confirmed; nothing was changed")


@contextmanager
def progress(words: str) -> Iterator[Callable[[str], None]]:
    """Something to call with how far long work has got: shown at a terminal, silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(words) as status:
        yield lambda got: status.update(f"{words}: {got}")
