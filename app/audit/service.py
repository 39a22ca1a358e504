"""Anchors: where the audit chain ended at times, in a file outside the database that holds the chain.

Whoever puts an older copy of the database in place of today's leaves a chain that holds in itself; the
anchors of the entries that are gone tell. Whoever can write both has to be stopped by a copy elsewhere.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.audit.rules import Anchor, Break, anchored
from app.audit.store import AuditStore
from app.crypto.vault import Vault
from app.kernel.clock import utc_text

_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `entries` hold, `since` is the first that was looked at.

    `strange_lines` counts lines of the anchor file that are none of ours.
    """

    entries: int
    broken: Break | None
    since: int
    strange_lines: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None and not self.strange_lines


class AnchorFile:
    """One line for each anchor: number, code, `seen` or `checked`, time, and the code that binds them."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Keep anchors in this file, which need not be there yet."""
        self._path = path
        self._vault = vault

    def add(self, anchor: Anchor, now: datetime) -> None:
        """Write an anchor at the end of the file, on disk when this returns."""
        at = utc_text(now)
        bound = self._vault.chain(anchored(anchor, at))
        word = "checked" if anchor.checked else "seen"
        line = f"{anchor.number} {anchor.code.hex()} {word} {at} {bound.hex()}\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write of one line at the end: several processes can add at the same moment.
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode())
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> tuple[list[Anchor], int]:
        """The anchors in the order in which they were written, and how many lines are none of ours."""
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return [], 0
        found = [self._anchor(line) for line in lines]
        anchors = [anchor for anchor in found if anchor]
        return anchors, len(found) - len(anchors)

    def newest_line(self) -> str:
        """The last line of the file."""
        return self._path.read_text("utf-8").splitlines()[-1]

    def _anchor(self, line: str) -> Anchor | None:
        fields = line.split(" ")
        if len(fields) != _FIELDS:
            return None
        number, code, word, at, bound = fields
        try:
            anchor = Anchor(int(number), bytes.fromhex(code), word == "checked")
            held = hmac.compare_digest(self._vault.chain(anchored(anchor, at)), bytes.fromhex(bound))
        except ValueError:
            return None
        return anchor if held else None


def anchor_end(chain: AuditStore, anchors: AnchorFile, now: datetime) -> bool:
    """Note where the chain ends, unless the newest anchor says so already. Whether one was written."""
    end = chain.end()
    known, _ = anchors.read()
    if end is None or (known and known[-1].number >= end[0]):
        return False
    anchors.add(Anchor(*end, checked=False), now)
    return True


def verify(
    chain: AuditStore,
    anchors: AnchorFile,
    *,
    only_new: bool = False,
    checked: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Check the chain against itself and the anchors; `only_new`: from the last end that was found whole.

    While others write, ask inside a snapshot.
    """
    known, strange = anchors.read()
    after = next((a for a in reversed(known) if a.checked), None) if only_new else None
    held, broken = chain.first_break(checked, after=after, anchors=known)
    return Verdict(held, broken, after.number if after else 1, strange)
