"""Two organisations, one of them with cases full of everything a case can hold: for the isolation matrix."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from httpx import Response

from app.identity.rules import Role, Worker
from app.usecases.setting_up import organisation_id
from tests.field_app import FieldApp, op
from tests.makers import LOTUS, TONLE, Installation
from tests.message_town import MessageTown, a_message_town
from tests.signing import sign_in
from tests.uploader import Upload, a_pdf

# Words that stand in these cases and nowhere else.
NAME: Final = "ស្រីនាង ដែលត្រូវលាក់"
SUMMARY: Final = "សេចក្ដីសង្ខេបដែលត្រូវលាក់"
NOTE: Final = "កំណត់ត្រាដែលត្រូវលាក់"
RESTRICTED: Final = "កំណត់ត្រាសម្រាប់តែអ្នកដឹកនាំ"
WORDS: Final = (NAME, SUMMARY, NOTE, RESTRICTED)
WAGES: Final = {"amount_minor": 90_000, "currency": "THB"}
Ids = Mapping[str, str]


@dataclass
class Kept:
    """One case of the organisation whose cases are hidden, by what a route's path calls its parts."""

    owner: Worker
    ids: dict[str, str]
    code: str
    phone: str

    @property
    def of_the_case(self) -> tuple[str, ...]:
        """What names this case, its parts and its people; who works on it is no secret to colleagues."""
        workers = {"worker_id", "sign_in_id", "device", "export_id"}
        return (*(one for name, one in self.ids.items() if name not in workers), self.code, self.phone)


def nobodys(ids: Ids) -> dict[str, str]:
    """As many ids of the same shape that nothing ever had."""
    return {name: f"phone-{uuid4().hex[:8]}" if name == "device" else str(uuid4()) for name in ids}


