"""The JSON of safe contact: what is known of a phone, and a text to it."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.api.schemas import CommandIn, Line, Moment, Prose, Taken
from app.api.views import PersonOut
from app.kernel.language import Language
from app.outbox.rules import AfterDroppedCall, Known, SafeContact, SafeWindow
from app.usecases.safe_contact import PhoneView, Writes
from app.usecases.writing import Written

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WallClock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Zone = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}$")
]


class WindowIn(Taken):
    """Safe hours on the wall clock of the phone's zone; where `ends` is not later, they end the next day."""

    begins: WallClock = Field(examples=["20:00"])
    ends: WallClock = Field(examples=["06:00"])
    days: Annotated[list[Day], Field(max_length=7)] = Field(default=[], description="on which it begins")

    def typed(self) -> SafeWindow:
        """The window as the rules know it."""
        days = frozenset(_DAYS.index(day) for day in self.days)
        return SafeWindow(time.fromisoformat(self.begins), time.fromisoformat(self.ends), days)


class SafetyIn(Taken):
    """How a phone may be used, all of it: what is absent is not known."""

    may_text: Known = Known.NOT_KNOWN
    may_call: Known = Known.NOT_KNOWN
    may_leave_voicemail: Known = Known.NOT_KNOWN
    hours: Annotated[list[WindowIn], Field(max_length=21)] = Field(default=[])
    zone: Zone | None = Field(default=None, examples=["Asia/Bangkok"], description="IANA name")
    shared: Known = Known.NOT_KNOWN
    held_by_employer: Known = Known.NOT_KNOWN
    code_word: Line | None = None
    language: Language | None = None
    after_dropped_call: AfterDroppedCall = AfterDroppedCall.NOT_KNOWN
    valid_until: Moment | None = None
    seen_version: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="the `version` that you saw: where somebody wrote since, what forbids most of both holds",
    )

    def typed(self) -> SafeContact:
        """The same as the rules know it."""
        return SafeContact(
            may_text=self.may_text, may_call=self.may_call, may_leave_voicemail=self.may_leave_voicemail,
            hours=tuple(window.typed() for window in self.hours), zone=self.zone, shared=self.shared,
            held_by_employer=self.held_by_employer, code_word=self.code_word,
            language=self.language.value if self.language else None,
            after_dropped_call=self.after_dropped_call, valid_until=self.valid_until,
        )  # fmt: skip

    def writes(self) -> Writes:
        """The same, with what was seen before."""
        return Writes(self.typed(), self.seen_version)


class WindowOut(BaseModel):
    """Safe hours on the wall clock of the phone's zone."""

    begins: str
    ends: str
    days: list[str]


class HoursOut(BaseModel):
    """Hours that bind as well, on the wall clock of their own zone."""

    windows: list[WindowOut]
    zone: str


class SafetyOut(BaseModel):
    """How a phone may be used, and who said so: `caseworker`, `person`, or nobody yet."""

    may_text: Known
    may_call: Known
    may_leave_voicemail: Known
    hours: list[WindowOut]
    zone: str = Field(description="of the hours; from the number's country where none was told")
    also_within: list[HoursOut] = Field(description="others wrote down these at the same time: both bind")
    shared: Known
    held_by_employer: Known
    code_word: str | None = Field(description="to be heard before anything is said of the case")
    language: str | None
    after_dropped_call: AfterDroppedCall
    valid_until: datetime | None
    opted_out_at: datetime | None
    said_by: str | None
    worker_id: UUID | None
    said_at: datetime | None
    version: int = Field(description="of what caseworkers wrote; 0 where none did")


class PhoneOut(BaseModel):
    """A phone of a case. A code says why it must not be used now; null, that it may."""

    id: UUID
    phone: str
    person: PersonOut | None
    added_at: datetime
    safety: SafetyOut
    call_refused_because: str | None = Field(examples=["outside_hours"])
    next_call_at: datetime | None
    text_refused_because: str | None
    next_text_at: datetime | None

    @classmethod
    def of(cls, view: PhoneView) -> "PhoneOut":
        """What is shown of a phone."""
        person = view.person
        return cls(
            id=view.id, phone=view.phone.e164,
            person=PersonOut(
                id=person.id, name=person.name, sex=person.sex, birth_date=person.birth_date,
                language=person.language,
            ) if person else None,
            added_at=view.added_at, safety=_safety(view), call_refused_because=view.call_refused,
            next_call_at=view.next_call_at, text_refused_because=view.text_refused,
            next_text_at=view.next_text_at,
        )  # fmt: skip


class Phones(BaseModel):
    """The phones of a case, in the order in which they were added."""

    items: list[PhoneOut]


class WorkerTextIn(CommandIn):
    """A text to a person, in neutral words. It is let go when it could not be sent by `good_until`."""

    text: Annotated[Prose, Field(max_length=400)]
    good_until: Moment | None = None


class WorkerTextOut(BaseModel):
    """Where the text is. `waits_for` is a code, such as `outside_hours`."""

    id: UUID
    state: str = Field(examples=["queued"])
    due_at: datetime
    waits_for: str | None

    @classmethod
    def of(cls, written: Written) -> "WorkerTextOut":
        """What is shown of the text."""
        return cls(id=written.id, state=written.state, due_at=written.due_at, waits_for=written.waits_for)


def _safety(view: PhoneView) -> SafetyOut:
    told, by = view.told, view.by
    return SafetyOut(
        may_text=told.may_text, may_call=told.may_call, may_leave_voicemail=told.may_leave_voicemail,
        hours=_windows(told.hours),
        also_within=[HoursOut(windows=_windows(one.windows), zone=one.zone) for one in told.also_within],
        zone=view.zone, shared=told.shared, held_by_employer=told.held_by_employer,
        code_word=told.code_word, language=told.language, after_dropped_call=told.after_dropped_call,
        valid_until=told.valid_until, opted_out_at=told.opted_out_at,
        said_by=by.source.value if by else None, worker_id=by.worker_id if by else None,
        said_at=by.at if by else None, version=view.version,
    )  # fmt: skip


def _windows(windows: Iterable[SafeWindow]) -> list[WindowOut]:
    return [
        WindowOut(
            begins=f"{window.begins:%H:%M}",
            ends=f"{window.ends:%H:%M}",
            days=[_DAYS[day] for day in sorted(window.days)],
        )
        for window in windows
    ]
