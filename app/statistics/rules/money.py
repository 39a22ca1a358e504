"""When a sum of money may be told, so that nobody can work out what one person or case got of it."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from babel.numbers import get_currency_precision

from app.circumstances.rules import Surroundings
from app.statistics.rules.dollars import Lot, changes, in_cents
from app.statistics.rules.telling import told_sum

# Whoever got the second most, and knows the sum, must not come nearer than this to what the first got.
# It is the p% rule of statistical offices, docs/statistics.md#money has it.
_SHARE: Final = Decimal("0.1")
_LARGEST: Final = 2


@dataclass(frozen=True, slots=True)
class Recovered:
    """What came back to one person, or to one case as a whole, on one day."""

    who: str
    organisation: str
    currency: str
    minor: int
    day: date


@dataclass(frozen=True, slots=True)
class Claim:
    """Wages that one person claims, in the currency's smallest units, and the day of writing it down."""

    who: str
    currency: str
    minor: int
    day: date


@dataclass(frozen=True, slots=True)
class ToldClaims:
    """What is told of the claims in one currency, each to two digits; dollars as US cents, or None."""

    currency: str
    minor: int
    usd_cents: int | None
    without_rate: int | None  # what is not in the cents, in the currency's smallest units


def dollars_told(
    amounts: Sequence[Recovered], k: int, surroundings: Surroundings, *, insiders: bool = False
) -> int | None:
    """The sum in whole US dollars by the rates of the days, or None where it cannot be told.

    It is told where at least `k` people or cases got a part of it, and none of them nearly all; where a
    currency has no rate, not at all. With `insiders` this also holds of what is left without the money
    of any one organisation, unless nothing is left.
    """
    parts: dict[str, dict[str, Decimal]] = {}
    for one in amounts:
        rate = surroundings.usd_for_unit(one.currency, one.day)
        if rate is None:
            return None
        units = Decimal(one.minor).scaleb(-get_currency_precision(one.currency))
        of = parts.setdefault(one.organisation, {})
        of[one.who] = of.get(one.who, Decimal(0)) + units * rate
    everything = _of_all(parts)
    if not _is_safe(everything, k):
        return None
    left = [_of_all(parts, without=one) for one in parts] if insiders else []
    if any(one and not _is_safe(one, k) for one in left):
        return None
    return int(sum(everything, Decimal(0)).quantize(Decimal(1)))


def claims_told(
    claims: Sequence[Claim], k: int, surroundings: Surroundings, *, people: int
) -> tuple[tuple[ToldClaims, ...], bool]:
    """The sums of claims that may be told, by currency, and whether they are all that there are.

    Nothing is told where fewer than `k` of the window's people would be left who may claim nothing. A
    currency is told of where at least `k` people claim in it, and none of them nearly all.
    """
    if claims and people - len({one.who for one in claims}) < k:
        return (), False
    by_currency = defaultdict[str, list[Claim]](list)
    for one in claims:
        by_currency[one.currency].append(one)
    told = tuple(
        _told(currency, of, k, surroundings)
        for currency, of in sorted(by_currency.items())
        if _is_safe(_by_person(of), k)
    )
    return told, len(told) == len(by_currency)


def _told(currency: str, claims: Sequence[Claim], k: int, surroundings: Surroundings) -> ToldClaims:
    """One currency. Where rates changed, dollars tell the sums before and after: each must be one to tell."""
    days = changes(surroundings)
    stretches = defaultdict[int, list[Claim]](list)
    for one in claims:
        stretches[bisect_right(days, one.day)].append(one)
    cents, left = in_cents((Lot(currency, at, _sum(of)) for at, of in stretches.items()), surroundings)
    safe = all(_is_safe(_by_person(of), k) for of in stretches.values())
    return ToldClaims(
        currency, told_sum(_sum(claims)), told_sum(cents) if safe else None,
        told_sum(left.get(currency, 0)) if safe else None,
    )  # fmt: skip


def _sum(claims: Iterable[Claim]) -> int:
    return sum(one.minor for one in claims)


def _by_person(claims: Iterable[Claim]) -> list[Decimal]:
    found = defaultdict[str, Decimal](Decimal)
    for one in claims:
        found[one.who] += one.minor
    return list(found.values())


def _of_all(parts: Mapping[str, Mapping[str, Decimal]], *, without: str | None = None) -> list[Decimal]:
    return [part for name, of in parts.items() if name != without for part in of.values()]


def _is_safe(parts: list[Decimal], k: int) -> bool:
    """Whether there are enough parts, and what all but two got hides what the first got."""
    ranked = sorted(parts, reverse=True)
    return len(ranked) >= k and sum(ranked[_LARGEST:]) >= ranked[0] * _SHARE
