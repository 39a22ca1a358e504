"""Modules and functions stay small enough to be read at once, and each module says what it owns."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, modules, parsed, shown

LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 60
CODE = ("app", "tests", "benchmarks")
EDGES = ("api", "channels", "pages", "workers")


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _imports(path: Path) -> set[str]:
    """Full names of what a module imports: `from app.cases import store` gives `app.cases.store`."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def test_every_module_of_the_app_opens_with_one_sentence_on_what_it_owns() -> None:
    silent = [
        shown(path)
        for path in modules("app")
        if not ((ast.get_docstring(parsed(path)) or "").partition("\n\n")[0].endswith((".", "?", "!")))
    ]
    assert modules("app")
    assert silent == []


def test_every_folder_of_the_app_with_code_is_a_package_that_import_linter_sees() -> None:
    # A folder without __init__.py is left out of the import graph, and with it its violations.
    folders = {path.parent for path in modules("app")}
    assert [shown(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_module_is_longer_than_its_limit() -> None:
    lengths = {shown(path): len(path.read_text("utf-8").splitlines()) for path in modules(*CODE)}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_MODULE} == {}


def test_no_function_is_longer_than_its_limit() -> None:
    lengths = {
        f"{shown(path)}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in modules(*CODE)
        for function in _functions(path)
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FUNCTION} == {}


def test_relative_imports_are_not_used() -> None:
    # Floors are read off absolute names.
    relative = [
        f"{shown(path)}:{node.lineno}"
        for path in modules(*CODE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_opening_module_of_an_edge_imports_no_store_and_no_table() -> None:
    # import-linter's contract reaches an edge that may be absent only by wildcard, which passes over
    # the edge's own __init__.
    openings = [path for edge in EDGES if (path := ROOT / "app" / edge / "__init__.py").exists()]
    inward = {name for path in openings for name in _imports(path) if name.endswith((".store", ".tables"))}
    assert openings
    assert inward == set()
