"""Field sync in its own protocol: what changed for this device, and what it did while it was offline."""

import gzip
from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Header, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from app.api.doors import Asked, Asking, Door, Given, lets, may_answer
from app.api.sync_shapes import (
    DigestOut,
    KindDigest,
    PullOut,
    PushIn,
    PushOut,
    ReconcileIn,
    ReconcileOut,
    RefusedOut,
    RefusedRows,
)
from app.i18n.catalogue import choose_locale
from app.identity.rules import Action
from app.store.feed import Kind
from app.sync import service
from app.sync.service import ALL_KINDS, JSON, Ask, Carrier

door = Door(prefix="/v1/sync", tags=["sync"])
_JSON_TYPE: Final = "application/json"
_PACKED_FROM_BYTES: Final = 4_000  # what is smaller is packed in no time, wherever that is done
_LEVEL: Final = 6  # the next ones take twice as long for a hundredth less


def _known_kinds(written: str) -> str:
    if not set(_listed(written)) <= set(ALL_KINDS):
        raise ValueError("no such kind")
    return written


def _listed(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())


Kinds = Annotated[str, Query(max_length=200, pattern=r"^[a-z_, ]*$"), AfterValidator(_known_kinds)]
Schema = Annotated[
    int,
    Header(alias="X-App-Schema", ge=1, le=1000, description="the version of documents that the app speaks"),
]


def carrier(asked: Asked, x_app_schema: Schema = service.SCHEMA) -> Carrier:
    """Who asks, with which device in their hands."""
    return Carrier(asked.worker, asked.device or "", min(x_app_schema, service.SCHEMA))


Carried = Annotated[Carrier, Depends(carrier)]


@door.get("/pull", responses=may_answer(410), response_model=PullOut)
@lets(Action.SYNC)
async def pull(
    asked: Asked,
    carried: Carried,
    given: Given,
    request: Request,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    max_bytes: Annotated[int, Query(ge=1000, le=1_000_000)] = 100_000,
    kinds: Kinds = "",
) -> Any:  # noqa: ANN401 - written by hand: pages are large
    """What changed since the cursor, oldest first. 410 `cursor-gone`: forget the cursor and reconcile."""
    ask = Ask(cursor, _listed(kinds) or ALL_KINDS, limit, max_bytes)

    def written() -> Response:
        page = service.pull(asked.office, carried, ask, now=asked.now)
        if page.more:
            given.turns.goes_on(page.cursor)
        changes = [service.native(change, carried) for change in page.changes]
        told = {"changes": changes, "cursor": page.cursor, "more": page.more}
        return answered(told, packed=takes_gzip(request))

    return await given.turns.take(cursor, written)


@door.post("/push", responses=may_answer(), response_model=PushOut)
@lets(Action.SYNC)
def push(
    asked: Asked,
    carried: Carried,
    body: PushIn,
    accept_language: Annotated[str | None, Header(max_length=200)] = None,
) -> Any:  # noqa: ANN401 - written by hand, as a page is
    """What the device did, row by row. Each row has a result of its own; none stops another."""
    named = _named(carried, body.device)
    sent_at = service.moment(body.sent_at)
    told = replace(named, ahead=sent_at - asked.now) if sent_at else named
    taken = service.push(asked.office, told, body.ops, now=asked.now)
    language = choose_locale(accept_language)
    results = [_explained(asked, one.result, language) for one in taken]
    return answered({"results": results, "at": asked.now})


@door.get("/digest", responses=may_answer())
@lets(Action.SYNC)
def see_digest(asked: Asked, carried: Carried) -> DigestOut:
    """A fingerprint of what the device should hold, to be compared now and then with what it holds."""
    found = service.digests(asked.office, carried, now=asked.now)
    return DigestOut(kinds={kind: KindDigest(count=count, xor=xor) for kind, (count, xor) in found.items()})


@door.post("/reconcile", responses=may_answer())
@lets(Action.SYNC)
def reconcile(asked: Asked, carried: Carried, body: ReconcileIn) -> ReconcileOut:
    """Where the device and the server differ, after a digest did or a backup was restored.

    What is missing or stale comes with the next pull; what is unknown here, or known only as it was before,
    is to be pushed again.
    """
    found = service.reconcile(asked.office, carried, body.kind.value, body.ids, now=asked.now)
    return ReconcileOut(
        missing=list(found.missing), stale=list(found.stale), gone=list(found.gone),
        unknown=list(found.unknown), behind=list(found.behind),
    )  # fmt: skip


@door.get("/refused", responses=may_answer())
@lets(Action.READ_INTAKE)
def list_refused(asked: Asked, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> RefusedRows:
    """Rows of your people's devices that were refused, word for word, the newest first. Remembered."""
    found = service.see_refused(asked.office, asked.worker, limit=limit, now=asked.now)
    return RefusedRows(
        items=[
            RefusedOut(
                id=one.kept.id, worker_id=one.kept.worker_id, device=one.kept.device_id, kind=one.kind,
                doc_id=one.doc_id, code=one.code, at=one.kept.at, row=one.kept.said,
            )
            for one in found
        ]
    )  # fmt: skip


def _named(carried: Carrier, device: str | None) -> Carrier:
    """The device by the name that its token has, else by the one that it gives itself."""
    return carried if carried.device or not device else replace(carried, device=device)


def _explained(asked: Asking, result: dict[str, Any], language: str) -> dict[str, Any]:
    """A result with its problem as problem details, and explained in both languages."""
    problem = result.get("problem")
    if not problem:
        return result
    code, details = problem["code"], problem["details"]
    words = service.explained(asked.office.rulebook, code, details)
    told = {
        "type": f"urn:spean:problem:{code}", "title": words["title"][language], "status": problem["status"],
        "detail": words["detail"][language], "code": code, "explained": words["detail"],
    }  # fmt: skip
    return {**result, "problem": told}


def takes_gzip(request: Request) -> bool:
    """Whether an answer may be compressed."""
    return "gzip" in request.headers.get("accept-encoding", "")


def answered(content: Any, *, packed: bool = False) -> Response:  # noqa: ANN401 - a JSON value
    """The content as JSON. A large page is packed here and not by the server's own thread, which would
    hold up everybody meanwhile.
    """
    plain = orjson.dumps(content, option=JSON)
    if not packed or len(plain) < _PACKED_FROM_BYTES:
        return Response(plain, media_type=_JSON_TYPE)
    headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(gzip.compress(plain, _LEVEL, mtime=0), headers=headers, media_type=_JSON_TYPE)


__all__ = ["Asking", "Kind", "answered", "carrier", "door", "takes_gzip"]
