"""The files of the repository, for the tests that hold the house in order."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

# Folders that tools or a running service make; .gitignore leaves them out as well.
_NOT_OURS: Final = frozenset({".git", ".venv", "var", "build", "dist", "node_modules", "__pycache__"})


def files() -> Iterator[Path]:
    """Every file that belongs to the repository."""
    for folder, inside, names in os.walk(ROOT):
        inside[:] = sorted(
            name
            for name in inside
            if name not in _NOT_OURS and not name.endswith((".egg-info", "_cache")) and name != ".hypothesis"
        )
        for name in sorted(names):
            if not name.endswith(".pyc") and name != ".env":
                yield Path(folder, name)


def modules(*folders: str) -> list[Path]:
    """Every Python module below the folders; a folder that is not there yet has none."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
    """The path as a reader names it, from the root of the repository."""
    return path.relative_to(ROOT).as_posix()
