"""What may be told of a window beside its counts of people and cases, so that no small count comes of it.

The rules, and why no count of 1 to k-1 comes of them, stand in docs/statistics.md#what-is-told-beside-counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.kernel.refusal import Refusal
from app.statistics.rules.percentiles import PERCENTS, rank_of, rounded

_TOLD_DIGITS: Final = 2
_PERCENT: Final = 100


class NotPublished(Refusal):
    """This is no part of what is published: it is there in the internal view only."""

    code = "statistics.not_published"
    status = 422


class UnknownDimension(Refusal):
    """Cases are not counted by this, or not by it twice."""

    code = "statistics.unknown_dimension"
    status = 422


@dataclass(frozen=True, slots=True)
class Waited:
    """How long the cases of a window waited for one thing, exactly.

    Of `cases`, for `done` it was done, after the times in `percentiles`, in the order of `PERCENTS`. In
    time were `in_time`, all of them done; late were `late`, done or not. Both are None without a target.
    """

    clock: str
    cases: int
    done: int
    percentiles: Sequence[int]
    in_time: int | None
    late: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A percentile that is told: the case at `place` of `of` waited so long, in seconds, rounded up."""

    percent: int
    place: int
    of: int
    seconds: int


@dataclass(frozen=True, slots=True)
class ToldWait:
    """What is told of how long a window's cases waited for one thing. None is kept back, or is not there."""

    clock: str
    p50: int | None
    p90: int | None
    p95: int | None
    share: float | None
    whole: bool  # whether nothing is kept back


def are_fit(numbers: Collection[int], k: int) -> bool:
    """Whether each is nobody, or at least `k`."""
    return all(number == 0 or number >= k for number in numbers)


def told_waits(waits: Sequence[Waited], k: int) -> tuple[ToldWait, ...]:
    """What may be told of a window's waits. What ends a case is to come last: nothing happens after it."""
    told: list[ToldWait] = []
    earlier: list[Cut] = []
    for one in waits:
        cuts = _cuts(one, k)
        if one.in_time is None:
            cuts = [cut for cut in cuts if _leaves_room(cut, earlier, one.cases, k)]
        earlier += cuts
        by_percent: dict[int, int | None] = {cut.percent: cut.seconds for cut in cuts}
        share = _share_told(one, cuts, k)
        whole = len(cuts) == len(PERCENTS) and (one.in_time is None or share is not None)
        p50, p90, p95 = (by_percent.get(percent) for percent in PERCENTS)
        told.append(ToldWait(one.clock, p50, p90, p95, share, whole))
    return tuple(told)


def percents_told(of: int, k: int) -> tuple[int, ...]:
    """Which percentiles of so many may be told: below, between and above them lie at least `k`."""
    told, before = [], 0
    for percent in PERCENTS:
        place = rank_of(percent, of)
        if place - 1 - before >= k and of - place >= k:
            told.append(percent)
            before = place
    return tuple(told)


def share_of(part: int, of: int) -> float | None:
    """The share to a whole percent; 0 and 1 only where it is none and all of them."""
    if not of:
        return None
    if part in {0, of}:
        return float(part == of)
    return min(max(round(part * _PERCENT / of), 1), _PERCENT - 1) / _PERCENT


def told_volumes(contacts: Mapping[str, int], phones: Mapping[str, int], k: int) -> dict[str, int] | None:
    """Contacts by value, where each that occurs comes from at least `k` phones; else none of them."""
    few = any(number and phones.get(value, 0) < k for value, number in contacts.items())
    return None if few else {value: number for value, number in sorted(contacts.items()) if number}


def told_callers(callers: int, contacts: int, phones: Sequence[Mapping[str, int]], k: int) -> int | None:
    """From how many phones contacts came, by each way of telling them apart that is told.

    None where it would narrow down how few came without some value, or more than once.
    """
    without = [callers - number for by_value in phones for number in by_value.values()]
    return callers if are_fit([callers, contacts - callers, *without], k) else None


def told_sum(amount: int) -> int:
    """The amount to two digits."""
    step = int(10 ** max(len(str(abs(amount))) - _TOLD_DIGITS, 0))
    return (amount + step // 2) // step * step


def _cuts(waited: Waited, k: int) -> list[Cut]:
    """The percentiles that may be told of one clock by itself."""
    if not are_fit([waited.done, waited.cases - waited.done], k):
        return []
    times = dict(zip(PERCENTS, waited.percentiles, strict=True)) if waited.done else {}
    return [
        Cut(percent, rank_of(percent, waited.done), waited.done, rounded(times[percent]))
        for percent in percents_told(waited.done, k)
    ]


def _leaves_room(cut: Cut, earlier: Sequence[Cut], cases: int, k: int) -> bool:
    """Whether a percentile of the end of cases leaves room beside those of what can only come before it.

    Where so many ended sooner than so many others were begun with, few may be left between the two.
    """
    return all(
        cases - cut.place - (one.of - one.place + 1) >= k for one in earlier if cut.seconds < one.seconds
    )


def _share_told(waited: Waited, cuts: Sequence[Cut], k: int) -> float | None:
    """The share in time. A case is in one of four parts: done in time, done late, missed, and neither.

    Whoever waited no longer than the strictest target was in time, who waited longer than every target was
    not: so the number in time is held apart from the places of percentiles, as these are from each other.
    """
    if waited.in_time is None or waited.late is None:
        return None
    done_late, judged = waited.done - waited.in_time, waited.in_time + waited.late
    parts = (waited.in_time, done_late, waited.late - done_late, waited.cases - judged)
    apart = all(waited.in_time - cut.place >= k or cut.place - 1 - waited.in_time >= k for cut in cuts)
    return share_of(waited.in_time, judged) if are_fit(parts, k) and apart else None
