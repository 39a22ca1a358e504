"""Triage: what a text is about and how soon a human must act, with the words and rules that say so."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.intake.rules import quantities
from app.intake.rules.context import asks_in_general, standing, threatened, wondered
from app.intake.rules.lexicon import Lexicon
from app.intake.rules.patterns import Index, Match, grow, surest
from app.intake.rules.places import destination
from app.intake.rules.scanning import Hit, View, scan, view
from app.intake.rules.speech import QUESTION, Held, signs_held, tells
from app.kernel.language import Language, Script
from app.kernel.urgency import Urgency, most_urgent

UNRECOGNISED: Final = "unrecognised"
INFORMATION: Final = "information_request"
NOT_RELEVANT: Final = "not_relevant"
_CALM: Final = frozenset({INFORMATION, NOT_RELEVANT})
_ENOUGH: Final = 0.75
_SURE_ENOUGH: Final = 0.55
_MANY_MONTHS: Final = 5
_MOST_REASONS: Final = 16
_MOST_SIGNS: Final = 6
_USUAL: Final = {
    "detention": Urgency.U2, "unpaid_wages": Urgency.U3, "forced_extension": Urgency.U2,
    "passport_confiscation": Urgency.U3, "physical_abuse": Urgency.U1, "sexual_violence": Urgency.U1,
    "trafficking_forced_labour": Urgency.U1, "injury_medical": Urgency.U2, "missing_person": Urgency.U2,
    "recruitment_fee_debt": Urgency.U3, "deployment_delay": Urgency.U3, INFORMATION: Urgency.U4,
}  # fmt: skip
_DANGER_TO_A_CHILD: Final = frozenset({
    "detention", "physical_abuse", "sexual_violence", "trafficking_forced_labour", "missing_person",
})  # fmt: skip


# Signals that raise even a text that otherwise only asks or thanks.
_CALLS_FOR_RESCUE: Final = frozenset({"sos", "urgent_help", "urgent_call", "hunger_held"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule, the category it speaks for, and the words in the raw text that satisfied it."""

    rule: str
    category: str | None
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the words say. `categories` is empty where nothing was recognised or nothing is wrong.

    `members` is how many people are affected as far as the text says; 2 stands for "we" without a
    number. `destination` is the ISO 3166 alpha-2 code of a country named in the text.
    """

    folded: str
    categories: tuple[str, ...]
    urgency: Urgency
    members: int | None
    reasons: tuple[Reason, ...]
    script: Script
    language: Language
    destination: str | None


def decide(text: str, lexicon: Lexicon) -> Decision:
    """The decision on one text. Never fails; what lies beyond 1,700 characters is not read."""
    seen = view(text, lexicon.tries)
    hits = scan(seen, lexicon.tries)
    index = Index(hits)
    grow(index, lexicon.phrases)
    matches = [match for rule in lexicon.rules.possible(index.present) if (match := surest(index, rule))]
    reporting, idle = _reporting(matches, index, seen.loose)
    categories, reasons = _categories(reporting, index, wonders=bool(idle))
    asked: list[Held] = []
    turned: list[Match] = []
    if set(categories) - _CALM:
        harms = [match for match in reporting if match.rule.category not in _CALM]
        held = signs_held(index, harms, seen.loose, lexicon.signs)
        if not tells(held) and not threatened(index):
            asked, turned = held, harms
            calm = [match for match in reporting if match.rule.category in _CALM]
            wonders = any(one.sign.pattern.id == QUESTION for one in held)
            categories, reasons = _categories(calm, index, wonders=wonders)
    counts = _amounts(seen, index, categories)
    urgency, why = _urgency(matches, categories, counts.raised + _looked_at(idle) + _kept(turned))
    place = destination(hits, lexicon.places)
    told = [_reason(seen, match) for match in [*reasons, *why][:_MOST_REASONS]] + [*counts.reasons]
    told = [_sign(seen, one) for one in _strongest(asked)] + told
    if not told:
        told = [Reason(UNRECOGNISED, None, 0, 0, "")]
    return Decision(
        folded=seen.folded,
        categories=categories,
        urgency=urgency,
        members=counts.members,
        reasons=tuple(dict.fromkeys(told))[:_MOST_REASONS],
        script=seen.script,
        language=seen.language,
        destination=place[0] if place else None,
    )


def _reporting(matches: list[Match], index: Index, loose: str) -> tuple[list[Match], list[Match]]:
    """The matches without those of harm that are only asked about or already over; and those that are
    only wondered about.
    """
    calm = [match for match in matches if match.rule.category in _CALM]
    harm = [match for match in matches if match.rule.category not in _CALM and match.rule.category]
    told = standing(harm, index, loose)
    idle = wondered(told, index, loose)
    left_out = set(map(id, idle))
    return calm + [match for match in told if id(match) not in left_out], idle


def _looked_at(idle: list[Match]) -> tuple[Urgency, ...]:
    """How soon a human looks at a question that names a harm without saying whose: it may be a report."""
    if not idle:
        return ()
    levels = {match.rule.urgency or _USUAL.get(match.rule.category or "", Urgency.U3) for match in idle}
    return (Urgency.U2 if Urgency.U1 in levels else Urgency.U3,)


def _kept(turned: list[Match]) -> tuple[Urgency, ...]:
    """How soon a human looks at what the signs took for a question or thanks: as if it were a report, but
    nobody is woken.
    """
    levels = [match.rule.urgency or _USUAL.get(match.rule.category or "", Urgency.U3) for match in turned]
    return (max(most_urgent(levels), Urgency.U2),) if levels else ()


def _categories(matches: list[Match], index: Index, *, wonders: bool) -> tuple[tuple[str, ...], list[Match]]:
    """The categories with enough evidence, and the matches that speak for them."""
    scores: dict[str, float] = {}
    for match in matches:
        if match.rule.category:
            scores[match.rule.category] = scores.get(match.rule.category, 0.0) + match.weight
    sure = {category for category, score in scores.items() if score >= _ENOUGH}
    harms = sure - _CALM
    if wonders:
        sure.add(INFORMATION)
    if (
        harms
        and INFORMATION in sure
        and asks_in_general([match for match in matches if match.rule.category == INFORMATION], index)
    ):
        harms = set()
    chosen = harms or sure & {INFORMATION} or sure & {NOT_RELEVANT}
    kept = [match for match in matches if match.rule.category in chosen]
    return tuple(sorted(chosen - {NOT_RELEVANT})), kept


@dataclass(frozen=True, slots=True)
class _Amounts:
    members: int | None
    raised: tuple[Urgency, ...]
    reasons: tuple[Reason, ...]


def _amounts(seen: View, index: Index, categories: tuple[str, ...]) -> _Amounts:
    """What the numbers in the text add: how many people, a child in danger, hunger after long months."""
    members: int | None = None
    raised: list[Urgency] = []
    reasons: list[Reason] = []
    group = quantities.people(seen.loose)
    if group:
        members = group.value
        reasons.append(_amount_reason(seen, group, "people.counted"))
    elif index.has(frozenset({"we"})):
        members = 2
    child = None if _DANGER_TO_A_CHILD.isdisjoint(categories) else quantities.minor(seen.loose)
    if child:
        raised.append(Urgency.U1)
        reasons.append(_amount_reason(seen, child, "urgency.child_in_danger"))
    unpaid = quantities.months(seen.loose) if "unpaid_wages" in categories else None
    if unpaid and unpaid.value >= _MANY_MONTHS:
        raised.append(Urgency.U2)
        reasons.append(_amount_reason(seen, unpaid, "unpaid_wages.many_months"))
    return _Amounts(members, tuple(raised), tuple(reasons))


def _urgency(
    matches: Iterable[Match], categories: tuple[str, ...], raised: tuple[Urgency, ...]
) -> tuple[Urgency, list[Match]]:
    """The most urgent of what the categories, their rules and the signals of danger say."""
    matches = list(matches)
    signals = [match for match in matches if match.rule.category is None and match.weight >= _ENOUGH]
    settled = not categories and any(match.rule.category == NOT_RELEVANT for match in matches)
    if categories == (INFORMATION,) or settled or (raised and not categories):
        signals = [match for match in signals if match.rule.id in _CALLS_FOR_RESCUE]
    levels = [match.rule.urgency for match in signals if match.rule.urgency] + list(raised)
    for category in categories:
        # A word that is only half sure adds to the category, but by itself it wakes nobody.
        own = [
            match.rule.urgency
            for match in matches
            if match.rule.category == category and match.rule.urgency and match.weight >= _SURE_ENOUGH
        ]
        levels.append(most_urgent(own) if own else _USUAL.get(category, Urgency.U3))
    if not levels:
        levels.append(Urgency.U4 if settled else Urgency.U2)
    return most_urgent(levels), signals


def _reason(seen: View, match: Match) -> Reason:
    start, end = seen.span(match.start, match.end)
    category = match.rule.category
    name = f"{category or 'urgency'}.{match.rule.id}"
    return Reason(name, category, start, end, seen.raw[start:end])


def _strongest(held: list[Held]) -> list[Held]:
    """The signs that made a question or thanks of what names a harm, the strongest first."""
    against = [one for one in held if one.sign.points < 0]
    return sorted(against, key=lambda one: one.sign.points)[:_MOST_SIGNS]


def _sign(seen: View, held: Held) -> Reason:
    start, end = seen.span(held.start, held.end)
    return Reason(f"speech.{held.sign.pattern.id}", None, start, end, seen.raw[start:end])


def _amount_reason(seen: View, amount: quantities.Amount, rule: str) -> Reason:
    start, end = seen.span(amount.start, amount.end)
    return Reason(rule, None, start, end, seen.raw[start:end])


__all__ = ["Decision", "Hit", "Reason", "decide"]
