"""The rules of escalation, pure: spans of time, the business calendar, ladders and their timers."""

from app.escalation.rules.calendar import Calendar, Span, TimeUnit, parse_span
from app.escalation.rules.ladder import (
    RUNG_ROLES,
    ClockKind,
    Ladders,
    Override,
    PlannedTimer,
    Profile,
    Rung,
    first_timer,
    held_until,
    next_timer,
    promised_at,
    rearm_for_urgency,
)

__all__ = [
    "RUNG_ROLES",
    "Calendar",
    "ClockKind",
    "Ladders",
    "Override",
    "PlannedTimer",
    "Profile",
    "Rung",
    "Span",
    "TimeUnit",
    "first_timer",
    "held_until",
    "next_timer",
    "parse_span",
    "promised_at",
    "rearm_for_urgency",
]
