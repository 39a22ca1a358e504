"""What erasure does with each column that holds what a person said or is, in one list."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Fate(StrEnum):
    """What becomes of a value."""

    NOTHING_LEFT = "nothing_left"  # NULL
    EMPTY = "empty"  # the sealed empty text, where there must be a value
    RANDOM = "random"  # a blind index that finds nothing any more; its row's words go with it
    CODES_ONLY = "codes_only"  # the rules that led to something stay, the words in which they were found go
    ROW_GOES = "row_goes"  # the whole row is deleted
    KEPT = "kept"  # it identifies no client, or is the evidence that the law asks for


_GONE, _EMPTY, _RANDOM = Fate.NOTHING_LEFT, Fate.EMPTY, Fate.RANDOM
_ROW, _KEPT = Fate.ROW_GOES, Fate.KEPT

# Tables are named as text, as foreign keys do it: rooms stay strangers. tests/house/test_fates.py walks
# every sealed column and every blind index of the program and fails for one that is not named here.
# Tables that this program does not have are passed over.
FATES: Final[Mapping[str, Mapping[str, Fate]]] = {
    # What came in and went out.
    "inbox": {"raw": _EMPTY, "sender_index": _RANDOM},
    "contact_point": {"phone": _EMPTY, "phone_index": _RANDOM},
    "message": {"body": _EMPTY, "body_index": _RANDOM},
    "outbox": {"phone": _EMPTY, "phone_index": _RANDOM, "body": _EMPTY},
    "safe_contact": {"code_word": _ROW, "phone_index": _ROW},
    "phone_rule": {"phone_index": _ROW},  # but where the phone asked for silence: that is kept for its sake
    # Calls.
    "call": {"typed_number": _GONE},
    "recording": {"file_key": _GONE},
    "dial": {"phone": _EMPTY, "phone_index": _RANDOM},
    "prompt_desk": {"phone_index": _KEPT},  # a worker's
    # Cases.
    "case_file": {"reasons": Fate.CODES_ONLY, "summary": _GONE},
    "person": {"name": _GONE, "phone": _GONE, "phone_index": _GONE, "born": _GONE},
    "case_event": {"private": _GONE},
    "note": {"text": _EMPTY},
    "contact_attempt": {"note": _GONE},
    "guardian": {"name": _GONE, "phone": _GONE},
    "consent": {"witness": _GONE},
    "referral": {"recipient": _GONE, "purpose": _EMPTY, "reason": _EMPTY},
    "disclosure": {"recipient": _KEPT, "reason": _EMPTY},  # to whom it was handed stays: H17
    "case_wall": {"reason": _EMPTY},
    "party_name": {"name": _KEPT, "name_index": _KEPT},  # a company's or an employer's
    "legal_hold": {"reason": _EMPTY},
    "case_conflict": {"kept": _EMPTY, "lost": _EMPTY},
    "attachment": {"name": _EMPTY, "announced": _EMPTY, "file_key": _GONE},
    # What devices sent, word for word.
    "sync_op": {"said": _ROW},
    "sync_refused": {"said": _ROW},
    "sync_held": {"said": _ROW},
    "sync_issue": {"details": _ROW},
    "sync_extra": {"said": _ROW, "fields": _ROW},
    # Those who work here, and the evidence.
    "worker": {"name": _KEPT, "phone": _KEPT},
    "device": {"name": _KEPT},
    "sign_in_attempt": {"name_index": _KEPT},
    "credential": {"totp_secret": _KEPT, "reset_index": _KEPT},
    "recovery_code": {"code_index": _KEPT},
    "allowance": {"who_index": _KEPT},
    "audit_entry": {"previous": _KEPT, "code": _KEPT},
    "audit_head": {"code": _KEPT},
    "erasure": {"reason": _KEPT},
    # Who took out what, and why; the file itself is gone after a few days, its password sooner.
    "export_job": {"reason": _KEPT, "password": _KEPT, "file_key": _KEPT},
    "breach": {"what": _KEPT},
}
