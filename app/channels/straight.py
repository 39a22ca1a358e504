"""The shortest way from the server to the doors at which carriers wait."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class StraightToDoors:
    """Takes a POST to one of these paths to its door, past everything that only other requests need.

    The framework's layers and its search for a route take a third of the time of a whole text.
    Any other request goes the usual way, also to these paths. Source: docs/performance.md#door.
    """

    def __init__(self, app: ASGIApp, doors: Mapping[str, ASGIApp]) -> None:
        """Stand before this application."""
        self._app = app
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the door does, or else as the application does."""
        asks_a_door = scope["type"] == "http" and scope["method"] == "POST"
        door = self._doors.get(scope["path"]) if asks_a_door else None
        await (door or self._app)(scope, receive, send)
