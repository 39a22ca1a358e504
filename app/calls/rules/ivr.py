"""The menu that callers hear: a table of states, and the pure step from a key to the next state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.calls.rules.documents import (
    MOST_DOCUMENTS,
    Document,
    Gather,
    Goto,
    Hangup,
    Play,
    Record,
)
from app.kernel.language import Language


class Step(StrEnum):
    """Where a call is."""

    GATE = "gate"  # our own call: nothing is said of who we are before a key is pressed
    LANGUAGE = "language"
    MENU = "menu"
    NUMBER = "number"  # only for callers whose number is hidden
    SAFE = "safe"
    RING = "ring"
    MESSAGE = "message"
    RECORD = "record"
    JOINED = "joined"  # a human has talked with the caller
    DONE = "done"
    NOT_RECORDED = "not_recorded"
    GONE = "gone"  # ended by us without a word
    # At the recording desk: see desk.py.
    DESK_PIN = "desk_pin"
    DESK_FIRST = "desk_first"
    DESK_RECORD = "desk_record"
    DESK_LISTEN = "desk_listen"
    DESK_DONE = "desk_done"
    DESK_LONG = "desk_long"


class Safe(StrEnum):
    """What the caller said to whether we may call this number."""

    YES = "yes"
    NO = "no"
    TEXT_ONLY = "text_only"


class News(StrEnum):
    """What became known in one step of a call."""

    LANGUAGE = "language"
    DANGER = "danger"
    PROBLEM = "problem"
    SAFE = "safe"
    NUMBER = "number"
    MESSAGE = "message"
    SILENT = "silent"
    NO_RECORDING = "no_recording"


DANGER_KEY: Final = "0"
REPEAT_KEY: Final = "9"
OTHER: Final = "other"
MISTAKES: Final = 3
REPEATS: Final = 2
RINGS: Final = 3
_GATE_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class State:
    """How far a call has come.

    `documents` counts what the carrier was given, this step's document included. `problem` is a
    category, or `other`, once the caller chose one.
    """

    step: Step = Step.LANGUAGE
    language: Language = Language.KM
    documents: int = 1
    mistakes: int = 0
    repeats: int = 0
    rings: int = 0
    danger: bool = False
    problem: str | None = None
    safe: Safe | None = None
    recording: bool = True  # False once the caller said that they want none

    @property
    def over(self) -> bool:
        """Whether the caller has nothing more to say to the machine."""
        return self.step in _LAST


@dataclass(frozen=True, slots=True)
class Heard:
    """What the carrier tells of the step that it has carried out.

    `keys` None is silence. `recorded` tells of a recording with sound in it, `joined` of a ring
    which somebody took; None where the step was no ring.
    """

    keys: str | None = None
    recorded: bool = False
    joined: bool | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What the table needs to know of this hotline and this caller.

    `menu` gives the category of each key, `urgent` the categories for which a human is rung at once.
    """

    menu: Mapping[str, str]
    urgent: frozenset[str]
    number_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """The state after a step, and what became known in it."""

    state: State
    news: tuple[News, ...] = ()
    digits: str | None = None  # the number that was typed


@dataclass(frozen=True, slots=True)
class Question:
    """One state of the table: what is played, and where each key leads.

    A key that is not in here is a mistake, and so is silence: the question is asked again.
    """

    prompts: tuple[str, ...]
    keys: Mapping[str, Step]
    repeats: bool = True  # 9 plays it again
    danger: bool = True  # 0 rings a human
    digits: int | None = 1
    wait: timedelta = timedelta(seconds=6)


