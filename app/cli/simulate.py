"""Simulating what migrants do, at a terminal and without a carrier."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from app.bootstrap import Application
from app.channels.console.carrier import CARRIER, arrival
from app.cli.demo import prepare
from app.cli.opening import MISUSED, opened, read_settings, stop
from app.i18n.catalogue import Catalogues
from app.kernel.clock import utc_text
from app.kernel.language import Language
from app.usecases.answers import Answer, answer_of
from app.workers.steps import Reception

app = typer.Typer(help="Act as a migrant, without a carrier.", no_args_is_help=True)
_PATIENCE_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.05


@app.callback()
def simulate() -> None:
    """Act as a migrant, without a carrier."""


@app.command()
def text(
    body: Annotated[str, typer.Argument(help="what the person writes")],
    sender: Annotated[str, typer.Option("--from", help="the number that it comes from")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Send a text as if it came from a phone, and show what came of it."""
    if not sender.strip():
        stop("--from needs a number", status=MISUSED)
    with opened(read_settings()) as application:
        prepare(application)
        answer = _sent(application, sender, body)
        if as_json:
            typer.echo(orjson.dumps(_as_json(answer)))
        else:
            _show(Console(), answer, application.office.rulebook.catalogues)


def _sent(application: Application, sender: str, body: str) -> Answer:
    """What came of the text once reception took it, here or in a server that runs beside us."""
    carrier_id = str(uuid4())
    application.inbox.keep(arrival(sender=sender, body=body, carrier_id=carrier_id)).result()
    reception = Reception(application.office)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with application.office.look() as uow:
            answer = answer_of(uow, CARRIER, CARRIER, carrier_id)
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            stop("reception did not take the text: see `spean doctor`")
        if not reception.step(application.clock.now()):
            time.sleep(_LOOK_EVERY_SECONDS)


def _as_json(answer: Answer) -> dict[str, Any]:
    return {
        "message_id": answer.message_id,
        "case": _case(answer) if answer.case else None,
        "replies": [{"to": reply.to, "body": reply.body, "parts": reply.parts} for reply in answer.replies],
    }


def _case(answer: Answer) -> dict[str, Any]:
    case, timer = answer.case, answer.next_timer
    if case is None:
        return {}
    return {
        "id": case.id, "code": case.code, "status": case.status, "urgency": case.urgency,
        "categories": list(case.categories), "urgency_reasons": list(case.reasons),
        "language": case.language, "destination_country": case.destination_country,
        "member_count": case.member_count, "organisation_id": case.organisation_id,
        "organisation": answer.organisation, "owner_id": case.owner_id, "owner": answer.owner,
        "queue": case.queue, "because": list(answer.because),
        "next_timer": {
            "kind": timer.plan.kind, "rung": timer.plan.rung, "to": timer.plan.to,
            "due_at": utc_text(timer.plan.due_at),
        } if timer else None,
    }  # fmt: skip


def _show(console: Console, answer: Answer, catalogues: Catalogues) -> None:
    for reply in answer.replies:
        title = f"The phone {reply.to} receives ({reply.parts} SMS)"
        console.print(Panel(Text(reply.body), title=title, expand=False))
    if not answer.replies:
        console.print("The phone receives nothing.")
    case = answer.case
    if case is None:
        console.print(
            "No case: a wish for silence, or no person's phone. The text is kept in the intake list."
        )
        return
    lines = [
        f"Case       {case.code}   {case.urgency.value}   {case.status.value}",
        f"About      {', '.join(case.categories)}",
        f"Where      {case.destination_country or 'not known'}",
        f"With       {answer.owner or 'nobody yet: ' + str(case.queue) + ' queue'}"
        + (f" of {answer.organisation}" if answer.organisation else ""),
    ]
    lines += [f"Why urgent {_reason(reason)}" for reason in case.reasons]
    lines += [f"Why here   {_because(catalogues, reason)}" for reason in answer.because]
    if answer.next_timer:
        plan = answer.next_timer.plan
        lines.append(
            f"Next timer {plan.kind.value}, rung {plan.rung}: {plan.to} is told at {utc_text(plan.due_at)}"
        )
    console.print(Panel(Text("\n".join(lines)), title="The case", expand=False))


def _reason(reason: Any) -> str:  # noqa: ANN401 - a JSON object
    words = f": {reason['text']}" if reason.get("text") else ""
    return f"{reason['rule']}{words}"


def _because(catalogues: Catalogues, reason: Mapping[str, Any]) -> str:
    """The sentence of a routing rule, with its values."""
    return catalogues.fill(f"because.{reason['rule']}", Language.EN, reason)
