"""When a sum of money may be told, so that nobody can work out what one person or case got of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from babel.numbers import get_currency_precision

from app.circumstances.rules import Surroundings

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


def _of_all(parts: Mapping[str, Mapping[str, Decimal]], *, without: str | None = None) -> list[Decimal]:
    return [part for name, of in parts.items() if name != without for part in of.values()]


def _is_safe(parts: list[Decimal], k: int) -> bool:
    """Whether there are enough parts, and what all but two got hides what the first got."""
    ranked = sorted(parts, reverse=True)
    return len(ranked) >= k and sum(ranked[_LARGEST:]) >= ranked[0] * _SHARE
