"""When a company or person may be named in a list of those who did harm more than once."""

from typing import Final

# One angry worker, or one office with a grudge, must not be enough to put a name before the public.
LEAST_CASES: Final = 3
LEAST_ORGANISATIONS: Final = 2


def shows_party(cases: int, organisations: int) -> bool:
    """Whether so many distinct cases, seen by so many organisations, allow the name to be published.

    The number of cases beside it is a count like any other: below k it is not told.
    Source: docs/statistics.md#names-of-companies.
    """
    return cases >= LEAST_CASES and organisations >= LEAST_ORGANISATIONS
