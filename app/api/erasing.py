"""Erasure on request, its receipts, and the log of breaches."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.api.doors import Asked, Door, Given, lets, may_answer
from app.api.schemas import Moment, Prose, Taken
from app.identity.rules import Action
from app.kernel.clock import utc_text
from app.privacy.rules import Breach, Receipt, as_json, from_json
from app.usecases import breaches, erasing

door = Door(prefix="/v1", tags=["letting go"])

RequestedBy = Literal["person", "guardian", "family", "organisation", "authority"]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,59}$")]


class ErasureIn(Taken):
    """What is to be erased: `all` of the case, or what belongs to one person in it."""

    person_id: UUID | None = None
    all: bool = False
    reason: Annotated[Prose, Field(max_length=2_000, description="without names: it is kept")]
    requested_by: RequestedBy
    notes: Literal["erase", "keep"] = Field(
        default="erase", description="what workers wrote, of whomever it speaks; of a whole case it goes"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.all == (self.person_id is not None):
            raise PydanticCustomError("one_of_both", "give either person_id or all")
        return self

    def wish(self, case_id: UUID) -> erasing.Wish:
        """The same as the use case knows it."""
        return erasing.Wish(
            case_id, self.person_id, self.reason, self.requested_by, notes=self.notes == "erase"
        )


class SparedOut(BaseModel):
    """What stayed because another case that is not over needs it."""

    phones: Annotated[int, Field(ge=0, le=10**9)]
    people: Annotated[int, Field(ge=0, le=10**9)]


class ReceiptOut(BaseModel):
    """What one erasure did. `counts`: rows by kind. `mac` proves that this installation wrote it."""

    id: UUID
    at: Moment
    case_id: UUID
    person_id: UUID | None
    notes_erased: bool
    counts: dict[Kind, Annotated[int, Field(ge=0, le=10**9)]]
    kept_for_other_cases: SparedOut
    digest: Hex
    mac: Hex

    @classmethod
    def of(cls, receipt: Receipt) -> "ReceiptOut":
        """What is handed out."""
        return cls.model_validate(as_json(receipt))

    def typed(self) -> Receipt:
        """The receipt as the rules know it."""
        return from_json(self.model_dump(mode="json") | {"at": utc_text(self.at)})


class CheckOut(BaseModel):
    """Whether this installation wrote the receipt just as it is."""

    genuine: bool


class BreachIn(Taken):
    """A breach of personal data as somebody noticed it."""

    id: UUID | None = None
    kinds: Annotated[list[Code], Field(min_length=1, max_length=20, examples=[["lost_device"]])]
    what: Prose
    noticed_at: Moment
    happened_at: Moment | None = None
    records_estimate: Annotated[int, Field(ge=0, le=10**9)] | None = None

    def typed(self) -> breaches.Noticed:
        """The same as the use case knows it."""
        return breaches.Noticed(
            tuple(self.kinds), self.what, self.noticed_at, self.happened_at, self.records_estimate, self.id
        )


class BreachOut(BaseModel):
    """A breach. By `due_at`, 72 hours after it was noticed, an authority must have been told."""

    id: UUID
    kinds: list[str]
    what: str
    records_estimate: int | None
    happened_at: datetime | None
    noticed_at: datetime
    due_at: datetime
    written_by: UUID
    written_at: datetime
    state: Literal["open", "notified", "closed"]
    notified_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, breach: Breach) -> "BreachOut":
        """What is shown of it."""
        return cls(
            id=breach.id, kinds=list(breach.kinds), what=breach.what, written_by=breach.written_by,
            records_estimate=breach.records_estimate, happened_at=breach.happened_at,
            noticed_at=breach.noticed_at, due_at=breach.due_at, written_at=breach.written_at,
            state=breach.state.value, notified_at=breach.notified_at, closed_at=breach.closed_at,
        )  # fmt: skip


class Breaches(BaseModel):
    """Every breach, the newest first."""

    items: list[BreachOut]


@door.post("/cases/{case_id}/erasure", responses=may_answer(404, 409))
@lets(Action.ERASE)
def erase(asked: Asked, given: Given, case_id: UUID, body: ErasureIn) -> ReceiptOut:
    """Erase at once what names somebody: numbers of rows stay, names and words go. The same again gets
    the same receipt; a case under legal hold is refused.
    """
    with asked.office.work(asked.now) as uow:
        done = erasing.erase(uow, asked.worker, body.wish(case_id), now=asked.now)
    for name in done.files:
        given.recordings.delete(name)
    given.erased([done.receipt])
    return ReceiptOut.of(done.receipt)


@door.post("/erasures/check", responses=may_answer())
@lets(Action.ERASE)
def check(asked: Asked, body: ReceiptOut) -> CheckOut:
    """Whether a receipt was written by this installation, and not changed since."""
    with asked.office.look() as uow:
        return CheckOut(genuine=erasing.check(uow, body.typed()))


@door.post("/breaches", status_code=201, responses=may_answer())
@lets(Action.LOG_BREACHES)
def log_breach(asked: Asked, body: BreachIn) -> BreachOut:
    """Write a breach down: its 72 hours run from when it was noticed. The same `id` is the same breach."""
    with asked.office.work(asked.now) as uow:
        return BreachOut.of(breaches.log(uow, asked.worker, body.typed(), now=asked.now))


@door.get("/breaches", responses=may_answer())
@lets(Action.LOG_BREACHES)
def list_breaches(asked: Asked) -> Breaches:
    """Every breach that was written down, the newest first. Looking is remembered."""
    with asked.office.work(asked.now) as uow:
        return Breaches(items=[BreachOut.of(one) for one in breaches.listed(uow, asked.worker)])


@door.post("/breaches/{breach_id}/notified", responses=may_answer(404, 409))
@lets(Action.LOG_BREACHES)
def breach_notified(asked: Asked, breach_id: UUID) -> BreachOut:
    """The authority was told: the time runs no more."""
    with asked.office.work(asked.now) as uow:
        return BreachOut.of(breaches.notified(uow, asked.worker, breach_id, now=asked.now))


@door.post("/breaches/{breach_id}/closed", responses=may_answer(404, 409))
@lets(Action.LOG_BREACHES)
def breach_closed(asked: Asked, breach_id: UUID) -> BreachOut:
    """Nothing more is to be done about the breach."""
    with asked.office.work(asked.now) as uow:
        return BreachOut.of(breaches.closed(uow, asked.worker, breach_id, now=asked.now))
