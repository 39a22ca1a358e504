"""Which cases are counted, and by which clock and lists: what every indicator is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from app.cases.rules.stages import Sight
from app.statistics.rules.dimensions import Dimension


@dataclass(frozen=True, slots=True)
class Scope:
    """The cases that were opened from `since` on and before `until`, as far as these eyes may see them.

    `clock` names another time of the case that must lie there instead, such as `closed_at`.
    `sight` None sees every case; where `organisation_id` is given, only its cases count. A case must have
    one of the values of every filter; None among the values stands for what nobody knows. Months, days
    and hours are those of the office's clock.
    """

    since: datetime
    until: datetime
    zone: ZoneInfo
    sight: Sight | None = None
    organisation_id: UUID | None = None
    clock: str = "opened_at"
    filters: Mapping[Dimension, tuple[str | None, ...]] = field(default_factory=dict)
    indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # signs by category
