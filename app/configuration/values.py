"""The values that configuration hands on: ladders, organisations, categories, gateways."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.cases.rules.consent import ConsentPolicy
from app.cases.rules.guards import ChildSigns
from app.circumstances.rules import Surroundings
from app.escalation.rules import Ladders
from app.intake.rules.conversation import Keywords
from app.kernel.phone import Phone
from app.kernel.urgency import Urgency
from app.privacy.rules import RetentionRules
from app.routing.rules import Coverage

# The eleven signs of forced labour. Source: docs/sources.md#ilo-indicators.
Indicator = Literal[
    "abuse_of_vulnerability",
    "deception",
    "restriction_of_movement",
    "isolation",
    "physical_and_sexual_violence",
    "intimidation_and_threats",
    "retention_of_identity_documents",
    "withholding_of_wages",
    "debt_bondage",
    "abusive_conditions",
    "excessive_overtime",
]
GatewayProtocol = Literal["cht", "smsgate"]


class ConfigurationError(Exception):
    """Files of CONFIG_DIR cannot be used. `problems` has one sentence for every mistake in them."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class OrganisationConfig:
    """One organisation and what it takes on; `*` stands for every category or destination."""

    code: str
    names: Mapping[str, str]  # by language: km and en
    categories: frozenset[str]
    destinations: frozenset[str]
    languages: frozenset[str]
    always_open: bool
    capacity: int
    verified: bool

    def coverage(self, organisation_id: UUID) -> Coverage:
        """What routing needs to know of it, under the id that it has in the database."""
        return Coverage(
            organisation_id=organisation_id,
            code=self.code,
            categories=self.categories,
            destinations=self.destinations,
            languages=self.languages,
            always_open=self.always_open,
            capacity=self.capacity,
            verified=self.verified,
        )


@dataclass(frozen=True, slots=True)
class CategoryConfig:
    """One thing that a case can be about, and the least urgency that it brings."""

    code: str
    labels: Mapping[str, str]  # by language: km and en
    minimum_urgency: Urgency
    indicators: tuple[Indicator, ...]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One phone with a local SIM that carries texts for us."""

    name: str
    protocol: GatewayProtocol
    country: str
    number: Phone


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that CONFIG_DIR says. Categories keep the order of their file."""

    ladders: Ladders
    organisations: tuple[OrganisationConfig, ...]
    categories: Mapping[str, CategoryConfig]
    gateways: tuple[GatewayConfig, ...]
    keywords: Keywords
    retention: RetentionRules
    consent: ConsentPolicy
    child_signs: ChildSigns
    surroundings: Surroundings
