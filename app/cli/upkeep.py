"""Commands that keep an installation: migrate the database, make keys."""

import typer

from app.cli.opening import opened, read_settings, stop
from app.crypto.keyring import KeyRing
from app.store.migrations import upgrade

keys_app = typer.Typer(help="The key ring, without which nothing personal can be read.", no_args_is_help=True)


@keys_app.callback()
def keys() -> None:
    """The key ring, without which nothing personal can be read."""


@keys_app.command("create")
def create() -> None:
    """Make a new key file at SPEAN_KEYS_FILE. Copy it to a safe place: there is no second way in."""
    settings = read_settings()
    try:
        KeyRing.fresh(made_for=settings.environment).save(settings.keys_file)
    except FileExistsError:
        stop(f"{settings.keys_file} exists already and is left as it is")
    except OSError as problem:
        stop(f"no key file can be made at {settings.keys_file}: {problem.strerror}")
    typer.echo(f"made {settings.keys_file}; keep a copy apart from the database's copies")


def migrate() -> None:
    """Bring the database to the newest tables."""
    with opened(read_settings()) as application:
        upgrade(application.office.database)
    typer.echo("the database has the newest tables")
