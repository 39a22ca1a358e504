"""Measuring triage against labelled texts: what `spean triage evaluate` counts."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.intake.rules.triage import INFORMATION, NOT_RELEVANT, Decision
from app.kernel.urgency import Urgency

EMERGENCY = "emergency"
# A category that the people who labelled a file did not use cannot be judged by that file.
_NEVER_LABELLED = "deployment_delay"


class NotLabelled(ValueError):
    """A line of the file is not a labelled text; the message names file, line and field, never the text."""


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text."""

    id: str
    text: str
    labels: frozenset[str]
    urgency: str
    script: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled text with the decision on it."""

    row: Row
    decision: Decision


def read_labelled(path: Path) -> list[Row]:
    """The rows of a JSON lines file.

    Raises: NotLabelled.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise NotLabelled(f"{path}: cannot be read") from problem
    rows = [_row(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise NotLabelled(f"{path}: holds no labelled text")
    return rows


def _row(line: str, place: str) -> Row:
    try:
        fields = json.loads(line)
    except ValueError as problem:
        raise NotLabelled(f"{place}: is not JSON") from problem
    if not isinstance(fields, dict):
        raise NotLabelled(f"{place}: is not an object")
    for field, kind in {"id": str, "text": str, "labels": list, "urgency": str, "script": str}.items():
        if not isinstance(fields.get(field), kind):
            raise NotLabelled(f"{place}, {field}: is missing or of the wrong kind")
    return Row(
        id=fields["id"],
        text=fields["text"],
        labels=frozenset(map(str, fields["labels"])),
        urgency=fields["urgency"],
        script=fields["script"],
    )


def measure(labelled: Sequence[Labelled]) -> dict[str, Any]:
    """Precision, recall and F1 over all, per category and script; emergencies; false alarms.

    `not_relevant` is no category of a decision: such a text counts only where one is wrongly found.
    """
    used = frozenset(label for item in labelled for label in item.row.labels)
    categories = _categories(labelled, used)
    per_category = {name: _score(labelled, frozenset({name})) for name in sorted(categories)}
    scores = list(per_category.values())
    return {
        "micro": _score(labelled, categories),
        "macro": {
            part: _rounded(sum(score[part] for score in scores) / len(scores)) if scores else 0.0
            for part in ("precision", "recall", "f1")
        },
        "per_category": per_category,
        "emergency": _emergencies(labelled),
        "false_alarms": _false_alarms(labelled),
        "by_script": {
            script: {
                **_score(part := [item for item in labelled if item.row.script == script], categories),
                "texts": len(part),
            }
            for script in sorted({item.row.script for item in labelled})
        },
    }


def _categories(labelled: Iterable[Labelled], used: frozenset[str]) -> frozenset[str]:
    found = {category for item in labelled for category in item.decision.categories}
    judged = (used | found) - {NOT_RELEVANT}
    return frozenset(judged if _NEVER_LABELLED in used else judged - {_NEVER_LABELLED})


def _score(labelled: Iterable[Labelled], categories: frozenset[str]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for item in labelled:
        said, true = frozenset(item.decision.categories) & categories, item.row.labels & categories
        counts.update(right=len(said & true), wrong=len(said - true), missed=len(true - said))
    precision = _share(counts["right"], counts["right"] + counts["wrong"])
    recall = _share(counts["right"], counts["right"] + counts["missed"])
    both = precision + recall
    return {
        "precision": _rounded(precision),
        "recall": _rounded(recall),
        "f1": _rounded(2 * precision * recall / both) if both else 0.0,
    }


def _emergencies(labelled: Iterable[Labelled]) -> dict[str, float]:
    pairs = [(item.decision.urgency is Urgency.U1, item.row.urgency == EMERGENCY) for item in labelled]
    right = sum(said and true for said, true in pairs)
    return {
        "precision": _rounded(_share(right, sum(said for said, _ in pairs))),
        "recall": _rounded(_share(right, sum(true for _, true in pairs))),
    }


def _false_alarms(labelled: Iterable[Labelled]) -> dict[str, float]:
    """Questions, thanks and the like that were taken for an abuse."""
    calm = [item for item in labelled if item.row.labels and item.row.labels <= {INFORMATION, NOT_RELEVANT}]
    count = sum(bool(frozenset(item.decision.categories) - {INFORMATION}) for item in calm)
    return {"count": count, "of": len(calm), "rate": _rounded(_share(count, len(calm)))}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _rounded(value: float) -> float:
    return round(value, 4)
