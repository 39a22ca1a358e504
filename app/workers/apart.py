"""Makes an export's file in a process of its own, where its work takes no turn from the doors."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Final

from app.crypto.vault import SealBroken
from app.exports.jobs import Failure, Making, Why
from app.exports.making import Made, make
from app.exports.packing import packed
from app.kernel.refusal import Refusal
from app.usecases.unit_of_work import Office
from app.workers.places import place_of

# An export may wait for a core; a carrier that waits for its answer may not.
_LESS_URGENT: Final = 10
_LOOK_EVERY_SECONDS: Final = 0.2
_DIED: Final = 1


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, and the empty folder to make it in; the archive opens with the password."""

    making: Making
    room: Path
    password: str | None


@dataclass(frozen=True, slots=True)
class Product:
    """What was made, and the one file of it that is handed over."""

    made: Made
    file: Path


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why nothing was made: `why` tells whoever asked, None is worth another try. Holds no value."""

    why: Why | None
    error: str
    at: str


class NotMade(Exception):
    """The other process made nothing."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.error)
        self.trouble = trouble


def trouble_of(problem: Exception) -> Trouble:
    """What an error on the way means for the export."""
    if isinstance(problem, NotMade):
        return problem.trouble
    why = None
    if isinstance(problem, Refusal):
        # Its words are for whoever asked; they name no person.
        why = Why(problem.words or problem.code, problem.details)
    elif isinstance(problem, SealBroken):
        why = Why(Failure.UNREADABLE)
    return Trouble(why, type(problem).__name__, place_of(problem))


def make_here(
    office: Office, order: Order, *, progress: Callable[[int], None], lives: Callable[[], None]
) -> Product:
    """The files, made and packed in this process. Raises: what `make` raises."""
    made = make(office, order.making, order.room, progress)
    file = packed(made, password=order.password, at=order.making.generated_at, lives=lives)
    return Product(made, file)


@dataclass(frozen=True, slots=True)
class Apart:
    """Another process of ours. `module` is what it runs; `settings` is handed to it, not over its command.

    It ends with us, however we end: it notices when the line between the two is cut.
    """

    module: str
    settings: Any

    def make(self, order: Order, still_wanted: Callable[[int], None]) -> Product:
        """The files, made and packed there. `still_wanted` is told the rows so far, and may raise.

        Raises: NotMade, and whatever `still_wanted` raises; the other process is gone by then.
        """
        ours, theirs = Pipe()
        with ours, theirs:
            child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", self.module, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
            try:
                theirs.close()
                return self._made(ours, order, still_wanted)
            except (EOFError, OSError) as cut:
                raise NotMade(Trouble(None, type(cut).__name__, place_of(cut))) from cut
            finally:
                child.kill()
                child.wait()

    def _made(self, line: Connection, order: Order, still_wanted: Callable[[int], None]) -> Product:
        line.send((self.settings, order))
        rows = 0
        while True:
            if line.poll(_LOOK_EVERY_SECONDS):
                match line.recv():
                    case Product() as product:
                        return product
                    case Trouble() as trouble:
                        raise NotMade(trouble)
                    case told:
                        rows = told
            still_wanted(rows)


def serve_one(line: Connection, office_for: Callable[[Any], Office]) -> None:
    """In the other process: make what is ordered over the line, and say there what came of it."""
    os.nice(_LESS_URGENT)
    settings, order = line.recv()
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    answer: Product | Trouble
    try:
        answer = make_here(office_for(settings), order, progress=line.send, lives=lambda: None)
    except Exception as problem:  # noqa: BLE001 - whatever it is, whoever waits is told its kind
        answer = trouble_of(problem)
    line.send(answer)


def _end_with(line: Connection) -> None:
    """Nothing more comes over the line; when it is cut, nobody waits for the file any more."""
    try:
        line.recv()
    except (EOFError, OSError):
        os._exit(_DIED)
