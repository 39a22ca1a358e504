"""One row for each route of the application: what in its path and body is somebody's, for the matrix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from uuid import uuid4

from app.usecases.setting_up import organisation_id
from tests.isolation_town import Ids
from tests.makers import LOTUS
from tests.uploader import BYTES, metadata


class Shows(Enum):
    """What a route is about."""

    ONE = "what the ids in its path and body name"
    LIST = "everything of a kind that one may know of"
    SELF = "who asks, and nobody else"
    ALL = "what belongs to nobody's case and is the same for everybody who may ask"
    OPEN = "nobody's: it asks for no token"
    CARRIER = "what a carrier brings; carriers sign, and are asked about in tests of their own"


Body = Callable[[Ids], Any]


@dataclass(frozen=True)
class Row:
    """How a route is asked. `queries` are walked one by one, where it is a list."""

    shows: Shows
    body: Body | None = None  # None: what the OpenAPI document gives as an example, under a new id
    queries: tuple[str, ...] = ("",)
    headers: Mapping[str, str] = field(default_factory=dict)
    headers_of: Callable[[Ids], Mapping[str, str]] | None = None
    content: bytes | None = None
    # Made under an id of the device's own: one that is taken cannot be given again, and what belongs to a
    # thing that is not here yet waits for it. So the answers differ; they must say no more than that.
    makes: bool = False
    of_worker: bool = False  # about somebody who works here, not about a case: who leads them may know


def one(body: Body | None = None, **more: Any) -> Row:
    return Row(Shows.ONE, body, **more)


def listed(*queries: str, **more: Any) -> Row:
    return Row(Shows.LIST, queries=("", *queries), **more)


def _said(**fixed: Any) -> Body:
    """A body without ids of others."""
    return lambda _ids: fixed


def _push(ids: Ids) -> Any:
    """What is there is changed, by its id."""
    changed: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("case", "case_id", {"summary": "ក"}), ("member", "member_id", {"in_danger": True}),
        ("note", "note_id", {"text": "ក"}), ("contact_attempt", "attempt_id", {"note": "ក"}),
        ("attachment", "attachment_id", {"name": "ក"}), ("task", "task_id", {"done": True}),
        ("message", "message_id", {"text": "ក"}),
    )  # fmt: skip
    return {
        "ops": [
            {"op": str(uuid4()), "kind": kind, "id": ids[name], "set": fields}
            for kind, name, fields in changed
        ]
    }


def _rxdb(ids: Ids) -> Any:
    fields: dict[str, dict[str, Any]] = {
        "case": {"id": ids["case_id"], "summary": "ក"},
        "member": {"id": ids["member_id"], "case_id": ids["case_id"], "in_danger": True},
    }
    shown = fields.get(
        ids.get("collection", "note"), {"id": ids["note_id"], "case_id": ids["case_id"], "text": "ក"}
    )
    return [{"newDocumentState": {**shown, "_deleted": False}, "assumedMasterState": None}]


def news(ids: Ids) -> Any:
    """Something new is put into a case, or under an id, that may be somebody's: as rows of a device."""
    into: list[tuple[str, dict[str, Any]]] = [
        ("note", {"text": "ក"}), ("member", {"person": {"name": "ក"}}),
        ("contact_attempt", {"channel": "call", "outcome": "reached"}),
    ]  # fmt: skip
    made = [(kind, str(uuid4()), {**fields, "case_id": ids["case_id"]}) for kind, fields in into]
    made += [
        ("case", ids["case_id"], {"summary": "ក"}),
        ("note", ids["note_id"], {**into[0][1], "case_id": ids["case_id"]}),
    ]
    return {
        "ops": [
            {"op": str(uuid4()), "kind": kind, "id": made_id, "set": fields, "create": True}
            for kind, made_id, fields in made
        ]
    }  # fmt: skip


