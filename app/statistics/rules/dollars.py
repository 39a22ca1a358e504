"""What money was worth in US cents, by the rate of its day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from babel.numbers import get_currency_precision

from app.circumstances.rules import DOLLAR, Rate, Surroundings

_EXACT: Final = Context(prec=80)
_CENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Lot:
    """An amount in one currency of one stretch of days between changes of rates."""

    currency: str
    stretch: int
    minor: int


def digits_of(currency: str) -> int:
    """How many digits a currency has behind its point: 2 for baht, none for won and yen. Source: CLDR."""
    return int(get_currency_precision(currency))


def changes(surroundings: Surroundings) -> list[date]:
    """The days on which any rate changes, in order: between two of them every rate stays."""
    return sorted({rate.since for rates in surroundings.rates.values() for rate in rates})


def in_cents(lots: Iterable[Lot], surroundings: Surroundings) -> tuple[int, dict[str, int]]:
    """All lots together in whole US cents, rounded once at the end; and what has no rate, by currency."""
    days = changes(surroundings)
    total, left = Decimal(0), dict[str, int]()
    for lot in lots:
        rate = _rate(surroundings.rates, lot, days)
        if rate is None:
            left[lot.currency] = left.get(lot.currency, 0) + lot.minor
            continue
        units = _EXACT.divide(Decimal(lot.minor), Decimal(10) ** digits_of(lot.currency))
        total = _EXACT.add(total, _EXACT.multiply(units, rate))
    cents = _EXACT.multiply(total, Decimal(_CENTS))
    return int(cents.quantize(Decimal(1), rounding=ROUND_HALF_EVEN, context=_EXACT)), left


def _rate(rates: Mapping[str, tuple[Rate, ...]], lot: Lot, days: list[date]) -> Decimal | None:
    """The rate that held in the stretch: stretch 0 lies before the first change."""
    day = days[lot.stretch - 1] if lot.stretch else (days[0] - timedelta(days=1) if days else date.min)
    return Surroundings(rates=rates).usd_for_unit(lot.currency, day)


__all__ = ["DOLLAR", "Lot", "changes", "digits_of", "in_cents"]
