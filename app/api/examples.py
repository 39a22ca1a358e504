"""One example of everything that is sent and answered, by the name of its model, for the OpenAPI document."""

from typing import Any, Final

_CASE: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a01"
_WORKER: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a02"
_ORGANISATION: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a03"
_PERSON: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a04"
_OTHER: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a05"
_ASKED: Final = "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a77"
_OPENED: Final = "2026-06-08T03:00:00Z"
_LATER: Final = "2026-06-08T03:12:00Z"

_TIMER: Final = {
    "id": _OTHER, "kind": "accept", "rung": 1, "to": "duty_lead", "due_at": "2026-06-08T03:15:00Z",
    "state": "armed",
}  # fmt: skip
_PERSON_SHOWN: Final = {
    "id": _PERSON, "name": "សុខា", "phone": "+66812345678", "sex": "female", "birth_date": None,
    "language": "km",
}  # fmt: skip
_CASE_SHOWN: Final = {
    "id": _CASE, "code": "4829-1376", "status": "assigned", "urgency": "U1", "categories": ["detention"],
    "urgency_reasons": [{"rule": "detention.locked_in", "category": "detention", "text": "ចាក់សោទ្វារ"}],
    "language": "km", "origin_channel": "sms", "destination_country": "TH",
    "organisation_id": _ORGANISATION, "owner_id": _WORKER, "queue": None, "opened_at": _OPENED,
    "accepted_at": None, "first_contact_at": None, "closed_at": None, "hold_until": None,
    "overdue_since": None, "updated_at": _OPENED, "outcome": None, "client_informed": None, "conflict": None,
    "next_timer": _TIMER, "member_count": 1,
    "members": [{"id": _OTHER, "status": "active", "outcome": None, "person": _PERSON_SHOWN}],
    "reporter": None, "summary": None, "version": 1,
}  # fmt: skip
_PHONE_SHOWN: Final = {
    "id": _OTHER, "phone": "+66812345678", "person": {**_PERSON_SHOWN, "phone": None}, "added_at": _OPENED,
    "safety": {
        "may_text": "yes", "may_call": "yes", "may_leave_voicemail": "no",
        "hours": [{"begins": "22:00", "ends": "06:00", "days": ["sat", "sun"]}], "zone": "Asia/Bangkok",
        "also_within": [],
        "shared": "yes", "held_by_employer": "no", "code_word": "ស្វាយទុំ", "language": "km",
        "after_dropped_call": "wait", "valid_until": None, "opted_out_at": None, "said_by": "caseworker",
        "worker_id": _WORKER, "said_at": _LATER, "version": 2,
    },
    "call_refused_because": "outside_hours", "next_call_at": "2026-06-13T15:00:00Z",
    "text_refused_because": "code_word_awaited", "next_text_at": None,
}  # fmt: skip
_TIMELINE_ITEM: Final = {
    "id": _OTHER, "kind": "case.routed", "at": _OPENED, "actor": "reception", "case_id": _CASE,
    "organisation_id": _ORGANISATION, "owner_id": _WORKER, "queue": None,
    "because": [{"rule": "coverage.category"}],
}  # fmt: skip
_PARTY: Final = {
    "id": _OTHER, "kind": "recruiter", "names": ["Sok San Group", "ក្រុមហ៊ុន សុខ សាន្ត"], "country": "KH",
    "licence": "123/2025", "disputed_since": None,
}  # fmt: skip
_RECOVERY: Final = {
    "id": _ASKED, "case_id": _CASE, "member_id": None, "day": "2026-06-08", "by": _WORKER, "at": _LATER,
    "amount": {"amount_minor": 900_000, "currency": "THB"},
}  # fmt: skip
_ATTACHMENT: Final = {
    "id": _ASKED, "case_id": _CASE, "author_id": _WORKER, "state": "complete", "filename": "ប័ណ្ណប្រាក់ខែ.jpg",
    "declared_type": "image/jpeg", "media_type": "image/jpeg", "size": 301_245, "sha256": "9f" * 32,
    "offset": 301_245, "kept_size": 300_988, "kept_sha256": "0a" * 32, "position_removed": True,
    "problem": None, "created_at": _OPENED, "completed_at": _LATER, "expires_at": None,
}  # fmt: skip
_EXPORT: Final = {
    "id": _ASKED, "status": "done", "profile": "anonymised", "format": "csv", "locale": "km",
    "cells": "codes", "filters": {"destination_country": ["TH"]}, "progress": 412, "rows": 412,
    "sha256": "9f" * 32, "size_bytes": 60_812, "file_name": "spean-anonymised-20260608T031200Z.csv",
    "asked_at": _OPENED, "started_at": _LATER, "finished_at": _LATER, "expires_at": "2026-06-11T03:12:00Z",
    "failure": None,
}  # fmt: skip
_ME: Final = {
    "id": _WORKER, "username": "dara", "role": "caseworker", "organisation_id": _ORGANISATION,
    "languages": ["km"], "on_duty": True,
}  # fmt: skip

