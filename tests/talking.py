"""Talking with an installation as a person at a phone does, and reading what it said."""

import json
from typing import Any

from app.cases.rules.stages import Case
from app.identity.rules import Role
from app.usecases.answers import Answer
from tests.makers import Installation

JUNK = "ក្អែក ក្អែក"
LEGACY = "RBHr©®¦Kµ ÃÆB¾K©"
SENDER = "+66812345678"


def text(here: Installation, key: str, language: str = "km", **values: str) -> str:
    return here.office.rulebook.catalogues.fill(key, language, values)


def said(answer: Answer) -> list[str]:
    """The second line where there are two: what was asked."""
    return [reply.body.splitlines()[-1] for reply in answer.replies]


def talk(here: Installation, *bodies: str, minutes: float = 3) -> Answer:
    """Texts of one person, one after the other; what came of the last."""
    answer = here.a_text(bodies[0])
    for body in bodies[1:]:
        here.clock.forward(minutes=minutes)
        answer = here.a_text(body)
    return answer


def the_case(answer: Answer) -> Case:
    assert answer.case is not None
    return answer.case


def given_in(here: Installation, answer: Answer) -> list[tuple[str, str]]:
    """What the timeline says of answers, as question and what was said."""
    timeline = here.timeline(the_case(answer).id)
    return [(details["question"], details["said"]) for kind, details in timeline if kind == "answer.given"]


def tasks(here: Installation) -> list[str]:
    supervisor = here.a_worker(Role.SUPERVISOR)
    return [task["kind"] for task in here.ask(supervisor, "GET", "/v1/tasks").json()["items"]]


class Gateway:
    """The door of a gateway phone, seen by the phone."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._auth = ("demo-th", here.application.gateway_secrets["demo-th"])
        self._count = 0

    def hear(self, body: str, *, sent: bool = False) -> None:
        """A text arrives at the phone, which brings it at once; `sent` adds the network's time."""
        self._count += 1
        item = {"id": f"m{self._count}", "from": SENDER, "content": body}
        if sent:
            item["sms_sent"] = int(self._here.clock.now().timestamp() * 1000)  # type: ignore[assignment]  # JSON
        raw = json.dumps({"messages": [item]}).encode()
        headers = {"content-type": "application/json"}
        door = "/gateways/cht/demo-th"
        response = self._here.client.post(door, content=raw, headers=headers, auth=self._auth)
        assert response.status_code == 200
        self._here.receive()

    def cases(self) -> list[dict[str, Any]]:
        supervisor = self._here.a_worker(Role.SUPERVISOR)
        found: list[dict[str, Any]] = self._here.ask(supervisor, "GET", "/v1/cases").json()["items"]
        return found
