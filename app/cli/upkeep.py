"""Commands that keep an installation: migrate the database, let go of what is old."""

from typing import Annotated

import orjson
import typer

from app.cli.opening import opened, read_settings, refuse_strange_keys
from app.store.migrations import upgrade


def retain(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Erase recordings whose time is over, once and now. The worker does the same by itself every hour."""
    with opened(read_settings()) as application:
        refuse_strange_keys(application)
        days = application.settings.recording_days
        gone = application.retention.once(application.clock.now())
    if as_json:
        told = {"recordings": gone.recordings, "stray_files": gone.stray_files, "recording_days": days}
        typer.echo(orjson.dumps(told))
        return
    typer.echo(f"recordings older than {days} days: {gone.recordings} erased")
    typer.echo(f"files that belonged to nothing: {gone.stray_files} deleted")


def migrate() -> None:
    """Bring the database to the newest tables."""
    with opened(read_settings()) as application:
        upgrade(application.office.database)
    typer.echo("the database has the newest tables")
