"""The ledger: what was erased on request, in a file outside the database, for the day on which an older copy
of the database takes its place.

It holds receipts, which are ids and numbers; nobody is named in it. Whoever can write it can add nothing:
each receipt bears the installation's code.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson

from app.privacy.rules import Receipt, as_json, from_json

_NEW_LINE: Final = b"\n"


class ErasureLedger:
    """One receipt in each line, as JSON. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        """Keep receipts in this file, which need not be there yet."""
        self.path = path

    def add(self, receipts: Iterable[Receipt]) -> None:
        """Write receipts at the end, on disk when this returns. One that is there already may stand twice."""
        lines = b"".join(orjson.dumps(as_json(one)) + _NEW_LINE for one in receipts)
        if not lines:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write at the end: several processes can add at the same moment. Whoever died in the middle of
        # a line must not spoil the next one.
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, (b"" if self._ends_whole() else _NEW_LINE) + lines)
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> tuple[list[Receipt], int]:
        """Every receipt once, in the order in which they were written, and how many lines are none."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], 0
        found: dict[object, Receipt] = {}
        strange = 0
        for line in lines:
            if not line.strip():
                continue
            try:
                receipt = from_json(orjson.loads(line))
            except (KeyError, TypeError, ValueError, AttributeError):
                strange += 1
            else:
                found.setdefault(receipt.id, receipt)
        return list(found.values()), strange

    def missing(self, receipts: Iterable[Receipt]) -> list[Receipt]:
        """Those of the receipts that the file does not hold."""
        known = {receipt.id for receipt in self.read()[0]}
        return [receipt for receipt in receipts if receipt.id not in known]

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == _NEW_LINE
