"""When somebody may be called or written to without harm: what is known of a phone, and what follows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from app.kernel.phone import Phone


class Known(StrEnum):
    """What somebody told us of a phone."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not_known"


class AfterDroppedCall(StrEnum):
    """What a person wants us to do when a call with them breaks off."""

    CALL_BACK = "call_back"
    WAIT = "wait"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class SafeWindow:
    """A stretch of the day on a wall clock, its end not included.

    Where `ends` is not after `begins` it ends on the next day: 22:00 to 06:00 is a night, 07:00 to
    07:00 a whole day. `days` are those on which it begins, Monday being 0; none means every day.
    """

    begins: time
    ends: time
    days: frozenset[int] = frozenset()

    def holds(self, local: datetime) -> bool:
        """Whether the wall clock stands inside the window."""
        clock = local.time()
        if self.begins < self.ends:
            return self._on(local.weekday()) and self.begins <= clock < self.ends
        begun_today = self._on(local.weekday()) and clock >= self.begins
        begun_yesterday = self._on((local.weekday() - 1) % 7) and clock < self.ends
        return begun_today or begun_yesterday

    def _on(self, weekday: int) -> bool:
        return not self.days or weekday in self.days


@dataclass(frozen=True, slots=True)
class SafeHours:
    """Windows on the wall clocks of one time zone (IANA name)."""

    windows: tuple[SafeWindow, ...]
    zone: str

    def hold(self, moment: datetime) -> bool:
        """Whether the moment is inside one of the windows."""
        local = moment.astimezone(ZoneInfo(self.zone))
        return any(window.holds(local) for window in self.windows)

    def endings(self, after: datetime) -> Iterator[datetime]:
        """When the windows end within the next eight days, as aware UTC times."""
        zone = ZoneInfo(self.zone)
        today = after.astimezone(zone).date()
        for window in self.windows:
            for days in range(9):
                ends = datetime.combine(today + timedelta(days=days), window.ends, zone).astimezone(UTC)
                if ends > after:
                    yield ends

    def beginnings(self, after: datetime) -> Iterator[datetime]:
        """When the windows begin within the next eight days, as aware UTC times."""
        zone = ZoneInfo(self.zone)
        today = after.astimezone(zone).date()
        for window in self.windows:
            for days in range(9):
                begins = datetime.combine(today + timedelta(days=days), window.begins, zone).astimezone(UTC)
                if begins > after:
                    yield begins


@dataclass(frozen=True, slots=True)
class SafeContact:
    """What is known of how one phone may be used; everything may be not known.

    `hours` are wall clocks of `zone` (IANA name), or of `country` (ISO 3166, of the number) where no
    zone was told. `also_within` are other hours that bind as well, where more than one case has the
    phone. What permits holds until `valid_until`; what forbids holds until somebody says otherwise.
    """

    may_text: Known = Known.NOT_KNOWN
    may_call: Known = Known.NOT_KNOWN
    may_leave_voicemail: Known = Known.NOT_KNOWN
    hours: tuple[SafeWindow, ...] = ()
    zone: str | None = None
    shared: Known = Known.NOT_KNOWN
    held_by_employer: Known = Known.NOT_KNOWN
    code_word: str | None = None
    code_word_heard_at: datetime | None = None
    language: str | None = None
    after_dropped_call: AfterDroppedCall = AfterDroppedCall.NOT_KNOWN
    valid_until: datetime | None = None
    opted_out_at: datetime | None = None
    country: str | None = None
    also_within: tuple[SafeHours, ...] = ()


