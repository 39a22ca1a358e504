"""What the program writes on standard error: a line an event, with nothing that somebody wrote."""

import logging
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, TextIO

import structlog

# What these libraries tell below a warning holds addresses and headers of requests.
_TALKATIVE: Final = ("twilio", "urllib3", "httpx", "httpcore", "asyncio")
_PLACES: Final = 8


class PlainLines(logging.Formatter):
    """Log records of libraries: errors by kind and place only, because their words may quote anything."""

    def formatException(  # noqa: N802 - the parent's name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """The kinds of the error and of what led to it, and the lines of code that it passed."""
        return " < ".join(_described(ei[1])) if ei[1] else ""


def log_plainly(to: TextIO | None = None) -> None:
    """Write logs so for the rest of this process: to standard error, unless to another place."""
    stream = to or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainLines("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    threading.excepthook = _thread_ended


def places(problem: BaseException) -> str:
    """The lines of code that an error passed, without any value."""
    found = []
    trace = problem.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        found.append(f"{file.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(found[-_PLACES:])


def _described(problem: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    at: BaseException | None = problem
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield f"{type(at).__name__} ({places(at)})"
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "?"
        logging.getLogger("thread").error("%s ended: %s", name, " < ".join(_described(args.exc_value)))
