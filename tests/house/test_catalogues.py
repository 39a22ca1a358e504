"""Khmer and English hold the same texts with the same places to fill, and the code asks for no other."""

import ast
import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po

from tests.house.tree import ROOT, modules, parsed, shown

LANGUAGES = ("km", "en")
PLACEHOLDER = re.compile(r"%\(\w+\)\w|\{[^{}]*\}")
KEY = re.compile(r"[a-z_]+(\.[a-z0-9_]+)+")
# Texts of these families are named nowhere but in the catalogues, so that every mention is a key.
FAMILIES = ("refusal.", "sms.", "staff.")


def _texts(language: str) -> dict[str, str]:
    with (ROOT / "locales" / language / "LC_MESSAGES" / "spean.po").open("rb") as file:
        catalogue = read_po(file, abort_invalid=True)
    texts: dict[str, str] = {}
    for message in catalogue:
        if message.id:
            assert isinstance(message.id, str), f"{message.id}: plural forms are not used"
            assert isinstance(message.string, str)
            assert not message.fuzzy, f"{message.id}: a translator must confirm it"
            texts[message.id] = message.string
    return texts


def _first_argument(call: ast.Call) -> str | None:
    """The key that a call of `.text(…)` asks for, as a pattern where a part is only known at run time."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr == "text" and call.args):
        return None
    argument = call.args[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return re.escape(argument.value) if KEY.fullmatch(argument.value) else None
    if isinstance(argument, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in argument.values
        )
    return None


def _is_named(value: object) -> bool:
    return isinstance(value, str) and value.startswith(FAMILIES) and KEY.fullmatch(value) is not None


def _asked_for() -> Iterator[tuple[str, str]]:
    """Every key, as a pattern, that the code names, with the place where it does."""
    for path in modules("app"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and _is_named(node.value):
                yield re.escape(str(node.value)), f"{shown(path)}:{node.lineno}"
            elif isinstance(node, ast.Call) and (pattern := _first_argument(node)):
                yield pattern, f"{shown(path)}:{node.lineno}"


def _refusal_codes() -> Iterator[tuple[str, str]]:
    """The code of every refusal: a class with a text `code` and, of its own or inherited, a `status`."""
    refusals = {"Refusal"}
    classes = [
        (path, node)
        for path in modules("app")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
    ]
    grown = True
    while grown:
        heirs = {
            node.name
            for _, node in classes
            if refusals & {base.id for base in node.bases if isinstance(base, ast.Name)}
        }
        grown = not heirs <= refusals
        refusals |= heirs
    for path, node in classes:
        if node.name in refusals:
            for line in node.body:
                yield from ((code, f"{shown(path)}:{node.lineno}") for code in _code_set_by(line))


def _code_set_by(line: ast.stmt) -> list[str]:
    target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
    value = getattr(line, "value", None)
    named_code = isinstance(target, ast.Name) and target.id == "code"
    return [str(value.value)] if named_code and isinstance(value, ast.Constant) else []


def test_both_languages_have_the_same_texts() -> None:
    km, en = (_texts(language) for language in LANGUAGES)
    assert km
    assert sorted(km.keys() ^ en.keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: str) -> None:
    assert [key for key, text in _texts(language).items() if not text.strip()] == []


def test_a_text_has_the_same_places_to_fill_in_both_languages() -> None:
    km, en = (_texts(language) for language in LANGUAGES)
    differing = [
        key
        for key in km.keys() & en.keys()
        if set(PLACEHOLDER.findall(km[key])) != set(PLACEHOLDER.findall(en[key]))
    ]
    assert sorted(differing) == []


def test_every_text_that_the_code_asks_for_exists() -> None:
    texts = _texts("en")
    missing = [
        f"{place}: {pattern}"
        for pattern, place in _asked_for()
        if not any(re.fullmatch(pattern, key) for key in texts)
    ]
    assert missing == []


def test_every_refusal_has_a_title_and_a_detail() -> None:
    texts = _texts("en")
    missing = [
        f"{place}: refusal.{code}.{part}"
        for code, place in _refusal_codes()
        for part in ("title", "detail")
        if f"refusal.{code}.{part}" not in texts
    ]
    assert list(_refusal_codes())
    assert missing == []
