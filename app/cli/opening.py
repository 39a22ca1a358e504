"""Opening the application for a command, and ending a command with words instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError

from app.bootstrap import Application, build
from app.configuration import ConfigurationError
from app.crypto.keyring import KeyRingError
from app.i18n.catalogue import CatalogueError
from app.intake.rules.lexicon import LexiconError
from app.settings import Settings

REFUSED = 1
MISUSED = 2


def stop(words: str, *, status: int = REFUSED) -> NoReturn:
    """End the command: 1 for what was refused or found wrong, 2 for wrong usage."""
    Console(stderr=True).print(words, style="bold red", highlight=False, markup=False)
    raise typer.Exit(status)


@contextmanager
def opened(settings: Settings) -> Iterator[Application]:
    """The application for these settings; what is wrong with them ends the command in plain words."""
    try:
        application = build(settings)
    except (ConfigurationError, KeyRingError, CatalogueError, LexiconError) as problem:
        stop(str(problem))
    try:
        yield application
    except OperationalError as problem:
        stop(
            f"the database does not answer, or lacks its tables (run `spean migrate`): {type(problem.orig).__name__}"
        )
    finally:
        application.office.database.close()
