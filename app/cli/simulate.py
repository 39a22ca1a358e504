"""Simulating what migrants do, at a terminal and without a carrier."""

import time
from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
import typer
from rich.console import Console
from rich.panel import Panel
from rich.prompt import Prompt
from rich.text import Text

from app.bootstrap import Application
from app.channels.console.carrier import CARRIER, arrival
from app.cli.calling import HANG_UP, SILENCE, Walk
from app.cli.demo import prepare
from app.cli.opening import MISUSED, opened, read_settings, stop
from app.cli.showing import case_as_json, show_case
from app.i18n.catalogue import Catalogues
from app.usecases.answers import Answer, answer_of, told_of
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


def _asked(console: Console, question: str) -> str:
    try:
        return Prompt.ask(question, console=console, default=SILENCE)
    except EOFError:
        return HANG_UP


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
        "case": case_as_json(answer),
        "replies": [{"to": reply.to, "body": reply.body, "parts": reply.parts} for reply in answer.replies],
    }


def _show(console: Console, answer: Answer, catalogues: Catalogues) -> None:
    for reply in answer.replies:
        title = f"The phone {reply.to} receives ({reply.parts} SMS)"
        console.print(Panel(Text(reply.body), title=title, expand=False))
    if not answer.replies:
        console.print("The phone receives nothing.")
    if answer.case is None:
        console.print(
            "No case: a wish for silence, or no person's phone. The text is kept in the intake list."
        )
    show_case(console, answer, catalogues)


@app.command()
def call(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="what the caller does at each question; asked for at a terminal if left out"),
    ] = None,
    *,
    sender: Annotated[str, typer.Option("--from", help="the number that it comes from; empty: hidden")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Call the hotline: hear what a caller hears, press keys, and see what comes of it.

    At each question: digits, `-` to press nothing, `m` to leave a message, `x` to hang up.
    """
    console = Console(quiet=as_json)
    with opened(read_settings()) as application:
        prepare(application)
        catalogues = application.office.rulebook.catalogues
        walk = Walk.begin(application, sender)
        typed = iter(keys) if keys is not None else None
        while True:
            for key in walk.prompts():
                walk.heard.append(key)
                words = catalogues.text(key, walk.call.state.language)
                console.print(Panel(Text(words), title=key, expand=False))
            if walk.asks is None:
                break
            done = next(typed, HANG_UP) if typed else _asked(console, walk.asks)
            if typed:
                console.print(f"{walk.asks}\n> {done}")
            if done == HANG_UP:
                break
            walk.answer(done)
        walk.end()
        with application.office.look() as uow:
            told = told_of(uow, walk.call.case_id)
        if as_json:
            typer.echo(orjson.dumps({**walk.as_json(), "case": case_as_json(told)}))
            return
        if told.case is None:
            console.print("No case: the call is kept in the intake list.")
        show_case(console, told, catalogues)
