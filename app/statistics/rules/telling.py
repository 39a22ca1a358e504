"""What of a figure may be told in the published view, where it is no count that the publishing gate counts.

No count is told there. A share, a percentile or a sum is told only where each month of its period, taken by
itself, has nobody in it or at least k: so no two periods differ by fewer.
"""

from collections.abc import Collection, Iterable
from typing import Final

from app.kernel.refusal import Refusal

_TOLD_DIGITS: Final = 2
_DOMINATES: Final = 2  # whoever holds more than one part in two


class NotPublished(Refusal):
    """This is no part of what is published: it is there in the internal view only."""

    code = "statistics.not_published"
    status = 422


class UnknownDimension(Refusal):
    """Cases are not counted by this, or not by it twice."""

    code = "statistics.unknown_dimension"
    status = 422


def may_tell(numbers: Collection[int], k: int) -> bool:
    """Whether every part has nobody in it or at least k, and there is somebody at all."""
    return any(numbers) and all(number == 0 or number >= k for number in numbers)


def may_tell_share(parts: Iterable[tuple[int, int]], k: int) -> bool:
    """Whether a share may be told, by how many are on either side of it in each part."""
    sides = [number for both in parts for number in both]
    return may_tell(sides, k)


def may_tell_sum(parts: Iterable[tuple[int, int, int]], k: int) -> bool:
    """Whether a sum may be told: by how many are in each part, the largest of them, and the part's sum.

    Nobody in it may hold more than half, or the sum would be nearly theirs.
    """
    listed = list(parts)
    return may_tell([of for of, _, _ in listed], k) and all(
        largest * _DOMINATES <= total for of, largest, total in listed if of
    )


def told_sum(amount: int) -> int:
    """The amount to two digits: what one correction moves is not to be read from two answers."""
    step = int(10 ** max(len(str(abs(amount))) - _TOLD_DIGITS, 0))
    return (amount + step // 2) // step * step


def told_share(share: float | None) -> float | None:
    """The share to a whole percent."""
    return None if share is None else round(share, 2)
