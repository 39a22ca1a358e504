"""The recording desk over Twilio: checks the PIN, and fetches what a worker read aloud, between documents."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.calls.rules.sounds import MOST_BYTES, NotASound, look_at
from app.channels.twilio.door import Verified
from app.channels.twilio.voice import VoiceDoor, coming_of
from app.crypto.passwords import password_matches
from app.kernel.refusal import Fault
from app.store.plain_files import PlainFiles
from app.usecases import answering, prompting, recording_desk
from app.usecases.recording_desk import Asked, Told

_LOG = structlog.get_logger("desk")
# A carrier takes a moment until it gives out what it has just recorded, and waits 15 s for an answer.
PAUSES: Final = (0.4, 0.8, 1.6, 2.4)
_PATIENCE_SECONDS: Final = 5.0


class Pieces(Protocol):
    """A sound as it comes from a carrier."""

    @property
    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in order."""
        ...


class Holder(Protocol):
    """A carrier that holds recordings until we have fetched them. It refuses ids that are none of its own."""

    def sound(self, carrier_id: str) -> AbstractContextManager[Pieces]:
        """The recording of this id. Raises: whatever a network may do, also while it is read."""
        ...

    def delete(self, carrier_id: str) -> None:
        """The carrier holds it no longer; it may have been gone before. Raises: as sound."""
        ...


class TooLarge(Fault):
    """More bytes came than a prompt may have."""


@dataclass(frozen=True)
class DeskDoor:
    """The documents of a desk's calls.

    `holder` makes what fetches in one thread; None where no carrier is configured to fetch from.
    """

    voice: VoiceDoor
    files: PlainFiles
    holder: Callable[[], Holder] | None
    pauses: tuple[float, ...] = PAUSES

    async def next(self, request: Request) -> Response:
        """`POST /twilio/voice/desk/{at}`: what came of document number `at` of a worker's call."""
        at = int(request.path_params["at"])
        return await self.voice.answer(request, lambda came: self._next(came, at))

    def _next(self, came: Verified, at: int) -> str:
        coming = coming_of(came)
        with self.voice.office.look() as uow:
            known = answering.call_of(uow, coming)
            asked = recording_desk.asked(uow, known, at) if known else None
        told = self._told(asked, came)
        now = self.voice.clock.now()
        with self.voice.office.work(now) as uow:
            call = answering.call_of(uow, coming)
            if call is None:
                # The first request of this call was answered while we were out of order.
                return self.voice.twiml(uow, *answering.begin(uow, coming, now=now))
            return self.voice.twiml(uow, *recording_desk.go_on(uow, call, at, told, now=now))

    def _told(self, asked: Asked | None, came: Verified) -> Told:
        """What came of the last document. A PIN is checked and a sound fetched while nothing is locked."""
        digits = came.fields.get("Digits", "")
        keys = digits if digits and digits != "hangup" else None
        if asked and asked.pin_hash and keys:
            right = password_matches(asked.pin_hash, keys)
            return Told(keys, asked.pin_hash if right else None)
        recording = _recording_in(came)
        if asked and asked.key and recording and recording != asked.fetched:
            self._take(asked, asked.key, recording)
        return Told(keys)

    def _take(self, asked: Asked, key: str, recording: str) -> None:
        """Fetch what was read aloud and keep it as a draft; where that fails, it is asked for again.

        Either way the carrier need not hold it any longer.
        """
        if self.holder is None:
            _LOG.warning("desk_has_no_carrier")
            return
        holder = self.holder()
        with self.voice.office.work(self.voice.clock.now()) as uow:
            recording_desk.recorded_there(uow, asked.worker_id, recording)
        try:
            self._keep(asked, key, recording, self._fetched(holder, recording))
        except NotASound as problem:
            _LOG.warning("desk_sound_refused", problem=str(problem))
        except Exception as problem:  # noqa: BLE001 - whatever a carrier does, the worker is on the line
            _LOG.warning("desk_sound_not_fetched", error=type(problem).__name__)
        self._delete(holder, asked)

    def _keep(self, asked: Asked, key: str, recording: str, content: bytes) -> None:
        """What was fetched is a draft, its file before its row. Raises: NotASound."""
        sound = look_at(content)
        prompting.fill(self.files, key=key, language=asked.language, content=content, sound=sound)
        with self.voice.office.work(self.voice.clock.now()) as uow:
            recording_desk.draft_came(uow, asked, sound, recording)

    def _fetched(self, holder: Holder, recording: str) -> bytes:
        """The whole recording, tried a few times. Raises: TooLarge, and whatever a network may do."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        for pause in self.pauses:
            time.sleep(pause)
            try:
                return _read(holder, recording)
            except TooLarge:
                raise
            except Exception as problem:
                _LOG.info("desk_sound_not_there", error=type(problem).__name__)
                if time.monotonic() > give_up_at:
                    raise
        return _read(holder, recording)

    def _delete(self, holder: Holder, asked: Asked) -> None:
        """Delete recordings at the carrier; what cannot be deleted now is tried again with the next."""
        with self.voice.office.look() as uow:
            recordings = recording_desk.undeleted(uow, asked.worker_id)
        gone = set()
        for recording in recordings:
            try:
                holder.delete(recording)
                gone.add(recording)
            except Exception as problem:  # noqa: BLE001 - tried again later
                _LOG.warning("desk_sound_not_deleted", error=type(problem).__name__)
        with self.voice.office.work(self.voice.clock.now()) as uow:
            recording_desk.deleted(uow, asked.worker_id, frozenset(gone))


def _read(holder: Holder, recording: str) -> bytes:
    content = bytearray()
    with holder.sound(recording) as sound:
        for piece in sound.pieces:
            content += piece
            if len(content) > MOST_BYTES:
                raise TooLarge("a recording of the desk is too large")
    return bytes(content)


def _recording_in(came: Verified) -> str | None:
    """The carrier's id of what was recorded. Somleng gives its address alone, of which the end is the id;
    nothing else of an address that somebody gave us is ever used.
    """
    fields = came.fields
    return fields.get("RecordingSid") or fields.get("RecordingUrl", "").rpartition("/")[2] or None