NOTHING_KNOWN: Final = SafeContact()
DEFAULT_HOURS: Final = (SafeWindow(time(7), time(21)),)
# A person who wrote a moment ago holds the phone; ten minutes later somebody else may.
IN_HAND: Final = timedelta(minutes=10)
# Whoever said the code word is known for as long as one conversation lasts.
CODE_WORD_HOLDS: Final = timedelta(hours=1)
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
HOME_ZONE: Final = "Asia/Phnom_Penh"
_ZONES: Final = {
    "AE": "Asia/Dubai", "BN": "Asia/Brunei", "CN": "Asia/Shanghai", "HK": "Asia/Hong_Kong",
    "ID": "Asia/Jakarta", "JP": "Asia/Tokyo", "KH": HOME_ZONE, "KR": "Asia/Seoul", "KW": "Asia/Kuwait",
    "LA": "Asia/Vientiane", "MM": "Asia/Yangon", "MO": "Asia/Macau", "MY": "Asia/Kuala_Lumpur",
    "PH": "Asia/Manila", "QA": "Asia/Qatar", "SA": "Asia/Riyadh", "SG": "Asia/Singapore",
    "TH": "Asia/Bangkok", "TW": "Asia/Taipei", "VN": "Asia/Ho_Chi_Minh",
}  # fmt: skip

OPTED_OUT: Final = "opted_out"
HELD_BY_EMPLOYER: Final = "held_by_employer"
MAY_NOT_CALL: Final = "may_not_call"
MAY_NOT_TEXT: Final = "may_not_text"
NOT_KNOWN_SAFE: Final = "not_known_safe"
OUTSIDE_HOURS: Final = "outside_hours"
CODE_WORD_AWAITED: Final = "code_word_awaited"


def zone_of(safety: SafeContact) -> str:
    """The time zone by which the phone's hours count (IANA name)."""
    return safety.zone or _ZONES.get(safety.country or "", HOME_ZONE)


def call_refused_because(safety: SafeContact, now: datetime, *, urgent: bool) -> str | None:
    """Why the phone must not be called now, as a stable code; None when it may.

    Agreed hours bind an urgent call too: whoever named them knows who is in the room. Where nobody
    agreed on hours, an urgent call may come at any time.
    """
    if safety.opted_out_at is not None:
        return OPTED_OUT
    if safety.held_by_employer is Known.YES:
        return HELD_BY_EMPLOYER
    if safety.may_call is Known.NO:
        return MAY_NOT_CALL
    return None if _in_hours(safety, now, unless_agreed=urgent) else OUTSIDE_HOURS


def known_safe_to_call(safety: SafeContact, now: datetime) -> Known:
    """Whether somebody said that the phone may be called at its hours, for whoever reads it on a list.

    A caseworker about to call knows the case and is asked by the gate at that moment; a list is read by
    anybody at any time, so that what nobody said is no yes.
    """
    if safety.opted_out_at is not None or safety.held_by_employer is Known.YES:
        return Known.NO
    return _still(safety.may_call, safety, now)


@dataclass(frozen=True, slots=True)
class CallLeave:
    """That one phone may be rung at one moment: no carrier rings without. `leave_to_call` alone gives it."""

    phone: Phone
    at: datetime


def leave_to_call(phone: Phone, safety: SafeContact, now: datetime, *, urgent: bool) -> CallLeave | None:
    """The call gate: what a carrier needs to ring the phone now. None: `call_refused_because` says why."""
    return CallLeave(phone, now) if call_refused_because(safety, now, urgent=urgent) is None else None


def may_leave_voicemail(safety: SafeContact, now: datetime) -> bool:
    """Whether words may be left on the phone: only where somebody said so, and nobody shares it."""
    return (
        _still(safety.may_leave_voicemail, safety, now) is Known.YES
        and safety.shared is not Known.YES
        and call_refused_because(safety, now, urgent=False) is None
    )


