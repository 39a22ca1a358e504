"""Whether an advisory is known for anything that the lock names: `python -m tests.audit`, or `make audit`.

An advisory fails it unless `requirements/accepted.yaml` says why it can stay, and until when. Where no
source of advisories answers, it says so and fails nothing: a closed network is no fault of the program.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import yaml

REQUIREMENTS: Final = Path(__file__).resolve().parents[1] / "requirements"
ACCEPTED: Final = REQUIREMENTS / "accepted.yaml"
_LOCKS: Final = ("dev.txt", "run.txt")
_SECONDS: Final = 300
_SHORTEST_REASON: Final = 20
Report = Mapping[str, Any]
# What somebody is asked to audit, and what they found; None where they found nothing out.
Auditor = Callable[[Sequence[Path]], Report | None]


class AcceptedUnreadable(ValueError):
    """The list of what was accepted is not as it has to be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said, and whether the build fails."""

    lines: tuple[str, ...]
    fails: bool


def accepted_from(text: str) -> dict[str, date]:
    """Until when each advisory may stay. Raises: AcceptedUnreadable."""
    listed = yaml.safe_load(text) or []
    found: dict[str, date] = {}
    for place, entry in enumerate(listed, start=1):
        if not isinstance(entry, dict) or entry.keys() != {"id", "because", "until"}:
            raise AcceptedUnreadable(f"entry {place} needs id, because and until, and nothing else")
        if not isinstance(entry["until"], date) or len(str(entry["because"])) < _SHORTEST_REASON:
            raise AcceptedUnreadable(
                f"entry {place} needs a day and a reason of {_SHORTEST_REASON} characters"
            )
        found[str(entry["id"])] = entry["until"]
    return found


def verdict(report: Report, accepted: Mapping[str, date], today: date) -> Verdict:
    """What the advisories that were found mean, by the ids or other names under which they are known."""
    lines, fails = [], False
    for package in report["dependencies"]:
        if "skip_reason" in package:
            lines.append(f"{package['name']}: not looked at ({package['skip_reason']})")
        for found in package.get("vulns", []):
            names = [found["id"], *found.get("aliases", [])]
            until = max((accepted[name] for name in names if name in accepted), default=None)
            stays = until is not None and today <= until
            fails = fails or not stays
            fixed = ", ".join(found.get("fix_versions", [])) or "none yet"
            told = f"accepted until {until}" if stays else f"fixed in: {fixed}"
            lines.append(f"{package['name']} {package['version']}: {' '.join(names)}; {told}")
    lines.append(
        f"{_looked_at(report)} packages looked at; " + ("see above." if lines else "no advisory is known.")
    )
    return Verdict(tuple(lines), fails)


def audit(ask: Auditor, accepted: Mapping[str, date], today: date) -> Verdict:
    """The verdict on the lock. One package of it is asked about first: where that one is answered, a lock
    that cannot be audited is at fault itself, and not the network.
    """
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.txt"
        first = (REQUIREMENTS / _LOCKS[-1]).read_text("utf-8").split(maxsplit=1)[0]
        one.write_text(f"{first}\n", encoding="utf-8")
        tried = ask([one])
    if tried is None or not _looked_at(tried):
        return Verdict(("Skipped: no source of advisories answers from here.",), fails=False)
    report = ask([REQUIREMENTS / name for name in _LOCKS])
    if report is None or not _looked_at(report):
        return Verdict(("The lock could not be audited: run pip-audit by hand to see why.",), fails=True)
    return verdict(report, accepted, today)


def _looked_at(report: Report) -> int:
    """How many packages the source knows; one that knows none is none."""
    return sum("skip_reason" not in package for package in report["dependencies"])


def pip_audit(files: Sequence[Path]) -> Report | None:
    """What pip-audit finds. It downloads and installs nothing."""
    named = [part for file in files for part in ("--requirement", str(file))]
    command = [sys.executable, "-m", "pip_audit", *named, "--no-deps", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off", "--timeout", "10"],
            capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        report: Report = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    return report


def main() -> None:
    """Say what is known, and fail where something must be done."""
    found = audit(pip_audit, accepted_from(ACCEPTED.read_text("utf-8")), datetime.now(UTC).date())
    sys.stdout.write("\n".join(("Advisories:", *found.lines, "")))
    sys.exit(found.fails)


if __name__ == "__main__":
    main()
