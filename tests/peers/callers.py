"""People on the phone: callers who follow a script, and those who pick up, or do not, when they are rung."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from hypothesis import strategies as st

from tests.peers.twiml import KEYS, Dial, Gather, Record, Verb


@dataclass(frozen=True)
class Says:
    """Somebody speaks for so many seconds, then presses a key, or else waits in silence."""

    seconds: float
    key: str | None = None


@dataclass(frozen=True)
class HangsUp:
    """Somebody puts the phone down, so many seconds after the moment at which they were asked."""

    after_seconds: float = 0.0


@dataclass(frozen=True)
class Silence:
    """Nothing is pressed and nothing is said."""


SILENCE: Final = Silence()
HANG_UP: Final = HangsUp()
Step: TypeAlias = str | Says | Silence | HangsUp


def says(seconds: float, key: str | None = None) -> Says:
    """Speech of so many seconds, ended by a key or by silence."""
    return Says(seconds, key)


def hangs_up(after_seconds: float) -> HangsUp:
    """The phone is put down after a while: mid-recording, while another phone rings, or while talking."""
    return HangsUp(after_seconds)


class Caller(Protocol):
    """What a person on the line does whenever the call gives them something to do."""

    def stays(self, verb: Verb) -> bool:
        """Whether they are still there when this verb begins."""

    def keys(self, asked: Gather) -> str | HangsUp | None:
        """The keys they press, in order; None or empty for no key at all."""

    def says(self, asked: Record) -> Says | HangsUp | None:
        """What they leave after the beep; None for silence."""

    def waits(self, dial: Dial) -> HangsUp | None:
        """When they give up while another phone rings or they talk; None when they do not."""


class Script:
    """A caller who takes one step at each Gather and each Record, and is silent when there is none left.

    A step of the wrong kind does what it would on a phone: speech is no key, a key without speech leaves an
    empty recording. A Dial takes a step only if it is to hang up. `hang_up_at` counts verbs from 0.
    """

    def __init__(self, *steps: Step, hang_up_at: int | None = None) -> None:
        """Learn the steps."""
        self.steps, self.hang_up_at = steps, hang_up_at
        self._next, self._verbs = 0, 0

    def __repr__(self) -> str:
        """Show it as it is made, so that a failing example can be pasted."""
        end = "" if self.hang_up_at is None else f", hang_up_at={self.hang_up_at}"
        return f"Script({', '.join(map(repr, self.steps))}{end})"

    @property
    def left(self) -> tuple[Step, ...]:
        """The steps not taken."""
        return self.steps[self._next :]

    def stays(self, verb: Verb) -> bool:
        """Leave at the verb chosen for it."""
        self._verbs += 1
        return self.hang_up_at is None or self._verbs <= self.hang_up_at

    def keys(self, asked: Gather) -> str | HangsUp | None:
        """Take a step."""
        step = self._step()
        return step if isinstance(step, str | HangsUp) else None

    def says(self, asked: Record) -> Says | HangsUp | None:
        """Take a step."""
        step = self._step()
        if isinstance(step, str):
            return Says(0, step[:1] or None)
        return step if isinstance(step, Says | HangsUp) else None

    def waits(self, dial: Dial) -> HangsUp | None:
        """Take a step if it is to hang up."""
        if self.left and isinstance(self.left[0], HangsUp):
            step = self._step()
            return step if isinstance(step, HangsUp) else None
        return None

    def _step(self) -> Step:
        step = self.left[0] if self.left else SILENCE
        self._next += 1
        return step


def scripts(*, most_steps: int = 12) -> st.SearchStrategy[Script]:
    """Any caller: keys alone and in rows, speech of any length, silence, and a hang-up at any point."""
    seconds = st.one_of(st.sampled_from([0.0, 0.4, 1.0, 119.0, 120.0, 500.0]), st.floats(0, 300))
    steps = st.one_of(
        st.sampled_from(list(KEYS)),
        st.text(KEYS, max_size=6),
        st.builds(Says, seconds, st.none() | st.sampled_from(list(KEYS))),
        st.just(SILENCE),
        st.builds(HangsUp, seconds),
    )
    ends = st.none() | st.integers(0, 20)
    return st.builds(
        lambda taken, end: Script(*taken, hang_up_at=end), st.lists(steps, max_size=most_steps), ends
    )


@dataclass(frozen=True)
class Picks:
    """What happens when a phone is rung: who or what picks up, after how long, and what they do then.

    `steps` are taken by the whisper document; a machine takes none. `talks_seconds`: how long they stay on
    the line once connected.
    """

    how: Literal["answers", "busy", "no-answer", "failed"] = "answers"
    after_seconds: float = 8.0
    steps: tuple[Step, ...] = ()
    talks_seconds: float = 60.0
    machine: bool = False

    def caller(self) -> Script:
        """The person, ready for one call."""
        return Script(*self.steps)


BUSY: Final = Picks("busy", 1.0)
NO_ANSWER: Final = Picks("no-answer")
UNREACHABLE: Final = Picks("failed", 1.0)
VOICEMAIL: Final = Picks(after_seconds=20.0, talks_seconds=30.0, machine=True)
Answers: TypeAlias = Callable[[str], Picks]


def picks_up(*steps: Step, talks_seconds: float = 60.0, after_seconds: float = 8.0) -> Picks:
    """A person who answers, does these steps, and talks."""
    return Picks("answers", after_seconds, steps, talks_seconds)


def in_turn(*picks: Picks) -> Answers:
    """Whoever is rung first does the first thing, and so on; after the last one nobody answers."""
    rest: Iterator[Picks] = iter(picks)
    return lambda _number: next(rest, NO_ANSWER)


def nobody(_number: str) -> Picks:
    """No phone is ever answered."""
    return NO_ANSWER
