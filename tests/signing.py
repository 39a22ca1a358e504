"""Signing in through the door, from any place, and asking with the token that came of it."""

from typing import Any

from httpx import Response
from sqlalchemy import select
from starlette.testclient import TestClient

from app.audit.tables import entries
from tests.makers import PASSWORD, Installation

PROXY = "10.9.8.7"


def sign_in(here: Installation, username: str, password: str = PASSWORD, **more: str) -> Response:
    """The answer to a name and a password."""
    form = {"grant_type": "password", "username": username, "password": password, **more}
    answer: Response = here.client.post("/v1/token", data=form)
    return answer


def renew(here: Installation, refresh_token: str) -> Response:
    """The answer to a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer: Response = here.client.post("/v1/token", data=form)
    return answer


def ask(here: Installation, token: str, method: str, path: str, json: Any = None) -> Response:
    """One request with this access token."""
    headers = {"Authorization": f"Bearer {token}"}
    answer: Response = here.client.request(method, path, json=json, headers=headers)
    return answer


def deeds(here: Installation) -> list[tuple[str, str]]:
    """What the audit chain remembers, and who did it, oldest first."""
    asked = select(entries.c.action, entries.c.actor).order_by(entries.c.number)
    with here.office.database.read() as connection:
        return [(row.action, row.actor) for row in connection.execute(asked)]


class Elsewhere:
    """Somebody who asks from a network address of their own, through the proxy before the server."""

    def __init__(self, here: Installation, address: str, *, proxy: str = PROXY) -> None:
        self._client = TestClient(here.client.app, client=(proxy, 4711))
        self._client.portal = here.loop
        self._headers = {"X-Forwarded-For": address}

    def sign_in(self, username: str, password: str = PASSWORD, **more: str) -> Response:
        form = {"grant_type": "password", "username": username, "password": password, **more}
        answer: Response = self._client.post("/v1/token", data=form, headers=self._headers)
        return answer
