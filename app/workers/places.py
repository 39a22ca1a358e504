"""Where in the program something went wrong: names of modules and lines, never a value."""

import traceback
from pathlib import Path
from typing import Final

_PROGRAM: Final = Path(__file__).resolve().parents[2]


def place_of(problem: BaseException) -> str:
    """The innermost line of our own code that the problem passed, such as `app/x/y.py:12`."""
    for frame in reversed(traceback.extract_tb(problem.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(_PROGRAM / "app"):
            return f"{file.relative_to(_PROGRAM)}:{frame.lineno}"
    return "elsewhere"
