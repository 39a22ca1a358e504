"""Each requirement of doing no harm, H1 to H25, is shown by a test that bears its number."""

import ast
import re
from collections import Counter

from tests.house.tree import ROOT, modules, parsed

ALL = range(1, 26)
_NUMBERED = re.compile(r"test_h(\d+)_")
_ROW = re.compile(r"^\| H(\d+) \|.*\| `(test_\w+)` \|$", re.MULTILINE)
_PLACE = re.compile(r"`((?:app|config)/[\w/.]+)`")


def _tests() -> set[str]:
    return {
        node.name
        for path in modules("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _shown() -> Counter[int]:
    return Counter(int(found[1]) for name in _tests() if (found := _NUMBERED.match(name)))


def _section() -> str:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    return text.partition("## Threats and tests\n")[2].partition("\n## ")[0]


def test_every_requirement_of_doing_no_harm_is_shown_by_a_test_of_its_number() -> None:
    shown = _shown()
    assert [number for number in ALL if not shown[number]] == []


def test_no_test_bears_the_number_of_a_requirement_that_is_not_there() -> None:
    assert set(_shown()) <= set(ALL)


def test_each_requirement_has_one_row_in_the_document_whose_test_and_places_are_there() -> None:
    rows = _ROW.findall(_section())
    assert [int(number) for number, _ in rows] == list(ALL)
    assert {name for _, name in rows} <= _tests()
    assert [(number, name) for number, name in rows if not name.startswith(f"test_h{number}_")] == []
    places = _PLACE.findall(_section())
    assert len(places) >= len(rows)
    assert [place for place in places if not (ROOT / place).exists()] == []
