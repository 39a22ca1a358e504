"""The JSON of field sync: what devices send and what they are answered."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel, SkipValidation

from app.api.schemas import Line, PhoneText, Sex, Taken, Wages, Word
from app.cases.rules.stages import Outcome
from app.kernel.language import Language
from app.store.feed import Kind


class ChangeOut(BaseModel):
    """One document as a device has to have it, or (`gone`) one that it has to drop."""

    kind: Kind
    id: UUID
    gone: bool | None = None
    rev: int | None = None
    doc: dict[str, Any] | None = Field(default=None, description="the shape that the JSON API answers")


class PullOut(BaseModel):
    """One page of what changed. Ask again with the cursor, at once while there is `more`."""

    changes: list[ChangeOut]
    cursor: str
    more: bool


class DeviceIn(Taken):
    """The device in somebody's hands; without an id it is given one."""

    device: Word | None = None
    name: Line | None = None


class DeviceOut(BaseModel):
    """A device that holds, or held, copies of cases."""

    device: str
    worker_id: UUID
    name: str | None
    registered_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


class Devices(BaseModel):
    """Devices, in the order in which they were registered."""

    items: list[DeviceOut]


class RegisteredOut(DeviceOut):
    """A device with its tokens. `refresh` is used as any refresh token at `/v1/token`, once."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int = Field(description="seconds")
    refresh: str
    lock_after_days: int = Field(
        description="without contact for so long the app locks what it holds until its worker signs in anew"
    )


class OpIn(BaseModel):
    """One thing that a device did. `was` is what it saw in the fields that it set.

    `op` is an id of its own (UUIDv7 is best): the same row under the same id is done once. `do` asks by
    name for what a field cannot say. `at` is the device's clock, which decides nothing.
    """

    op: str
    kind: Kind
    id: UUID
    create: bool = False
    set: dict[str, Any] = {}
    was: dict[str, Any] = {}
    do: Literal["accept", "decline", "reopen"] | None = None
    at: str | None = None


class PushIn(Taken):
    """What a device did, in order. A row that is not as `OpIn` says is refused by itself."""

    device: Word | None = None
    sent_at: Any = None
    ops: Annotated[list[SkipValidation[OpIn]], Field(max_length=500)]


class LostOut(BaseModel):
    """A value of yours that was not written, beside the one that stands, with who wrote it and when."""

    field: str
    kept: Any
    yours: Any
    hard: bool = Field(description="whether a person has to say which holds")
    conflict: UUID
    kept_by: str
    kept_at: datetime


class RowProblem(BaseModel):
    """Why a row was refused (RFC 9457), explained in km and en."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    explained: dict[str, str]


class ResultOut(BaseModel):
    """What became of one row; `first` is what became of it when it came before."""

    op: str | None = None
    kind: str | None = None
    id: UUID | None = None
    status: Literal["applied", "duplicate", "merged", "held", "rejected"]
    first: str | None = None
    rev: int | None = None
    reason: str | None = None
    conflict: list[LostOut] = []
    problem: RowProblem | None = None
    doc: dict[str, Any] | None = Field(default=None, description="what stands here, where yours differs")


class PushOut(BaseModel):
    """One result for each row, in their order; `at` is the time here."""

    results: list[ResultOut]
    at: datetime


class RefusedOut(BaseModel):
    """A row that was refused, word for word as it came, and why."""

    id: UUID
    worker_id: UUID
    device: str
    kind: str | None
    doc_id: UUID | None
    code: str
    at: datetime
    row: Any


class RefusedRows(BaseModel):
    """Rows that were refused, the newest first."""

    items: list[RefusedOut]


class PersonPatch(Taken):
    """A merge patch of a person."""

    name: Line | None = None
    phone: PhoneText | None = None
    sex: Sex = "unknown"
    birth_date: date | None = None
    language: Language | None = None


class ValueOut(BaseModel):
    """One value of a conflict, with who wrote it (a worker's id, or a part of the program) and when."""

    value: Any
    by: str
    at: datetime


Revision = Annotated[int, Field(ge=0, lt=2**62)]
_EMPTIED = frozenset({"outcome", "wages_claimed"})


class MemberPatch(Taken):
    """A merge patch (RFC 7396) of a member: what is absent stays, null empties."""

    status: Literal["active", "closed"] | None = None
    outcome: Outcome | None = None
    wages_claimed: Wages | None = None
    minor: bool | None = None
    in_danger: bool | None = None
    do_not_contact: bool | None = None
    person: PersonPatch | None = None

    def changes(self) -> dict[str, Any]:
        """The fields that are to be different, named as devices name them. A flag that is null stays."""
        sent = self.model_dump(mode="json", exclude_unset=True)
        person = sent.pop("person", None) or {}
        plain = {name: value for name, value in sent.items() if value is not None or name in _EMPTIED}
        return plain | {f"person.{name}": value for name, value in person.items()}


class ConflictOut(BaseModel):
    """Two values of one field. A hard one waits until somebody settles it."""

    id: UUID
    kind: str
    doc_id: UUID
    field: str
    hard: bool
    kept: ValueOut
    lost: ValueOut
    found_at: datetime
    settled_at: datetime | None
    settled_by: UUID | None
    choice: str | None


class Conflicts(BaseModel):
    """The conflicts of a case, oldest first."""

    items: list[ConflictOut]


class SettleIn(Taken):
    """Which value holds: the one that was kept, or the one that was lost, which is then written."""

    choice: Literal["kept", "lost"]


class KindDigest(BaseModel):
    """How many documents of a kind, and the XOR of the first 8 bytes of SHA-256 over `id:rev` of each."""

    count: int
    xor: str


class DigestOut(BaseModel):
    """The digest of each kind."""

    kinds: dict[str, KindDigest]


class ReconcileIn(Taken):
    """All that a device holds of one kind: pairs of id and revision."""

    kind: Kind
    ids: Annotated[list[tuple[UUID, Revision]], Field(max_length=20_000)]


class ReconcileOut(BaseModel):
    """Ids: `missing` and `stale` will come, `gone` are to be dropped, `unknown` are to be pushed again. So
    are those of `stale` that the server knows only as they were before (`behind`), before they come.
    """

    missing: list[UUID]
    stale: list[UUID]
    gone: list[UUID]
    unknown: list[UUID]
    behind: list[UUID]


class Checkpoint(BaseModel):
    """Where the next pull of a collection begins; opaque."""

    c: str


class RxdbPullOut(BaseModel):
    """One page of a collection. With `reconcile`, everything is told from the beginning."""

    documents: list[dict[str, Any]]
    checkpoint: Checkpoint
    reconcile: bool | None = None


class RxdbRow(BaseModel):
    """One document as a device has it now, and as it believed it to be here."""

    model_config = ConfigDict(populate_by_name=True)

    new: dict[str, Any] = Field(alias="newDocumentState")
    assumed: dict[str, Any] | None = Field(default=None, alias="assumedMasterState")


class RxdbRows(RootModel[list[SkipValidation[RxdbRow]]]):
    """What a device did in one collection. What is no such row is kept and refused."""


class Masters(RootModel[list[dict[str, Any]]]):
    """The documents that stand here otherwise than they were sent; `_deleted` where they must go."""
