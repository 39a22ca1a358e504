"""Commands for whoever runs the installation: add workers, check the audit chain."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.audit.rules import Anchor, Break
from app.audit.service import AnchorFile, Verdict, anchor_end
from app.audit.service import verify as check_chain
from app.audit.store import AuditStore
from app.bootstrap import Application
from app.cli.demo import prepare
from app.cli.opening import MISUSED, REFUSED, opened, progress, read_settings, stop
from app.identity.rules import Role
from app.kernel.clock import utc_text
from app.kernel.language import Language
from app.kernel.phone import NotAPhone, Phone
from app.kernel.refusal import NotFound, Refusal
from app.usecases.credentials import allow_reset_by_operator
from app.usecases.setting_up import WorkerWish, add_worker

worker_app = typer.Typer(help="Workers.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit chain.", no_args_is_help=True)

_WORDS = {
    "added": "added: nobody of ours wrote it",
    "edited": "edited",
    "missing": "removed",
    "reordered": "moved, or stands where another stood",
    "replaced": "another when it was noted: an older or other database was put in place",
    "cut": "the last, or entries after it were cut off",
}


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
    *,
    trained: Annotated[
        bool, typer.Option("--trained-for-children", help="trained to work with children")
    ] = False,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="read the password here")] = False,
) -> None:
    """Add a worker. The password is asked for, or read from standard input."""
    try:
        number = Phone.parse(phone) if phone else None
    except NotAPhone:
        stop("--phone is not a number in international form", status=MISUSED)
    settings = read_settings()
    password = _read_password() if password_stdin else _asked_password()
    languages = frozenset(item.value for item in language or [Language.KM])
    with opened(settings) as application:
        prepare(application)
        now = application.clock.now()
        wish = WorkerWish(username, password, role, organisation, name, number, languages, trained)
        try:
            with application.office.work(now) as uow:
                worker_id = add_worker(uow, wish, now=now)
        except Refusal as refusal:
            stop(f"not added: {refusal.details.get('problem', refusal.code)}")
        typer.echo(str(worker_id))


@worker_app.command("reset")
def reset(
    username: Annotated[str, typer.Argument(help="the name to sign in with")],
    *,
    totp: Annotated[
        bool, typer.Option("--totp", help="also let them sign in without one-time codes")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Print a code with which a worker chooses a new password within a day. Shown once."""
    with opened(read_settings()) as application:
        now = application.clock.now()
        try:
            with application.office.work(now) as uow:
                made = allow_reset_by_operator(uow, username, drop_totp=totp, now=now)
        except NotFound:
            stop("no worker who may sign in has this name")
    if as_json:
        typer.echo(orjson.dumps({"code": made.code, "expires_at": utc_text(made.until)}))
    else:
        typer.echo(made.code)


@audit_app.command("verify")
def verify(
    *,
    new: Annotated[bool, typer.Option("--new", help="only what came since the last check that held")] = False,
    anchors: Annotated[Path | None, typer.Option(help="a copy of the anchor file kept elsewhere")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Check every entry of the audit chain; name the first that was edited, removed or reordered."""
    with opened(read_settings()) as application:
        file = AnchorFile(anchors, application.office.vault) if anchors else application.anchors
        found = _checked(application, file, only_new=new)
    broken = found.broken
    if as_json:
        shown = {"entry": broken.number, "problem": broken.problem} if broken else None
        typer.echo(orjson.dumps({
            "ok": found.ok, "entries": found.entries, "since": found.since, "break": shown,
            "strange_anchors": found.strange_lines,
        }))  # fmt: skip
    elif broken:
        typer.echo(f"entry {broken.number} was {_WORDS[broken.problem]}; the {found.entries} before it hold")
    else:
        typer.echo(f"all {found.entries} entries hold" + (f" (from {found.since} on)" if new else ""))
    if found.strange_lines and not as_json:
        typer.echo(f"{found.strange_lines} lines of the anchor file are none of ours")
    if not found.ok:
        raise typer.Exit(REFUSED)


@audit_app.command("anchor")
def anchor() -> None:
    """Note where the audit chain ends, and print it: kept elsewhere, it shows what was put back or cut."""
    with opened(read_settings()) as application:
        with application.office.look() as uow:
            anchor_end(uow.audit, application.anchors, application.clock.now())
        known, _ = application.anchors.read()
        if not known:
            stop("the chain has no entry yet")
        typer.echo(application.anchors.newest_line())


def _checked(application: Application, file: AnchorFile, *, only_new: bool) -> Verdict:
    """Whether the chain holds, as it was at one moment: others go on writing meanwhile."""
    office = application.office
    with progress("checking the audit chain") as tell:
        with office.database.snapshot() as connection:
            chain = AuditStore(connection, office.vault)
            found = check_chain(
                chain, file, only_new=only_new, checked=lambda count: tell(f"{count} entries hold")
            )
            end = chain.end()
        with office.look() as uow:
            # Adding a worker is always remembered: where there are workers, an empty chain was emptied.
            if not found.entries and found.broken is None and uow.identity.anyone():
                found = replace(found, broken=Break(1, "cut"))
    if found.ok and end:
        file.add(Anchor(*end, checked=True), application.clock.now())
    return found


def _read_password() -> str:
    try:
        return sys.stdin.readline().rstrip("\r\n").encode("utf-8").decode("utf-8")
    except UnicodeError:
        stop("the password on standard input is not UTF-8", status=MISUSED)


def _asked_password() -> str:
    if not sys.stdin.isatty():
        stop("nobody is there to ask for the password: give it with --password-stdin", status=MISUSED)
    return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))
