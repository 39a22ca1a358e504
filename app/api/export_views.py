"""The JSON of exports: what is asked for, and how far it has come."""

from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    StringConstraints,
)

from app.exports.jobs import Job, State
from app.exports.rules.asking import Cells, DateField, Format, Profile, Wanted
from app.i18n.catalogue import Catalogues
from app.kernel.clock import day_begins
from app.usecases.fields import Prose


def _plausible(moment: date) -> date:
    """Far from the ends of the calendar, where time zones fall off."""
    if not 2000 <= moment.year < 3000:  # noqa: PLR2004 - centuries
        raise ValueError("no case is as old, or as young")
    return moment


When = Annotated[AwareDatetime | date, AfterValidator(_plausible)]
FilterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,60}$")]
FilterValue = Annotated[str, StringConstraints(max_length=100)]
FilterValues = Annotated[list[FilterValue], Field(min_length=1, max_length=50)]
Secret = Annotated[SecretStr, Field(max_length=200)]


def moment_of(asked: date | None, zone: tzinfo, *, after: timedelta = timedelta(0)) -> datetime | None:
    """A time as it is; a day by the office's clock, from its beginning, or to its end."""
    if asked is None or isinstance(asked, datetime):
        return asked
    return day_begins(asked + after, zone)


class ExportIn(BaseModel):
    """A wish for an export. What we do not know is refused: a filter that is passed over tells too much."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "profile": "anonymised",
                    "format": "csv",
                    "from": "2026-01-01",
                    "to": "2026-06-30",
                    "filters": {"destination_country": ["TH", "MY"]},
                    "locale": "km",
                }
            ]
        },
    )

    id: UUID | None = Field(default=None, description="your own, to make repeating it safe")
    profile: Profile
    format: Format = Format.CSV
    since: When | None = Field(default=None, alias="from", description="a day, or a time")
    until: When | None = Field(
        default=None, alias="to", description="a day, which counts, or a time, which no longer does"
    )
    date_field: DateField = DateField.OPENED_AT
    updated_since: When | None = Field(default=None, description="only what changed since then")
    filters: Annotated[dict[FilterName, FilterValue | FilterValues], Field(max_length=30)] = {}
    locale: Literal["km", "en"] | None = Field(default=None, description="of headings and labels")
    cells: Cells | None = Field(
        default=None,
        description="what coded cells hold: by default labels in an identified csv or xlsx, else codes",
    )
    reason: Annotated[Prose, Field(max_length=1_000)] | None = None
    password: Secret | None = Field(default=None, description="of the archive that holds names")

    def wanted(self, zone: tzinfo, locale: Literal["km", "en"]) -> Wanted:
        """The wish as rules read it; `locale` where none was asked for."""
        return Wanted(
            self.profile, self.format, self.locale or locale, self.date_field,
            since=moment_of(self.since, zone),
            until=moment_of(self.until, zone, after=timedelta(days=1)),
            updated_since=moment_of(self.updated_since, zone),
            filters={
                name: (values,) if isinstance(values, str) else tuple(values)
                for name, values in self.filters.items()
            },
            cells=self.cells,
        )  # fmt: skip


class FailureOut(BaseModel):
    """Why there is no file, in the language that the request prefers."""

    code: str = Field(examples=["export.asker_changed"])
    title: str
    detail: str


class ExportOut(BaseModel):
    """One export. `progress` counts rows so far; `rows`, `sha256`, `size_bytes` are of the finished file."""

    id: UUID
    status: State
    profile: Profile
    format: Format
    locale: str
    cells: Cells
    filters: dict[str, list[str]]
    progress: int
    rows: int | None
    sha256: str | None
    size_bytes: int | None
    file_name: str | None
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    failure: FailureOut | None

    @classmethod
    def of(cls, job: Job, now: datetime, catalogues: Catalogues, language: str) -> "ExportOut":
        """An export as it is shown at this time."""
        wanted = job.wanted
        return cls(
            id=job.id, status=job.as_of(now), profile=wanted.profile, format=wanted.format,
            locale=wanted.locale, cells=wanted.cells_hold,
            filters={name: list(values) for name, values in wanted.filters.items()},
            progress=job.progress, rows=job.rows, sha256=job.sha256, size_bytes=job.size_bytes,
            file_name=job.download_name if job.sha256 else None, asked_at=job.asked_at,
            started_at=job.started_at, finished_at=job.finished_at, expires_at=job.expires_at,
            failure=_failure(job, catalogues, language),
        )  # fmt: skip


class ExportPage(BaseModel):
    """One page of exports, newest first."""

    items: list[ExportOut]
    next_cursor: str | None


class ManifestOut(RootModel[dict[str, Any]]):
    """What a file holds: filters, rows, SHA-256 of each part, version of its columns, when it was made."""


def _failure(job: Job, catalogues: Catalogues, language: str) -> FailureOut | None:
    if job.failure is None:
        return None
    words = {
        part: catalogues.fill(f"refusal.{job.failure}.{part}", language, job.failure_details)
        for part in ("title", "detail")
    }
    return FailureOut(code=job.failure, **words)
