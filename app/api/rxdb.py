"""Field sync in the dialect of RxDB: one collection at a time, with checkpoints and master documents."""

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.sync import Carried, answered, takes_gzip
from app.api.sync_shapes import Masters, RxdbPullOut, RxdbRows
from app.identity.rules import Action
from app.store.feed import Kind
from app.sync import service
from app.sync.service import Ask

door = Door(prefix="/v1/rxdb", tags=["sync"])


@door.get("/{collection}/pull", responses=may_answer(404), response_model=RxdbPullOut)
@lets(Action.SYNC)
async def pull(
    asked: Asked,
    carried: Carried,
    given: Given,
    request: Request,
    collection: Kind,
    cp: Annotated[str | None, Query(max_length=100, description="the checkpoint's `c`")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Any:  # noqa: ANN401 - written by hand: pages are large
    """What changed in a collection. A page is full unless it is the last: RxDB stops at a short one.

    A checkpoint that means nothing any more is answered from the beginning, and `reconcile` says that
    the device must ask `/v1/sync/reconcile` what it holds too much and what it must push again.
    """
    ask = Ask(cp or None, (collection.value,), limit, lenient=True)

    def written() -> Response:
        page = service.pull(asked.office, carried, ask, now=asked.now)
        if page.more:
            given.turns.goes_on(page.cursor)
        documents = [service.as_rxdb(change, carried) for change in page.changes]
        told: dict[str, Any] = {"documents": documents, "checkpoint": {"c": page.cursor}}
        told = {**told, "reconcile": True} if page.again else told
        return answered(told, packed=takes_gzip(request))

    return await given.turns.take(cp, written)


@door.post("/{collection}/push", responses=may_answer(404), response_model=Masters)
@lets(Action.SYNC)
def push(asked: Asked, carried: Carried, collection: Kind, rows: RxdbRows) -> Any:  # noqa: ANN401 - as above
    """What the device did. The answer holds the documents that stand here otherwise than they were sent."""
    masters = service.push_rxdb(asked.office, carried, collection.value, rows.root, now=asked.now)
    return answered(masters)
