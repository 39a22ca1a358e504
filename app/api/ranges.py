"""Part of a file, as a request may ask for it (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Final

from app.kernel.refusal import Refusal

_ONE: Final = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})", re.ASCII)


class RangeNotSatisfiable(Refusal):
    """Nothing of the file lies where the request asks for it."""

    code = "range_not_satisfiable"
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE.value


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of a file from `start` up to `stop`, not included; `whole` where that is all of it."""

    start: int
    stop: int
    size: int
    whole: bool

    @property
    def status(self) -> int:
        """200 for what was asked for as a whole, 206 for a part."""
        return HTTPStatus.OK if self.whole else HTTPStatus.PARTIAL_CONTENT

    @property
    def headers(self) -> dict[str, str]:
        """What a player needs to know of the part that it gets."""
        told = {"Accept-Ranges": "bytes", "Content-Length": str(self.stop - self.start)}
        if not self.whole:
            told["Content-Range"] = f"bytes {self.start}-{self.stop - 1}/{self.size}"
        return told


def span_of(asked: str | None, size: int) -> Span:
    """The part of a file of this size that a `Range` header asks for.

    A header that asks for several parts, or that nobody can read, is answered with the whole file, as
    the standard allows. Raises: RangeNotSatisfiable.
    """
    match = _ONE.fullmatch(asked.strip()) if asked else None
    first, last = match.groups() if match else ("", "")
    if not first and not last:
        return Span(0, size, size, whole=True)
    if not first:
        # The last so many bytes.
        start, stop = max(size - int(last), 0), size
    elif last and int(last) < int(first):
        return Span(0, size, size, whole=True)
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise RangeNotSatisfiable(size_bytes=size)
    return Span(start, stop, size, whole=False)


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, the first of them opened already: a damaged file is a 500, not a torn answer."""
    return chain([next(pieces, b"")], pieces)
