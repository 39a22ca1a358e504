"""What may be asked of an export: how far its content is reduced, in which form, and which cases count."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from app.kernel.clock import utc_text
from app.kernel.refusal import Refusal

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


class Cells(StrEnum):
    """What stands in a cell that holds one of a list of codes."""

    LABELS = "labels"  # what the code is called in the asked language
    CODES = "codes"


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
    columns; a case counts when each of them holds one of the values. `cells` None leaves it to the form.
    """

    profile: Profile
    format: Format
    locale: Locale
    date_field: DateField = DateField.OPENED_AT
    since: datetime | None = None
    until: datetime | None = None
    updated_since: datetime | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cells: Cells | None = None

    @property
    def cells_hold(self) -> Cells:
        """What cells with codes hold: words in files that people open, codes in those for programs.

        What names nobody is published under the codes of its standards, in every language.
        """
        if self.cells is not None:
            return self.cells
        return Cells.LABELS if _may_hold_labels(self) else Cells.CODES


class FormatUnfit(Refusal):
    """A report is written as HTML, and nothing else is."""

    code = "export.format_unfit"
    status = 422


class CellsUnfit(Refusal):
    """Only the tables with names, as CSV or a workbook, are read by people: nothing else holds labels."""

    code = "export.cells_unfit"
    status = 422


class WindowEmpty(Refusal):
    """The first moment that counts lies behind the last."""

    code = "export.window_empty"
    status = 422


class ReasonNeeded(Refusal):
    """Whoever takes out names says what for."""

    code = "export.reason_needed"
    status = 422


class PasswordNeeded(Refusal):
    """A file with names is never written without a password."""

    code = "export.password_needed"
    status = 422


class PasswordUnused(Refusal):
    """A password was given for a file that has none: whoever gave it would think it protected."""

    code = "export.password_unused"
    status = 422


class WeakPassword(Refusal):
    """The password can be guessed, or cannot be typed everywhere."""

    code = "export.weak_password"
    status = 422


# The archive's own key derivation costs an attacker little, so the password has to carry the weight
# (docs/exports.md#passwords).
SHORTEST_PASSWORD: Final = 12
_FEWEST_SIGNS: Final = 6
_FEWEST_KINDS: Final = 2
_KINDS: Final = (str.islower, str.isupper, str.isdigit, lambda sign: not sign.isalnum())


def must_make_sense(wanted: Wanted) -> None:
    """Raises: FormatUnfit, CellsUnfit, WindowEmpty."""
    if (wanted.profile is Profile.REPORT) is not (wanted.format is Format.HTML):
        raise FormatUnfit(profile=wanted.profile.value, format=wanted.format.value)
    if wanted.cells is Cells.LABELS and not _may_hold_labels(wanted):
        raise CellsUnfit(profile=wanted.profile.value, format=wanted.format.value)
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise WindowEmpty


def _may_hold_labels(wanted: Wanted) -> bool:
    return wanted.profile is Profile.IDENTIFIED and wanted.format in {Format.CSV, Format.XLSX}


def must_be_protected(wanted: Wanted, *, reason: str | None, password: str | None, username: str) -> None:
    """Names leave with a reason and behind a password, and nothing else seems to have one.

    Raises: ReasonNeeded, PasswordNeeded, WeakPassword, PasswordUnused.
    """
    if wanted.profile is not Profile.IDENTIFIED:
        if password:
            raise PasswordUnused
        return
    if not (reason or "").strip():
        raise ReasonNeeded
    if not password:
        raise PasswordNeeded
    _must_be_strong(password, username)


def _must_be_strong(password: str, username: str) -> None:
    """Signs beyond ASCII are refused: programs that open archives do not agree on how they are written."""
    bare = password.casefold().replace(username.casefold(), "") if username else password
    kinds = sum(any(is_one(sign) for sign in password) for is_one in _KINDS)
    strong = len(bare) >= SHORTEST_PASSWORD and len(set(bare)) >= _FEWEST_SIGNS and kinds >= _FEWEST_KINDS
    if not (strong and password.isascii() and password.isprintable()):
        raise WeakPassword(shortest=SHORTEST_PASSWORD)


def as_json(wanted: Wanted) -> dict[str, Any]:
    """What was asked as a JSON object. What was left open is left out."""
    return {
        "profile": wanted.profile.value, "format": wanted.format.value, "locale": wanted.locale,
        "date_field": wanted.date_field.value,
        **{name: utc_text(moment) if moment else None for name, moment in _moments(wanted).items()},
        "filters": {name: list(values) for name, values in sorted(wanted.filters.items())},
        **({"cells": wanted.cells.value} if wanted.cells else {}),
    }  # fmt: skip


def from_json(said: Mapping[str, Any]) -> Wanted:
    """What `as_json` wrote."""
    moments = {name: datetime.fromisoformat(said[name]) if said[name] else None for name in _MOMENTS}
    return Wanted(
        Profile(said["profile"]), Format(said["format"]), said["locale"], DateField(said["date_field"]),
        filters={name: tuple(values) for name, values in said["filters"].items()},
        cells=Cells(said["cells"]) if "cells" in said else None, **moments,
    )  # fmt: skip


_MOMENTS: Final = ("since", "until", "updated_since")


def _moments(wanted: Wanted) -> dict[str, datetime | None]:
    return {name: getattr(wanted, name) for name in _MOMENTS}
