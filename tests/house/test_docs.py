"""Documents: what code and documents point at is there."""

import re

import pytest

from tests.house.tree import ROOT

POINTER = re.compile(r"docs/([a-z_]+\.md)(?:#([a-z0-9-]+))?")
LINK = re.compile(r"\]\((?!http)([^)#]+)\)")


def anchors(name: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / name).read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pointers() -> list[tuple[str, str, str]]:
    found = []
    for folder in ("app", "config", "tests", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".yaml"} and path.name != "test_docs.py":
                text = path.read_text("utf-8")
                found += [(str(path.relative_to(ROOT)), *match) for match in POINTER.findall(text)]
    return found


def test_code_points_at_documents() -> None:
    assert len(pointers()) > 10


@pytest.mark.parametrize(("where", "name", "anchor"), pointers())
def test_what_code_points_at_is_there(where: str, name: str, anchor: str) -> None:
    assert (ROOT / "docs" / name).is_file(), where
    assert not anchor or anchor in anchors(name), f"{where}: docs/{name} has no #{anchor}"


@pytest.mark.parametrize(
    "document", sorted(path for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
)
def test_links_between_documents_lead_somewhere(document: object) -> None:
    path = ROOT / str(document)
    for target in LINK.findall(path.read_text("utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"
