"""An installation in a test: one database, invented people, and short ways to make things happen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from starlette.testclient import TestClient

from app.bootstrap import Application, Written, build, read_files
from app.channels.console.carrier import CARRIER, arrival
from app.cli.demo import organisations_of
from app.crypto.passwords import hash_password, new_token
from app.identity.rules import Role, Worker
from app.identity.store import NewWorker, SignIn
from app.kernel.ids import new_id
from app.kernel.phone import Phone
from app.main import create_app
from app.settings import Environment, Settings
from app.usecases.answers import Answer, answer_of
from app.usecases.setting_up import load_organisations, organisation_id
from app.usecases.unit_of_work import Office
from app.workers.steps import Expiry, LostCalls, Outbox, Reception, Timers
from tests.compiling import share_compiled
from tests.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[1]
KHMER_LOCKED_IN = "ថៅកែចាក់សោទ្វារ មិនឱ្យពួកយើងចេញក្រៅទេ"
KHMER_UNPAID = "ថៅកែមិនបើកប្រាក់ខែឱ្យខ្ញុំ ៣ខែហើយ"
KHMER_EXTENDED = "កុងត្រាខ្ញុំផុតហើយ តែថៅកែមិនព្រមឱ្យត្រឡប់ទៅស្រុក"
# Long enough for three parts; what is wrong is said across their cuts, so no part alone tells it.
LONG_KHMER = (
    "សួស្ដី ខ្ញុំឈ្មោះស្រីមុំ ធ្វើការនៅរោងចក្រត្រីក្នុងប្រទេសថៃ ថៅកែមិនបើកប្រាក់ខែឱ្យខ្ញុំ ៣ខែហើយ ហើយគេដកហូតប៉ាស្ព័រ"
    "របស់ខ្ញុំទុក មិនឱ្យខ្ញុំត្រឡប់ទៅស្រុកវិញទេ សូមជួយខ្ញុំផង ខ្ញុំពិបាកណាស់ អរគុណច្រើន"
)
LONG_LATIN = (
    "Good morning, my name is Sophea and I have been working in a fish factory in Thailand since last year. "
    "For three months the boss on the boat does not pay my salary and that is a long time. We are here and "
    "the food is not good. Please tell us what we can do, we do not know anybody in this town and nobody "
    "speaks our language. We wait for your answer, thank you."
)
PASSWORD = "an invented password"

TONLE, LOTUS, STAR = "tonle-bridge", "lotus-legal", "morning-star"


@dataclass
class Installation:
    """One application on one fresh database, with a clock that obeys."""

    application: Application
    clock: FakeClock
    _client: TestClient | None = None
    _tokens: dict[UUID, str] = field(default_factory=dict)

    @property
    def office(self) -> Office:
        return self.application.office

    @property
    def client(self) -> TestClient:
        """Every door, in this process and without the worker's threads."""
        if self._client is None:
            self._client = TestClient(create_app(self.application), raise_server_exceptions=False)
        return self._client

    def a_worker(
        self,
        role: Role = Role.CASEWORKER,
        organisation: str | None = TONLE,
        *,
        username: str | None = None,
        phone: str | None = None,
        languages: tuple[str, ...] = ("km",),
        name: str | None = None,
    ) -> Worker:
        """Somebody who works here. Coordinators and admins belong to no organisation."""
        if role in {Role.COORDINATOR, Role.ADMIN}:
            organisation = None
        now = self.clock.now()
        worker_id = new_id(now)
        wish = NewWorker(
            worker_id, username or f"{role.value}-{worker_id.hex[-8:]}", hash_password(PASSWORD, cheap=True),
            role, organisation_id(organisation) if organisation else None, name,
            Phone.parse(phone) if phone else None, frozenset(languages),
        )  # fmt: skip
        with self.office.work(now) as uow:
            uow.identity.add_worker(wish, now)
            worker = uow.identity.worker(worker_id)
        assert worker is not None
        return worker

    def a_text(
        self, body: str = KHMER_UNPAID, *, sender: str = "+66812345678", carrier_id: str | None = None
    ) -> Answer:
        """A simulated text, taken by reception, and what came of it."""
        sid = self.post_text(body, sender=sender, carrier_id=carrier_id)
        self.receive()
        with self.office.look() as uow:
            answer = answer_of(uow, CARRIER, CARRIER, sid)
        assert answer is not None
        return answer

    def post_text(
        self, body: str = KHMER_UNPAID, *, sender: str = "+66812345678", carrier_id: str | None = None
    ) -> str:
        """A simulated text that waits in the inbox; its carrier id."""
        sid = carrier_id or str(uuid4())
        now = self.clock.now()
        with self.office.work(now) as uow:
            uow.intake.keep([arrival(sender=sender, body=body, carrier_id=sid)], now)
        return sid

    def a_case(self, body: str = KHMER_UNPAID, *, sender: str = "+66812345678") -> UUID:
        """The case that a text opened."""
        answer = self.a_text(body, sender=sender)
        assert answer.case is not None
        return answer.case.id

    def receive(self) -> int:
        """Let reception take everything that waits; how many steps it took."""
        return self._until_idle(Reception(self.office).step)

    def fire(self) -> int:
        """Let every clock that ran out fire; how many steps it took."""
        return self._until_idle(Timers(self.office).step)

    def expire(self) -> int:
        """Let go of texts whose time is over."""
        return self._until_idle(Expiry(self.office).step)

    def end_lost_calls(self) -> int:
        """End the calls of which no carrier told the end."""
        return self._until_idle(LostCalls(self.office).step)

    def send(self, carrier: Any) -> int:
        """Hand everything that is due to a carrier."""
        return self._until_idle(Outbox(self.office, carrier, self.clock).step)

    def token(self, worker: Worker) -> str:
        """A token of this worker, made without the cost of a sign-in."""
        if worker.id not in self._tokens:
            now = self.clock.now()
            far = now.replace(year=now.year + 5)
            pair = SignIn(
                new_id(now), worker.id, None, new_token(), new_token(), far, far, signed_in_at=far
            )  # fmt: skip
            with self.office.work(now) as uow:
                uow.identity.add_sign_in(pair, now)
            self._tokens[worker.id] = pair.access
        return self._tokens[worker.id]

    def ask(
        self,
        worker: Worker,
        method: str,
        path: str,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One request of a worker; the response."""
        sent = {"Authorization": f"Bearer {self.token(worker)}", **(headers or {})}
        return self.client.request(method, path, json=json, headers=sent)

    def timeline(self, case_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Kinds and details of a case's timeline, oldest first."""
        with self.office.look() as uow:
            return [(item.kind, item.details) for item in uow.timeline.of_case(case_id)]

    def kinds(self, case_id: UUID) -> list[str]:
        """Kinds of a case's timeline, oldest first."""
        return [kind for kind, _ in self.timeline(case_id)]

    def _until_idle(self, step: Callable[[datetime], bool]) -> int:
        for count in range(10_000):
            if not step(self.clock.now()):
                return count
        raise AssertionError("the loop never came to rest")


def pieces_of(text: str) -> list[str]:
    """The text in parts of 67 UTF-16 units or 153 letters, as phones cut it: also inside a letter."""
    size = 2 * (153 if text.isascii() else 67)
    raw = text.encode("utf-16-le")
    return [raw[at : at + size].decode("utf-16-le", "surrogatepass") for at in range(0, len(raw), size)]


def settings_for(folder: Path, database_url: str, **changes: Any) -> Settings:
    """Settings of a demo in a folder, with the project's own configuration."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "keys_file": folder / "keys.json",
        "files_dir": folder / "files",
        "config_dir": ROOT / "config",
        "locales_dir": ROOT / "locales",
        "environment": Environment.DEMO,
        "embed_worker": False,
        "public_base_url": "https://hotline.example",
        # A clock that stands still gives no allowance back; tests of allowances set their own.
        "sign_ins_per_minute": 0,
        "requests_per_minute": 0,
        "device_requests_per_minute": 0,
        "sync_hint_seconds": 0,
    }
    return Settings(_env_file=None, **{**values, **changes})


def an_installation(
    settings: Settings, *, clock: FakeClock | None = None, passed: Callable[[str], None] | None = None
) -> Installation:
    """The application for these settings, with the organisations of the configuration loaded."""
    clock = clock or FakeClock()
    application = build(settings, clock=clock, passed=passed, written=written_for(settings))
    share_compiled(application.office.database)
    with application.office.work(clock.now()) as uow:
        load_organisations(uow, organisations_of(application))
    return Installation(application, clock)


def written_for(settings: Settings) -> Written | None:
    """What the project's own files say, read once for all tests; None where a test brings its own."""
    own = (settings.config_dir, settings.locales_dir) == (ROOT / "config", ROOT / "locales")
    return _shipped() if own else None


@cache
def _shipped() -> Written:
    return read_files(config_dir=ROOT / "config", locales_dir=ROOT / "locales")
