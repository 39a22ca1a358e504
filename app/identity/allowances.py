"""Queries on allowances: how much somebody may still do in this minute, in whichever process."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from app.crypto.vault import Vault
from app.identity.tables import allowances

_MINUTE_SECONDS: Final = 60.0
_ROUNDING_SECONDS: Final = 0.001  # thirds of a minute add up to a little more than one


class AllowanceStore:
    """Allowances as seen from one transaction.

    One row for each who is counted holds a moment: every request moves it on by a minute's share, and
    none may move it more than a minute ahead of the clock. (Known as the generic cell rate algorithm.)
    """

    def __init__(self, connection: Connection, vault: Vault) -> None:
        """Work inside this transaction."""
        self._connection = connection
        self._vault = vault

    def index(self, purpose: str, who: str) -> bytes:
        """The key of somebody's row: a fingerprint, for it may be made of a network address."""
        return self._vault.index("allowance", f"{purpose}\x00{who}")

    def take(self, who: bytes, *, share: float, now: datetime) -> bool:
        """Whether this share of a minute was left; if so it is taken, in one statement."""
        moment = now.timestamp()
        asked = {"who": who, "first": moment + share * _MINUTE_SECONDS, "now": moment}
        asked |= {"cost": share * _MINUTE_SECONDS, "edge": moment + _MINUTE_SECONDS + _ROUNDING_SECONDS}
        return self._connection.execute(_TAKE[self._connection.dialect.name], asked).first() is not None

    def wait_for(self, who: bytes, *, share: float, now: datetime) -> float:
        """In how many seconds this share of a minute is there."""
        asked = select(allowances.c.spent_until).where(allowances.c.who_index == who)
        spent_until = self._connection.execute(asked).scalar_one_or_none() or 0.0
        return max(0.0, float(spent_until) + share * _MINUTE_SECONDS - now.timestamp() - _MINUTE_SECONDS)

    def forget(self, now: datetime) -> None:
        """Rows that the clock has overtaken hold nothing."""
        self._connection.execute(_FORGET, {"now": now.timestamp()})


def _take(dialect: Any) -> Any:  # noqa: ANN401 - one of two dialects' Insert
    statement = dialect.insert(allowances).values(who_index=bindparam("who"), spent_until=bindparam("first"))
    now: Any = bindparam("now")
    begun = case((allowances.c.spent_until < now, now), else_=allowances.c.spent_until)
    moved = begun + bindparam("cost")
    return statement.on_conflict_do_update(
        index_elements=["who_index"], set_={"spent_until": moved}, where=moved <= bindparam("edge")
    ).returning(allowances.c.spent_until)


# Made once: it is asked for every few requests.
_TAKE: Final = {"sqlite": _take(sqlite), "postgresql": _take(postgresql)}
# A bounded handful, and none that is being counted on at this moment.
_FORGET: Final = delete(allowances).where(
    allowances.c.who_index.in_(
        select(allowances.c.who_index)
        .where(allowances.c.spent_until < bindparam("now"))
        .limit(500)
        .with_for_update(skip_locked=True)
    )
)
