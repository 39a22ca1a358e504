"""Percentiles of waiting times by nearest rank, and how they are rounded before they are published."""

from collections.abc import Sequence
from typing import Final

# In percent: half, nine of ten and nineteen of twenty waited no longer.
PERCENTS: Final = (50, 90, 95)

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
# Below how many seconds a time is told to how many seconds.
_STEPS: Final = ((_HOUR, 5 * _MINUTE), (_DAY, _HOUR))


def rank_of(percent: int, number: int) -> int:
    """At which place of so many ordered values, counted from 1, the percentile stands."""
    return -(-percent * number // 100)


def nearest_rank(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest of the ordered values that at least so many percent of them do not exceed.

    It is always one of the values: of two, the half is the first. None where there is none. PostgreSQL's
    `percentile_disc` gives the same; `store/times.py` says it in SQL.
    """
    if not ordered:
        return None
    return ordered[rank_of(percent, len(ordered)) - 1]


def rounded(seconds: int) -> int:
    """The time as it may be published: to 5 minutes below an hour, to the hour below a day, to the day above.

    A percentile is the time of one person's case; rounded upwards, it is that of nobody.
    """
    step = next((step for below, step in _STEPS if seconds < below), _DAY)
    return -(-seconds // step) * step
