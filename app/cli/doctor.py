"""`spean doctor`: each thing that is wrong with a set-up, by name."""

import os
import stat
from collections.abc import Iterable
from typing import Annotated

import orjson
import typer

from app.bootstrap import Application, twilio_sender
from app.cli.opening import REFUSED, opened
from app.settings import Environment, Settings
from app.store.migrations import is_at_head
from app.usecases.health import Check, readiness


def doctor(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Look the set-up over and name each thing that is wrong with it."""
    with opened(Settings()) as application:
        checks = [*_setup(application), *readiness(application.office, now=application.clock.now())]
    if as_json:
        found = [{"name": check.name, "ok": check.ok, "finding": check.finding} for check in checks]
        typer.echo(orjson.dumps({"ok": all(check.ok for check in checks), "checks": found}))
    else:
        for check in checks:
            typer.echo(f"{'ok   ' if check.ok else 'WRONG'}  {check.name}: {check.finding}")
    if not all(check.ok for check in checks):
        raise typer.Exit(REFUSED)


def production_faults(application: Application) -> list[str]:
    """Why this set-up must not run in production; empty in the demo."""
    if application.settings.environment is not Environment.PRODUCTION:
        return []
    return [f"{check.name}: {check.finding}" for check in _setup(application) if not check.ok]


def _setup(application: Application) -> Iterable[Check]:
    """What can be said without the database being up to date, and who could sign in."""
    settings = application.settings
    production = settings.environment is Environment.PRODUCTION
    yield _keys(application, production=production)
    secure = settings.public_base_url.startswith("https://")
    yield Check("public_base_url", secure or not production, "https" if secure else "not https")
    carriers = [*sorted(application.gateway_secrets), *(["twilio"] if twilio_sender(settings) else [])]
    finding = (
        ", ".join(carriers) if carriers else "no carrier is configured: neither a gateway secret nor Twilio"
    )
    yield Check("carriers", bool(carriers), finding)
    if settings.twilio_account_sid and not twilio_sender(settings):
        yield Check("twilio", ok=False, finding="an account without tokens or without SMS numbers")
    settings.files_dir.mkdir(parents=True, exist_ok=True)
    writable = os.access(settings.files_dir, os.W_OK)
    yield Check(
        "files_dir", writable, "writable" if writable else f"{settings.files_dir} cannot be written to"
    )
    if is_at_head(application.office.database):
        yield from _people(application, production=production)


def _keys(application: Application, *, production: bool) -> Check:
    path = application.settings.keys_file
    made_for = application.office.vault.made_for
    if production and made_for != Environment.PRODUCTION:
        return Check("keys", ok=False, finding="these are demo keys: make others with `spean keys create`")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Check("keys", ok=False, finding=f"others may read {path}: chmod 600 it")
    return Check("keys", ok=True, finding="only their owner can read them")


def _people(application: Application, *, production: bool) -> Iterable[Check]:
    with application.office.look() as uow:
        demo = uow.identity.any_demo_worker()
        on_duty = sum(uow.identity.count_on_duty().values())
    if production:
        yield Check("demo sign-ins", not demo, "demo workers could sign in" if demo else "none")
    yield Check("caseworkers", on_duty > 0, f"{on_duty} on duty" if on_duty else "nobody is on duty")
