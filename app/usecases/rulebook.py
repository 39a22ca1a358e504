"""Everything configured that use cases decide by: ladders, words, categories, ways out, our own numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app.cases.rules.consent import ConsentPolicy
from app.cases.rules.guards import ChildSigns
from app.escalation.rules.ladder import Ladders, Profile
from app.i18n.catalogue import Catalogues
from app.i18n.wording import UnsafeWords
from app.intake.rules.conversation import Keywords
from app.intake.rules.incoming import Reader
from app.intake.rules.lexicon import Lexicon
from app.kernel.phone import Phone
from app.kernel.refusal import Refusal
from app.kernel.urgency import Urgency, most_urgent
from app.outbox.rules import Way


class CategoryUnknown(Refusal):
    """No such category is configured."""

    code = "case.category_unknown"
    status = 422


def _nothing(_point: str) -> None:
    """Pass by."""


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
    worker_limit: int = 30
    menu: Mapping[str, str] = field(default_factory=dict)  # the category of each key of the menu
    screens_calls: bool = True  # whether the carrier can ask whoever picks up to press a key
    consent: ConsentPolicy = field(default_factory=ConsentPolicy)
    child_signs: ChildSigns = field(default_factory=ChildSigns)
    passed: Callable[[str], None] = field(default=_nothing)

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
