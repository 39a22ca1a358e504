"""Each requirement of doing no harm, H1 to H25, is shown by a test that bears its number."""

import ast
import re
from collections import Counter

from tests.house.tree import modules, parsed

ALL = range(1, 26)
# Small cells, free text and blacklists are promises of statistics and exports, and shown with them.
OF_STATISTICS = {21, 22, 23}
_NUMBERED = re.compile(r"test_h(\d+)_")


def _shown() -> Counter[int]:
    return Counter(
        int(found[1])
        for path in modules("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and (found := _NUMBERED.match(node.name))
    )


def test_every_requirement_of_doing_no_harm_is_shown_by_a_test_of_its_number() -> None:
    shown = _shown()
    assert [number for number in ALL if not shown[number] and number not in OF_STATISTICS] == []


def test_no_test_bears_the_number_of_a_requirement_that_is_not_there() -> None:
    assert set(_shown()) <= set(ALL)
