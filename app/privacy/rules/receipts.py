"""Receipts of erasure: what was let go, in numbers, under a code that only this installation can make."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.kernel.clock import utc_text
from app.kernel.refusal import Refusal


class UnderLegalHold(Refusal):
    """Nothing of the case may be erased while it is held."""

    code = "erasure.legal_hold"


class AlreadyErased(Refusal):
    """The case was erased on request and is not here any more: nothing makes it anew, and nothing is kept."""

    code = "erasure.erased"
    status = 410


@dataclass(frozen=True, slots=True)
class Spared:
    """What stayed because another case that is not over needs it: phones and people, in numbers."""

    phones: int = 0
    people: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one erasure did. `person_id` is None where it was the whole case.

    `counts` is how many rows of each kind lost what they said. `digest` is the SHA-256 of all of it,
    `mac` is the digest under the installation's key.
    """

    id: UUID
    at: datetime
    case_id: UUID
    person_id: UUID | None
    notes: bool  # whether what workers wrote went too
    counts: Mapping[str, int] = field(default_factory=dict)
    spared: Spared = Spared()
    digest: bytes = b""
    mac: bytes = b""


def digest_of(receipt: Receipt) -> bytes:
    """The fingerprint of what a receipt says (32 bytes), the same on any machine."""
    told = [
        str(receipt.id), utc_text(receipt.at), str(receipt.case_id),
        str(receipt.person_id) if receipt.person_id else None, receipt.notes,
        sorted(receipt.counts.items()), receipt.spared.phones, receipt.spared.people,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(told, separators=(",", ":")).encode()).digest()


def as_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as plain JSON values: ids and numbers, nothing that names anybody."""
    return {
        "id": str(receipt.id), "at": utc_text(receipt.at), "case_id": str(receipt.case_id),
        "person_id": str(receipt.person_id) if receipt.person_id else None, "notes_erased": receipt.notes,
        "counts": dict(sorted(receipt.counts.items())),
        "kept_for_other_cases": {"phones": receipt.spared.phones, "people": receipt.spared.people},
        "digest": receipt.digest.hex(), "mac": receipt.mac.hex(),
    }  # fmt: skip


def from_json(told: Mapping[str, Any]) -> Receipt:
    """The receipt that a JSON object says. Raises: KeyError, TypeError, ValueError."""
    spared = told["kept_for_other_cases"]
    return Receipt(
        UUID(told["id"]), datetime.fromisoformat(told["at"]), UUID(told["case_id"]),
        UUID(told["person_id"]) if told["person_id"] else None, bool(told["notes_erased"]),
        {str(kind): int(number) for kind, number in told["counts"].items()},
        Spared(int(spared["phones"]), int(spared["people"])),
        bytes.fromhex(told["digest"]), bytes.fromhex(told["mac"]),
    )  # fmt: skip


def covered(digest: bytes) -> bytes:
    """The bytes that the code of a receipt covers; no entry of the audit chain begins like them."""
    return b"erasure receipt " + digest
