"""When a text may go to a phone, how often, by which way, and what its state may become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from app.kernel.phone import Phone
from app.outbox.rules.safety import (
    CODE_WORD_AWAITED,
    NOTHING_KNOWN,
    OPTED_OUT,
    OUTSIDE_HOURS,
    SafeContact,
    awaits_code_word,
    text_refused_because,
)


class State(StrEnum):
    """Where a text of ours is."""

    QUEUED = "queued"
    SENDING = "sending"  # leased by one sender, or offered to a gateway phone
    ACCEPTED = "accepted"  # the carrier has it
    SENT = "sent"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    EXPIRED = "expired"
    DELIVERED = "delivered"
    HELD = "held"  # the gate said no


# Reports come late, twice and out of order: a text only ever moves up. What was reported as failed
# may still prove delivered. Source: docs/sources.md#message-states.
_RANK: Final[Mapping[State, int]] = {
    State.QUEUED: 0,
    State.SENDING: 1,
    State.ACCEPTED: 2,
    State.SENT: 3,
    State.UNDELIVERED: 4,
    State.FAILED: 4,
    State.EXPIRED: 4,
    State.HELD: 4,
    State.DELIVERED: 5,
}
WAITING: Final = (State.QUEUED, State.SENDING)
GIVEN_UP: Final = frozenset({State.UNDELIVERED, State.FAILED, State.EXPIRED})


def moves_up(now_in: State, reported: State) -> bool:
    """Whether a report changes anything. Reports that repeat or come late do not."""
    return _RANK[reported] > _RANK[now_in]


class Purpose(StrEnum):
    """Why a text is sent; each has a time after which its words are no longer true."""

    ACKNOWLEDGE = "acknowledge"
    QUESTION = "question"
    ANSWER = "answer"
    OPT_OUT = "opt_out"
    DECOY = "decoy"  # to whoever holds a phone and did not say its code word
    WORKER_TEXT = "worker_text"  # what a caseworker wrote to a person
    STAFF_ALERT = "staff_alert"
    STAFF_ESCALATION = "staff_escalation"


_TIME_TO_LIVE: Final[Mapping[Purpose, timedelta]] = {
    Purpose.ACKNOWLEDGE: timedelta(hours=6),
    Purpose.QUESTION: timedelta(hours=6),
    Purpose.ANSWER: timedelta(hours=6),
    Purpose.OPT_OUT: timedelta(hours=24),
    Purpose.DECOY: timedelta(minutes=10),
    Purpose.WORKER_TEXT: timedelta(hours=24),
    # A later rung tells people anew, so an old alert only confuses.
    Purpose.STAFF_ALERT: timedelta(hours=4),
    Purpose.STAFF_ESCALATION: timedelta(hours=4),
}
STAFF: Final = frozenset({Purpose.STAFF_ALERT, Purpose.STAFF_ESCALATION})
# These say nothing of a case, so they need no code word.
_EMPTY_WORDS: Final = frozenset({Purpose.OPT_OUT, Purpose.DECOY})


def expires_at(purpose: Purpose, now: datetime) -> datetime:
    """When the words stop being true: after this they are never sent or offered."""
    return now + _TIME_TO_LIVE[purpose]


AUTOMATIC_AN_HOUR: Final = 5
ACKNOWLEDGE_AGAIN_AFTER: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PhoneRule:
    """What is known of whether one phone may be written to."""

    opted_out_at: datetime | None = None
    cannot_text_since: datetime | None = None
    blocked_until: datetime | None = None
    safety: SafeContact = NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a text is for, as far as the gate asks: why it is sent, to a worker or a person, and when
    the person wrote what it answers, where it answers something.
    """

    purpose: Purpose
    to_worker: bool = False
    wrote_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish to send, as the gate looks at it."""

    phone: Phone
    reach: Reach
    automatic: bool
    automatic_last_hour: int
    own_number: bool = False
    repeats: bool = False  # every automatic text of the last hour said the same


def held_because(asked: Asked, rule: PhoneRule, now: datetime) -> str | None:
    """Why the text must not go now, as a stable code; None when it may."""
    if asked.own_number:
        return "own_number"
    if asked.phone.costs_extra:
        return "premium_number"
    refused = phone_refuses(rule, asked.reach, now)
    if refused not in {None, OUTSIDE_HOURS}:
        return refused
    if asked.automatic and asked.automatic_last_hour >= AUTOMATIC_AN_HOUR:
        return "duplicate" if asked.repeats else "hourly_limit"
    return refused  # what must not go at all must not wait for a better hour either


BLOCKED: Final = "blocked"


def phone_refuses(rule: PhoneRule, reach: Reach, now: datetime) -> str | None:
    """Why this phone takes no text now, as a stable code. Asked again before each sending: the phone
    may have said so after the text was queued.

    A worker's phone is written to at any hour, for that is what it is there for.
    """
    if rule.cannot_text_since is not None:
        return "cannot_text"
    last_word = reach.purpose is Purpose.OPT_OUT  # the one confirmation that somebody asked for silence
    if rule.opted_out_at is not None and not last_word:
        return OPTED_OUT
    if not (reach.to_worker and reach.purpose in STAFF) and (unsafe := _unsafe(rule, reach, now)):
        return unsafe
    if rule.blocked_until is not None and now < rule.blocked_until:
        return BLOCKED
    return None


def _unsafe(rule: PhoneRule, reach: Reach, now: datetime) -> str | None:
    safety = replace(rule.safety, opted_out_at=None)  # looked at already, with its one exception
    if refused := text_refused_because(safety, now, wrote_at=reach.wrote_at):
        return refused
    if reach.purpose not in _EMPTY_WORDS and awaits_code_word(safety, now):
        return CODE_WORD_AWAITED
    return None


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a phone: a carrier, and our number or gateway there."""

    carrier: str
    via: str
    country: str | None = None
    alive: bool = True


