"""A hotline and its carrier in one place: the whole application behind a real server, and a fake Twilio."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import uvicorn
from sqlalchemy import Table, func, select

from app.cases.tables import tasks
from app.intake.tables import inbox
from app.kernel.phone import Phone
from app.main import create_app
from app.outbox.rules import Carrier, Purpose, State, Way
from app.outbox.tables import outbox
from app.usecases.words import Words, say
from app.workers.steps import Outbox
from tests.makers import KHMER_UNPAID, Installation
from tests.peers import Answer, Poster
from tests.peers.twilio import FakeTwilio, Message

PUBLIC: Final = "https://hotline.example"
DOOR: Final = f"{PUBLIC}/twilio/sms"
STATUS: Final = f"{PUBLIC}/twilio/sms/status"
ACCOUNT: Final = "AC" + "12" * 16
TOKEN: Final = "an invented token"
OTHER_TOKEN: Final = "the token of last month"
NUMBER: Final = "+12025550123"
SOMEBODY: Final = "+66812345678"
FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"
SETTINGS: Final[dict[str, Any]] = {
    "twilio_account_sid": ACCOUNT, "twilio_auth_tokens": f"{TOKEN}, {OTHER_TOKEN}",
    "twilio_sms_numbers": NUMBER, "public_base_url": PUBLIC,
}  # fmt: skip


@contextmanager
def served(here: Installation) -> Iterator[str]:
    """Every door of an installation behind a real HTTP server on this machine; its origin."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(create_app(here.application), lifespan="off", log_level="critical", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass
class Town:
    """An installation with Twilio as a carrier, and that carrier."""

    here: Installation
    carrier: FakeTwilio

    def text(self, body: str = KHMER_UNPAID, *, from_: str = SOMEBODY, sid: str | None = None) -> Answer:
        """Somebody writes to our number."""
        return self.carrier.inbound_text(DOOR, to=NUMBER, from_=from_, body=body, sid=sid)

    def say(self, key: str = "sms.thanks", *, to: str = SOMEBODY) -> None:
        """Put words for a phone into the outbox."""
        say_words(self.here, key, to=to)

    def send(self) -> int:
        """Hand everything that is due to Twilio."""
        return self.here.send(self.sender)

    def sending_step(self) -> Outbox:
        """One more sender, as another worker would have it."""
        return Outbox(self.here.office, self.sender, self.here.clock)

    @property
    def sender(self) -> Carrier:
        """What hands texts to Twilio."""
        return next(c for c in self.here.application.carriers if c.name == "twilio")

    @property
    def asked(self) -> list[str]:
        """The methods of what the carrier was asked, in order."""
        return [request.method for request in self.carrier.requests]

    def to(self, phone: str = SOMEBODY) -> list[Message]:
        """What the carrier has for a phone, the oldest first."""
        return [message for message in self.carrier.messages if message.to == phone]

    def report(self, message: Message, *statuses: str, error_code: int | None = None, times: int = 1) -> None:
        """The carrier tells what became of a text, and reception takes it."""
        answers = self.carrier.deliver(message.sid, *statuses, error_code=error_code, times=times)
        assert {answer.status for answer in answers} == {200}
        self.here.receive()

    @property
    def posts(self) -> int:
        """How often the carrier was asked to send something."""
        return self.asked.count("POST")

    def states(self) -> list[str]:
        """The states of everything in the outbox, the oldest first."""
        return [row.state for row in rows(self.here)]


@contextmanager
def a_town(
    install: Callable[..., Installation], *, patience: float = 10, passed: Callable[[str], None] | None = None
) -> Iterator[Town]:
    """A hotline that knows Twilio, and waits for its answers for so many seconds."""
    places: list[Installation] = []

    def now() -> datetime:
        return places[0].clock.now()

    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN, numbers=[NUMBER], clock=now) as carrier:
        here = install(
            twilio_api_base_url=carrier.base_url, twilio_timeout_seconds=patience, passed=passed, **SETTINGS
        )
        places.append(here)
        with served(here) as origin:
            carrier.proxies[PUBLIC] = origin
            yield Town(here, carrier)


def say_words(
    here: Installation, key: str = "sms.thanks", *, to: str = SOMEBODY, purpose: Purpose = Purpose.ANSWER,
    case_id: UUID | None = None, answers_id: UUID | None = None, same_as: Way | None = None,
) -> State | None:  # fmt: skip
    """Put words for a phone into the outbox; what the gate made of them."""
    now = here.clock.now()
    words = Words(
        Phone(to), (key,), "km", None, {}, purpose, case_id=case_id, answers_id=answers_id, same_as=same_as,
        wrote_at=now,
    )  # fmt: skip
    with here.office.work(now) as uow:
        return say(uow, words, now=now)


def a_form(**changes: str) -> dict[str, str]:
    """The fields of an incoming text."""
    sid = f"SM{uuid4().hex}"
    form = {
        "MessageSid": sid, "SmsSid": sid, "AccountSid": ACCOUNT, "From": SOMEBODY, "To": NUMBER,
        "Body": "សួស្តី", "NumMedia": "0", "SmsStatus": "received",
    }  # fmt: skip
    return {**form, **changes}


def post_raw(town: Town, url: str, body: bytes, signature: str | None, content_type: str = FORM) -> Answer:
    """Post exactly these bytes."""
    headers = {"Content-Type": content_type}
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    poster = Poster(town.carrier.proxies)
    try:
        return poster.post(url, body, headers)
    finally:
        poster.close()


def refusals(town: Town, why: str) -> float:
    """How often the door refused for this reason, as anybody who watches can see."""
    wanted = f'spean_carrier_refused_total{{carrier="twilio",why="{why}"}} '
    shown = town.here.client.get("/metrics").text
    return sum(float(line.removeprefix(wanted)) for line in shown.splitlines() if line.startswith(wanted))


def rows(here: Installation) -> list[Any]:
    """Everything in the outbox, the oldest first."""
    with here.office.database.read() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.created_at, outbox.c.id)))


def bodies_to(here: Installation, phone: str) -> list[str]:
    """The words for one phone that were not held."""
    with here.office.look() as uow:
        index = uow.outbox.phone_index(Phone(phone))
        mine = [row.id for row in rows(here) if bytes(row.phone_index) == index and row.state != "held"]
        words = uow.outbox.bodies(mine)
    return [words[text_id][0] for text_id in mine]


def count(here: Installation, table: Table = inbox) -> int:
    """How many rows a table has."""
    with here.office.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def open_tasks(here: Installation) -> list[str]:
    """The kinds of what waits for a human."""
    with here.office.database.read() as connection:
        asked = select(tasks.c.kind).where(tasks.c.done_at.is_(None)).order_by(tasks.c.created_at, tasks.c.id)
        return list(connection.execute(asked).scalars())
