"""One organisation with somebody on every rung: what tests of clocks and escalation stand on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.identity.rules import Role, Worker
from tests.makers import Installation

PHNOM_PENH = ZoneInfo("Asia/Phnom_Penh")
OF_URGENCY = {
    "U1": "detention",
    "U2": "forced_extension",
    "U3": "unpaid_wages",
    "U4": "deployment_delay",
}
# The week begins on Monday 8 June 2026, and cases open at ten unless a test says otherwise.
OPENED = "06-08 10:00"


def local(text: str, year: int = 2026) -> datetime:
    """A Phnom Penh time, `month-day hour:minute`, as aware UTC."""
    return datetime.strptime(f"{year}-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=PHNOM_PENH).astimezone(UTC)


def shown(moment: str) -> str:
    """A time from an answer as a test writes it."""
    return f"{datetime.fromisoformat(moment).astimezone(PHNOM_PENH):%m-%d %H:%M}"


@dataclass
class Desk:
    """One organisation with somebody on every rung, and a coordinator between the organisations."""

    here: Installation
    owner: Worker
    lead: Worker
    supervisor: Worker
    coordinator: Worker

    def case(self, urgency: str = "U1", *, opened: str = OPENED, members: int = 1) -> UUID:
        """A case that nobody has accepted yet, opened at this time."""
        self.here.clock.set(local(opened))
        people = [{"sex": "unknown"}] * members
        body = {"categories": [OF_URGENCY[urgency]], "members": people}
        response = self.here.ask(self.supervisor, "POST", "/v1/cases", body)
        assert response.status_code == 201
        assert response.json()["owner_id"] == str(self.owner.id)
        return UUID(response.json()["id"])

    def do(
        self, case_id: UUID, what: str, body: Mapping[str, Any] | None = None, *, by: Worker | None = None
    ) -> dict[str, Any]:
        """Something that a worker does to the case through its door."""
        response = self.here.ask(by or self.owner, "POST", f"/v1/cases/{case_id}/{what}", dict(body or {}))
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def contact(self, case_id: UUID) -> None:
        """The owner tries to reach the person."""
        self.do(case_id, "contact-attempts", {"channel": "call", "outcome": "no_answer"})

    def see(self, case_id: UUID, part: str = "") -> dict[str, Any]:
        """The case, or a part of it, as its supervisor sees it."""
        response = self.here.ask(self.supervisor, "GET", f"/v1/cases/{case_id}{part}")
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    def fired(self, case_id: UUID) -> list[dict[str, Any]]:
        """What the timeline tells of clocks that ran out, oldest first."""
        return [
            item for item in self.see(case_id, "/timeline")["items"] if item["kind"] == "escalation.fired"
        ]

    def armed(self, case_id: UUID) -> dict[str, str]:
        """When each running clock is due."""
        timers = self.see(case_id, "/timers")["items"]
        running = [timer for timer in timers if timer["state"] == "armed"]
        assert len(running) == len({timer["kind"] for timer in running})
        return {timer["kind"]: shown(timer["due_at"]) for timer in running}

    def fire_at(self, moment: str, *, year: int = 2026) -> int:
        """Let the worker look at the clocks at this minute."""
        self.here.clock.set(local(moment, year))
        return self.here.fire()

    def climb(self, case_id: UUID, steps: list[tuple[str, str, int, str]]) -> None:
        """Each step (minute, clock, rung, to) fires in its minute, no second earlier, and once."""
        seen = len(self.fired(case_id))
        for minute in dict.fromkeys(step[0] for step in steps):
            due = local(minute)
            self.here.clock.set(due - timedelta(seconds=1))
            assert self.here.fire() == 0, f"something fired before {minute}"
            self.here.clock.set(due)
            self.here.fire()
            assert self.here.fire() == 0, f"something fired twice at {minute}"
            new = self.fired(case_id)[seen:]
            expected = [step[1:] for step in steps if step[0] == minute]
            assert sorted((item["clock"], item["rung"], item["to"]) for item in new) == sorted(expected)
            assert {shown(item["expected_at"]) for item in new} == {minute}
            assert {datetime.fromisoformat(item["at"]) for item in new} == {due}
            seen += len(new)


def a_desk(here: Installation) -> Desk:
    """A desk in this installation; those in charge have phones."""
    return Desk(
        here,
        here.a_worker(),
        here.a_worker(Role.DUTY_LEAD, phone="+85510000201"),
        here.a_worker(Role.SUPERVISOR, phone="+85510000202"),
        here.a_worker(Role.COORDINATOR, phone="+85510000203"),
    )


ACCEPT, CONTACT, REVIEW = "accept", "first_contact", "review"
D, S, X = "duty_lead", "supervisor", "coordinator"
