"""What callers left, played to those who may know of the case."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Header
from starlette.responses import StreamingResponse

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.ranges import begun, span_of
from app.identity.rules import Action
from app.usecases import recordings

door = Door(prefix="/v1/recordings", tags=["recordings"])

_SOUND: Final[dict[str, Any]] = {
    kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("audio/mpeg", "audio/wav")
}


@door.get(
    "/{recording_id}",
    responses={
        **may_answer(404, 410, 416),
        200: {"description": "The whole recording", "content": _SOUND},
        206: {"description": "The part that `Range` asks for", "content": _SOUND},
    },
    response_class=StreamingResponse,
)
@lets(Action.READ_CASES)
def hear(
    asked: Asked,
    given: Given,
    recording_id: UUID,
    asked_range: Annotated[
        str | None, Header(alias="Range", max_length=1_000, description="one range of bytes")
    ] = None,
    if_range: Annotated[str | None, Header(max_length=1_000)] = None,
) -> Any:  # noqa: ANN401 - a stream
    """What a caller left, opened as it is played. Every listening is remembered in the audit chain."""
    with asked.office.work(asked.now) as uow:
        sound = recordings.hear(uow, asked.worker, recording_id)
        # Recordings have no validator, so whatever `If-Range` holds is not ours: the whole is sent.
        span = span_of(None if if_range else asked_range, sound.size_bytes)
    pieces = given.recordings.read(sound.file, size=sound.size_bytes, start=span.start, stop=span.stop)
    # Packing sound gains nothing, and a packed part would not be the part that was asked for.
    headers = {**span.headers, "Cache-Control": "no-store", "Content-Encoding": "identity"}
    return StreamingResponse(begun(pieces), span.status, headers, media_type=sound.media_type)
