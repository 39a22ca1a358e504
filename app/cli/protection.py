"""Commands about the protection of people: the register of disclosures, training to work with children."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import orjson
import typer

from app.cli.opening import MISUSED, opened, read_settings, stop
from app.cli.supervision import worker_app
from app.kernel.clock import utc_text
from app.kernel.refusal import NotFound
from app.usecases.guarding import set_trained
from app.usecases.sharing import Disclosure, see_register

_DECEMBER = 12


def disclosures(
    *,
    month: Annotated[str | None, typer.Option(help="one month only, as 2026-06, in UTC")] = None,
    overrides: Annotated[bool, typer.Option("--overrides", help="only what went without consent")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """List what was handed over, to whom and on which ground: the newest first. Looking is remembered."""
    since, until = _month(month) if month else (None, None)
    with opened(read_settings()) as application, application.office.work(application.clock.now()) as uow:
        found = see_register(uow, since=since, until=until, overrides=overrides)
        names = {key: code for key, (code, _) in uow.identity.organisation_names().items()}
    if as_json:
        typer.echo(orjson.dumps({"disclosures": [_shown(one, names) for one in found]}))
        return
    for one in found:
        to = names.get(one.organisation_id, "") if one.organisation_id else one.to.value
        items = ", ".join(item.value for item in one.items)
        typer.echo(f"{utc_text(one.at)}  {one.case_code}  {to}  {one.basis.value}  {items}")
    typer.echo(f"{len(found)} in all")


@worker_app.command("train")
def train(
    username: Annotated[str, typer.Argument(help="the name that they sign in with")],
    *,
    no_more: Annotated[bool, typer.Option("--no-more", help="they are not")] = False,
) -> None:
    """Say that a worker is trained to work with children: only they see cases with a child."""
    with opened(read_settings()) as application:
        now = application.clock.now()
        try:
            with application.office.work(now) as uow:
                known = uow.identity.worker_named(username)
                if known is None:
                    raise NotFound
                set_trained(uow, None, known[0].id, trained=not no_more, now=now)
        except NotFound:
            stop("nobody has this name")
        typer.echo(f"{username}: {'not trained' if no_more else 'trained'} to work with children")


def _month(written: str) -> tuple[datetime, datetime]:
    try:
        begins = datetime.strptime(written, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        stop("--month is written like 2026-06", status=MISUSED)
    years, months = divmod(begins.month, _DECEMBER)
    return begins, begins.replace(year=begins.year + years, month=months + 1)


def _shown(one: Disclosure, names: Mapping[UUID, str]) -> dict[str, object]:
    return {
        "id": str(one.id), "case": one.case_code, "at": utc_text(one.at),
        "from": names.get(one.from_organisation_id) if one.from_organisation_id else None,
        "kind": one.to.value,
        "to_organisation": names.get(one.organisation_id) if one.organisation_id else None,
        "recipient": one.recipient, "legal_basis": one.basis.value, "override": one.is_override,
        "data_items": [item.value for item in one.items], "reason": one.reason, "by": str(one.by),
        "second": str(one.second) if one.second else None,
    }  # fmt: skip
