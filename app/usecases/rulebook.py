"""Everything configured that use cases decide by: ladders, words, categories, ways out, our own numbers."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from app.attachments.rules.uploads import Limits
from app.calls.rules.callbacks import CallbackRules
from app.cases.rules.consent import ConsentPolicy
from app.cases.rules.guards import ChildSigns
from app.cases.rules.stages import Outcome, Status
from app.circumstances.rules import PartyKind, Surroundings
from app.escalation.rules.ladder import Ladders, Profile
from app.i18n.catalogue import Catalogues
from app.i18n.wording import UnsafeWords
from app.identity.rules import Role
from app.intake.rules.conversation import Keywords
from app.intake.rules.incoming import Reader
from app.intake.rules.lexicon import Lexicon
from app.kernel.phone import Phone
from app.kernel.refusal import Refusal
from app.kernel.urgency import Urgency, most_urgent
from app.outbox.rules import Way
from app.privacy.rules import RetentionRules


class CategoryUnknown(Refusal):
    """No such category is configured."""

    code = "case.category_unknown"
    status = 422


def _nothing(_point: str) -> None:
    """Pass by."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes calls for us: a carrier and our account there, and the number that people see."""

    carrier: str
    account: str
    shows: str | None  # None where nobody calls us at a number that we answer


@dataclass(frozen=True)
class Rulebook:
    """What an NGO configured, validated at start.

    `floors` gives the least urgency of each category. `ways` are the ways out in order of
    preference. `passed` is called with a name at each point at which a crash would be interesting:
    it does nothing but in crash tests.
    """

    ladders: Ladders
    lexicon: Lexicon
    keywords: Keywords
    catalogues: Catalogues
    unsafe_words: UnsafeWords
    floors: Mapping[str, Urgency]
    readers: Mapping[str, Reader]
    ways: tuple[Way, ...] = ()
    own_numbers: frozenset[Phone] = frozenset()
    category_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    category_indicators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the ILO's signs
    worker_limit: int = 30
    held_for: timedelta = timedelta(days=30)  # how long devices hold a case after it was closed
    offline_for: timedelta = timedelta(days=14)  # how long a device may stay away before it is locked
    menu: Mapping[str, str] = field(default_factory=dict)  # the category of each key of the menu
    callbacks: CallbackRules = field(default_factory=CallbackRules)
    call_maker: Maker | None = None
    screens_calls: bool = True  # whether the carrier can ask whoever picks up to press a key
    retention: RetentionRules = field(default_factory=RetentionRules)
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    child_signs: ChildSigns = field(default_factory=ChildSigns)
    surroundings: Surroundings = field(default_factory=Surroundings)
    attachments: Limits = field(default_factory=Limits)
    small_cell_k: int = 11  # no smaller count is published
    small_cell_insiders: bool = False  # whether an organisation that knows its own people is kept out as well
    published_months: int = 1  # how long a published window is
    published_after: timedelta | None = timedelta(days=7)  # behind its end; None does not wait for the end
    passed: Callable[[str], None] = field(default=_nothing)

    @cached_property
    def code_lists(self) -> Mapping[str, list[dict[str, str]]]:
        """The codes that cases hold, by the name of their list, each with its name in km and en."""
        named = {"status": Status, "outcome": Outcome, "urgency": Urgency, "role": Role, "party": PartyKind}
        lists = {
            family: [{"code": code.value, **self._names(f"{family}.{code.value}")} for code in codes]
            for family, codes in named.items()
        }
        lists["category"] = [
            {"code": code, "urgency": floor.value, **self.category_names.get(code, {})}
            for code, floor in sorted(self.floors.items())
        ]
        around = self.surroundings
        lists["sector"] = [{"code": one.code, **one.labels} for one in around.sectors.values()]
        lists["province"] = [{"code": code, **names} for code, names in around.provinces.items()]
        return lists

    @cached_property
    def code_lists_mark(self) -> str:
        """A fingerprint of the lists: with another one, devices are given them again."""
        text = json.dumps(self.code_lists, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _names(self, key: str) -> dict[str, str]:
        return {language: self.catalogues.fill(key, language, {}) for language in ("km", "en")}

    def held_since(self, now: datetime) -> datetime:
        """Devices hold no case that was closed before this."""
        return now - self.held_for

    def urgency_of(self, categories: tuple[str, ...], words: Urgency) -> Urgency:
        """The urgency of words and categories together: the strictest of them."""
        return most_urgent([words, *(self.floors[name] for name in categories if name in self.floors)])

    def profile_for(
        self, *, urgency: Urgency, categories: tuple[str, ...], members: int, queued: bool
    ) -> Profile:
        """The ladder of a case. One that nobody could take runs at least as fast as U2."""
        at_least = most_urgent([urgency, Urgency.U2]) if queued else urgency
        return self.ladders.profile_for(urgency=at_least, categories=categories, members=members)

    def must_know(self, categories: tuple[str, ...]) -> None:
        """Raises: CategoryUnknown."""
        if not set(categories) <= self.floors.keys():
            raise CategoryUnknown
