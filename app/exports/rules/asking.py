"""What may be asked of an export: how far its content is reduced, in which form, and which cases count."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Locale = Literal["km", "en"]


class Profile(StrEnum):
    """How far the content is reduced."""

    IDENTIFIED = "identified"
    ANONYMISED = "anonymised"
    AGGREGATE = "aggregate"
    REPORT = "report"


class Format(StrEnum):
    """How the file is written. `HTML` is for a report only, and a report is never anything else."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"
    NDJSON = "ndjson"
    HTML = "html"


class DateField(StrEnum):
    """The moment of a case that `since` and `until` look at."""

    OPENED_AT = "opened_at"
    ACCEPTED_AT = "accepted_at"
    FIRST_CONTACT_AT = "first_contact_at"
    CLOSED_AT = "closed_at"
    UPDATED_AT = "updated_at"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one export was asked to hold.

    `since` is the first moment that counts, `until` the first that no longer does. `filters` names
    columns; a case counts when each of them holds one of the values.
    """

    profile: Profile
    format: Format
    locale: Locale
    date_field: DateField = DateField.OPENED_AT
    since: datetime | None = None
    until: datetime | None = None
    updated_since: datetime | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
