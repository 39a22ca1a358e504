"""The recording desk: a worker calls from their own phone, reads prompts aloud, listens, and keeps them."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Never
from uuid import UUID

from app.audit.rules import Deed
from app.calls.rules import desk as rules
from app.calls.rules.calls import Call
from app.calls.rules.desk import AtHand, Did, Heard, Situation
from app.calls.rules.documents import Document
from app.calls.rules.ivr import Step
from app.calls.rules.prompts import DESK_OPEN_FOR, WRONG_PINS, Desk, Draft, Prompt, Standing, text_digest
from app.calls.rules.sounds import Sound
from app.kernel.language import Language
from app.kernel.phone import Phone
from app.kernel.refusal import Refusal
from app.usecases.prompting import Listed, new_address, stock
from app.usecases.unit_of_work import UnitOfWork

_PHONE: Final = "prompt_desk"
_RECORDING: Final = frozenset({Step.DESK_FIRST, Step.DESK_RECORD})


class NoDesk(Refusal):
    """No desk can be opened; `problem` says why."""

    code = "prompt.no_desk"
    status = 422


@dataclass(frozen=True, slots=True)
class Opened:
    """A desk that was just opened, and what waits at it."""

    worker_id: UUID
    expires_at: datetime
    waiting: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call of the desk asks of us before its next document: a PIN to check, or a sound to fetch.

    `key` and `language` are of the prompt that was read aloud, `fetched` the recording that we have of it.
    """

    worker_id: UUID
    pin_hash: str | None
    key: str | None
    language: str
    fetched: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a document: the keys, and the hash of the PIN if they were found to be that PIN."""

    keys: str | None
    pin_hash: str | None = None


def open_desk(uow: UnitOfWork, username: str, language: Language, pin_hash: str, *, now: datetime) -> Opened:
    """Let a worker record prompts from their own phone for a while. It takes the place of an earlier desk.

    Raises: NoDesk.
    """
    found = uow.identity.worker_named(username)
    if found is None or not found[0].active:
        _refuse("no worker of this name works here")
    worker = found[0]
    phones = uow.identity.phones([worker.id])
    if worker.id not in phones:
        _refuse("no phone of this worker is known")
    phone, _ = phones[worker.id]
    if phone in uow.rulebook.own_numbers:
        _refuse("the phone of this worker is a number of the hotline")
    known = uow.prompts.desk_of(worker.id)
    drafted = known if known and known.draft and known.language == language else None
    desk = Desk(
        worker.id, _index(uow, phone), pin_hash, language.value, now + DESK_OPEN_FOR,
        key=drafted.key if drafted else None, draft=drafted.draft if drafted else None,
        undeleted=known.undeleted if known else (),
    )  # fmt: skip
    uow.prompts.open_desk(desk)
    uow.audit.record(Deed("prompt.desk_opened", "cli", worker.id, {"language": language.value}))
    return Opened(worker.id, desk.expires_at, tuple(_waiting(uow, desk)))


def desk_for(uow: UnitOfWork, phone: Phone, *, now: datetime) -> Desk | None:
    """The desk that is open for exactly this phone, if there is one."""
    desk = uow.prompts.desk_at(_index(uow, phone))
    if desk is None or not desk.open(now):
        return None
    worker = uow.identity.worker(desk.worker_id)
    return desk if worker and worker.active else None


def asked(uow: UnitOfWork, call: Call, at: int) -> Asked | None:
    """What has to be done, without a transaction, before the next document; None where nothing has."""
    desk = _desk(uow, call)
    if desk is None or at != call.state.documents or call.ended_at:
        return None
    pin_hash = desk.pin_hash if call.state.step is Step.DESK_PIN else None
    key = desk.key if call.state.step in _RECORDING else None
    fetched = desk.draft.carrier_id if desk.draft else None
    return Asked(desk.worker_id, pin_hash, key, desk.language, fetched) if pin_hash or key else None


def recorded_there(uow: UnitOfWork, worker_id: UUID, carrier_id: str) -> None:
    """The carrier holds this recording of a desk, until `deleted` says otherwise."""
    desk = uow.prompts.desk_of(worker_id)
    if desk and carrier_id not in desk.undeleted:
        uow.prompts.save_desk(replace(desk, undeleted=(*desk.undeleted, carrier_id)))


def draft_came(uow: UnitOfWork, asked_for: Asked, sound: Sound, carrier_id: str) -> None:
    """Keep what a worker read aloud as a draft; its file is on the disk. Nothing where it is late."""
    desk = uow.prompts.desk_of(asked_for.worker_id)
    if desk and (desk.key, desk.language) == (asked_for.key, asked_for.language):
        draft = Draft(new_address(sound), sound, carrier_id)
        uow.prompts.save_desk(replace(desk, draft=draft))


def undeleted(uow: UnitOfWork, worker_id: UUID) -> tuple[str, ...]:
    """The recordings of a desk that the carrier may still hold, though we need them there no more."""
    desk = uow.prompts.desk_of(worker_id)
    return desk.undeleted if desk else ()


def deleted(uow: UnitOfWork, worker_id: UUID, carrier_ids: frozenset[str]) -> None:
    """The carrier holds these recordings no longer."""
    desk = uow.prompts.desk_of(worker_id)
    if desk:
        left = tuple(one for one in desk.undeleted if one not in carrier_ids)
        uow.prompts.save_desk(replace(desk, undeleted=left))


def go_on(uow: UnitOfWork, call: Call, at: int, told: Told, *, now: datetime) -> tuple[Call, Document]:
    """The next document of a locked call of the desk after what came of document number `at`.

    A repeat of an answered request gets the same document, and nothing else.
    """
    desk = _desk(uow, call)
    if desk is None or at != call.state.documents or call.ended_at:
        return call, document(uow, call)
    situation = Situation(len(_waiting(uow, desk)), desk.draft is not None, shut=not desk.open(now))
    right = told.pin_hash == desk.pin_hash
    heard = Heard(told.keys, pin_right=right, recorded=desk.draft is not None)
    turn = rules.advance(call.state, heard, situation)
    desk = _done(uow, desk, turn.did, now=now)
    state = turn.state
    if state.step in _RECORDING:
        keys_left = [one.key for one in _waiting(uow, desk)]
        if not keys_left:
            state = replace(state, step=Step.DESK_DONE)
        elif desk.key not in keys_left:
            desk = replace(desk, key=keys_left[0])
    uow.prompts.save_desk(desk)
    call = replace(call, state=state, pressed=call.pressed or told.keys is not None)
    uow.calls.save(call)
    return call, document(uow, call)


def document(uow: UnitOfWork, call: Call) -> Document:
    """What the carrier is to do with a call of the desk as it stands."""
    desk = _desk(uow, call)
    if desk is None:
        return rules.document_of(replace(call.state, step=Step.GONE), AtHand())
    waiting = _waiting(uow, desk)
    number = next((one.number for one in waiting if one.key == desk.key), 0)
    address = desk.draft.address if desk.draft else ""
    return rules.document_of(call.state, AtHand(len(waiting), number, address))


def _done(uow: UnitOfWork, desk: Desk, did: Did | None, *, now: datetime) -> Desk:
    """The desk after what a worker did at it."""
    match did:
        case Did.ENTERED:
            uow.audit.record(Deed("prompt.desk_entered", str(desk.worker_id), desk.worker_id))
            return replace(desk, failures=0)
        case Did.WRONG_PIN:
            failed = replace(desk, failures=desk.failures + 1)
            shut = {"closed": failed.failures >= WRONG_PINS}
            uow.audit.record(Deed("prompt.wrong_pin", "reception", desk.worker_id, shut))
            return failed
        case Did.KEPT if desk.draft and desk.key:
            _keep(uow, desk, desk.key, desk.draft, now=now)
            return replace(desk, key=None, draft=None)
        case Did.SKIPPED if desk.key:
            return replace(desk, key=None, draft=None, skipped=(*desk.skipped, desk.key))
        case Did.THREW_AWAY:
            return replace(desk, draft=None)
        case _:
            return desk


def _keep(uow: UnitOfWork, desk: Desk, key: str, draft: Draft, *, now: datetime) -> None:
    words = uow.rulebook.catalogues.written(key, desk.language)
    # The carrier has fetched the draft from this address a moment ago, and nobody else knows it.
    uow.prompts.keep(
        Prompt(key, desk.language, draft.address, draft.sound, text_digest(words), desk.worker_id, now)
    )
    details = {"key": key, "language": desk.language, "sha256": draft.sound.sha256}
    uow.audit.record(Deed("prompt.recorded", str(desk.worker_id), None, details))


def _desk(uow: UnitOfWork, call: Call) -> Desk | None:
    """The desk of a call, locked; a draft of words that the catalogue lost meanwhile is none."""
    desk = uow.prompts.desk_of(call.worker_id) if call.worker_id else None
    if desk and desk.key and desk.key not in uow.rulebook.catalogues.keys(desk.language):
        return replace(desk, key=None, draft=None)
    return desk


def _waiting(uow: UnitOfWork, desk: Desk) -> list[Listed]:
    """What there is to record at a desk, in the order of the list; what has a draft comes first."""
    drafted = desk.key if desk.draft else None
    waiting = [
        one
        for one in stock(uow, desk.language)
        if one.key == drafted or (one.standing is not Standing.RECORDED and one.key not in desk.skipped)
    ]
    return sorted(waiting, key=lambda one: one.key != drafted)


def _index(uow: UnitOfWork, phone: Phone) -> bytes:
    return uow.vault.index(_PHONE, phone.e164)


def _refuse(problem: str) -> Never:
    raise NoDesk(problem=problem)