def choose_way(ways: Sequence[Way], *, country: str | None, same_as: Way | None) -> Way | None:
    """How to reach a phone: the way it came in by, else a living gateway of its country, else any.

    `ways` is in the operator's order of preference. A number at one of our carriers that is none of
    ours is no way back: the carrier would refuse to send from it.
    """
    ours = {(way.carrier, way.via) for way in ways}
    if same_as is not None and (
        (same_as.carrier, same_as.via) in ours or same_as.carrier not in {way.carrier for way in ways}
    ):
        return same_as
    living = [way for way in ways if way.alive]
    at_home = [way for way in living if way.country is not None and way.country == country]
    elsewhere = [way for way in living if way.country is None]
    return next(iter([*at_home, *elsewhere, *living, *ways]), None)


@dataclass(frozen=True, slots=True)
class Text:
    """One text ready to go. `attempt` counts from 1; `valid_for` is how long its words stay true.

    Where `may_have_gone`, an earlier try ended without an answer: whoever sends looks at the carrier
    first, and `not_these` are the carrier's ids of other texts that this one may look like.
    """

    id: UUID
    carrier: str
    via: str
    to: Phone
    body: str
    purpose: Purpose
    attempt: int
    created_at: datetime
    valid_for: timedelta
    may_have_gone: bool
    not_these: frozenset[str] = frozenset()
    to_worker: bool = False
    wrote_at: datetime | None = None

    @property
    def reach(self) -> Reach:
        """Whom the text is for."""
        return Reach(self.purpose, self.to_worker, self.wrote_at)


@dataclass(frozen=True, slots=True)
class Taken:
    """The carrier has the text under its own id."""

    carrier_id: str | None
    state: State = State.ACCEPTED


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing was sent; the carrier may take it later. `wait` is the least time to wait."""

    code: str
    wait: timedelta | None = None
    at_most: int = 8


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The carrier will never take it. `effect` says what that tells of the phone."""

    code: str
    effect: str | None = None  # cannot_text | opted_out | blocked | no_route


@dataclass(frozen=True, slots=True)
class Hold:
    """The carrier refuses us, not this text: our account or number there is not set up right.

    The text waits, as long as its words are true, for somebody to put that right.
    """

    code: str


@dataclass(frozen=True, slots=True)
class NotKnown:
    """No answer came: it may or may not have gone."""

    code: str


Sending = Taken | TryLater | Hold | GiveUp | NotKnown


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier tells of a text later. `verdict` is set where a failure has a policy."""

    state: State
    error_code: str | None = None
    verdict: TryLater | Hold | GiveUp | None = None


class Carrier(Protocol):
    """Something that takes texts and sends them."""

    name: str

    def send(self, text: Text) -> Sending:
        """Hand over one text. Never raises for what a carrier may answer."""
        ...


LEASE: Final = timedelta(seconds=90)
# Whoever has to mend an account needs minutes, and a carrier dislikes being asked in vain.
ASK_AGAIN_AFTER: Final = timedelta(minutes=5)
_FIRST_WAIT: Final = timedelta(seconds=15)
_LONGEST_WAIT: Final = timedelta(minutes=30)


def wait_before(attempt: int, least: timedelta | None) -> timedelta:
    """How long to wait before the next try: doubling from 15 seconds to half an hour."""
    doubled = min(_FIRST_WAIT * (1 << min(attempt - 1, 10)), _LONGEST_WAIT)
    return max(doubled, least) if least else doubled
