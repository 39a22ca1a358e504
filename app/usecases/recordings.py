"""What callers leave: announced by the carrier, fetched and sealed, deleted there, listened to."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit.rules import Deed
from app.calls.rules import ivr
from app.calls.rules.calls import Call, Ending, Kind
from app.calls.rules.ivr import Step
from app.calls.rules.recordings import (
    FETCH_WITHIN,
    ORPHAN_AFTER,
    Holder,
    NotHad,
    Problem,
    Sound,
    State,
    is_lost,
    media_type_of,
    wait_after,
)
from app.calls.store.recordings import Announced, KeptSound, Recording
from app.cases.rules.facts import RecordingKept
from app.identity.rules import Action, Worker
from app.intake.rules.incoming import IncomingRecording, kept_id
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound, Refusal
from app.store.files import FileRef
from app.usecases import answering
from app.usecases.opening import tell_owner
from app.usecases.seeing import sight_of
from app.usecases.unit_of_work import UnitOfWork

LOST: Final = "recording_lost"
_LISTEN_WITHIN: Final = timedelta(hours=1)
# Calls in which nobody leaves a message for the hotline: a worker speaks prompts, or two people talk.
_NO_MESSAGES: Final = frozenset({Kind.DESK, Kind.BRIDGE})


class RecordingErased(Refusal):
    """The sound was let go when its time was over. That it was there is still known."""

    code = "recording.erased"
    status = 410


@dataclass(frozen=True, slots=True)
class Playable:
    """A recording that somebody is about to hear."""

    file: FileRef
    size_bytes: int
    media_type: str


def announced(
    uow: UnitOfWork, carrier: str, account: str, incoming: IncomingRecording, *, now: datetime
) -> bool:
    """Whether the call of this recording is known. Words that were left are kept to be fetched, once.

    Those of an unknown call are fetched all the same; `adopt` makes a case of them when the call
    does not become known. Repeating it, in any order, changes nothing.
    """
    if not incoming.finished:
        return True
    call_sid = kept_id(incoming.call_carrier_id) if incoming.call_carrier_id else ""
    call = uow.calls.locked_by_carrier(carrier, account, call_sid) if call_sid else None
    if call and call.kind in _NO_MESSAGES:
        return True
    if not incoming.seconds:
        if call:
            answering.nothing_said(uow, call, now=now)
        return call is not None
    recording = _kept(uow, carrier, account, incoming, call, now=now)
    if recording.state is State.ANNOUNCED and recording.seconds != incoming.seconds:
        # What is told when a message ends differs from its length once silence is trimmed off.
        uow.recordings.lasts(recording.id, incoming.seconds)
    if call:
        _belongs(uow, recording, call, now=now)
    return call is not None


def left(uow: UnitOfWork, call: Call, incoming: IncomingRecording, *, now: datetime) -> Call:
    """A locked call with what the caller has just left in it. The carrier announces it once more."""
    if not incoming.seconds or call.kind in _NO_MESSAGES:
        return call
    recording = _kept(uow, call.carrier, call.account, incoming, call, now=now)
    return _belongs(uow, recording, call, now=now)


def adopt(uow: UnitOfWork, *, now: datetime, limit: int = 20) -> int:
    """Make a call, and so a case, of each recording whose call nobody told us of. Returns how many.

    Somebody left words while we were out of order: a human has to hear them.
    """
    found = uow.recordings.orphans(now - ORPHAN_AFTER, limit=limit)
    for recording_id in found:
        recording = uow.recordings.get(recording_id)
        if recording is None or recording.call_id:
            continue
        call = _call_of(uow, recording, now=now)
        locked = uow.recordings.locked(recording_id)
        if locked and locked.call_id is None:
            _belongs(uow, locked, call, now=now)
    return len(found)


def any_orphans(uow: UnitOfWork, *, now: datetime) -> bool:
    """Whether words were left in a call of which nobody has told us by now."""
    return uow.recordings.any_orphans(now - ORPHAN_AFTER)


def anything_due(uow: UnitOfWork, carriers: Collection[str], *, now: datetime) -> bool:
    """Whether there is something to fetch from, or to delete at, one of these carriers."""
    return bool(carriers) and uow.recordings.anything_due(carriers, now)


def lease(uow: UnitOfWork, carriers: Collection[str], *, now: datetime) -> Recording | None:
    """What has been due longest, for one worker alone until the lease is over."""
    return uow.recordings.claim_due(carriers, now)


def keep(uow: UnitOfWork, leased: Recording, sound: KeptSound, *, now: datetime) -> bool:
    """Whether the sound that was fetched is now the recording's own.

    Not where the lease was over and somebody else has fetched it since: then the file is nobody's.
    """
    known = uow.recordings.get(leased.id)
    # First the call, then what was left in it, as when a carrier announces it.
    call = uow.calls.locked(known.call_id) if known and known.call_id else None
    recording = _still(uow, leased)
    if recording is None:
        return False
    uow.recordings.keep(recording.id, sound, now)
    if recording.call_id and call is None:
        call = uow.calls.locked(recording.call_id)
    if call:
        _tell(uow, recording, call, now=now)
    return True


def finish(uow: UnitOfWork, leased: Recording, *, now: datetime) -> None:
    """The carrier holds the recording no longer. Repeating it changes nothing."""
    if recording := _still(uow, leased):
        state = State.ERASED if recording.erased_at else State.FINISHED
        uow.recordings.deleted_there(recording.id, state, now)
        uow.audit.record(Deed("recording.deleted_at_carrier", "recordings", recording.id))


def put_off(uow: UnitOfWork, leased: Recording, problem: Problem, *, now: datetime) -> bool:
    """Try the step again later. True where the recording could not be had for so long that it is given up.

    Deleting at the carrier is never given up. What could not be fetched stays at the carrier, where
    a human may still find it.
    """
    recording = _still(uow, leased)
    if recording is None:
        return False
    tries, age = recording.attempts, now - recording.announced_at
    if recording.state is State.KEPT or not is_lost(problem, tries=tries, age=age):
        again = now + wait_after(problem, tries=tries)
        uow.recordings.try_again(recording.id, at=again, problem=problem)
        return False
    uow.recordings.give_up(recording.id, problem)
    calls = uow.calls.of_ids([recording.call_id]) if recording.call_id else {}
    case_id = next((call.case_id for call in calls.values()), None)
    uow.records.add_task(
        kind=LOST, case_id=case_id, subject_id=recording.id, due_at=now + _LISTEN_WITHIN, now=now
    )
    uow.audit.record(Deed("recording.lost", "recordings", recording.id, {"problem": problem}))
    return True


def hear(uow: UnitOfWork, worker: Worker, recording_id: UUID) -> Playable:
    """The sound for somebody who may know of its case; the audit chain remembers that they listened.

    What belongs to no case is the coordinators' to hear. Raises: NotFound, RecordingErased.
    """
    worker.must_be_allowed(Action.READ_CASES)
    recording = uow.recordings.get(recording_id)
    if recording is None or not _may_hear(uow, worker, recording):
        raise NotFound
    if recording.erased_at:
        raise RecordingErased
    if recording.file is None:
        raise NotFound
    uow.audit.record(Deed("recording.heard", str(worker.id), recording_id))
    return Playable(recording.file, recording.size_bytes, recording.media_type)


def _may_hear(uow: UnitOfWork, worker: Worker, recording: Recording) -> bool:
    calls = uow.calls.of_ids([recording.call_id]) if recording.call_id else {}
    cases = [call.case_id for call in calls.values() if call.case_id]
    sight = sight_of(worker)
    return bool(uow.cases.visible(cases, sight)) if cases else sight.coordinates


def _kept(  # noqa: PLR0913 - the transaction and the time are two of them
    uow: UnitOfWork, carrier: str, account: str, incoming: IncomingRecording, call: Call | None, *,
    now: datetime,
) -> Recording:  # fmt: skip
    """The one recording of this carrier's id, locked; new where it was not known."""
    carrier_id = kept_id(incoming.carrier_id)
    call_sid = kept_id(incoming.call_carrier_id) if incoming.call_carrier_id else ""
    wish = Announced(
        new_id(now), carrier, account, carrier_id, call_sid, call.id if call else None, incoming.seconds
    )
    if uow.recordings.add(wish, now):
        uow.audit.record(Deed("recording.announced", "recordings", wish.id))
    recording = uow.recordings.locked_by_carrier(carrier, account, carrier_id)
    if recording is None:
        raise LookupError("a recording is neither new nor known")
    return recording


