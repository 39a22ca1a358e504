"""Reads and writes the ledger of what was published."""

from datetime import date

from sqlalchemy import Connection, insert, select

from app.kernel.ids import new_id
from app.statistics.rules import beside
from app.statistics.rules.publishing import (
    Figures,
    Window,
    as_json,
    from_json,
    groups_as_json,
    groups_from_json,
    withheld_of,
)
from app.statistics.tables import published, published_months
from app.store.rows import insert_new


class ReleasedStore:
    """The ledger as seen from one transaction. Nothing in it is ever changed or taken away."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def touching(self, since: date, until: date) -> list[Figures]:
        """The windows that have a day from the first on and before the last, oldest first."""
        asked = select(published).where(published.c.since < until, published.c.until > since)
        found = []
        for row in self._connection.execute(asked.order_by(published.c.since)):
            window = Window(row.since, row.until)
            cells = from_json(window, row.cells)
            groups, told = groups_from_json(row.groups), beside.from_json(row.beside)
            found.append(Figures(window, row.k, row.released_at, cells, withheld_of(cells), groups, told))
        return found

    def keep(self, figures: Figures) -> bool:
        """Freeze the tables of a window; whether each of its months was free.

        Where one was not, the caller undoes the transaction: somebody else was first.
        """
        window, at = figures.window, figures.released_at
        release_id = new_id(at)
        self._connection.execute(insert(published).values(
            id=release_id, since=window.since, until=window.until, k=figures.k,
            cells=as_json(figures.cells), groups=groups_as_json(figures.groups),
            beside=beside.as_json(figures.beside), released_at=at,
        ))  # fmt: skip
        return all(
            insert_new(self._connection, published_months, {"month": month, "published_id": release_id})
            for month in window.months()
        )
