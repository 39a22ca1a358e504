"""Consent: to what a person said yes, and whether what was said is enough to hand something over."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.kernel.refusal import Refusal

SERVICES: Final = "services"


class Said(StrEnum):
    """What somebody answered when asked for their consent."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    NOT_ASKED = "not_asked"


class By(StrEnum):
    """Who answered."""

    PERSON = "self"
    GUARDIAN = "guardian"
    REPRESENTATIVE = "representative"  # somebody whom the person appointed
    FAMILY = "family"  # a relative whom nobody appointed


class Channel(StrEnum):
    """How the answer was given."""

    IN_PERSON = "in_person"
    CALL = "call"
    TEXT = "text"
    WRITTEN = "written"


class Recipient(StrEnum):
    """To whom a case may be referred. An employer is none of them, and must never be."""

    ORGANISATION = "organisation"  # one that works here
    POLICE = "police"
    EMBASSY = "embassy"
    LABOUR_AUTHORITY = "labour_authority"
    OTHER = "other"


class BadPurpose(Refusal):
    """Nobody is asked for such a consent, or it needs an organisation, or needs none."""

    code = "consent.bad_purpose"
    status = 422


class NotInCase(Refusal):
    """This person is no member of the case."""

    code = "consent.not_in_case"
    status = 422


class ConsentMissing(Refusal):
    """Somebody who is concerned has not consented to this."""

    code = "consent.missing"
    status = 403


@dataclass(frozen=True, slots=True)
class Consent:
    """One answer of one person. `person_id` None: whoever wrote or called, not written down yet."""

    id: UUID
    case_id: UUID
    person_id: UUID | None
    purpose: str
    organisation_id: UUID | None
    said: Said
    by: By
    channel: Channel
    language: str
    worker_id: UUID
    at: datetime
    witness: str | None = None

    @property
    def about(self) -> tuple[UUID | None, str, UUID | None]:
        """Person, purpose and organisation: the newest answer about the same holds."""
        return self.person_id, self.purpose, self.organisation_id


@dataclass(frozen=True, slots=True)
class Asking:
    """What a recipient asks of whoever refers a case to them."""

    needs: str  # the purpose to which everybody concerned must have consented
    second_person: bool = False  # whether an override waits for another worker


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What an NGO asks consent for, and which of it each recipient needs."""

    purposes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # labels by language
    for_each_organisation: frozenset[str] = frozenset()
    recipients: Mapping[Recipient, Asking] = field(default_factory=dict)

    def must_know(self, purpose: str, organisation_id: UUID | None) -> None:
        """Raises: BadPurpose."""
        if purpose not in self.purposes:
            raise BadPurpose
        if (purpose in self.for_each_organisation) != (organisation_id is not None):
            raise BadPurpose


@dataclass(frozen=True, slots=True)
class Minor:
    """What is known of a child's guardian, and what the child says."""

    assent: Said = Said.NOT_ASKED
    guardian_is_suspect: bool = False


def counts(given: Consent | None, minor: Minor | None) -> bool:
    """Whether this answer lets anything be handed over; `minor` None is an adult.

    An adult speaks for themselves, or whom they appointed does: a mother's yes is not her daughter's.
    For a child the guardian speaks, unless they are suspected of the harm, and never against the child.
    Source: docs/sources.md#consent.
    """
    if given is None or given.said is not Said.GIVEN:
        return False
    if minor is None:
        return given.by in {By.PERSON, By.REPRESENTATIVE}
    if minor.assent in {Said.REFUSED, Said.WITHDRAWN}:
        return False
    if given.by is By.GUARDIAN:
        return not minor.guardian_is_suspect
    return given.by is By.REPRESENTATIVE


def closes(said: Said, purpose: str, needed: Collection[str]) -> bool:
    """Whether this answer ends what was handed over on the strength of these purposes.

    Who wants nothing more of the service wants nothing of theirs handed on either.
    """
    return said in {Said.REFUSED, Said.WITHDRAWN} and (purpose in needed or purpose == SERVICES)