@dataclass
class Town:
    """Everybody whom the matrix needs. `strangers` are those of whom each hidden case is kept."""

    place: MessageTown
    supervisors: tuple[Worker, Worker] = field(init=False)
    guests: dict[Role, Worker] = field(init=False)
    coordinator: Worker = field(init=False)
    admin: Worker = field(init=False)
    walled: dict[Role, Worker] = field(init=False)
    untrained: Worker = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        here = self.here
        self.supervisors = (here.a_worker(Role.SUPERVISOR, TONLE), here.a_worker(Role.SUPERVISOR, TONLE))
        inside = (Role.CASEWORKER, Role.DUTY_LEAD, Role.SUPERVISOR)
        self.guests = {role: here.a_worker(role, LOTUS) for role in inside}
        self.coordinator, self.admin = here.a_worker(Role.COORDINATOR), here.a_worker(Role.ADMIN)
        self.walled = {role: here.a_worker(role, TONLE) for role in (Role.CASEWORKER, Role.SUPERVISOR)}
        self.untrained = here.a_worker(Role.SUPERVISOR, TONLE)
        for worker in (*self.supervisors, *self.guests.values(), *self.walled.values()):
            self._train(worker)

    @property
    def here(self) -> Installation:
        return self.place.here

    def ask(self, by: Worker, method: str, path: str, body: Any = None) -> Response:
        """One request that must go well."""
        answer: Response = self.here.ask(by, method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        return answer

    def a_full_case(self, *, child: bool = False) -> Kept:
        """A case with one of everything: somebody left a message, and its owner worked on it since."""
        self._made += 1
        here, lead, phone = self.here, self.supervisors[0], f"+6681222330{self._made}"
        owner = here.a_worker(organisation=TONLE, phone=f"+8551233440{self._made}")
        self._train(owner)
        here.clock.forward(minutes=1)  # so that cases stand in the order in which they came
        self.place.leave(from_=phone)
        self.place.work()
        case_id = str(self.place.cases[-1].id)
        path = f"/v1/cases/{case_id}"
        self.ask(lead, "POST", f"{path}/assign", {"owner_id": str(owner.id), "reason": "ក"})
        self.ask(owner, "POST", f"{path}/accept")
        person = {"name": NAME, "phone": phone, "wages_claimed": WAGES}
        if child:
            person["birth_date"] = "2012-03-04"
        shown = self.ask(owner, "POST", f"{path}/members", {"members": [person]}).json()
        self.ask(owner, "PATCH", path, {"summary": SUMMARY})
        member = shown["members"][-1]
        ids = {"case_id": case_id, "member_id": member["id"], "person_id": member["person"]["id"]}
        ids |= self._words(owner, path) | self._files(owner, case_id)
        ids |= self._sharing(owner, path, ids, by="guardian" if child else "self")
        ids |= (
            self._around(path, owner)
            | self._guards(path, owner)
            | self._lists(owner, case_id)
            | self._device(owner, path, ids)
        )
        return Kept(owner, ids, shown["code"], phone)

    def _train(self, worker: Worker) -> None:
        now = self.here.clock.now()
        with self.here.office.work(now) as uow:
            uow.identity.set_trained(worker.id, now)

    def _words(self, owner: Worker, path: str) -> dict[str, str]:
        """Notes, tries to reach somebody, texts and a call."""
        note = self.ask(owner, "POST", f"{path}/notes", {"text": NOTE}).json()["id"]
        kept_back = {"text": RESTRICTED, "restricted": True}
        restricted = self.ask(owner, "POST", f"{path}/notes", kept_back).json()["id"]
        attempt = {"channel": "call", "outcome": "reached", "note": NOTE}
        attempt_id = self.ask(owner, "POST", f"{path}/contact-attempts", attempt).json()["id"]
        phone_id = self.ask(owner, "GET", f"{path}/phones").json()["items"][0]["id"]
        safe = {"may_text": "yes", "may_call": "yes"}
        self.ask(owner, "PUT", f"{path}/phones/{phone_id}/safety", safe)
        text = self.ask(owner, "POST", f"{path}/phones/{phone_id}/texts", {"text": "សូមទូរស័ព្ទមកវិញ"})
        call = self.ask(owner, "POST", f"{path}/calls", {"phone_id": phone_id}).json()["id"]
        return {
            "note_id": note, "restricted_id": restricted, "attempt_id": attempt_id, "phone_id": phone_id,
            "message_id": text.json()["id"], "call_id": call,
        }  # fmt: skip

    def _files(self, owner: Worker, case_id: str) -> dict[str, str]:
        """A recording, a file that is complete, and one that is on its way."""
        timeline = self.ask(owner, "GET", f"/v1/cases/{case_id}/timeline").json()["items"]
        recording = next(one["recording_id"] for one in timeline if one["kind"] == "recording.kept")
        whole, begun = (Upload(self.here, owner, self.place.cases[-1].id, a_pdf()) for _ in range(2))
        assert whole.whole().status_code == 204
        assert begun.announce().status_code == 201
        return {"recording_id": recording, "attachment_id": str(whole.id), "upload_id": str(begun.id)}

    def _sharing(self, owner: Worker, path: str, ids: Ids, *, by: str) -> dict[str, str]:
        """Consents, a referral that ended, and one to the police that waits for a second person."""
        lead = self.supervisors[0]
        lotus = str(organisation_id(LOTUS))
        guardian = {"name": NAME, "assent": "given"}
        self.ask(owner, "PUT", f"{path}/members/{ids['member_id']}/guardian", guardian)
        yes = {"person_id": ids["person_id"], "state": "given", "channel": "call", "by": by}
        shared = {**yes, "purpose": "share_with_organisation", "organisation_id": lotus}
        consent = self.ask(owner, "POST", f"{path}/consents", shared).json()["id"]
        wish = {"purpose": "ក", "data_items": ["name"], "reason": "ថៅកែចាក់សោទ្វារ ហើយគំរាមគាត់យប់នេះ"}
        people = {"people": [ids["person_id"]]}
        ended = self.ask(owner, "POST", f"{path}/referrals", {**wish, **people, "to_organisation": lotus})
        self.ask(owner, "POST", f"/v1/referrals/{ended.json()['id']}/revoke")
        override = {"kind": "police", "override": True}
        waiting = self.ask(lead, "POST", f"{path}/referrals", {**wish, **people, **override}).json()["id"]
        return {"consent_id": consent, "ended_id": ended.json()["id"], "referral_id": waiting}

    def _around(self, path: str, owner: Worker) -> dict[str, str]:
        """A company, and money that came back."""
        company = {"kind": "recruiter", "name": f"Sok San {self._made}", "country": "KH"}
        back = {"amount": WAGES, "day": "2026-06-01"}
        return {
            "party_id": self.ask(owner, "POST", f"{path}/parties", company).json()["id"],
            "recovery_id": self.ask(owner, "POST", f"{path}/recoveries", back).json()["id"],
        }

    def _guards(self, path: str, owner: Worker) -> dict[str, str]:
        """Walls, the last of them the one that paths name, and a legal hold."""
        lead = self.supervisors[0]
        against = [*self.walled.values(), self.coordinator]  # who was told of it before
        walls = [
            self.ask(lead, "POST", f"{path}/walls", {"worker_id": str(one.id), "reason": "ក"}).json()["id"]
            for one in against
        ]
        hold = self.ask(lead, "POST", f"{path}/legal-hold", {"reason": "តុលាការ"}).json()["id"]
        return {"wall_id": walls[-1], "hold_id": hold, "worker_id": str(owner.id)}

    def _lists(self, owner: Worker, case_id: str) -> dict[str, str]:
        """An export, a task, an arrival, and where the owner is signed in."""
        lead, now = self.supervisors[0], self.here.clock.now()
        with self.here.office.work(now) as uow:
            uow.records.add_task(
                kind="failed_message", case_id=self.place.cases[-1].id, subject_id=None, due_at=now, now=now
            )
        tasks = self.ask(lead, "GET", "/v1/tasks?limit=200").json()["items"]
        arrivals = self.ask(lead, "GET", "/v1/intake?limit=200").json()["items"]
        sign_in(self.here, owner.username, device_id=f"desk-{self._made}")
        signed = self.ask(lead, "GET", f"/v1/workers/{owner.id}/sign-ins").json()["items"]
        wish = {"profile": "anonymised", "format": "csv", "locale": "en"}
        export = self.ask(lead, "POST", "/v1/exports", wish).json()["id"]
        while self.here.application.exports.step(self.here.clock.now()):
            pass
        return {
            "export_id": export,
            "task_id": next(task["id"] for task in tasks if task["case_id"] == case_id),
            "arrival_id": next(one["id"] for one in arrivals if one["case_id"] == case_id),
            "sign_in_id": next(one["id"] for one in signed if one["device_id"]),
        }

    def _device(self, owner: Worker, path: str, ids: Ids) -> dict[str, str]:
        """The owner's phone, a row of it that was refused, and two values between which one must choose."""
        app, member = FieldApp(self.here, owner), f"{path}/members/{ids['member_id']}"
        lead = self.supervisors[0]
        self.ask(lead, "PATCH", member, {"wages_claimed": {**WAGES, "amount_minor": 120_000}})
        mine = {"wages_claimed": {**WAGES, "amount_minor": 60_000}}
        (result,) = app.push(op("member", ids["member_id"], mine, was={"wages_claimed": WAGES}))
        app.push(op("note", str(uuid4()), {"case_id": ids["case_id"], "text": NOTE, "shoe": 1}, create=True))
        app.push(op("case", ids["case_id"], {"urgency": "U9"}))
        return {"device": app.device, "conflict_id": result["conflict"][0]["conflict"]}


@contextmanager
def an_isolation_town(install: Callable[..., Installation]) -> Iterator[Town]:
    """The town with nothing in it yet."""
    with a_message_town(install) as place:
        yield Town(place)
