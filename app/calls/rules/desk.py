"""The recording desk, at which a worker reads prompts aloud by phone: its states, and the steps between."""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.calls.rules.documents import Document, Gather, Goto, Hangup, Play, PlayFile, Record, Sound, Spell
from app.calls.rules.ivr import State, Step
from app.kernel.language import Language

# Carriers give a call no more than 50. Source: docs/sources.md#call-documents.
MOST_DOCUMENTS: Final = 45
MISTAKES: Final = 3
KEEP_KEY: Final = "1"
AGAIN_KEY: Final = "2"
SKIP_KEY: Final = "3"
_PIN_WAIT: Final = timedelta(seconds=10)
_LONGEST: Final = timedelta(minutes=1)


class Did(StrEnum):
    """What a worker did in one step."""

    ENTERED = "entered"
    WRONG_PIN = "wrong_pin"
    KEPT = "kept"
    THREW_AWAY = "threw_away"  # to record it again
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the carrier tells. `keys` None is silence; `recorded` tells of a sound that we have in hand."""

    keys: str | None = None
    pin_right: bool = False
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What waits at the desk: how many prompts, the one at hand included; whether it has a draft already.

    `shut`: its time is over, or its PIN was guessed at too often.
    """

    waiting: int
    drafted: bool
    shut: bool = False


@dataclass(frozen=True, slots=True)
class AtHand:
    """What a document of the desk speaks of: how many wait, the number in the list, the draft's address."""

    waiting: int = 0
    number: int = 0
    draft: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """The state after a step, and what was done in it."""

    state: State
    did: Did | None = None


def begin(language: Language) -> State:
    """The state in which a call of the desk begins."""
    return State(Step.DESK_PIN, language)


def advance(state: State, heard: Heard, situation: Situation) -> Turn:
    """The next state after what was heard. Every way through ends within MOST_DOCUMENTS documents."""
    match state.step:
        case Step.DESK_PIN:
            turn = _at_the_door(state, heard, situation)
        case Step.DESK_FIRST | Step.DESK_RECORD:
            turn = _recorded(state, heard)
        case Step.DESK_LISTEN:
            turn = _listened(state, heard, situation)
        case _:
            turn = Turn(replace(state, step=Step.GONE))
    documents = state.documents + 1
    step = turn.state.step
    if documents >= MOST_DOCUMENTS and step in _GOES_ON:
        step = Step.DESK_LONG
    return replace(turn, state=replace(turn.state, documents=documents, step=step))


def document_of(state: State, at_hand: AtHand) -> Document:
    """What the carrier is told in this state."""
    match state.step:
        case Step.DESK_PIN:
            wrong = (Play("ivr.desk_wrong"),) if state.mistakes else ()
            return (Gather((*wrong, Play("ivr.desk_pin")), digits=None, wait=_PIN_WAIT), Goto())
        case Step.DESK_FIRST:
            return _asking(
                Spell(f"{at_hand.waiting} prompts are waiting."), Play("ivr.desk_waiting"), at_hand=at_hand
            )
        case Step.DESK_RECORD:
            again = (Play("ivr.desk_again"),) if state.mistakes else ()
            return _asking(*again, at_hand=at_hand)
        case Step.DESK_LISTEN:
            return (Gather((PlayFile(at_hand.draft), Play("ivr.desk_listen"))), Goto())
        case ended:
            return (*(Play(key) for key in _GOODBYES.get(ended, ())), Hangup())


def _asking(*first: Sound, at_hand: AtHand) -> Document:
    # Said twice, so that there is time to look for it.
    number = f"Number {at_hand.number}. Number {at_hand.number}."
    return (*first, Spell(number), Record(longest=_LONGEST, told=False), Goto())


def _at_the_door(state: State, heard: Heard, situation: Situation) -> Turn:
    if heard.pin_right and not situation.shut:
        entered = replace(state, mistakes=0)
        return Turn(replace(entered, step=_next(situation, first=True)), Did.ENTERED)
    wrong = replace(state, mistakes=state.mistakes + 1)
    out = situation.shut or wrong.mistakes >= MISTAKES
    return Turn(replace(wrong, step=Step.GONE) if out else wrong, Did.WRONG_PIN if heard.keys else None)


def _recorded(state: State, heard: Heard) -> Turn:
    if heard.recorded:
        return Turn(replace(state, step=Step.DESK_LISTEN, mistakes=0))
    return Turn(_mistaken(replace(state, step=Step.DESK_RECORD)))


def _listened(state: State, heard: Heard, situation: Situation) -> Turn:
    if not situation.drafted:
        # Somebody opened the desk anew meanwhile: what was heard is there no more.
        return Turn(replace(state, step=_next(situation), mistakes=0))
    if heard.keys == AGAIN_KEY:
        return Turn(replace(state, step=Step.DESK_RECORD, mistakes=0), Did.THREW_AWAY)
    did = {KEEP_KEY: Did.KEPT, SKIP_KEY: Did.SKIPPED}.get(heard.keys or "")
    if did is None:
        return Turn(_mistaken(state))
    others = replace(situation, waiting=situation.waiting - 1, drafted=False)
    return Turn(replace(state, step=_next(others), mistakes=0), did)


def _mistaken(state: State) -> State:
    wrong = replace(state, mistakes=state.mistakes + 1)
    return replace(wrong, step=Step.GONE) if wrong.mistakes >= MISTAKES else wrong


def _next(situation: Situation, *, first: bool = False) -> Step:
    if situation.drafted:
        return Step.DESK_LISTEN
    if situation.waiting < 1:
        return Step.DESK_DONE
    return Step.DESK_FIRST if first else Step.DESK_RECORD


_GOODBYES: Final = {Step.DESK_DONE: ("ivr.desk_done",), Step.DESK_LONG: ("ivr.desk_call_again",)}
_GOES_ON: Final = frozenset({Step.DESK_PIN, Step.DESK_FIRST, Step.DESK_RECORD, Step.DESK_LISTEN})
