"""The JSON that statistics answer with: what was asked, in which view, and the figures."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.statistics.rules.figures import (
    Caseload,
    Contacts,
    Escalations,
    MoneyFigures,
    Quality,
    RepeatParty,
    Summary,
    Table,
    Wait,
    YearLine,
)


class PeriodOut(BaseModel):
    """The days that count, both ends with them, by the office's clock."""

    model_config = {"populate_by_name": True}

    since: date = Field(serialization_alias="from")
    until: date = Field(serialization_alias="to")
    timezone: str


class Figures(BaseModel):
    """What every answer says of itself. What may not be published bears `publish: false`."""

    view: Literal["published", "internal"]
    publish: bool
    period: PeriodOut
    k: int = Field(description="no smaller number of people is published")
    locale: Literal["km", "en"]
    generated_at: datetime


class ContactsOut(Figures):
    """What came in."""

    contacts: Contacts


class CasesOut(Figures):
    """Cases and people by one dimension or two."""

    table: Table


class TimesOut(Figures):
    """How long cases waited."""

    times: tuple[Wait, ...]


class EscalationsOut(Figures):
    """Rungs that were reached, and targets that were missed."""

    escalations: Escalations


class CaseloadOut(Figures):
    """Who has how many cases open now."""

    caseload: Caseload


class MoneyOut(Figures):
    """Wages claimed and money recovered."""

    money: MoneyFigures


class RepeatPartiesOut(Figures):
    """Companies and places with several cases."""

    at_least: int
    parties: tuple[RepeatParty, ...]


class QualityOut(Figures):
    """How well cases are written down, and what is overdue."""

    quality: Quality


class YearsOut(Figures):
    """Lines of years: cases, people, and how many came home."""

    years: tuple[YearLine, ...]


class SummaryOut(Figures):
    """All of a period."""

    summary: Summary
