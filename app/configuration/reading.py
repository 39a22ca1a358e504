"""Reading one YAML file strictly, and saying in a sentence what is wrong with which line of it."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]
Plain = str | None | list["Plain"] | dict[str, "Plain"]
Shape = TypeVar("Shape", bound=BaseModel)

_DEEPEST: Final = 12
_NOTHING: Final = frozenset({"", "~", "null"})


@dataclass(slots=True)
class Reading(Generic[Shape]):
    """One file: what it says, or, with `content` None, only what is wrong with it.

    `lines` has the line on which each field stands, by its place in the file.
    """

    path: Path
    content: Shape | None = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def problem(self, place: Place, text: str) -> None:
        """Note a mistake in the field at this place."""
        near = next(place[:end] for end in range(len(place), -1, -1) if not end or place[:end] in self.lines)
        line = self.lines.get(near)
        where = f"{self.path}, line {line}" if line else str(self.path)
        name = _dotted(place)
        self.problems.append(f"{where}, {name}: {text}." if name else f"{where}: {text}.")


def read_file(path: Path, shape: type[Shape], *, section: str, required: bool = True) -> Reading[Shape]:
    """What the file says in this shape. An absent file that is not required says nothing.

    A file that is a bare list counts as the section of that name. Nothing is raised: every
    mistake becomes a problem of the answer.
    """
    reading: Reading[Shape] = Reading(path)
    plain = _plain_content(reading, section=section, required=required)
    if plain is None:
        return reading
    try:
        content = shape.model_validate(plain)
    except ValidationError as wrong:
        for error in wrong.errors(include_url=False):
            place = tuple(part for part in error["loc"] if part != "[key]")
            reading.problem(place, _sentence(error))
        return reading
    # A key that stands twice is a mistake that the shape alone cannot see.
    reading.content = None if reading.problems else content
    return reading


def _plain_content(reading: Reading[Shape], *, section: str, required: bool) -> Plain:
    if not required and not reading.path.exists():
        return {}
    try:
        # BaseLoader leaves every scalar as text: NO stays Norway and +66… keeps its plus sign.
        root = yaml.compose(reading.path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except OSError as wrong:
        reading.problem((), f"cannot be read ({wrong.strerror or 'unknown reason'})")
    except UnicodeDecodeError:
        reading.problem((), "is not written in UTF-8")
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        if mark is not None:
            reading.lines[()] = mark.line + 1
        reading.problem((), f"is not YAML here: {getattr(wrong, 'problem', None) or 'unreadable character'}")
    else:
        place = (section,) if isinstance(root, yaml.SequenceNode) else ()
        plain = {} if root is None else _plain(root, place, reading)
        return {section: plain} if place else plain
    return None


def _plain(node: yaml.Node, place: Place, reading: Reading[Shape]) -> Plain:
    """The node as lists, groups and text; its lines and the keys that stand twice are noted."""
    reading.lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > _DEEPEST:
        reading.problem(place, "is nested too deeply")
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), reading) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return dict(_entries(node, place, reading))
    written = str(node.value)
    unquoted = isinstance(node, yaml.ScalarNode) and node.style is None
    return None if unquoted and written in _NOTHING else written


def _entries(node: yaml.MappingNode, place: Place, reading: Reading[Shape]) -> Iterator[tuple[str, Plain]]:
    seen: set[Hashable] = set()
    for key, value in node.value:
        name = str(key.value)
        inside = (*place, name)
        if name in seen:
            reading.lines[inside] = key.start_mark.line + 1
            reading.problem(inside, "stands here for the second time")
        seen.add(name)
        reading.lines[inside] = key.start_mark.line + 1
        yield name, _plain(value, inside, reading)


def _sentence(error: ErrorDetails) -> str:
    """What pydantic found, for a reader who knows YAML and not Python."""
    context: Mapping[str, object] = error.get("ctx", {})
    given = error["input"] if isinstance(error["input"], str) else None
    written = f"“{given}”" if given is not None else "this"
    sentences = {
        "missing": "is missing",
        "extra_forbidden": "is not a field that is known here",
        "value_error": str(context.get("error")),
        "literal_error": f"{written} must be {context.get('expected')}",
        "enum": f"{written} must be {context.get('expected')}",
        "int_parsing": f"{written} is not a whole number",
        "int_type": "must be a whole number",
        "bool_parsing": f"{written} must be true or false",
        "bool_type": "must be true or false",
        "string_type": "must be text",
        "string_too_short": "must not be empty",
        "string_too_long": f"must have at most {context.get('max_length')} characters",
        "string_pattern_mismatch": f"{written} must be small letters, digits and single - or _",
        "list_type": "must be a list",
        "dict_type": "must be a group of fields",
        "model_type": "must be a group of fields",
        "greater_than_equal": f"must be {context.get('ge')} or more",
        "less_than_equal": f"must be {context.get('le')} or less",
        "too_short": "must have at least one entry",
        "date_from_datetime_parsing": f"{written} is not a day; one is written like 2027-04-14",
        "date_type": "must be a day, written like 2027-04-14",
    }
    return sentences.get(error["type"], error["msg"])


def _dotted(place: Place) -> str:
    name = ""
    for part in place:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return name.removeprefix(".")
