"""Examples of what statistics answer, by the name of their models, for the OpenAPI document."""

from typing import Any, Final

_ORGANISATION: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a03"
_WORKER: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a02"
_PARTY: Final = "01971c2e-3f00-7a10-8c55-0d5b1e6f2a05"

_OF: Final = {
    "period": {"from": "2026-01-01", "to": "2026-06-30", "timezone": "Asia/Phnom_Penh"}, "k": 11,
    "locale": "en", "generated_at": "2026-07-08T03:12:00Z",
}  # fmt: skip
_PUBLISHED: Final = {"view": "published", "publish": True, **_OF}
_INTERNAL: Final = {"view": "internal", "publish": False, **_OF}
_TABLE: Final = {
    "dimensions": ["destination"], "suppressed": True,
    "cells": [
        {"keys": {"destination": "TH"}, "labels": {"destination": "Thailand"}, "cases": 61, "people": 412,
         "suppressed": False},
        {"keys": {"destination": "KR"}, "labels": {"destination": "South Korea"}, "cases": None,
         "people": None, "suppressed": True},
    ],
}  # fmt: skip
_CONTACTS: Final = {
    "texts": 903, "calls": 344, "answered": 201, "left_word": 88, "abandoned": 55, "missed": 120,
    "unique_callers": None, "answered_share": 0.58, "suppressed": True,
    "by_channel": [
        {"value": "call", "label": "Call", "contacts": 344},
        {"value": "missed_call", "label": "Missed call", "contacts": 120},
        {"value": "sms", "label": "Text message", "contacts": 903},
    ],
    "by_language": None, "by_hour": None,
}  # fmt: skip
_WAIT: Final = {
    "clock": "accept", "urgency": None, "label": "Until accepted: All", "count": None, "p50": 600,
    "p90": 14_400, "p95": 25_200, "longest": None, "in_time": None, "late": None, "share_in_time": 0.91,
    "suppressed": False, "window": "2026-01/2026-03",
}  # fmt: skip
_SUM: Final = {
    "currency": "THB", "digits": 2, "claimed": 84_000_000, "claimed_people": None,
    "claimed_usd_cents": 2_500_000, "claimed_without_rate": 0, "recovered": None, "recovered_cases": None,
    "recovered_usd_cents": None, "recovered_without_rate": None, "suppressed": True,
}  # fmt: skip
_MONEY: Final = {
    "currencies": [_SUM], "claimed_usd_cents": 2_500_000, "recovered_usd_cents": None, "by_employer": None,
    "suppressed": True,
}  # fmt: skip
_YEAR: Final = {
    "year": 2026, "organisation_id": _ORGANISATION, "organisation": "tonle-bridge", "of_all": False,
    "label": "Tonle Bridge", "cases": 69, "people": 350, "repatriated": 235, "suppressed": False,
}  # fmt: skip
_PARTY_SHOWN: Final = {
    "party_id": _PARTY, "kind": "recruiter", "label": "Invented Fishery Co., Ltd",
    "names": ["Invented Fishery Co., Ltd"], "country": "KH", "licence": None, "disputed": False, "cases": 9,
    "people": 44, "organisations": 2, "first": "2026-01-11", "last": "2026-05-30",
}  # fmt: skip
_CASELOAD: Final = {
    "open_cases": 41,
    "workers": [
        {"worker_id": _WORKER, "label": "dara", "organisation_id": _ORGANISATION, "open_cases": 12},
    ],
    "organisations": [
        {"organisation_id": _ORGANISATION, "label": "Tonle Bridge", "open_cases": 41, "without_owner": 3,
         "caseworkers": 4, "supervisors": 1, "cases_per_caseworker": 10.25,
         "caseworkers_per_supervisor": 4.0},
    ],
    "queues": [{"queue": None, "label": "With a worker", "open_cases": 38}],
    "bands": [{"first": 0, "last": 9, "caseworkers": 2}],
}  # fmt: skip
_QUALITY: Final = {
    "fields": [{"field": "sector", "label": "Kind of work", "unknown": 20, "of": 100, "share": 0.2}],
    "cases": 100, "cases_without_members": 12, "people_not_written_down": 250, "overdue_cases": 3,
    "overdue_tasks": 5, "overdue_reviews": 2,
}  # fmt: skip
_ESCALATIONS: Final = {
    "rungs": [
        {"clock": "accept", "rung": 1, "to": "duty_lead", "label": "Until accepted 1: Duty lead", "fired": 14,
         "cases": 12},
    ],
    "breaches": [{"clock": "accept", "urgency": "U1", "late": 2, "of": 31}],
}  # fmt: skip

STATISTICS: Final[dict[str, Any]] = {
    "ContactsOut": {**_PUBLISHED, "contacts": _CONTACTS},
    "CasesOut": {**_PUBLISHED, "table": _TABLE},
    "TimesOut": {**_PUBLISHED, "times": [_WAIT]},
    "EscalationsOut": {**_INTERNAL, "escalations": _ESCALATIONS},
    "CaseloadOut": {**_INTERNAL, "caseload": _CASELOAD},
    "MoneyOut": {**_PUBLISHED, "money": _MONEY},
    "RepeatPartiesOut": {**_INTERNAL, "at_least": 2, "parties": [_PARTY_SHOWN]},
    "QualityOut": {**_INTERNAL, "quality": _QUALITY},
    "YearsOut": {**_INTERNAL, "years": [_YEAR]},
    "SummaryOut": {
        **_PUBLISHED,
        "summary": {
            "totals": {"keys": {}, "labels": {}, "cases": 100, "people": 640, "suppressed": False},
            "tables": [_TABLE], "contacts": _CONTACTS, "times": [_WAIT], "escalations": None,
            "outcomes": {"dimensions": ["outcome"], "cells": [], "suppressed": True}, "money": _MONEY,
            "years": [_YEAR], "parties": None, "caseload": None, "quality": None,
        },
    },
}  # fmt: skip
