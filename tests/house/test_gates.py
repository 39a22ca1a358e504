"""Nothing is said to a phone and no phone rings but through a gate: read off the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, modules, parsed, shown

WORDS = "app/usecases/words.py"
OUTBOX = "app/outbox/"
LEAVE, CALL_GATE = "CallLeave", "app/outbox/rules/safety.py"
# How a call is started at a carrier: Twilio's library, or its address, which also lists calls.
RINGS = re.compile(r"\bCalls\.json")
# Functions that use that address to look only, as "path:name".
LOOKS_ONLY: frozenset[str] = frozenset()
WRITES_TEXTS = re.compile(r"\b(insert\s+into|replace\s+into|update)\s+outbox\b", re.IGNORECASE)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the last two steps of what is called: `uow.outbox.add(…)` gives `outbox.add`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            yield node, f"{name}.{node.func.attr}"


def _texts(tree: ast.AST) -> Iterator[str]:
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return (value for value in constants if isinstance(value, str))


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


def _knows_the_table(tree: ast.AST) -> bool:
    return any(name.startswith("app.outbox.tables") for name in _imported(tree))


def _puts_texts(tree: ast.AST) -> bool:
    return any(name == "outbox.add" for _, name in _calls(tree)) or any(
        WRITES_TEXTS.search(text) for text in _texts(tree)
    )


def _starts_calls(tree: ast.AST) -> bool:
    return any(name == "calls.create" for _, name in _calls(tree)) or any(
        RINGS.search(text) for text in _texts(tree)
    )


def _where(found: list[Path]) -> list[str]:
    return [shown(path) for path in found]


def test_only_the_outbox_knows_its_table() -> None:
    known = [path for path in modules("app") if _knows_the_table(parsed(path))]
    assert known
    assert [name for name in _where(known) if not name.startswith(OUTBOX)] == []


def test_only_the_gate_puts_texts_into_the_outbox() -> None:
    assert _where([path for path in modules("app") if _puts_texts(parsed(path))]) == [WORDS]


def test_the_gate_asks_before_it_puts_a_text_there() -> None:
    functions = {
        node.name: node for node in ast.walk(parsed(ROOT / WORDS)) if isinstance(node, ast.FunctionDef)
    }
    named = {
        name: {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        for name, function in functions.items()
    }
    putting = [name for name, function in functions.items() if _puts_texts(function)]
    assert putting == ["_keep"]
    assert [name for name, names in named.items() if "_keep" in names] == ["say"]
    assert "held_because" in named["say"]


def test_what_leases_texts_asks_again() -> None:
    tree = parsed(ROOT / "app/usecases/sending.py")
    leasing = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(name in {"outbox.claim_due", "outbox.offer"} for _, name in _calls(node))
    ]
    assert [node.name for node in leasing] == ["lease", "offer"]
    for node in leasing:
        assert "_allowed" in {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    others = [
        path
        for path in modules("app")
        if any(name in {"outbox.claim_due", "outbox.offer"} for _, name in _calls(parsed(path)))
    ]
    assert _where(others) == ["app/usecases/sending.py"]


def _takes_leave(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return any(isinstance(one.annotation, ast.Name) and one.annotation.id == LEAVE for one in given)


def _ring_without_leave(tree: ast.AST) -> list[str]:
    """Functions that start a call and were given no leave; a name of its own where none holds it."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    ringing = [function for function in functions if _starts_calls(function)]
    if _starts_calls(tree) and not ringing:
        return ["outside of any function"]
    return [function.name for function in ringing if not _takes_leave(function)]


def test_no_carrier_rings_a_phone_without_leave() -> None:
    ringing = {
        f"{shown(path)}:{name}" for path in modules("app") for name in _ring_without_leave(parsed(path))
    }
    assert ringing <= LOOKS_ONLY


def test_only_the_call_gate_gives_leave_to_ring() -> None:
    makes = [
        path
        for path in modules("app")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == LEAVE
    ]
    assert _where(makes) == [CALL_GATE]


@pytest.mark.parametrize(
    "source",
    [
        "client.calls.create(to=phone)",
        'post(f"{base}/Calls.json")',
        "def ring(to: Phone): self.calls.create(to)",
    ],
)
def test_a_way_to_ring_a_phone_is_seen(source: str) -> None:
    assert _ring_without_leave(ast.parse(source))


def test_who_was_given_leave_may_ring() -> None:
    source = "def ring(self, leave: CallLeave) -> None: self.client.calls.create(to=leave.phone)"
    assert _ring_without_leave(ast.parse(source)) == []


@pytest.mark.parametrize("source", ["uow.outbox.add(text, now)", 'text("INSERT INTO outbox VALUES (1)")'])
def test_a_way_past_the_gate_is_seen(source: str) -> None:
    assert _puts_texts(ast.parse(source))
