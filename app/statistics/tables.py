"""The ledger of what was published: the frozen tables of each window, and the window of each month."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.store.columns import json_field, table_of


class PublishedRow(SQLModel, table=True):
    """What was published of one window. Rows are only added, and hold no hidden number.

    `groups` are its people without names, in groups of k and more who are told of alike; `beside` is what is
    told beside counts of people and cases: contacts, waits, claims. Both are None where nothing was frozen.
    """

    __tablename__ = "published"

    id: UUID = Field(primary_key=True)
    since: date
    until: date
    k: int
    cells: list[dict[str, Any]] = json_field()
    groups: list[dict[str, Any]] | None = json_field(nullable=True)
    beside: dict[str, Any] | None = json_field(nullable=True)
    released_at: datetime


class PublishedMonthRow(SQLModel, table=True):
    """That a month was published. Its key keeps any month from being in two windows."""

    __tablename__ = "published_month"

    month: date = Field(primary_key=True)
    published_id: UUID = Field(foreign_key="published.id", index=True)


published = table_of(PublishedRow)
published_months = table_of(PublishedMonthRow)
