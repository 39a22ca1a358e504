"""The pure rules of letting go, of receipts and of breaches."""

from app.privacy.rules.breaches import (
    NOTIFY_WITHIN,
    WARN_BEFORE,
    Breach,
    BreachIsClosed,
    BreachState,
    due_at,
    must_make_sense,
)
from app.privacy.rules.fates import FATES, Fate
from app.privacy.rules.receipts import (
    AlreadyErased,
    Receipt,
    Spared,
    UnderLegalHold,
    as_json,
    covered,
    digest_of,
    from_json,
)
from app.privacy.rules.retention import RetentionRules, months_before

__all__ = [
    "FATES",
    "NOTIFY_WITHIN",
    "WARN_BEFORE",
    "AlreadyErased",
    "Breach",
    "BreachIsClosed",
    "BreachState",
    "Fate",
    "Receipt",
    "RetentionRules",
    "Spared",
    "UnderLegalHold",
    "as_json",
    "covered",
    "digest_of",
    "due_at",
    "from_json",
    "months_before",
    "must_make_sense",
]
