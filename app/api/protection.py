"""The JSON of consent, referrals, the register of disclosures, walls, holds and children's guardians."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.schemas import CommandIn, Line, PhoneText, Prose, ReasonIn, Taken
from app.cases.rules.consent import By, Channel, Consent, Recipient, Said
from app.cases.rules.guards import Hold, Wall
from app.cases.rules.sharing import Basis, Item
from app.kernel.language import Language
from app.usecases.consenting import Consents, ConsentView, Guardian
from app.usecases.sharing import Disclosure, Referral

Code = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,60}$")]


class ConsentIn(CommandIn):
    """What somebody answered. Neither person nor member: whoever wrote or called, not written down yet."""

    person_id: UUID | None = None
    member_id: UUID | None = None
    purpose: Code = Field(examples=["share_authorities"])
    organisation_id: UUID | None = Field(default=None, description="where each organisation is asked about")
    state: Said
    by: By = By.PERSON
    channel: Channel
    witness: Line | None = None
    language: Language = Language.KM


class ConsentOut(BaseModel):
    """An answer. `counts`: whether anything may be handed over on the strength of it."""

    id: UUID
    case_id: UUID
    person_id: UUID | None
    purpose: str
    organisation_id: UUID | None
    state: Said
    by: By
    channel: Channel
    witness: str | None
    language: str
    worker_id: UUID
    at: datetime
    counts: bool | None = None

    @classmethod
    def of(cls, one: Consent, *, counts: bool | None = None) -> "ConsentOut":
        """What is shown of an answer."""
        return cls(
            id=one.id, case_id=one.case_id, person_id=one.person_id, purpose=one.purpose,
            organisation_id=one.organisation_id, state=one.said, by=one.by, channel=one.channel,
            witness=one.witness, language=one.language, worker_id=one.worker_id, at=one.at, counts=counts,
        )  # fmt: skip

    @classmethod
    def seen(cls, view: ConsentView) -> "ConsentOut":
        """What is shown of an answer that holds."""
        return cls.of(view.consent, counts=view.counts)


class UnaskedOut(BaseModel):
    """What nobody has answered yet."""

    person_id: UUID | None
    purpose: str
    state: Literal[Said.NOT_ASKED] = Said.NOT_ASKED


class ConsentsOut(BaseModel):
    """What holds now, what nobody was asked, and every answer that was given, oldest first."""

    items: list[ConsentOut]
    unasked: list[UnaskedOut]
    history: list[ConsentOut]

    @classmethod
    def of(cls, found: Consents) -> "ConsentsOut":
        """What is shown of a case's consents."""
        return cls(
            items=[ConsentOut.seen(view) for view in found.now],
            unasked=[UnaskedOut(person_id=person, purpose=purpose) for person, purpose in found.unasked],
            history=[ConsentOut.of(one) for one in found.history],
        )


class GuardianIn(Taken):
    """Who answers for a child, all of it: what is absent is not known."""

    name: Line | None = None
    phone: PhoneText | None = None
    assent: Said = Said.NOT_ASKED
    guardian_is_suspect: bool = False


class GuardianOut(BaseModel):
    """Who answers for a child, and what the child says."""

    member_id: UUID
    name: str | None
    phone: str | None
    assent: Said
    guardian_is_suspect: bool
    worker_id: UUID | None
    at: datetime | None

    @classmethod
    def of(cls, member_id: UUID, one: Guardian | None) -> "GuardianOut":
        """What is shown of it; nothing known where nobody wrote anything."""
        if one is None:
            return cls(
                member_id=member_id, name=None, phone=None, assent=Said.NOT_ASKED, guardian_is_suspect=False,
                worker_id=None, at=None,
            )  # fmt: skip
        return cls(
            member_id=member_id, name=one.name, phone=one.phone.e164 if one.phone else None,
            assent=one.minor.assent, guardian_is_suspect=one.minor.guardian_is_suspect,
            worker_id=one.worker_id, at=one.at,
        )  # fmt: skip


