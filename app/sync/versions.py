"""Documents as other versions of the app know them: rows of older apps are read, older apps are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.store.feed import Kind
from app.sync.rules import SCHEMA


@dataclass(frozen=True, slots=True)
class Step:
    """What one version brought: fields that are new, and fields that have another name than before."""

    added: Mapping[str, frozenset[str]] = field(default_factory=dict)
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


# By the version that brought them. Version 1 knew neither claims nor warnings nor settled conflicts.
STEPS: Final[Mapping[int, Step]] = {
    2: Step(
        added={
            Kind.CASE: frozenset({"conflict"}),
            Kind.MEMBER: frozenset({"wages_claimed", "minor", "in_danger", "do_not_contact"}),
        }
    )
}


def read_as_ours(
    kind: str, fields: Mapping[str, Any], schema: int, steps: Mapping[int, Step] = STEPS
) -> dict[str, Any]:
    """The fields that a device of this version sent, under the names that they have now."""
    known = dict(fields)
    for version in range(schema + 1, SCHEMA + 1):
        names = steps[version].renamed.get(kind, {}) if version in steps else {}
        known = {names.get(name, name): value for name, value in known.items()}
    return known


def shown_as_theirs(
    kind: str, doc: Mapping[str, Any], schema: int, steps: Mapping[int, Step] = STEPS
) -> dict[str, Any]:
    """The document as a device of this version knows it: without what came later, under older names."""
    known = dict(doc)
    for version in range(SCHEMA, schema, -1):
        if version not in steps:
            continue
        step = steps[version]
        older = {new: old for old, new in step.renamed.get(kind, {}).items()}
        gone = step.added.get(kind, frozenset())
        known = {older.get(name, name): value for name, value in known.items() if name not in gone}
    return known


def grown_since(schema: int, steps: Mapping[int, Step] = STEPS) -> frozenset[str]:
    """The kinds that have more to show to a device than when it was of this version."""
    return frozenset(
        kind for version, step in steps.items() if version > schema for kind in {*step.added, *step.renamed}
    )
