"""Queries on prompts: which are recorded, and where their sound is."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from app.calls.tables import prompts


class PromptStore:
    """Recorded prompts as seen from one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside this transaction."""
        self._connection = connection

    def addresses(self, keys: Iterable[str], language: str) -> dict[str, str]:
        """The unguessable address of each of these prompts that is recorded in the language."""
        asked = select(prompts.c.key, prompts.c.address).where(
            prompts.c.language == language, prompts.c.key.in_(list(keys))
        )
        return {row.key: row.address for row in self._connection.execute(asked)}
