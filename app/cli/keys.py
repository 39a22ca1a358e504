"""The commands `spean keys …`: make the key ring, look at it, change its keys while the service runs."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final

import orjson
import typer

from app.audit.rules import Deed
from app.bootstrap import Application
from app.cli.opening import (
    REFUSED,
    must_be_meant,
    opened,
    progress,
    read_settings,
    refuse_strange_keys,
    stop,
)
from app.crypto.keyring import KeyIsCurrent, KeyRing, KeyRingError, UnknownKey, change
from app.kernel.clock import SystemClock, utc_text
from app.store.migrations import is_at_head
from app.store.rotation import UNKNOWN, Rotation, rows_by_key

keys_app = typer.Typer(help="The key ring, without which nothing personal can be read.", no_args_is_help=True)

# Whatever a process sealed before it saw the newer ring is long committed by then.
_SETTLED: Final = timedelta(minutes=10)
_ACTOR: Final = "cli"

_AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
_Yes = Annotated[bool, typer.Option("--yes", help="it is meant: do not ask")]


@keys_app.callback()
def keys() -> None:
    """The key ring, without which nothing personal can be read."""


@keys_app.command("create")
def create() -> None:
    """Make a new key file at SPEAN_KEYS_FILE. Copy it to a safe place: there is no second way in."""
    settings = read_settings()
    try:
        KeyRing.fresh(made_for=settings.environment, now=SystemClock().now()).save(settings.keys_file)
    except FileExistsError:
        stop(f"{settings.keys_file} exists already and is left as it is")
    except OSError as problem:
        stop(f"no key file can be made at {settings.keys_file}: {problem.strerror}")
    typer.echo(f"made {settings.keys_file}; keep a copy apart from the database's copies")


@keys_app.command("list")
def show(*, as_json: _AsJson = False) -> None:
    """Show each key by name: when it was made, and how many rows still use it. Shows no key itself."""
    with opened(read_settings()) as application:
        _refuse_unfit(application)
        ring = KeyRing.load(application.settings.keys_file)
        used = rows_by_key(application.office.database, tuple(ring.data))
    shown = [
        {
            "key": name, "current": name == ring.current, "rows": used[name],
            "made_at": utc_text(ring.made[name]) if name in ring.made else None,
        }
        for name in ring.data
    ]  # fmt: skip
    if as_json:
        typer.echo(orjson.dumps({"keys": shown, "rows_under_unknown_keys": used[UNKNOWN]}))
        return
    for key in shown:
        made = f"made {key['made_at']}" if key["made_at"] else "made before that was written down"
        typer.echo(
            f"{key['key']:<12} {'current' if key['current'] else '       '}  {key['rows']:>9} rows  {made}"
        )
    if used[UNKNOWN]:
        typer.echo(f"{used[UNKNOWN]} rows hold values under keys that are not in this ring")


@keys_app.command("add")
def add(
    *,
    hold: Annotated[
        bool, typer.Option("--hold", help="do not use it yet: copy the file to every machine first")
    ] = False,
    as_json: _AsJson = False,
    yes: _Yes = False,
) -> None:
    """Put a new key into the ring. New values are sealed with it from now on, old ones stay readable.

    Processes that run read the file again by themselves. Copy the file to its safe place afterwards.
    """
    must_be_meant("add", yes=yes)
    with opened(read_settings()) as application:
        _refuse_unfit(application)
        ring = _with_new_key(application, in_use=not hold)
    name = _newest(ring)
    if as_json:
        typer.echo(orjson.dumps({"key": name, "current": ring.current}))
    elif hold:
        typer.echo(
            f"made {name}; it seals nothing yet. Once every machine has the file: spean keys use {name}"
        )
    else:
        typer.echo(f"made {name}; copy the key file to its safe place now. Old values: spean keys rotate")


@keys_app.command("use")
def use(
    name: Annotated[str, typer.Argument(metavar="KEY", help="a key of the ring")], *, yes: _Yes = False
) -> None:
    """Seal new values with this key from now on."""
    must_be_meant("use", yes=yes)
    with opened(read_settings()) as application:
        _refuse_unfit(application)
        now = application.clock.now()
        _changed(application, lambda ring: ring.using(name, now))
        _remember(application, "keys.used", now, name)
    typer.echo(f"{name} seals new values")


@keys_app.command("rotate")
def rotate(
    *,
    new_key: Annotated[bool, typer.Option("--new-key", help="put a new key into the ring first")] = False,
    as_json: _AsJson = False,
    yes: _Yes = False,
) -> None:
    """Seal every value anew with the current key, while the service runs.

    Stopped in the middle, it goes on where it was when it is called again.
    """
    must_be_meant("rotate", yes=yes)
    with opened(read_settings()) as application:
        _refuse_unfit(application)
        if new_key:
            _with_new_key(application)
        rotation = Rotation(application.office.database, application.office.vault)
        with progress("sealing anew") as tell:
            total = rotation.left()
            result = rotation.run(lambda done: tell(f"{done} of {max(done, total)} rows"))
        key = application.office.vault.current
        figures = {"rows": result.resealed, "left": result.left}
        _remember(application, "keys.rotated", application.clock.now(), key, **figures)
    if as_json:
        told = {
            "ok": not result.left, "key": key, "resealed": result.resealed, "left": result.left,
            "broken": result.broken,
        }  # fmt: skip
        typer.echo(orjson.dumps(told))
    else:
        typer.echo(f"{result.resealed} rows sealed anew with {key}; {result.left} rows left under other keys")
        for field, count in sorted(result.broken.items()):
            typer.echo(f"{field}: {count} values do not open and are left as they are")
    if result.left:
        raise typer.Exit(REFUSED)


@keys_app.command("retire")
def retire(
    name: Annotated[str, typer.Argument(metavar="KEY", help="a key that no row uses")], *, yes: _Yes = False
) -> None:
    """Take a key out of the ring for good. Backups that need it can then be opened with older copies only."""
    must_be_meant("retire", yes=yes)
    with opened(read_settings()) as application:
        _refuse_unfit(application)
        now = application.clock.now()
        _changed(application, lambda ring: _without(application, ring, name, now))
        _remember(application, "keys.retired", now, name)
    typer.echo(f"{name} is no longer in the ring; backups that were made with it need a copy that holds it")


def _without(application: Application, ring: KeyRing, name: str, now: datetime) -> KeyRing:
    """The ring without this key, where nothing can still need it; else ends the command."""
    smaller = ring.without(name)
    used = rows_by_key(application.office.database, (name,))[name]
    if used:
        stop(f"{used} rows still use {name}: run `spean keys rotate` first")
    if ring.current_since and now - ring.current_since < _SETTLED:
        ready = utc_text(ring.current_since + _SETTLED)
        stop(f"{ring.current} is current for a moment only, and somebody may still write with {name}: "
             f"again after {ready}")  # fmt: skip
    return smaller


def _with_new_key(application: Application, *, in_use: bool = True) -> KeyRing:
    now = application.clock.now()
    ring = _changed(application, lambda ring: ring.with_new_key(now, in_use=in_use))
    _remember(application, "keys.added", now, _newest(ring))
    return ring


def _newest(ring: KeyRing) -> str:
    return list(ring.data)[-1]


def _refuse_unfit(application: Application) -> None:
    """End the command where the ring is not this database's, or what it does could not be remembered."""
    if not is_at_head(application.office.database):
        stop("the database lacks its newest tables: run `spean migrate` first")
    refuse_strange_keys(application)


def _changed(application: Application, changed: Callable[[KeyRing], KeyRing]) -> KeyRing:
    try:
        return change(application.settings.keys_file, changed)
    except UnknownKey as unknown:
        stop(f"the ring has no key {unknown}: see `spean keys list`")
    except KeyIsCurrent as current:
        stop(f"{current} is the current key: put another one in its place first (`spean keys add`)")
    except KeyRingError as problem:
        stop(str(problem))


def _remember(application: Application, action: str, now: datetime, key: str, **figures: int) -> None:
    with application.office.work(now) as uow:
        # Who, as the machine knows them: names of accounts can be set by whoever runs a command, numbers not.
        uow.audit.record(Deed(action, _ACTOR, details={"key": key, "uid": os.getuid(), **figures}))
