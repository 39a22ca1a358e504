"""Who was alive when: the loops of the worker, and the phones that act as gateways."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, select, update
from sqlmodel import Field, SQLModel

from app.store.columns import table_of
from app.store.rows import insert_new, insert_or_change

# When the last backup was complete.
BACKED_UP: Final = "backup"
# When this database was put back from a backup, which is the beginning of a new epoch: whatever a field app
# was told after the backup was made is forgotten here. Absent where that never happened.
RESTORED: Final = "restored"


class HeartbeatRow(SQLModel, table=True):
    """When something with a name was last alive."""

    __tablename__ = "heartbeat"

    name: str = Field(primary_key=True)
    seen_at: datetime


heartbeats = table_of(HeartbeatRow)


class HeartbeatStore:
    """Heartbeats as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def beat(self, name: str, now: datetime) -> None:
        """The thing of this name is alive."""
        insert_or_change(self._connection, heartbeats, {"name": name}, {"seen_at": now})

    def turn(self, name: str, now: datetime, *, every: timedelta) -> bool:
        """Whether it is time for the thing of this name again; if so, the next turn is `every` later."""
        if insert_new(self._connection, heartbeats, {"name": name, "seen_at": now}):
            return True
        mine = (heartbeats.c.name == name) & (heartbeats.c.seen_at <= now - every)
        taken = update(heartbeats).where(mine).values(seen_at=now).returning(heartbeats.c.name)
        return self._connection.execute(taken).first() is not None

    def last_seen(self, name: str) -> datetime | None:
        """When the thing of this name was last alive; None where it never was."""
        asked = select(heartbeats.c.seen_at).where(heartbeats.c.name == name)
        return self._connection.execute(asked).scalar_one_or_none()

    def alive_since(self, names: Iterable[str], since: datetime) -> frozenset[str]:
        """Those of the names that were alive at some time since then."""
        asked = {"names": list(names), "since": since}
        return frozenset(self._connection.execute(_ALIVE_SINCE, asked).scalars())


# Made once, for every text that is sent asks it.
_ALIVE_SINCE: Final = select(heartbeats.c.name).where(
    heartbeats.c.name.in_(bindparam("names", expanding=True)), heartbeats.c.seen_at >= bindparam("since")
)