_RECEIPT: Final = {
    "id": _ASKED, "at": "2026-06-08T03:12:00Z", "case_id": _CASE, "person_id": _PERSON, "notes_erased": True,
    "counts": {"contact_point": 1, "message": 3, "note": 2, "person": 1, "recording": 1},
    "kept_for_other_cases": {"phones": 0, "people": 0},
    "digest": "3d1f" * 16, "mac": "9ab2" * 16,
}  # fmt: skip
_BREACH: Final = {
    "id": _ASKED, "kinds": ["lost_device"], "what": "ទូរស័ព្ទបុគ្គលិកម្នាក់បាត់", "records_estimate": 40,
    "happened_at": None, "noticed_at": _OPENED, "due_at": "2026-06-11T03:00:00Z", "written_by": _WORKER,
    "written_at": _LATER, "state": "open", "notified_at": None, "closed_at": None,
}  # fmt: skip
_CONSENT_SHOWN: Final = {
    "id": _ASKED, "case_id": _CASE, "person_id": _PERSON, "purpose": "share_embassy",
    "organisation_id": None, "state": "given", "by": "self", "channel": "call", "witness": None,
    "language": "km", "worker_id": _WORKER, "at": _LATER, "counts": True,
}  # fmt: skip
_REFERRAL_SHOWN: Final = {
    "id": _ASKED, "case_id": _CASE, "kind": "embassy", "to_organisation": None, "recipient": None,
    "purpose": "ឯកសារធ្វើដំណើរ", "needs_consent": "share_embassy", "data_items": ["name", "destination"],
    "people": [_PERSON], "legal_basis": "consent", "reason": "គាត់បាត់លិខិតឆ្លងដែន", "state": "open",
    "by": _WORKER, "at": _LATER, "confirmed_by": None, "confirmed_at": None, "ended_at": None,
    "ended_because": None,
}  # fmt: skip
_WALL_SHOWN: Final = {
    "id": _ASKED, "case_id": _CASE, "worker_id": _WORKER, "organisation_id": None,
    "reason": "ជាសាច់ញាតិរបស់អ្នកជ្រើសរើស", "by": _OTHER, "at": _LATER,
}  # fmt: skip
_GUARDIAN_SHOWN: Final = {
    "member_id": _OTHER, "name": "ម្ដាយ", "phone": "+66812345678", "assent": "given",
    "guardian_is_suspect": False, "worker_id": _WORKER, "at": _LATER,
}  # fmt: skip
_DEVICE: Final = {
    "device": "phone-7", "worker_id": _WORKER, "name": "ទូរស័ព្ទរបស់ដារ៉ា", "registered_at": _OPENED,
    "seen_at": None, "revoked_at": None,
}  # fmt: skip

