"""The `spean` command: every entrance that is not HTTP."""

import resource
import signal
import socket
import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from app.bootstrap import Application
from app.cli import backups, simulate, supervision, upkeep
from app.cli.corrections import corrections
from app.cli.demo import demo, prepare, show_welcome
from app.cli.doctor import data_faults, doctor, set_up_faults
from app.cli.erasures import erasures_app, retain
from app.cli.exporting import export
from app.cli.keys import keys_app
from app.cli.logs import log_plainly, places
from app.cli.opening import REFUSED, opened, read_settings, say_wrong, settings_faults, stop
from app.cli.prompts import prompts_app
from app.cli.protection import disclosures
from app.cli.server import server_for
from app.cli.triage import triage_app
from app.cli.words import words_app
from app.main import create_app
from app.settings import Settings

app = typer.Typer(
    help="Spean: a hotline and case management for migrant workers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(disclosures)
app.command()(doctor)
app.add_typer(simulate.app, name="simulate")
app.add_typer(supervision.worker_app, name="worker")
app.add_typer(supervision.audit_app, name="audit")
app.command()(export)
app.add_typer(keys_app, name="keys")
app.command()(upkeep.migrate)
app.add_typer(prompts_app, name="prompts")
app.command()(retain)
app.add_typer(erasures_app, name="erasures")
app.command()(backups.backup)
app.command()(backups.restore)
triage_app.command()(corrections)
app.add_typer(triage_app, name="triage")
app.add_typer(words_app, name="words")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on", min=1, max=65_535)] = None,
) -> None:
    """Serve every door; on SQLite the worker runs inside. Migrates first, and loads the demo when empty."""
    settings = read_settings()
    _refuse(set_up_faults(settings))
    with opened(settings) as application:
        people = prepare(application)
        _refuse(data_faults(settings))
        host, port = host or settings.host, port or settings.port
        with _listening(host, port) as door:
            shown = f"[{host}]" if ":" in host else host
            show_welcome(Console(), people, address=f"http://{shown}:{port}")
            _serve(application, door)


@app.command()
def work() -> None:
    """Run the worker alone: reception, timers, outbox. Any number may run beside each other on PostgreSQL."""
    settings = read_settings()
    _refuse(set_up_faults(settings))
    with opened(settings) as application:
        prepare(application)
        _refuse(data_faults(settings))
        worker = application.worker()
        # A container is stopped by this signal: finish the steps at hand, and leave nothing leased.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        worker.start()
        try:
            worker.wait()
        except KeyboardInterrupt:
            worker.stop()


def _refuse(faults: list[str]) -> None:
    if faults:
        stop("it does not start:\n" + "\n".join(f"- {fault}" for fault in faults))


def _listening(host: str, port: int) -> socket.socket:
    """A socket on this address, taken before anybody is told that it is served."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        stop(f"it cannot listen on {host}, port {port}: {problem.strerror}. Another one: --port")


def _serve(application: Application, door: socket.socket) -> None:
    server = server_for(create_app(application))
    server.run(sockets=[door])
    if not server.started:
        stop("the server did not start: see above")


def main() -> None:
    """Run the command. Whatever goes wrong ends in words, without a traceback."""
    log_plainly()
    _leave_no_core()
    try:
        app()
    except ValidationError as problem:
        ours = problem.title == Settings.__name__
        say_wrong("\n".join(settings_faults(problem)) if ours else _unexpected(problem))
        sys.exit(REFUSED)
    except Exception as problem:  # noqa: BLE001 - the last place that can turn a fault into words
        say_wrong(_unexpected(problem))
        sys.exit(REFUSED)


def _leave_no_core() -> None:
    """A process that dies writes its memory nowhere: names and keys lie open in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _unexpected(problem: Exception) -> str:
    """The kind and the place of a fault of ours; its own words may quote anything."""
    return f"it failed, and that is a fault of the program: {type(problem).__name__} ({places(problem)})"


if __name__ == "__main__":
    main()
