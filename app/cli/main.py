"""The `spean` command: every entrance that is not HTTP."""

import logging
import sys
from typing import Annotated

import structlog
import typer
import uvicorn
from rich.console import Console

from app.cli import simulate, supervision, upkeep
from app.cli.demo import demo, prepare, show_welcome
from app.cli.doctor import doctor, production_faults
from app.cli.opening import opened, stop
#from app.cli.triage import triage_app
from app.cli.words import words_app
from app.main import create_app
from app.settings import Settings

app = typer.Typer(help="Spean: a hotline and case management for migrant workers.", no_args_is_help=True)
app.command()(demo)
app.command()(doctor)
app.add_typer(simulate.app, name="simulate")
app.add_typer(supervision.worker_app, name="worker")
app.add_typer(supervision.audit_app, name="audit")
app.command(name="export")(supervision.export)
app.add_typer(upkeep.keys_app, name="keys")
app.command()(upkeep.migrate)
#app.add_typer(triage_app, name="triage")
app.add_typer(words_app, name="words")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on")] = None,
) -> None:
    """Serve every door; on SQLite the worker runs inside. Migrates first, and loads the demo when empty."""
    settings = Settings()
    with opened(settings) as application:
        faults = production_faults(application)
        if faults:
            stop("it does not start:\n" + "\n".join(f"- {fault}" for fault in faults))
        people = prepare(application)
        _log_plainly()
        host, port = host or settings.host, port or settings.port
        show_welcome(Console(), application, people, address=f"http://{host}:{port}")
        uvicorn.run(
            create_app(application), host=host, port=port, log_config=None, access_log=False,
            server_header=False, proxy_headers=False,
        )  # fmt: skip


@app.command()
def work() -> None:
    """Run the worker alone: reception, timers, outbox. Any number may run beside each other on PostgreSQL."""
    with opened(Settings()) as application:
        faults = production_faults(application)
        if faults:
            stop("it does not start:\n" + "\n".join(f"- {fault}" for fault in faults))
        prepare(application)
        _log_plainly()
        worker = application.worker()
        worker.start()
        try:
            worker.wait()
        except KeyboardInterrupt:
            worker.stop()


def _log_plainly() -> None:
    """One JSON line for each event, on standard error. Nothing that somebody wrote is ever logged."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
