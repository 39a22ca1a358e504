"""Whether phones are known to be safe to call, for many at once."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.kernel.phone import Phone
from app.outbox.rules import Known, SafeContact, agreed_hours, known_safe_to_call
from app.outbox.store import OutboxStore

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PhoneBook:
    """What is known of phones, by their blind index, as of one moment."""

    def __init__(self, outbox: OutboxStore, now: datetime) -> None:
        """Look phones up in this transaction."""
        self._outbox = outbox
        self._now = now

    def known(self, indexes: Iterable[bytes | None]) -> dict[bytes, tuple[Known, SafeContact]]:
        """Whether each phone is known to be safe to call, and what that rests on."""
        wanted = {bytes(index) for index in indexes if index}
        if not wanted:
            return {}
        return {
            index: (known_safe_to_call(safety, self._now), safety)
            for index, safety in self._outbox.safety_by_index(wanted).items()
        }


def hours_of(safety: SafeContact, phone: str) -> str | None:
    """The hours at which the phone may be called, as `20:00-06:00 mon,tue Asia/Bangkok`; all of them bind."""
    there = replace(safety, country=Phone(phone).country)
    told = [
        f"{window.begins:%H:%M}-{window.ends:%H:%M}"
        + (f" {','.join(_DAYS[day] for day in sorted(window.days))}" if window.days else "")
        + f" {hours.zone}"
        for hours in agreed_hours(there)
        for window in hours.windows
    ]
    return "; ".join(told) or None
