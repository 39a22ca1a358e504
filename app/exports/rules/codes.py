"""The lists of values that columns may hold, where the configuration has none."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.cases.rules.consent import Said
from app.escalation.rules.ladder import ClockKind
from app.exports.rules.ctdc import BANDS, GENDERS, GROUPS
from app.kernel.language import Language

# The words for them are in the catalogue, as `export.value.<list>.<code>`.
FIXED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "category_group": GROUPS,
    "channel": ("sms", "call", "worker"),
    "flag": ("1",),
    "gender": tuple(GENDERS.values()),
    "informed": ("yes", "no", "unsafe"),
    "known": ("yes", "no", "not_known"),
    "majority": ("Adult", "Minor"),
    "member_status": ("active", "closed"),
    "money": ("claimed", "recovered"),
    "queue": ("organisation", "coordinator"),
    "said": tuple(Said),
    "sex": ("female", "male", "other", "unknown"),
    "timer": tuple(ClockKind),
    "true_false": ("true", "false"),
    "yes_no": ("yes", "no"),
})  # fmt: skip
# These say themselves what they mean.
PLAIN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "age_band": BANDS,
    "language": tuple(Language),
})  # fmt: skip
# Those of the configuration, by the names of `Rulebook.code_lists`; `consent` is a purpose and what was said.
CONFIGURED: Final = ("status", "outcome", "urgency", "category", "sector", "province", "party", "consent")
