"""A whole server that is killed again and again while phones bring it texts: what it took, it kept."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from app.cases.tables import cases, events
from app.intake.tables import inbox, message_cases, messages
from app.outbox.tables import outbox
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, ROOT, Installation

SECRET = "an invented secret"
PHONES = 3
KILLS = 4
PATIENCE = 60.0


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """`spean serve` with its worker inside, as a process that can be killed and started again."""

    here: Installation
    folder: Path
    port: int = field(default_factory=a_free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = self.here.application.settings
        own = {
            "DATABASE_URL": settings.database_url,
            "KEYS_FILE": settings.keys_file,
            "FILES_DIR": settings.files_dir,
            "CONFIG_DIR": settings.config_dir,
            "LOCALES_DIR": settings.locales_dir,
            "ENVIRONMENT": "demo",
            "EMBED_WORKER": "true",
            "WORKER_POLL_SECONDS": "0.02",
            "GATEWAY_DEMO_TH_SECRET": SECRET,
        }
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SPEAN_")},
            **{f"SPEAN_{name}": str(value) for name, value in own.items()},
            "PYTHONPATH": str(ROOT),
        }
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve", "--port", str(self.port)],
                cwd=self.folder, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "server.log").read_text()[-2000:])

    def end(self, how: signal.Signals) -> int:
        """Send the process a signal and wait for its end; its exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@dataclass
class Phone:
    """A gateway phone that brings each batch again and again until it is answered, as phones do."""

    url: str
    number: int
    brought: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def work(self, stop: threading.Event) -> None:
        """Bring texts until told to stop; the batch at hand is brought home."""
        with httpx.Client(auth=("demo-th", SECRET), timeout=5) as client:
            while not stop.is_set():
                batch = [self._text() for _ in range(random.randint(1, 3))]
                self._bring(client, batch)

    def _text(self) -> dict[str, str]:
        sid = str(uuid4())
        # Some people write again, and most write once.
        who = random.choice([len(self.brought), random.randint(0, len(self.brought))])
        sender = f"+6689{self.number}{who:06d}"
        self.brought[sid] = sender
        return {"id": sid, "from": sender, "content": random.choice([KHMER_LOCKED_IN, KHMER_UNPAID])}

    def _bring(self, client: httpx.Client, batch: list[dict[str, str]]) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = client.post(f"{self.url}/gateways/cht/demo-th", json={"messages": batch})
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                self.acknowledged |= {item["id"] for item in batch}
                return
            self.complaints.append(f"{answer.status_code}")
        self.complaints.append("never answered")


def taken_some_more(phones: list[Phone], number: int) -> None:
    """Come back when so many texts more were acknowledged."""
    before, end = sum(len(phone.acknowledged) for phone in phones), time.monotonic() + PATIENCE
    while sum(len(phone.acknowledged) for phone in phones) < before + number:
        assert time.monotonic() < end, "the server takes nothing"
        time.sleep(0.005)


def settled(here: Installation) -> bool:
    """Whether reception has taken everything that came."""
    with here.office.database.read() as connection:
        waiting = connection.execute(select(inbox.c.number).where(inbox.c.state == "stored").limit(1)).first()
    return waiting is None


@pytest.fixture
def server(install: Callable[..., Installation], tmp_path: Path) -> Server:
    return Server(install(), tmp_path)


def test_a_server_killed_under_load_loses_no_text_that_it_took_and_takes_none_twice(server: Server) -> None:
    phones, stop = [Phone(server.url, number) for number in range(1, PHONES + 1)], threading.Event()
    threads = [threading.Thread(target=phone.work, args=(stop,)) for phone in phones]
    try:
        server.start()
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            # In the midst of work, and not before it began.
            taken_some_more(phones, random.randint(1, 60))
            assert server.end(signal.SIGKILL) == -signal.SIGKILL
            server.start()
        stop.set()
        for thread in threads:
            thread.join()
        end = time.monotonic() + PATIENCE
        while not settled(server.here) and time.monotonic() < end:
            time.sleep(0.1)
        began = time.monotonic()
        server.end(signal.SIGTERM)
        assert time.monotonic() - began < 10
    finally:
        stop.set()
        if server.process and server.process.poll() is None:
            server.process.kill()
    each_text_is_there_once(server.here, phones)


def each_text_is_there_once(here: Installation, phones: list[Phone]) -> None:
    brought = {sid: sender for phone in phones for sid, sender in phone.brought.items()}
    acknowledged = {sid for phone in phones for sid in phone.acknowledged}
    assert [phone.complaints for phone in phones] == [[]] * len(phones)
    with here.office.database.read() as connection:
        arrived = Counter(row.carrier_id for row in connection.execute(select(inbox)))
        states = Counter(row.state for row in connection.execute(select(inbox)))
        became = {row.id: row.carrier_id for row in connection.execute(select(messages))}
        in_case = {row.message_id: row.case_id for row in connection.execute(select(message_cases))}
        opened = [row.id for row in connection.execute(select(cases))]
        told = connection.execute(select(events)).all()
        answers = [row for row in connection.execute(select(outbox)) if row.purpose == "acknowledge"]
    assert acknowledged == set(brought)
    assert set(arrived) == set(brought)
    assert set(arrived.values()) == {1}
    assert states == {"taken": len(brought)}
    assert sorted(became.values()) == sorted(brought)
    assert in_case.keys() == became.keys()
    # One case for each person, one item for each text, one acknowledgement for each person.
    assert len(opened) == len(set(brought.values()))
    by_case = {brought[became[message]]: case for message, case in in_case.items()}
    assert len(set(by_case.values())) == len(by_case) == len(opened)
    received = Counter(row.details["carrier_id"] for row in told if row.kind == "message.received")
    assert received == dict.fromkeys(brought, 1)
    assert Counter(row.case_id for row in answers) == dict.fromkeys(opened, 1)
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None
        assert all(len(uow.timers.armed(case_id)) == 2 for case_id in opened)
