"""Commands that keep an installation: migrate the database."""

import typer

from app.cli.opening import opened, read_settings
from app.store.migrations import upgrade


def migrate() -> None:
    """Bring the database to the newest tables."""
    with opened(read_settings()) as application:
        upgrade(application.office.database)
    typer.echo("the database has the newest tables")
