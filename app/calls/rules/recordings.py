"""What a recording goes through, what may go wrong on the way, and when it is tried again."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol


class State(StrEnum):
    """Where a recording is."""

    ANNOUNCED = "announced"  # the carrier has it
    KEPT = "kept"  # we have it too
    FINISHED = "finished"  # only we have it
    FAILED = "failed"  # it could not be had; the carrier may still hold it
    ERASED = "erased"  # nobody has it; that it was there is known


class Problem(StrEnum):
    """Why a recording could not be fetched, or not deleted at the carrier."""

    NOT_THERE = "not_there"  # usual in the first seconds
    UNREACHABLE = "unreachable"  # no answer, a broken one, or a fault of theirs
    REFUSED = "refused"  # our account or token is wrong
    REDIRECTED = "redirected"  # sent to another place, to which we never go
    WRONG_TYPE = "wrong_type"  # no sound that we know
    TOO_LARGE = "too_large"
    NO_ID = "no_id"  # its id is none that a carrier gives
    NO_ROOM = "no_room"  # our own disk did not take it, or did not give it back


class NotHad(Exception):
    """The carrier did not give, or did not delete, a recording. Holds no address and no content."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording as it comes: its media type, looked at in its first bytes, and its pieces.

    The pieces raise NotHad where it breaks off.
    """

    media_type: str
    pieces: Iterator[bytes]


class Holder(Protocol):
    """A carrier that holds recordings until we have fetched them."""

    def sound(self, carrier_id: str) -> AbstractContextManager[Sound]:
        """The recording of this id, of a size that we accept. Raises: NotHad, also while it is read."""

    def delete(self, carrier_id: str) -> None:
        """The carrier holds it no longer; it may have been gone before. Raises: NotHad."""


MP3: Final = "audio/mpeg"
WAV: Final = "audio/wav"
_SPELLINGS: Final[Mapping[str, str]] = {
    "audio/mpeg": MP3, "audio/mp3": MP3, "audio/wav": WAV, "audio/x-wav": WAV, "audio/wave": WAV,
}  # fmt: skip
_FIRST_BYTES: Final = 12

# Whoever fetches has so long for all of it, and nobody else tries meanwhile. The longest message has 2 MB
# at most; and a loop that is busy for a minute counts as dead, which closes our doors.
FETCH_WITHIN: Final = timedelta(seconds=40)
LEASE: Final = timedelta(minutes=3)
# Telephony carriers may be out of order over a week-end: then somebody has to be told.
LOST_AFTER: Final = timedelta(days=3)
# A recording whose call we never heard of is a caller's words all the same.
ORPHAN_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Patience:
    """The wait after a first failure, doubled after each further one up to the longest; `tries` at most."""

    first: timedelta
    longest: timedelta
    tries: int | None = None


_SOON: Final = _Patience(timedelta(seconds=4), timedelta(hours=1))
# Nothing of this is likely to pass by itself, but a captive portal or a proxy may have answered.
_HARDLY: Final = _Patience(timedelta(minutes=1), timedelta(minutes=30), tries=5)
_PATIENCE: Final[Mapping[Problem, _Patience]] = {
    Problem.NOT_THERE: _SOON,
    Problem.UNREACHABLE: _SOON,
    Problem.REFUSED: _Patience(timedelta(minutes=5), timedelta(hours=1)),
    Problem.NO_ROOM: _Patience(timedelta(minutes=1), timedelta(hours=1)),
    Problem.REDIRECTED: _HARDLY,
    Problem.WRONG_TYPE: _HARDLY,
    Problem.TOO_LARGE: _HARDLY,
    Problem.NO_ID: _Patience(timedelta(0), timedelta(0), tries=1),
}
_MOST_DOUBLINGS: Final = 20


def wait_after(problem: Problem, *, tries: int) -> timedelta:
    """How long to wait after so many tries, of which the last failed for this reason."""
    patience = _PATIENCE[problem]
    return min(patience.first * (1 << min(tries - 1, _MOST_DOUBLINGS)), patience.longest)


def is_lost(problem: Problem, *, tries: int, age: timedelta) -> bool:
    """Whether to give a recording up that could not be fetched, so that a human looks after it."""
    most = _PATIENCE[problem].tries
    return age >= LOST_AFTER or (most is not None and tries >= most)


def media_type_of(content_type: str, beginning: bytes) -> str | None:
    """The media type of a sound; None where name and first bytes do not both say the same known one."""
    named = _SPELLINGS.get(content_type.partition(";")[0].strip().lower())
    return named if named and named == _looks_like(beginning[:_FIRST_BYTES]) else None


def _looks_like(beginning: bytes) -> str | None:
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE":
        return WAV
    # A tag, or the eleven set bits with which every frame of MPEG audio begins.
    if beginning[:3] == b"ID3" or (beginning[:1] == b"\xff" and beginning[1:2] >= b"\xe0"):
        return MP3
    return None
