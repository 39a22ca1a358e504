"""Opaque cursors of lists: where the next page begins."""

import base64
import binascii
import json
from datetime import UTC, datetime
from uuid import UUID

from app.kernel.clock import utc_text
from app.kernel.refusal import Refusal


class CursorInvalid(Refusal):
    """The cursor is none of ours."""

    code = "cursor.invalid"
    status = 422


def write(moment: datetime, row_id: UUID) -> str:
    """The cursor after this row."""
    return _encoded([utc_text(moment), str(row_id)])


def read(cursor: str | None) -> tuple[datetime, UUID] | None:
    """The row after which a page begins. Raises: CursorInvalid."""
    if cursor is None:
        return None
    try:
        moment, row_id = _decoded(cursor)
        at = datetime.fromisoformat(str(moment))
        if at.utcoffset() is None:
            raise CursorInvalid
        return at.astimezone(UTC), UUID(str(row_id))
    except (ValueError, TypeError, OverflowError):
        raise CursorInvalid from None


def write_number(number: int) -> str:
    """The cursor after the row of this number."""
    return _encoded([number])


def read_number(cursor: str | None) -> int | None:
    """The number after which a page begins. Raises: CursorInvalid."""
    if cursor is None:
        return None
    try:
        (number,) = _decoded(cursor)
    except (ValueError, TypeError):
        raise CursorInvalid from None
    if not isinstance(number, int) or not 0 <= number < 1 << 62:
        raise CursorInvalid
    return number


def _encoded(place: list[str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> list[object]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, UnicodeError, ValueError):
        raise CursorInvalid from None
    if not isinstance(place, list):
        raise CursorInvalid
    return place
