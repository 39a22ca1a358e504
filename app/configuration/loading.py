"""Loading CONFIG_DIR as a whole: every file, and what must agree between and within them."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from app.cases.rules.consent import Recipient
from app.configuration.around import CircumstancesFile, ExchangeRatesFile
from app.configuration.reading import Place, Reading, read_file
from app.configuration.schema import (
    CategoriesFile,
    ConsentFile,
    ConversationFile,
    EscalationFile,
    GatewaysFile,
    HolidaysFile,
    OrganisationsFile,
    RetentionFile,
)
from app.configuration.values import Configuration, ConfigurationError
from app.intake.rules.conversation import single_word
from app.kernel.urgency import Urgency
from app.routing.rules import ANY, UNCLASSIFIED

SHIPPED: Final = Path(__file__).resolve().parents[2] / "config"


def own_or_shipped(folder: Path, name: str) -> Path:
    """The file or folder of this name in CONFIG_DIR, or the one that came with the program.

    So that an NGO keeps only what differs, and an update brings new words to the rest.
    """
    return folder / name if (folder / name).exists() else SHIPPED / name


def load_configuration(folder: Path) -> Configuration:
    """What the files of this folder say. `escalation.yaml` and `organisations.yaml` must be its own.

    `holidays.yaml` and `gateways.yaml` may be absent; the other files are else the shipped ones.
    A profile left out of `escalation.yaml` is stood in for by the next stricter one that is
    there, also where an override names it; U1 must be there.
    Raises: ConfigurationError, which names file, line and field of every mistake at once.
    """
    categories = read_file(own_or_shipped(folder, "categories.yaml"), CategoriesFile, section="categories")
    escalation = read_file(folder / "escalation.yaml", EscalationFile, section="profiles")
    days_off = read_file(folder / "holidays.yaml", HolidaysFile, section="extra_days", required=False)
    organisations = read_file(folder / "organisations.yaml", OrganisationsFile, section="organisations")
    words = read_file(own_or_shipped(folder, "conversation.yaml"), ConversationFile, section="silence")
    gateways = read_file(folder / "gateways.yaml", GatewaysFile, section="gateways", required=False)
    retention = read_file(own_or_shipped(folder, "retention.yaml"), RetentionFile, section="months")
    consent = read_file(own_or_shipped(folder, "consent.yaml"), ConsentFile, section="purposes")
    around = read_file(own_or_shipped(folder, "circumstances.yaml"), CircumstancesFile, section="sectors")
    rates = read_file(own_or_shipped(folder, "exchange_rates.yaml"), ExchangeRatesFile, section="rates")
    _check_categories(categories, escalation, organisations)
    _check_retention(categories, retention)
    _check_ladders(escalation)
    _check_twins(organisations, gateways)
    _check_words(words)
    _check_consent(consent, categories)
    readings = (
        categories, escalation, days_off, organisations, gateways, words, retention, consent, around, rates,
    )  # fmt: skip
    problems = tuple(problem for reading in readings for problem in reading.problems)
    if (
        problems
        or categories.content is None
        or escalation.content is None
        or days_off.content is None
        or organisations.content is None
        or gateways.content is None
        or words.content is None
        or retention.content is None
        or consent.content is None
        or around.content is None
        or rates.content is None
    ):
        raise ConfigurationError(problems)
    return Configuration(
        ladders=escalation.content.typed(days_off.content),
        organisations=tuple(entry.typed() for entry in organisations.content.organisations),
        categories={code: entry.typed(code) for code, entry in categories.content.categories.items()},
        gateways=tuple(entry.typed() for entry in gateways.content.gateways),
        keywords=words.content.typed(),
        retention=retention.content.typed(),
        consent=consent.content.typed(),
        child_signs=consent.content.children.typed(),
        surroundings=around.content.typed(rates.content),
    )


def organisation_names(folder: Path) -> tuple[str, ...]:
    """What the organisations of this folder are called, in both languages, each name once.

    Raises: ConfigurationError.
    """
    reading = read_file(folder / "organisations.yaml", OrganisationsFile, section="organisations")
    if reading.content is None:
        raise ConfigurationError(tuple(reading.problems))
    names = (name for entry in reading.content.organisations for name in entry.typed().names.values())
    return tuple(dict.fromkeys(names))


def _check_categories(
    categories: Reading[CategoriesFile],
    escalation: Reading[EscalationFile],
    organisations: Reading[OrganisationsFile],
) -> None:
    """Every category that another file names must exist, and so must the one for what is unclear."""
    if categories.content is None:
        return
    known = categories.content.categories.keys()
    if UNCLASSIFIED not in known:
        categories.problem(("categories", UNCLASSIFIED), "is missing; texts that nobody understood need it")
    overrides = escalation.content.overrides if escalation.content else []
    for index, override in enumerate(overrides):
        category = override.when.category
        if category is not None and category not in known:
            place: Place = ("overrides", index, "when", "category")
            escalation.problem(place, f"“{category}” is not in categories.yaml")
    entries = organisations.content.organisations if organisations.content else []
    for index, entry in enumerate(entries):
        for position, code in enumerate(entry.categories):
            if code != ANY and code not in known:
                place = ("organisations", index, "categories", position)
                organisations.problem(place, f"“{code}” is not in categories.yaml")


def _check_retention(categories: Reading[CategoriesFile], retention: Reading[RetentionFile]) -> None:
    """Every category with a time of its own must exist."""
    if categories.content is None or retention.content is None:
        return
    for code in retention.content.months:
        if code not in categories.content.categories:
            retention.problem(("months", code), f"“{code}” is not in categories.yaml")


def _check_ladders(escalation: Reading[EscalationFile]) -> None:
    """Every urgency has a ladder, each rung is later than the one before, each override asks something."""
    if escalation.content is None:
        return
    if Urgency.U1 not in escalation.content.profiles:
        escalation.problem(
            ("profiles", Urgency.U1.value),
            "is missing, and no profile is stricter that could stand in for it",
        )
    calendar = escalation.content.calendar.typed(HolidaysFile())
    for urgency, entry in escalation.content.profiles.items():
        profile = entry.typed(urgency.value)
        lengths = [profile.usual_length(calendar, rung.after) for rung in profile.rungs]
        for index, (lower, upper) in enumerate(pairwise(lengths)):
            if upper <= lower:
                before, after = profile.rungs[index].after, profile.rungs[index + 1].after
                place = ("profiles", urgency.value, "escalate", index + 1, "after")
                escalation.problem(place, f"{after} must be later than {before} of the rung before it")
    for index, override in enumerate(escalation.content.overrides):
        if override.when.category is None and override.when.members_gte is None:
            escalation.problem(("overrides", index, "when"), "must name a category, members_gte or both")


def _check_twins(organisations: Reading[OrganisationsFile], gateways: Reading[GatewaysFile]) -> None:
    """No two organisations have one code, no two gateways one name."""
    codes = [entry.code for entry in organisations.content.organisations] if organisations.content else []
    for index in _repeated(codes):
        organisations.problem(("organisations", index, "code"), f"“{codes[index]}” is taken by another one")
    entries = gateways.content.gateways if gateways.content else []
    # Secrets are found under the name in capitals with _ for -, so that these count as the same.
    names = [entry.name.replace("-", "_") for entry in entries]
    for index in _repeated(names):
        gateways.problem(("gateways", index, "name"), f"“{entries[index].name}” is taken by another one")


def _check_words(words: Reading[ConversationFile]) -> None:
    """A word may mean one thing only."""
    if words.content is None:
        return
    seen: dict[str, str] = {}
    for name, listed in words.content.model_dump().items():
        for number, word in enumerate(listed):
            other = seen.setdefault(single_word(word), name)
            if other != name:
                words.problem((name, number), f"“{word}” stands under {other} too")


def _check_consent(consent: Reading[ConsentFile], categories: Reading[CategoriesFile]) -> None:
    """Every recipient is there and needs a purpose that is; a partner needs one of each organisation."""
    if consent.content is None:
        return
    purposes = consent.content.purposes
    for to in Recipient:
        if to not in consent.content.recipients:
            consent.problem(("recipients", to.value), "is missing")
    for to, entry in consent.content.recipients.items():
        place: Place = ("recipients", to.value, "needs")
        if entry.needs not in purposes:
            consent.problem(place, f"“{entry.needs}” is not among the purposes")
        elif purposes[entry.needs].for_each_organisation != (to is Recipient.ORGANISATION):
            consent.problem(place, "only a partner organisation is asked about for each organisation")
    known = categories.content.categories.keys() if categories.content else ()
    for position, code in enumerate(consent.content.children.categories):
        if categories.content and code not in known:
            consent.problem(("children", "categories", position), f"“{code}” is not in categories.yaml")


def _repeated(names: Iterable[str]) -> list[int]:
    seen: Counter[str] = Counter()
    repeated = []
    for index, name in enumerate(names):
        if seen[name]:
            repeated.append(index)
        seen[name] += 1
    return repeated
