"""A configuration folder that tests change, and what is wrong with it then."""

import shutil
from pathlib import Path

import pytest

from app.configuration import ConfigurationError, load_configuration

SHIPPED = Path(__file__).parents[1] / "config"


def a_folder(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to change."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "config"))


def write(folder: Path, name: str, text: str) -> None:
    """Put this text in a file of the folder."""
    (folder / name).write_text(text, encoding="utf-8")


def change(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the one place where `old` stands; the number of its line."""
    text = (folder / name).read_text(encoding="utf-8")
    assert text.count(old) == 1
    write(folder, name, text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def problems(folder: Path) -> list[str]:
    """What is said to be wrong, without the folder's own path."""
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(folder)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]