def text_refused_because(
    safety: SafeContact, now: datetime, *, wrote_at: datetime | None = None
) -> str | None:
    """Why the phone must not be written to now, as a stable code; None when it may.

    `wrote_at` is when the person wrote what this answers; None for a text of our own accord. An
    answer within ten minutes may come at any hour, for they hold the phone; a later one keeps to the
    hours. What answers nothing needs a yes.
    """
    if safety.opted_out_at is not None:
        return OPTED_OUT
    if safety.held_by_employer is Known.YES:
        return HELD_BY_EMPLOYER
    if safety.may_text is Known.NO:
        return MAY_NOT_TEXT
    if wrote_at is None and _still(safety.may_text, safety, now) is not Known.YES:
        return NOT_KNOWN_SAFE
    in_hand = wrote_at is not None and wrote_at <= now <= wrote_at + IN_HAND
    return None if _in_hours(safety, now, unless_agreed=False) or in_hand else OUTSIDE_HOURS


def next_time_to_call(safety: SafeContact, now: datetime, *, urgent: bool) -> datetime | None:
    """The first moment from now on at which the phone may be called, in UTC; None for never."""
    for moment in _moments(safety, now):
        if call_refused_because(safety, moment, urgent=urgent) is None:
            return moment
    return None


def next_time_to_text(
    safety: SafeContact, now: datetime, *, wrote_at: datetime | None = None
) -> datetime | None:
    """The first moment from now on at which the phone may be written to, in UTC; None for never."""
    for moment in _moments(safety, now):
        if text_refused_because(safety, moment, wrote_at=wrote_at) is None:
            return moment
    return None


def text_safe_until(
    safety: SafeContact, now: datetime, *, wrote_at: datetime | None = None
) -> datetime | None:
    """Until when a text that goes now may still arrive, in UTC; None where no hours were agreed.

    A carrier keeps a text for a phone that is switched off, and would bring it in the middle of the night.
    """
    ends = {moment for hours in agreed_hours(safety) for moment in hours.endings(now)}
    if ends and wrote_at is not None:
        # Just after the ten minutes, for they belong to them.
        ends.add(wrote_at + IN_HAND + timedelta(seconds=1))
    later = (moment for moment in sorted(ends) if moment > now)
    return next((end for end in later if text_refused_because(safety, end, wrote_at=wrote_at)), None)


def awaits_code_word(safety: SafeContact, now: datetime) -> bool:
    """Whether nothing of the case may be said before the person says the agreed word (again)."""
    heard = safety.code_word_heard_at
    return safety.code_word is not None and (heard is None or not heard <= now <= heard + CODE_WORD_HOLDS)


def call_back_at(safety: SafeContact, now: datetime, *, urgent: bool) -> datetime | None:
    """When a call that broke off may be dialled again by itself: only for who asked for that."""
    if safety.after_dropped_call is not AfterDroppedCall.CALL_BACK:
        return None
    return next_time_to_call(safety, now, urgent=urgent)


def overlaid(told: SafeContact, said: SafeContact, *, said_later: bool) -> SafeContact:
    """What a caseworker was told, filled up with what the person's own answers said.

    What the caseworker knows goes before, but for a no that the person said later.
    """
    return replace(
        told,
        may_text=_over(told.may_text, said.may_text, said_later=said_later),
        may_call=_over(told.may_call, said.may_call, said_later=said_later),
        hours=told.hours or said.hours,
        zone=told.zone or said.zone,
    )