_MENU_KEYS: Final = tuple("123456")
# Where a problem leads depends on how urgent it is, and a call with a hidden number is asked for one
# before `safe`: see `_pressed` and `_after_ring`.
TABLE: Final[Mapping[Step, Question]] = {
    Step.GATE: Question(("ivr.gate",), {"1": Step.LANGUAGE}, repeats=False, danger=False),
    Step.LANGUAGE: Question(("ivr.welcome", "ivr.language"), {"1": Step.MENU, "2": Step.MENU}),
    Step.MENU: Question(("ivr.danger", "ivr.menu"), dict.fromkeys(_MENU_KEYS, Step.SAFE)),
    Step.NUMBER: Question(
        ("ivr.number",), {}, repeats=False, danger=False, digits=None, wait=timedelta(seconds=10)
    ),
    Step.SAFE: Question(("ivr.safe",), {"1": Step.MESSAGE, "2": Step.MESSAGE, "3": Step.MESSAGE}),
    Step.MESSAGE: Question(("ivr.consent", "ivr.message"), {"1": Step.RECORD, "2": Step.RING}),
}
_SAFE_BY_KEY: Final = {"1": Safe.YES, "2": Safe.NO, "3": Safe.TEXT_ONLY}
_LANGUAGE_BY_KEY: Final = {"1": Language.KM, "2": Language.EN}
_LAST: Final = frozenset({Step.JOINED, Step.DONE, Step.NOT_RECORDED, Step.GONE})
# How many documents the longest way on from a step takes, and what takes its place without room for it.
_STILL_TO_COME: Final[Mapping[Step, int]] = {
    **dict.fromkeys((Step.LANGUAGE, Step.MENU, Step.NUMBER, Step.SAFE, Step.RING), 3),
    Step.MESSAGE: 2, Step.RECORD: 1,
}  # fmt: skip
_INSTEAD: Final[Mapping[Step, Step]] = {
    **dict.fromkeys((Step.LANGUAGE, Step.MENU, Step.NUMBER, Step.SAFE, Step.RING), Step.MESSAGE),
    Step.MESSAGE: Step.RECORD, Step.RECORD: Step.DONE,
}  # fmt: skip
_SHORTEST_NUMBER: Final = 6


def begin(*, language: Language = Language.KM, gate: bool = False) -> State:
    """The state in which a call begins; behind a gate where we made the call."""
    return State(Step.GATE if gate else Step.LANGUAGE, language)


def advance(state: State, heard: Heard, situation: Situation) -> Turn:
    """The next state after what was heard. Every way through ends within MOST_DOCUMENTS documents."""
    turn = _RULES.get(state.step, _answered)(state, heard, situation)
    return replace(turn, state=_fitting(replace(turn.state, documents=state.documents + 1)))


def nobody_to_ring(state: State, situation: Situation) -> State:
    """The state in place of a ring for which there is nobody; it is the same document of the call."""
    return _fitting(_after_ring(state, situation))


def document_of(state: State) -> Document:
    """What the carrier is told in this state. A ring is made by whoever knows the people: not here."""
    match state.step:
        case Step.MESSAGE:
            return (_asking(Step.MESSAGE, else_on=True), Record(), Goto())
        case Step.RECORD:
            return (Record(), Goto())
        case Step.DONE:
            return (Play("ivr.thanks"), Hangup())
        case Step.NOT_RECORDED:
            return (Play("ivr.will_call"), Hangup())
        case Step.JOINED | Step.GONE:
            return (Hangup(),)
        case Step.RING:
            raise ValueError("a ring has no document of its own")
        case asked:
            return (_asking(asked), Goto())


def _asking(step: Step, *, else_on: bool = False) -> Gather:
    question = TABLE[step]
    return Gather(tuple(Play(key) for key in question.prompts), question.digits, question.wait, else_on)


def _fitting(state: State) -> State:
    """The state, or a shorter way on where the documents left would not do for it."""
    step = state.step
    if step is Step.RING and not state.recording:
        return state if state.documents < MOST_DOCUMENTS else replace(state, step=Step.NOT_RECORDED)
    while state.documents + _STILL_TO_COME.get(step, 0) > MOST_DOCUMENTS:
        step = _INSTEAD[step]
    return replace(state, step=step)