def _belongs(uow: UnitOfWork, recording: Recording, call: Call, *, now: datetime) -> Call:
    """The call with this recording in it, which makes a case of it. What was kept before is told of now."""
    told = answering.message_came(uow, call, now=now)
    if recording.call_id is None:
        uow.recordings.of_call(recording.id, call.id)
        if recording.state in {State.KEPT, State.FINISHED}:
            _tell(uow, recording, told, now=now)
    return told


def _tell(uow: UnitOfWork, recording: Recording, call: Call, *, now: datetime) -> None:
    if call.case_id is None:
        return
    fact = RecordingKept(recording.id, call.id, recording.seconds)
    uow.tell(call.case_id, [fact], actor="recordings")
    if case := uow.cases.get(call.case_id, None):
        tell_owner(uow, case, now=now)


def _call_of(uow: UnitOfWork, recording: Recording, *, now: datetime) -> Call:
    """The call in which it was left, locked: known by now, or made of what little we know."""
    carrier, account = recording.carrier, recording.account
    # A carrier that names no call makes none twice either: the recording's own id stands for it.
    carrier_id = recording.call_carrier_id or f"recording-{recording.id}"
    call = uow.calls.locked_by_carrier(carrier, account, carrier_id)
    if call:
        return call
    over = Call(
        id=new_id(now), kind=Kind.HOTLINE, carrier=carrier, account=account, carrier_id=carrier_id,
        via="", sender_kind=answering.NOT_KNOWN, state=replace(ivr.begin(), step=Step.GONE),
        began_at=recording.announced_at, ends_by=now, ended_at=now, ended_as=Ending.LOST,
        seconds=recording.seconds,
    )  # fmt: skip
    if not uow.calls.add(over):
        return _call_of(uow, recording, now=now)
    uow.audit.record(Deed("call.reconstructed", "recordings", over.id))
    return over


def _still(uow: UnitOfWork, leased: Recording) -> Recording | None:
    """The recording, locked, if nobody else has gone on with it since it was leased."""
    recording = uow.recordings.locked(leased.id)
    same = recording and (recording.state, recording.attempts) == (leased.state, leased.attempts)
    return recording if same else None


__all__ = [
    "FETCH_WITHIN",
    "Holder",
    "KeptSound",
    "NotHad",
    "Playable",
    "Problem",
    "Recording",
    "RecordingErased",
    "Sound",
    "State",
    "adopt",
    "announced",
    "any_orphans",
    "anything_due",
    "finish",
    "hear",
    "keep",
    "lease",
    "left",
    "media_type_of",
    "put_off",
]