def strictest(all_told: Iterable[SafeContact]) -> SafeContact:
    """What holds for a phone of which several cases tell: every no, and all hours at once.

    The code word is the one that was said last, the language that of the first who has one.
    """
    told = list(all_told)
    if not told:
        return NOTHING_KNOWN
    within = tuple(SafeHours(one.hours, zone_of(one)) for one in told if one.hours)
    # Whoever said one of the words is known; where none was said, the first is asked for.
    word = max(told, key=lambda one: (one.code_word is not None, one.code_word_heard_at or _LONG_AGO))
    ends = [one.valid_until for one in told if one.valid_until]
    silent = [one.opted_out_at for one in told if one.opted_out_at]
    dropped = {one.after_dropped_call for one in told} - {AfterDroppedCall.NOT_KNOWN}
    return SafeContact(
        may_text=_forbidding(one.may_text for one in told),
        may_call=_forbidding(one.may_call for one in told),
        may_leave_voicemail=_forbidding(one.may_leave_voicemail for one in told),
        hours=within[0].windows if within else (),
        zone=within[0].zone if within else next((one.zone for one in told if one.zone), None),
        shared=_admitting(one.shared for one in told),
        held_by_employer=_admitting(one.held_by_employer for one in told),
        code_word=word.code_word,
        code_word_heard_at=word.code_word_heard_at,
        language=next((one.language for one in told if one.language), None),
        after_dropped_call=max(dropped, default=AfterDroppedCall.NOT_KNOWN),  # "wait" is above "call_back"
        valid_until=min(ends, default=None),
        opted_out_at=min(silent, default=None),
        country=next((one.country for one in told if one.country), None),
        also_within=tuple(dict.fromkeys((*within[1:], *(more for one in told for more in one.also_within)))),
    )


def reconciled(here: SafeContact, wanted: SafeContact) -> SafeContact:
    """What holds where somebody wrote `wanted` without having seen `here`: of each field what forbids most.

    The hours of both bind. A code word stays until somebody who saw it takes it away.
    """
    hours_alike = here.hours == wanted.hours and zone_of(here) == zone_of(wanted)
    both = strictest((replace(here, hours=()) if hours_alike else here, wanted))
    return replace(
        both,
        may_text=_least(here.may_text, wanted.may_text),
        may_call=_least(here.may_call, wanted.may_call),
        may_leave_voicemail=_least(here.may_leave_voicemail, wanted.may_leave_voicemail),
        language=wanted.language or here.language,
        code_word=here.code_word or wanted.code_word,
        code_word_heard_at=here.code_word_heard_at,
    )


def _in_hours(safety: SafeContact, now: datetime, *, unless_agreed: bool) -> bool:
    agreed = agreed_hours(safety)
    if not agreed:
        return unless_agreed or SafeHours(DEFAULT_HOURS, zone_of(safety)).hold(now)
    return all(hours.hold(now) for hours in agreed)


def agreed_hours(safety: SafeContact) -> tuple[SafeHours, ...]:
    """The hours that people named, each with its zone; all of them bind. Empty where nobody named any."""
    own = (SafeHours(safety.hours, zone_of(safety)),) if safety.hours else ()
    return (*own, *safety.also_within)


def _moments(safety: SafeContact, now: datetime) -> list[datetime]:
    """Now, and each moment at which a window begins: what is open at all opens at one of these."""
    all_hours = agreed_hours(safety) or (SafeHours(DEFAULT_HOURS, zone_of(safety)),)
    later = {moment for hours in all_hours for moment in hours.beginnings(now)}
    return [now.astimezone(UTC), *sorted(later)]


def _still(told: Known, safety: SafeContact, now: datetime) -> Known:
    """A yes holds only for as long as it was given."""
    over = safety.valid_until is not None and now >= safety.valid_until
    return Known.NOT_KNOWN if over and told is Known.YES else told


def _over(told: Known, said: Known, *, said_later: bool) -> Known:
    return Known.NO if said_later and said is Known.NO else _first_known(told, said)


def _first_known(*told: Known) -> Known:
    return next((one for one in told if one is not Known.NOT_KNOWN), Known.NOT_KNOWN)


def _forbidding(told: Iterable[Known]) -> Known:
    """Of several answers to "may we", the one that forbids most."""
    said = set(told)
    return Known.NO if Known.NO in said else _first_known(*said)


def _least(*told: Known) -> Known:
    """Of several answers to "may we", the one that lets us do least: a yes that nobody gave is none."""
    return next(one for one in (Known.NO, Known.NOT_KNOWN, Known.YES) if one in told)


def _admitting(told: Iterable[Known]) -> Known:
    """Of several answers to "is there a danger", the one that admits it."""
    said = set(told)
    return Known.YES if Known.YES in said else _first_known(*said)
