"""The demo: organisations from the configuration, invented workers, and how to sign in as them."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import IntegrityError

from app.bootstrap import Application
from app.cli.opening import opened, read_settings, refuse_strange_keys, stop
from app.identity.rules import Organisation
from app.kernel.phone import Phone
from app.settings import Environment
from app.store.migrations import upgrade
from app.usecases.setting_up import (
    CannotAddWorker,
    DemoPerson,
    WorkerWish,
    add_worker,
    demo_people,
    load_organisations,
    organisation_id,
)


@dataclass(frozen=True)
class SignInSheet:
    """A demo worker and the password that the demo made for them."""

    person: DemoPerson
    password: str


def demo(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Load the demo (safe to repeat) and print who can sign in. Only in the demo environment."""
    settings = read_settings()
    if settings.environment is not Environment.DEMO:
        stop("this is not a demo: SPEAN_ENVIRONMENT is not `demo`")
    with opened(settings) as application:
        sheets = prepare(application)
        if as_json:
            typer.echo(orjson.dumps(_as_json(application, sheets)))
        else:
            show_sign_ins(Console(), sheets)


def prepare(application: Application) -> list[SignInSheet]:
    """The newest tables, the configured organisations and, in the demo, its workers.

    Where the database was written with other keys the command ends before anything is changed.
    """
    refuse_strange_keys(application)
    upgrade(application.office.database)
    now = application.clock.now()
    with application.office.work(now) as uow:
        load_organisations(uow, organisations_of(application))
    if application.settings.environment is not Environment.DEMO:
        return []
    sheets = [
        SignInSheet(person, application.office.vault.derived_secret(f"demo:{person.username}")[:16])
        for person in demo_people(organisations_of(application))
    ]
    with application.office.look() as uow:
        missing = [sheet for sheet in sheets if uow.identity.worker_named(sheet.person.username) is None]
    for sheet in missing:
        # A process that starts beside us may be first; then the worker is there, and that is all we want.
        with suppress(CannotAddWorker, IntegrityError), application.office.work(now) as uow:
            add_worker(uow, _wish(sheet), now=now, is_demo=True)
    return sheets


def organisations_of(application: Application) -> list[Organisation]:
    """The configured organisations."""
    return [
        Organisation(
            organisation_id(entry.code), entry.code, entry.names["en"], entry.categories, entry.destinations,
            entry.languages, entry.always_open, entry.capacity, entry.verified,
        )
        for entry in application.configuration.organisations
    ]  # fmt: skip


def show_welcome(console: Console, sheets: list[SignInSheet], *, address: str) -> None:
    """What somebody who just started the server wants to know."""
    console.print(f"\n[bold]Spean[/bold] serves on [bold]{address}[/bold]", highlight=False)
    if not sheets:
        return
    show_sign_ins(console, sheets)
    first = sheets[0]
    console.print("\nTry, in another terminal:", highlight=False)
    console.print(
        '  .venv/bin/spean simulate text --from +66812345678 "ថៅកែចាក់សោទ្វារ មិនឱ្យពួកយើងចេញក្រៅទេ"',
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    console.print(
        f"  curl -s {address}/v1/token -d grant_type=password -d username={first.person.username}"
        f" -d password={first.password}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def show_sign_ins(console: Console, sheets: list[SignInSheet]) -> None:
    """A table of who can sign in."""
    table = Table("sign-in", "password", "role", "organisation", title="Demo sign-ins (invented people)")
    for sheet in sheets:
        person = sheet.person
        table.add_row(person.username, sheet.password, person.role.value, person.organisation or "-")
    console.print(table)


def _wish(sheet: SignInSheet) -> WorkerWish:
    person = sheet.person
    return WorkerWish(
        person.username, sheet.password, person.role, person.organisation, person.name,
        Phone.parse(person.phone), frozenset(person.languages), person.trained_for_children,
    )  # fmt: skip


def _as_json(application: Application, sheets: list[SignInSheet]) -> dict[str, object]:
    return {
        "organisations": [{"code": o.code, "name": o.name} for o in organisations_of(application)],
        "sign_ins": [
            {
                "username": sheet.person.username,
                "password": sheet.password,
                "role": sheet.person.role.value,
                "organisation": sheet.person.organisation,
            }
            for sheet in sheets
        ],
        "gateways": [
            {"name": name, "secret": secret} for name, secret in sorted(application.gateway_secrets.items())
        ],
    }