def _upload(ids: Ids) -> Mapping[str, str]:
    told = {"filename": "ក.pdf", "filetype": "application/pdf", "sha256": "9f" * 32, "id": str(uuid4())}
    return {"Upload-Length": "100", "Upload-Metadata": metadata(**told, case_id=ids["case_id"])}


_TUS: Final = {"Tus-Resumable": "1.0.0"}
_LOTUS: Final = str(organisation_id(LOTUS))
_REASON: Final = _said(reason="ក")
_RECEIPT: Final[dict[str, Any]] = {
    "at": "2026-06-08T03:12:00Z", "notes_erased": True, "counts": {"note": 1}, "digest": "3d" * 32,
    "kept_for_other_cases": {"phones": 0, "people": 0}, "mac": "3d" * 32,
}  # fmt: skip

# In this order one who may do it all can walk them on one case, each once: what ends something comes last.
ROWS: Final[dict[str, Row]] = {
    # Lists, counts, searches, exports and feeds.
    "GET /v1/cases": listed(
        "?total=true",
        "?total=true&overdue=false",
        "?total=true&category=unclassified",
        "?limit=1",
        "?total=true&code={code}",
        "?total=true&owner={worker_id}",
        "?total=true&urgency=U2",
        "?total=true&status=accepted&status=closed",
        "?updated_since=2020-01-01T00:00:00Z",
    ),
    "GET /v1/intake": listed("?state=taken", "?state=stored", "?channel=call", "?limit=1"),
    "GET /v1/tasks": listed("?limit=1"),
    "GET /v1/workers": listed(),
    "GET /v1/devices": listed(),
    "GET /v1/disclosures": listed("?overrides=true", "?limit=1", "?since=2020-01-01T00:00:00Z"),
    "GET /v1/exports/cases.csv": listed(
        "?status=accepted", "?category=unclassified&locale=km", "?from=2020-01-01"
    ),
    "GET /v1/exports": listed("?limit=1"),
    # What is published counts everybody, and H21 has tests of its own.
    **{
        f"GET /v1/statistics/{what}": Row(
            Shows.LIST, queries=("?view=internal", "?view=internal&from=2026-06-01&to=2026-06-08")
        )
        for what in (
            "caseload",
            "cases",
            "contacts",
            "escalations",
            "money",
            "outcomes",
            "parties",
            "quality",
            "summary",
            "times",
            "years",
        )
    },
    "GET /v1/sync/pull": listed("?limit=1", "?kinds=case,note", "?kinds=message", "?max_bytes=1000"),
    "GET /v1/sync/digest": listed(),
    "GET /v1/sync/refused": listed("?limit=1"),
    "GET /v1/sync/hint": listed(),
    "GET /v1/rxdb/{collection}/pull": listed("?limit=1"),
    # One thing.
    "GET /v1/cases/{case_id}": one(),
    "GET /v1/cases/{case_id}/timeline": one(),
    "GET /v1/cases/{case_id}/timers": one(),
    "GET /v1/cases/{case_id}/phones": one(),
    "GET /v1/cases/{case_id}/calls/{call_id}": one(),
    "GET /v1/cases/{case_id}/attachments": one(),
    "GET /v1/cases/{case_id}/conflicts": one(),
    "GET /v1/cases/{case_id}/circumstances": one(),
    "GET /v1/cases/{case_id}/consents": one(),
    "GET /v1/cases/{case_id}/members/{member_id}/guardian": one(),
    "GET /v1/cases/{case_id}/referrals": one(),
    "GET /v1/cases/{case_id}/walls": one(),
    "GET /v1/cases/{case_id}/legal-hold": one(),
    "GET /v1/attachments/{attachment_id}": one(),
    "GET /v1/attachments/{attachment_id}/file": one(headers={"Range": "bytes=0-9"}),
    "GET /v1/recordings/{recording_id}": one(),
    # An export is for whoever asked for it: one who leads the same cases has none of it.
    "GET /v1/exports/{export_id}": one(),
    "GET /v1/exports/{export_id}/file": one(),
    "GET /v1/exports/{export_id}/manifest": one(),
    "GET /v1/exports/{export_id}/codebook": one(),
    "GET /v1/intake/{arrival_id}": one(),
    "GET /v1/workers/{worker_id}/sign-ins": one(of_worker=True),
    "HEAD /v1/blobs/{upload_id}": one(headers=_TUS),
    "PATCH /v1/blobs/{upload_id}": one(
        headers={**_TUS, "Content-Type": BYTES, "Upload-Offset": "0"}, content=b"%PDF"
    ),
    "POST /v1/blobs": one(headers=_TUS, headers_of=_upload),
    "POST /v1/sync/reconcile": one(lambda ids: {"kind": "note", "ids": [[ids["note_id"], 1]]}),
    "POST /v1/sync/push": one(_push),
    "POST /v1/rxdb/{collection}/push": one(_rxdb, makes=True),
    "POST /v1/cases": one(
        lambda ids: {"id": ids["case_id"], "summary": "ក", "members": [{"id": ids["person_id"]}]}, makes=True
    ),
    "POST /v1/erasures/check": one(
        lambda ids: {**_RECEIPT, "id": str(uuid4()), "case_id": ids["case_id"], "person_id": ids["person_id"]}
    ),
    "PATCH /v1/cases/{case_id}": one(),
    "PATCH /v1/cases/{case_id}/circumstances": one(),
    "POST /v1/cases/{case_id}/parties": one(),
    "POST /v1/cases/{case_id}/recoveries": one(
        lambda ids: {
            "amount": {"amount_minor": 900_000, "currency": "THB"},
            "day": "2026-06-01",
            "member_id": ids["member_id"],
        }
    ),
    "PATCH /v1/cases/{case_id}/members/{member_id}": one(_said(in_danger=True)),
    "POST /v1/cases/{case_id}/members": one(
        lambda ids: {"members": [{"id": ids["person_id"], "name": "ក"}]}, makes=True
    ),
    "POST /v1/cases/{case_id}/accept": one(),
    "POST /v1/cases/{case_id}/notes": one(),
    "POST /v1/cases/{case_id}/contact-attempts": one(),
    "POST /v1/cases/{case_id}/calls": one(lambda ids: {"phone_id": ids["phone_id"]}),
    "PUT /v1/cases/{case_id}/phones/{phone_id}/safety": one(),
    "POST /v1/cases/{case_id}/phones/{phone_id}/texts": one(),
    "POST /v1/cases/{case_id}/conflicts/{conflict_id}/settle": one(),
    "PUT /v1/cases/{case_id}/members/{member_id}/guardian": one(),
    "POST /v1/cases/{case_id}/consents": one(
        lambda ids: {"person_id": ids["person_id"], "purpose": "media", "state": "given", "channel": "call"}
    ),
    "POST /v1/cases/{case_id}/referrals": one(
        lambda ids: {
            "to_organisation": _LOTUS,
            "purpose": "ក",
            "data_items": ["name"],
            "people": [ids["person_id"]],
            "reason": "ថៅកែចាក់សោទ្វារ ហើយគំរាមគាត់យប់នេះ",
        }
    ),
    "POST /v1/referrals/{referral_id}/confirm": one(),
    "POST /v1/referrals/{referral_id}/revoke": one(),
    "DELETE /v1/referrals/{referral_id}": one(),
    "POST /v1/tasks/{task_id}/done": one(),
    "POST /v1/cases/{case_id}/status": one(_said(status="in_progress")),
    "POST /v1/cases/{case_id}/close": one(),
    "POST /v1/cases/{case_id}/reopen": one(),
    "POST /v1/cases/{case_id}/assign": one(lambda ids: {"owner_id": ids["worker_id"], "reason": "ក"}),
    "POST /v1/cases/{case_id}/walls": one(_said(organisation_id=_LOTUS, reason="ក")),
    "DELETE /v1/cases/{case_id}/walls/{wall_id}": one(),
    "DELETE /v1/cases/{case_id}/parties/{party_id}": one(),
    "POST /v1/cases/{case_id}/legal-hold": one(_REASON),
    "DELETE /v1/cases/{case_id}/legal-hold": one(),
    "DELETE /v1/blobs/{upload_id}": one(headers=_TUS),
    "POST /v1/cases/{case_id}/erasure": one(
        lambda ids: {"person_id": ids["person_id"], "reason": "ក", "requested_by": "person"}
    ),
    "PUT /v1/workers/{worker_id}/training": one(of_worker=True),
    "POST /v1/cases/{case_id}/decline": one(_REASON),
    "POST /v1/workers/{worker_id}/reset": one(of_worker=True),
    "DELETE /v1/workers/{worker_id}/sign-ins/{sign_in_id}": one(of_worker=True),
    "DELETE /v1/me/sign-ins/{sign_in_id}": one(),
    "DELETE /v1/devices/{device}": one(of_worker=True),
    "DELETE /v1/exports/{export_id}": one(),
    # Nobody's in particular.
    "GET /v1/organisations": Row(Shows.ALL),  # who takes cases: no secret among those who refer to each other
    "GET /v1/breaches": Row(Shows.ALL),  # one log for the whole installation, for those in charge
    "POST /v1/breaches": Row(Shows.ALL),
    "POST /v1/breaches/{breach_id}/notified": Row(Shows.ALL),
    "POST /v1/breaches/{breach_id}/closed": Row(Shows.ALL),
    # One register of companies for all organisations; which case a company is in, it does not say.
    "GET /v1/parties": Row(Shows.ALL),
    "POST /v1/parties/{party_id}/names": Row(Shows.ALL),
    "POST /v1/parties/{party_id}/merge": Row(Shows.ALL),
    "POST /v1/parties/{party_id}/dispute": Row(Shows.ALL),
    "DELETE /v1/parties/{party_id}/dispute": Row(Shows.ALL),
    "OPTIONS /v1/blobs": Row(Shows.ALL),
    "POST /v1/exports": Row(Shows.SELF),
    "GET /v1/me": Row(Shows.SELF),
    "PATCH /v1/me": Row(Shows.SELF),
    "POST /v1/me/totp": Row(Shows.SELF),
    "POST /v1/me/totp/confirm": Row(Shows.SELF),
    "DELETE /v1/me/totp": Row(Shows.SELF),
    "PUT /v1/me/duress": Row(Shows.SELF),
    "GET /v1/me/sign-ins": Row(Shows.SELF),
    "POST /v1/devices": Row(Shows.SELF),
    "GET /healthz": Row(Shows.OPEN),
    "GET /readyz": Row(Shows.OPEN),
    "GET /metrics": Row(Shows.OPEN),
    "GET /openapi.json": Row(Shows.OPEN),
    "POST /v1/token": Row(Shows.OPEN),
    "POST /v1/password": Row(Shows.OPEN),
    "POST /twilio/sms": Row(Shows.CARRIER),
    "POST /twilio/sms/status": Row(Shows.CARRIER),
    "POST /twilio/voice": Row(Shows.CARRIER),
    "POST /twilio/voice/next/{at:int}": Row(Shows.CARRIER),
    "POST /twilio/voice/screen/{call_id:uuid}": Row(Shows.CARRIER),
    "POST /twilio/voice/screened/{call_id:uuid}": Row(Shows.CARRIER),
    "POST /twilio/voice/desk/{at:int}": Row(Shows.CARRIER),
    "POST /twilio/voice/outgoing/{call_id:uuid}": Row(Shows.CARRIER),
    "POST /twilio/voice/goodbye": Row(Shows.CARRIER),
    "POST /twilio/voice/status": Row(Shows.CARRIER),
    "POST /twilio/recording": Row(Shows.CARRIER),
    "GET /prompts/{address}": Row(Shows.CARRIER),
    "GET /gateways/cht/{gateway}": Row(Shows.CARRIER),
    "POST /gateways/cht/{gateway}": Row(Shows.CARRIER),
}