SENT: Final[dict[str, Any]] = {
    "AssignIn": {"id": _ASKED, "owner_id": _WORKER, "reason": "នៅជិតជនរងគ្រោះ"},
    "CaseIn": {
        "id": _ASKED, "categories": ["unpaid_wages"], "destination_country": "TH",
        "summary": "៣ខែមិនបានប្រាក់ខែ", "phone": "+66812345678",
        "reporter": {"name": "ម្ដាយ"}, "members": [{"name": "សុខា", "sex": "female"}],
    },
    "CasePatch": {"urgency": "U1", "reason": "ថៅកែវាយគាត់", "destination_country": None},
    "CloseIn": {"id": _ASKED, "outcome": "wages_recovered", "client_informed": "yes"},
    "CommandIn": {"id": _ASKED},
    "CallOutIn": {"id": _ASKED, "phone_id": _PERSON},
    "ContactAttemptIn": {"id": _ASKED, "channel": "call", "outcome": "reached", "note": "សុវត្ថិភាព"},
    "BreachIn": {
        "id": _ASKED, "kinds": ["lost_device"], "what": "ទូរស័ព្ទបុគ្គលិកម្នាក់បាត់", "noticed_at": _OPENED,
        "records_estimate": 40,
    },
    "ErasureIn": {
        "person_id": _PERSON, "reason": "ម្ចាស់ទិន្នន័យស្នើសុំ", "requested_by": "person", "notes": "erase",
    },
    "ReceiptOut": _RECEIPT,
    "CircumstancesPatch": {"sector": "fisheries", "origin_province": "KH-6"},
    "PartyIn": {"id": _ASKED, "kind": "recruiter", "name": "Sok San Group", "country": "KH"},
    "NameIn": {"name": "ក្រុមហ៊ុន សុខ សាន្ត"},
    "MergeIn": {"into": _OTHER},
    "RecoveryIn": {
        "id": _ASKED, "amount": {"amount_minor": 900_000, "currency": "THB"}, "day": "2026-06-08",
    },
    "ConsentIn": {
        "id": _ASKED, "person_id": _PERSON, "purpose": "share_embassy", "state": "given", "by": "self",
        "channel": "call", "language": "km",
    },
    "MemberPatch": {"wages_claimed": {"amount_minor": 90_000, "currency": "THB"}, "in_danger": False},
    "SettleIn": {"choice": "lost"},
    "DeviceIn": {"device": "phone-7", "name": "ទូរស័ព្ទរបស់ដារ៉ា"},
    "DutyIn": {"on_duty": False},
    "ExportIn": {
        "id": _ASKED, "profile": "anonymised", "format": "csv", "from": "2026-01-01", "to": "2026-06-30",
        "filters": {"destination_country": ["TH", "MY"]}, "locale": "km",
    },
    "GuardianIn": {
        "name": "ម្ដាយ", "phone": "+66812345678", "assent": "given", "guardian_is_suspect": False,
    },
    "MembersIn": {"members": [{"id": _ASKED, "name": "សុខា", "phone": "+66812345678"}]},
    "NoteIn": {"id": _ASKED, "text": "បានទូរស័ព្ទទៅស្ថានទូត", "restricted": False},
    "PushIn": {
        "sent_at": _LATER,
        "ops": [
            {
                "op": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a70", "kind": "case", "id": _CASE,
                "set": {"destination_country": "MY"}, "was": {"destination_country": "TH"}, "at": _LATER,
            },
            {
                "op": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a71", "kind": "note", "id": _ASKED, "create": True,
                "set": {"case_id": _CASE, "text": "បានទូរស័ព្ទទៅស្ថានទូត"},
            },
        ],
    },
    "RxdbRows": [
        {
            "newDocumentState": {"id": _CASE, "destination_country": "MY", "_deleted": False},
            "assumedMasterState": {"id": _CASE, "destination_country": "TH", "_deleted": False},
        }
    ],
    "ReconcileIn": {"kind": "note", "ids": [[_ASKED, 1]]},
    "ReasonIn": {"id": _ASKED, "reason": "ខ្ញុំឈប់សម្រាក"},
    "ReferralIn": {
        "id": _ASKED, "kind": "embassy", "purpose": "ឯកសារធ្វើដំណើរ", "data_items": ["name", "destination"],
        "people": [_PERSON], "reason": "គាត់បាត់លិខិតឆ្លងដែន",
    },
    "SafetyIn": {
        "may_text": "yes", "may_call": "yes", "may_leave_voicemail": "no",
        "hours": [{"begins": "22:00", "ends": "06:00", "days": ["sat", "sun"]}], "zone": "Asia/Bangkok",
        "shared": "yes", "held_by_employer": "no", "code_word": "ស្វាយទុំ", "language": "km",
        "after_dropped_call": "wait", "valid_until": "2026-12-01T00:00:00Z",
    },
    "TotpCodeIn": {"code": "492039"},
    "SecondPasswordIn": {"password": "…………"},
    "NewPasswordIn": {"username": "dara", "code": "4K7M-Q2XR-9TVB", "new_password": "…"},
    "TrainingIn": {"trained_for_children": True},
    "WallIn": {"id": _ASKED, "worker_id": _WORKER, "reason": "ជាសាច់ញាតិរបស់អ្នកជ្រើសរើស"},
    "WorkerTextIn": {"id": _ASKED, "text": "សូមទូរស័ព្ទមកវិញពេលទំនេរ", "good_until": "2026-06-09T03:00:00Z"},
    "StatusIn": {"id": _ASKED, "status": "on_hold", "reason": "រង់ចាំស្ថានទូត", "until": "2026-06-22T03:00:00Z"},
    "Body_token_v1_token_post": {
        "grant_type": "password", "username": "dara", "password": "…", "device_id": "phone-7",
        "device_name": "ទូរស័ព្ទរបស់ដារ៉ា", "otp": "492039",
    },
}  # fmt: skip