def _answered(state: State, heard: Heard, situation: Situation) -> Turn:
    """What a key does at a question."""
    question = TABLE[state.step]
    if heard.keys == DANGER_KEY and question.danger:
        news = () if state.danger else (News.DANGER,)
        return Turn(_ring(replace(state, danger=True), situation), news)
    if heard.keys == REPEAT_KEY and question.repeats and state.repeats < REPEATS:
        return Turn(replace(state, repeats=state.repeats + 1))
    if heard.keys in question.keys:
        return _pressed(state, heard.keys or "", situation)
    wrong = replace(state, mistakes=state.mistakes + 1)
    return Turn(replace(wrong, step=Step.MESSAGE) if wrong.mistakes >= MISTAKES else wrong)


def _pressed(state: State, key: str, situation: Situation) -> Turn:
    leads_to = TABLE[state.step].keys[key]
    match state.step:
        case Step.LANGUAGE:
            chosen = replace(state, step=leads_to, language=_LANGUAGE_BY_KEY[key])
            return Turn(chosen, (News.LANGUAGE,))
        case Step.MENU:
            chosen = replace(state, problem=situation.menu.get(key, OTHER))
            urgent = chosen.problem in situation.urgent
            return Turn((_ring if urgent else _after_ring)(chosen, situation), (News.PROBLEM,))
        case Step.SAFE:
            return Turn(replace(state, safe=_SAFE_BY_KEY[key], step=leads_to), (News.SAFE,))
        case _:
            return Turn(replace(state, step=leads_to))


def _at_gate(state: State, heard: Heard, _situation: Situation) -> Turn:
    """Whoever presses nothing did not want to talk, or is not the one who rang us."""
    if heard.keys in TABLE[Step.GATE].keys:
        return Turn(replace(state, step=Step.LANGUAGE))
    wrong = replace(state, mistakes=state.mistakes + 1)
    return Turn(replace(wrong, step=Step.GONE) if wrong.mistakes >= _GATE_TRIES else wrong)


def _number_typed(state: State, heard: Heard, _situation: Situation) -> Turn:
    if heard.keys and len(heard.keys) >= _SHORTEST_NUMBER:
        return Turn(replace(state, step=Step.SAFE), (News.NUMBER,), heard.keys)
    return Turn(replace(state, step=Step.MESSAGE))


def _before_message(state: State, heard: Heard, situation: Situation) -> Turn:
    """The consent sentence was heard. Silence is how most people go on to the beep."""
    if heard.recorded or heard.keys is None:
        return _recorded(state, heard, situation)
    if heard.keys in {DANGER_KEY, REPEAT_KEY, "1"}:
        return _answered(state, heard, situation)
    if heard.keys == "2":
        return Turn(_ring(replace(state, recording=False), situation), (News.NO_RECORDING,))
    return Turn(replace(state, step=Step.RECORD, mistakes=state.mistakes + 1))


def _recorded(state: State, heard: Heard, _situation: Situation) -> Turn:
    news = News.MESSAGE if heard.recorded else News.SILENT
    return Turn(replace(state, step=Step.DONE), (news,))


def _rung(state: State, heard: Heard, situation: Situation) -> Turn:
    rung = replace(state, rings=state.rings + 1)
    return Turn(replace(rung, step=Step.JOINED) if heard.joined else _ring(rung, situation))


def _ended(state: State, _heard: Heard, _situation: Situation) -> Turn:
    return Turn(replace(state, step=Step.GONE))


def _ring(state: State, situation: Situation) -> State:
    """Ring a human, a few times at most, else go on to what follows when nobody is there."""
    return replace(state, step=Step.RING) if state.rings < RINGS else _after_ring(state, situation)


def _after_ring(state: State, situation: Situation) -> State:
    """What a caller is asked who talks to the machine alone."""
    if not state.recording:
        return replace(state, step=Step.NOT_RECORDED)
    if state.safe is not None:
        return replace(state, step=Step.MESSAGE)
    return replace(state, step=Step.NUMBER if situation.number_hidden else Step.SAFE)


_RULES: Final = {
    Step.GATE: _at_gate,
    Step.NUMBER: _number_typed,
    Step.MESSAGE: _before_message,
    Step.RECORD: _recorded,
    Step.RING: _rung,
    **dict.fromkeys(_LAST, _ended),
}
