"""`spean erasures`: what was erased on request, and whether a receipt is genuine; letting go by hand."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.api.erasing import ReceiptOut
from app.cli.opening import MISUSED, REFUSED, opened, read_settings, refuse_strange_keys, stop
from app.kernel.clock import utc_text
from app.privacy.rules import Receipt
from app.privacy.rules import as_json as receipt_as_json
from app.usecases import erasing

erasures_app = typer.Typer(help="What was erased because somebody asked for it.", no_args_is_help=True)


@erasures_app.callback()
def erasures() -> None:
    """What was erased because somebody asked for it."""


@erasures_app.command("list")
def list_all(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List every receipt: what has to be erased again where an older copy of the database is restored."""
    with opened(read_settings()) as application, application.office.look() as uow:
        found = erasing.erasures(uow)
    if as_json:
        typer.echo(orjson.dumps([receipt_as_json(receipt) for receipt in found]))
        return
    for receipt in found:
        what = f"person {receipt.person_id}" if receipt.person_id else "everything"
        rows = sum(receipt.counts.values())
        typer.echo(f"{utc_text(receipt.at)}  case {receipt.case_id}  {what}: {rows} rows  {receipt.id}")
    typer.echo(f"{len(found)} erasures on request")


@erasures_app.command()
def check(
    receipt: Annotated[Path, typer.Argument(help="a file with the receipt as JSON, or - for input")],
) -> None:
    """Say whether a receipt was written by this installation and not changed since. 1 where it was not."""
    try:
        text = sys.stdin.buffer.read() if str(receipt) == "-" else receipt.read_bytes()
        given = ReceiptOut.model_validate(orjson.loads(text)).typed()
    except OSError as problem:
        stop(f"{receipt} cannot be read: {problem.strerror}", status=MISUSED)
    except ValueError:
        stop(f"{receipt} is no receipt", status=MISUSED)
    with opened(read_settings()) as application, application.office.look() as uow:
        genuine = erasing.check(uow, given)
    typer.echo("genuine" if genuine else "not genuine: it was changed, or another installation wrote it")
    if not genuine:
        raise typer.Exit(REFUSED)


@erasures_app.command()
def reapply(
    receipts: Annotated[
        Path | None, typer.Argument(help="what `spean erasures list --json` said; without it, the ledger")
    ] = None,
) -> None:
    """Erase again, in a database that was put back by hand, what was erased since the copy was made.

    `spean restore` does so by itself.
    """
    listed = _listed_in(receipts) if receipts else None
    with opened(read_settings()) as application:
        refuse_strange_keys(application)
        given = application.ledger.read()[0] if listed is None else listed
        now = application.clock.now()
        with application.office.work(now) as uow:
            again = erasing.reapply(uow, given, now=now)
        application.forgetting.drop(again.files)
    typer.echo(f"erased again: {again.erasures} of {len(given)}, {again.rows} rows")
    if again.unknown:
        typer.echo(f"not genuine, or of cases that are not here: {again.unknown}")


def _listed_in(receipts: Path) -> list[Receipt]:
    try:
        return [ReceiptOut.model_validate(one).typed() for one in orjson.loads(receipts.read_bytes())]
    except OSError as problem:
        stop(f"{receipts} cannot be read: {problem.strerror}", status=MISUSED)
    except (TypeError, ValueError):
        stop(f"{receipts} is no list of receipts", status=MISUSED)


def retain(
    *,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="only say what would go on this day")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Let go of what is over, once and now: recordings, names, words. The worker does it every hour."""
    with opened(read_settings()) as application:
        refuse_strange_keys(application)
        days = application.settings.recording_days
        told = {"recording_days": days, "dry_run": at is not None}
        if at is not None:
            gone = application.forgetting.due(at.replace(tzinfo=UTC))
        else:
            now = application.clock.now()
            gone = application.forgetting.once(now)
            sounds = application.retention.once(now)
            told |= {"recordings": sounds.recordings, "stray_files": sounds.stray_files}
    told |= {"cases": gone.cases, "texts": gone.texts, "arrivals": gone.arrivals, "phones": gone.phones}
    told |= {"failed": gone.failed}
    if as_json:
        typer.echo(orjson.dumps(told))
    else:
        _say(told)
    if gone.failed:
        raise typer.Exit(REFUSED)


def _say(told: dict[str, int]) -> None:
    would = "would be " if told["dry_run"] else ""
    typer.echo(f"closed cases whose time is over: {told['cases']} {would}made pseudonymous")
    typer.echo(f"closed cases whose texts {would}lost their words: {told['texts']}")
    typer.echo(f"arrivals of which only what was read {would}kept: {told['arrivals']}")
    typer.echo(f"phones that no case needs: {told['phones']} {would}forgotten")
    if not told["dry_run"]:
        typer.echo(f"recordings older than {told['recording_days']} days: {told['recordings']} erased")
        typer.echo(f"files that belonged to nothing: {told['stray_files']} deleted")
    if told["failed"]:
        typer.echo(f"could not be let go, and is tried again: {told['failed']}")