ANSWERED: Final[dict[str, Any]] = {
    "BreachOut": _BREACH,
    "Breaches": {"items": [_BREACH]},
    "CheckOut": {"genuine": True},
    "ReceiptOut": _RECEIPT,
    "Alive": {"status": "alive"},
    "AttachmentOut": _ATTACHMENT,
    "Attachments": {"items": [_ATTACHMENT]},
    "CaseOut": _CASE_SHOWN,
    "CasePage": {"items": [{**_CASE_SHOWN, "members": []}], "next_cursor": None, "total": None},
    "Colleagues": {
        "items": [
            {
                "id": _WORKER, "name": "ដារ៉ា", "role": "caseworker", "organisation_id": _ORGANISATION,
                "languages": ["km"], "on_duty": True, "open_cases": 12,
            }
        ]
    },
    "ConsentOut": _CONSENT_SHOWN,
    "ConsentsOut": {
        "items": [_CONSENT_SHOWN],
        "unasked": [{"person_id": _PERSON, "purpose": "media", "state": "not_asked"}],
        "history": [{**_CONSENT_SHOWN, "counts": None}],
    },
    "CallOutOut": {"id": _ASKED, "status": "reached", "seconds": 240},
    "ContactAttemptOut": {
        "id": _ASKED, "case_id": _CASE, "author_id": _WORKER, "channel": "call", "outcome": "reached",
        "note": "សុវត្ថិភាព", "at": _LATER, "seconds": 240, "call_id": _OTHER,
    },
    "RecoveryCodes": {"items": ["4K7M-Q2XR-9TVB", "7DPN-0C3H-WW2E"]},
    "ResetCodeOut": {"code": "4K7M-Q2XR-9TVB", "expires_at": "2026-06-09T03:00:00Z"},
    "SignIns": {
        "items": [
            {
                "id": _OTHER, "device_id": "phone-7", "device_name": "ទូរស័ព្ទរបស់ដារ៉ា",
                "began_at": _OPENED, "seen_at": _LATER, "current": True,
            }
        ]
    },
    "TotpSecretOut": {
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "otpauth_uri": "otpauth://totp/Spean:dara?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Spean",
    },
    "Disclosures": {
        "items": [
            {
                "id": _OTHER, "case_id": _CASE, "case_code": "4829-1376", "referral_id": _ASKED,
                "from_organisation": _ORGANISATION, "kind": "embassy", "to_organisation": None,
                "recipient": None, "legal_basis": "consent", "override": False,
                "data_items": ["name", "destination"], "reason": "គាត់បាត់លិខិតឆ្លងដែន", "by": _WORKER,
                "second": None, "at": _LATER,
            }
        ],
        "next_cursor": None,
    },
    "GuardianOut": _GUARDIAN_SHOWN,
    "HoldOut": {"id": _ASKED, "case_id": _CASE, "reason": "តុលាការកំពុងសួរ", "by": _OTHER, "at": _LATER},
    "RawArrival": {
        "id": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a90",
        "text": '{"id": 7, "content": null}',
        "base64": "eyJpZCI6IDcsICJjb250ZW50IjogbnVsbH0=",
    },
    "Conflicts": {
        "items": [
            {
                "id": _OTHER, "kind": "case", "doc_id": _CASE, "field": "destination_country", "hard": True,
                "kept": {"value": "KR", "by": _WORKER, "at": _OPENED},
                "lost": {"value": "MY", "by": _WORKER, "at": _LATER},
                "found_at": _LATER, "settled_at": None, "settled_by": None, "choice": None,
            }
        ]
    },
    "RefusedRows": {
        "items": [
            {
                "id": _OTHER, "worker_id": _WORKER, "device": "phone-7", "kind": "note", "doc_id": _ASKED,
                "code": "not_found", "at": _LATER, "row": {"op": "1", "kind": "note", "set": {"text": "…"}},
            }
        ]
    },
    "Devices": {"items": [_DEVICE]},
    "ExportOut": _EXPORT,
    "ExportPage": {"items": [_EXPORT], "next_cursor": None},
    "ManifestOut": {"rows": 412, "sha256": "9f" * 32, "generated_at": _LATER},
    "PullOut": {
        "changes": [
            {"kind": "note", "id": _ASKED, "rev": 1, "doc": {"id": _ASKED, "case_id": _CASE, "text": "…"}},
            {"kind": "case", "id": _CASE, "gone": True},
        ],
        "cursor": "UhGqZ9pLAAAAAAAAACqk3cXAbpBt", "more": False,
    },
    "PushOut": {
        "results": [
            {
                "op": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a70", "kind": "case", "id": _CASE, "status": "merged",
                "rev": 8, "conflict": [
                    {
                        "field": "destination_country", "kept": "KR", "yours": "MY", "hard": True,
                        "conflict": _OTHER, "kept_by": _WORKER, "kept_at": _LATER,
                    }
                ],
                "doc": {"id": _CASE, "destination_country": "KR"},
            },
            {
                "op": "0193a8f2-7c1d-7e3a-9d0a-5b8e4c2f1a71", "kind": "note", "id": _ASKED,
                "status": "applied", "rev": 1,
            },
        ],
        "at": _LATER,
    },
    "DigestOut": {"kinds": {"note": {"count": 1, "xor": "9f86d081884c7d65"}}},
    "Masters": [{"id": _CASE, "destination_country": "KR", "_deleted": False}],
    "RxdbPullOut": {
        "documents": [{"id": _ASKED, "case_id": _CASE, "text": "…", "rev": 1, "_deleted": False}],
        "checkpoint": {"c": "UhGqZ9pLAAAAAAAAACqk3cXAbpBt"},
    },
    "ReconcileOut": {"missing": [], "stale": [], "gone": [], "unknown": [_ASKED], "behind": []},
    "RegisteredOut": {
        **_DEVICE, "access_token": "…", "token_type": "bearer", "expires_in": 900, "refresh": "…",
        "lock_after_days": 14,
    },
    "IntakePage": {
        "items": [
            {
                "id": _OTHER, "carrier": "twilio", "carrier_id": "SM0123456789abcdef0123456789abcdef",
                "kind": "text", "state": "taken", "problem": None, "received_at": _OPENED,
                "sender_kind": "phone", "from": "+66812345678", "case_id": _CASE, "call_id": None,
            }
        ],
        "next_cursor": None,
    },
    "Me": _ME,
    "NoteOut": {
        "id": _ASKED, "case_id": _CASE, "author_id": _WORKER, "text": "បានទូរស័ព្ទទៅស្ថានទូត",
        "restricted": False, "at": _LATER,
    },
    "Organisations": {
        "items": [
            {
                "id": _ORGANISATION, "code": "tonle-bridge", "name": "Tonle Bridge",
                "categories": ["detention"], "destinations": ["TH"], "languages": ["km"],
            }
        ]
    },
    "PhoneOut": _PHONE_SHOWN,
    "Phones": {"items": [_PHONE_SHOWN]},
    "Ready": {"status": "ready", "checks": {"database": "answers"}},
    "ReferralOut": _REFERRAL_SHOWN,
    "Referrals": {"items": [_REFERRAL_SHOWN]},
    "TaskPage": {
        "items": [
            {
                "id": _OTHER, "kind": "failed_message", "case_id": _CASE, "subject_id": _ASKED,
                "due_at": _LATER, "created_at": _OPENED,
            }
        ],
        "next_cursor": None,
    },
    "Timeline": {"items": [_TIMELINE_ITEM]},
    "Timers": {"items": [_TIMER]},
    "TrainingOut": {"worker_id": _WORKER, "trained_for_children": True},
    "CircumstancesOut": {
        "case_id": _CASE, "sector": "fisheries", "origin_province": "KH-6", "parties": [_PARTY],
        "recovered": [_RECOVERY],
    },
    "PartyOut": _PARTY,
    "Parties": {"items": [_PARTY]},
    "RecoveryOut": _RECOVERY,
    "WallOut": _WALL_SHOWN,
    "Walls": {"items": [_WALL_SHOWN]},
    "WorkerTextOut": {
        "id": _ASKED, "state": "queued", "due_at": "2026-06-13T15:00:00Z", "waits_for": "outside_hours",
    },
    "TokenOut": {
        "access_token": "…", "token_type": "bearer", "expires_in": 900, "refresh_token": "…",
    },
}  # fmt: skip
