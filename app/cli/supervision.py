"""Commands for whoever runs the installation: add workers, check the audit chain, export cases."""

import sys
from datetime import datetime
from typing import Annotated

import orjson
import typer

from app.cli.demo import prepare
from app.cli.opening import MISUSED, REFUSED, opened, stop
from app.identity.rules import Role
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.refusal import Refusal
from app.settings import Settings
from app.usecases.setting_up import WorkerWish, add_worker

worker_app = typer.Typer(help="Workers.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit chain.", no_args_is_help=True)


@worker_app.callback()
def worker() -> None:
    """Workers."""


@audit_app.callback()
def audit() -> None:
    """The audit chain."""


@worker_app.command("add")
def add(
    username: Annotated[str, typer.Argument(help="the name to sign in with")],
    role: Annotated[Role, typer.Option()],
    organisation: Annotated[str | None, typer.Option(help="the organisation's code")] = None,
    phone: Annotated[str | None, typer.Option(help="for alerts, in international form")] = None,
    name: Annotated[str | None, typer.Option(help="what colleagues call them")] = None,
    language: Annotated[list[Language] | None, typer.Option(help="a language that they speak")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password here")] = False,
) -> None:
    """Add a worker. The password is asked for, or read from standard input."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked_password()
    try:
        number = Phone.parse(phone) if phone else None
    except NotAPhone:
        stop("--phone is not a number in international form", status=MISUSED)
    languages = frozenset(item.value for item in language or [Language.KM])
    with opened(Settings()) as application:
        prepare(application)
        now = application.clock.now()
        wish = WorkerWish(username, password, role, organisation, name, number, languages)
        try:
            with application.office.work(now) as uow:
                worker_id = add_worker(uow, wish, now=now)
        except Refusal as refusal:
            stop(f"not added: {refusal.details.get('problem', refusal.code)}")
        typer.echo(str(worker_id))


@audit_app.command("verify")
def verify(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Check every entry of the audit chain; name the first that was edited, removed or reordered."""
    with opened(Settings()) as application, application.office.look() as uow:
        held, broken = uow.audit.first_break()
    if as_json:
        found = {"entry": broken.number, "problem": broken.problem} if broken else None
        typer.echo(orjson.dumps({"ok": broken is None, "entries": held, "break": found}))
    elif broken:
        typer.echo(f"entry {broken.number} was {_WORDS[broken.problem]}; the {held} before it hold")
    else:
        typer.echo(f"all {held} entries hold")
    if broken:
        raise typer.Exit(REFUSED)


_WORDS = {
    "edited": "edited",
    "missing": "removed",
    "reordered": "moved, or stands where another stood",
    "cut": "the last, or entries after it were cut off",
}


def _asked_password() -> str:
    return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))


def export(
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="opened on or after")
    ] = None,
) -> None:
    """Write the cases as CSV."""
    raise NotImplementedError
