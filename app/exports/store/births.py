"""Days of birth as they lie in the database: sealed, or as older versions left them, or only the year."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast

from app.cases.tables import persons
from app.crypto.vault import Place, Vault


def birth_columns(person: Any = persons) -> tuple[ColumnElement[Any], ...]:  # noqa: ANN401 - a table or an alias
    """What `born_on` needs of a person, in its order."""
    return cast(person.c.id, Text), person.c.born, cast(person.c.birth_date, Text), person.c.birth_year


def born_on(
    vault: Vault, person_id: str, sealed: bytes | None, left_open: str | None, year: int | None
) -> date | None:
    """The day of birth, or the first of the year where only that is known any more. Raises: SealBroken."""
    if sealed:
        return date.fromisoformat(vault.open(sealed, Place("person", UUID(person_id), "born")))
    if left_open:
        return date.fromisoformat(left_open)
    return date(year, 1, 1) if year else None