class ReferralIn(CommandIn):
    """What to hand over, to whom and what for: `to_organisation`, or the `kind` of another recipient.

    `override` does it without the consent that it needs, with a reason of twenty characters or more.
    """

    to_organisation: UUID | None = None
    kind: Literal["police", "embassy", "labour_authority", "other"] | None = None
    recipient: Line | None = Field(default=None, description="which office or person, where known")
    purpose: Line = Field(examples=["legal help"])
    data_items: Annotated[list[Item], Field(min_length=1, max_length=20)]
    people: Annotated[list[UUID], Field(max_length=200)] = Field(
        default=[], description="ids of the people concerned; none: every member"
    )
    reason: Prose
    override: bool = False
    legal_basis: Literal["vital_interest", "legal_demand"] = "vital_interest"

    @model_validator(mode="after")
    def _goes_to_one(self) -> Self:
        if (self.to_organisation is None) == (self.kind is None):
            raise PydanticCustomError("one_recipient", "either to_organisation or kind is needed")
        return self

    @property
    def to(self) -> Recipient:
        """Whom it goes to."""
        return Recipient(self.kind) if self.kind else Recipient.ORGANISATION


class ReferralOut(BaseModel):
    """Something that was handed over, or waits for a second person (`needs_second`)."""

    id: UUID
    case_id: UUID
    kind: Recipient
    to_organisation: UUID | None
    recipient: str | None
    purpose: str
    needs_consent: str = Field(description="the purpose to which everybody concerned must have consented")
    data_items: list[Item]
    people: list[UUID]
    legal_basis: Basis
    reason: str
    state: str = Field(examples=["open"])
    by: UUID
    at: datetime
    confirmed_by: UUID | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None

    @classmethod
    def of(cls, one: Referral) -> "ReferralOut":
        """What is shown of a referral."""
        return cls(
            id=one.id, case_id=one.case_id, kind=one.to, to_organisation=one.organisation_id,
            recipient=one.recipient, purpose=one.purpose, needs_consent=one.needs,
            data_items=list(one.items), people=list(one.people), legal_basis=one.basis, reason=one.reason,
            state=one.state, by=one.by, at=one.at, confirmed_by=one.confirmed_by,
            confirmed_at=one.confirmed_at, ended_at=one.ended_at, ended_because=one.ended_because,
        )  # fmt: skip


class Referrals(BaseModel):
    """What was handed over of a case, oldest first."""

    items: list[ReferralOut]


class DisclosureOut(BaseModel):
    """One handing over in the register."""

    id: UUID
    case_id: UUID
    case_code: str
    referral_id: UUID
    from_organisation: UUID | None
    kind: Recipient
    to_organisation: UUID | None
    recipient: str | None
    legal_basis: Basis
    override: bool
    data_items: list[Item]
    reason: str
    by: UUID
    second: UUID | None
    at: datetime

    @classmethod
    def of(cls, one: Disclosure) -> "DisclosureOut":
        """What is shown of a handing over."""
        return cls(
            id=one.id, case_id=one.case_id, case_code=one.case_code, referral_id=one.referral_id,
            from_organisation=one.from_organisation_id, kind=one.to, to_organisation=one.organisation_id,
            recipient=one.recipient, legal_basis=one.basis, override=one.is_override,
            data_items=list(one.items), reason=one.reason, by=one.by, second=one.second, at=one.at,
        )  # fmt: skip


class Disclosures(BaseModel):
    """One page of the register, newest first."""

    items: list[DisclosureOut]
    next_cursor: str | None


class WallIn(ReasonIn):
    """Whom to keep the case from: a worker, or an organisation."""

    worker_id: UUID | None = None
    organisation_id: UUID | None = None


class WallOut(BaseModel):
    """Whom the case is kept from, and why."""

    id: UUID
    case_id: UUID
    worker_id: UUID | None
    organisation_id: UUID | None
    reason: str
    by: UUID
    at: datetime

    @classmethod
    def of(cls, one: Wall) -> "WallOut":
        """What is shown of a wall."""
        return cls(
            id=one.id, case_id=one.case_id, worker_id=one.worker_id, organisation_id=one.organisation_id,
            reason=one.reason, by=one.by, at=one.at,
        )  # fmt: skip


class Walls(BaseModel):
    """The walls around a case, oldest first."""

    items: list[WallOut]


class HoldOut(BaseModel):
    """That nothing of the case may be erased, and why."""

    id: UUID
    case_id: UUID
    reason: str
    by: UUID
    at: datetime

    @classmethod
    def of(cls, one: Hold) -> "HoldOut":
        """What is shown of a hold."""
        return cls(id=one.id, case_id=one.case_id, reason=one.reason, by=one.by, at=one.at)


class TrainingIn(Taken):
    """Whether a worker is trained to work with children."""

    trained_for_children: bool


class TrainingOut(BaseModel):
    """Whether a worker is trained to work with children."""

    worker_id: UUID
    trained_for_children: bool
