"""An organisation and its neighbours, with short ways to ask for consent, refer and wall: for tests."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from httpx import Response

from app.identity.rules import Role, Worker
from app.usecases.setting_up import organisation_id
from tests.makers import LOTUS, TONLE, Installation

NAME = "ស្រីមុំ កណ្ដាល"
PHONE = "+66812345601"
SUMMARY = "ថៅកែមិនបើកប្រាក់ខែ ៣ខែ"
HIDDEN = "គាត់ខ្លាចបងប្រុសរបស់ថៅកែ"
PLAIN = "បានជួបគាត់នៅផ្សារ"
LONG_REASON = "ថៅកែចាក់សោទ្វារ ហើយគំរាមសម្លាប់គាត់យប់នេះ"


@dataclass
class Desk:
    """Everybody whom these tests need, and one case with one grown-up member."""

    here: Installation
    worker: Worker = field(init=False)
    lead: Worker = field(init=False)
    supervisor: Worker = field(init=False)
    coordinator: Worker = field(init=False)
    guest: Worker = field(init=False)
    case_id: UUID = field(init=False)
    person_id: str = field(init=False)
    member_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.here.a_worker(organisation=TONLE)
        self.lead = self.here.a_worker(Role.DUTY_LEAD, TONLE)
        self.supervisor = self.here.a_worker(Role.SUPERVISOR, TONLE)
        self.coordinator = self.here.a_worker(Role.COORDINATOR, phone="+85510000301")
        self.guest = self.here.a_worker(Role.SUPERVISOR, LOTUS)
        person = {"name": NAME, "phone": PHONE, "sex": "female", "birth_date": "1996-02-03"}
        opened = self.opened(members=[person])
        self.case_id = UUID(opened["id"])
        (member,) = opened["members"]
        self.member_id, self.person_id = member["id"], member["person"]["id"]

    @property
    def lotus(self) -> str:
        """The id of the organisation next door."""
        return str(organisation_id(LOTUS))

    def opened(self, by: Worker | None = None, **changes: Any) -> dict[str, Any]:
        """A case that a worker opened."""
        body = {"categories": ["unpaid_wages"], "summary": SUMMARY, "destination_country": "TH", **changes}
        answer = self.here.ask(by or self.worker, "POST", "/v1/cases", body)
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def do(self, what: str, body: dict[str, Any], *, by: Worker | None = None) -> Response:
        """Something done to the case."""
        answer: Response = self.here.ask(by or self.worker, "POST", f"/v1/cases/{self.case_id}/{what}", body)
        return answer

    def says(self, state: str = "given", purpose: str = "share_authorities", **more: Any) -> Response:
        """The member's answer."""
        body = {"person_id": self.person_id, "purpose": purpose, "state": state, "channel": "call", **more}
        return self.do("consents", body)

    def agrees_to_lotus(self, state: str = "given", **more: Any) -> Response:
        """The member's answer about the organisation next door."""
        return self.says(state, "share_with_organisation", organisation_id=self.lotus, **more)

    def refer(self, *, by: Worker | None = None, **changes: Any) -> Response:
        """A referral to the embassy, unless it is changed."""
        body: dict[str, Any] = {"purpose": "ជំនួយផ្លូវច្បាប់", "data_items": ["name"], "reason": "ត្រូវការមេធាវី"}
        if not {"to_organisation", "kind"} & changes.keys():
            body["kind"] = "embassy"
        return self.do("referrals", body | changes, by=by)

    def refer_to_lotus(self, *items: str, **changes: Any) -> Response:
        """A referral to the organisation next door."""
        return self.refer(to_organisation=self.lotus, data_items=list(items or ("name",)), **changes)

    def look(self, by: Worker, what: str = "") -> Response:
        """What somebody sees of the case."""
        answer: Response = self.here.ask(by, "GET", f"/v1/cases/{self.case_id}{what}")
        return answer

    def wall(self, *, by: Worker | None = None, **against: Any) -> Response:
        """A wall around the case."""
        body = {"reason": "ជាសាច់ញាតិរបស់អ្នកជ្រើសរើស", **against}
        return self.do("walls", body, by=by or self.supervisor)

    def register(self, by: Worker | None = None, query: str = "") -> list[dict[str, Any]]:
        """What somebody reads in the register of disclosures."""
        page = self.here.ask(by or self.supervisor, "GET", f"/v1/disclosures{query}")
        assert page.status_code == 200, page.text
        items: list[dict[str, Any]] = page.json()["items"]
        return items

    def codes(self, by: Worker) -> list[str]:
        """The ids in somebody's list of cases."""
        page = self.here.ask(by, "GET", "/v1/cases?total=true").json()
        assert page["total"] == len(page["items"])
        return [case["id"] for case in page["items"]]


def without_instance(answer: Response) -> dict[str, Any]:
    """Problem details without the path that was asked for."""
    problem: dict[str, Any] = answer.json()
    problem.pop("instance")
    return problem


def nobodys(desk: Desk, by: Worker, what: str = "") -> Response:
    """What somebody is answered about a case that never was."""
    answer: Response = desk.here.ask(by, "GET", f"/v1/cases/{uuid4()}{what}")
    return answer
