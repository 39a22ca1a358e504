"""Timers as rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.store.columns import partial_index, table_of

_ARMED = "state = 'armed'"


class TimerRow(SQLModel, table=True):
    """One clock of one case, armed for one rung of its ladder."""

    __tablename__ = "timer"
    __table_args__ = (
        partial_index("timer_due", "due_at", "case_id", where=_ARMED),
        # A case has at most one armed timer of a kind: no rung can fire twice.
        partial_index("timer_once", "case_id", "kind", where=_ARMED, unique=True),
        Index("timer_by_case", "case_id", "armed_at"),
    )

    id: UUID = Field(primary_key=True)
    case_id: UUID = Field(foreign_key="case_file.id")
    kind: str
    rung: int
    to_role: str
    base_at: datetime
    due_at: datetime
    state: str
    armed_at: datetime
    armed_for: int  # the case's version when it was armed
    ended_at: datetime | None = None


timers = table_of(TimerRow)
