"""A file is of one moment, whoever writes meanwhile, and making it holds nobody up."""

import csv
import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyzipper

from app.identity.rules import Role, Worker
from tests.makers import Installation

PASSWORD = "correct horse 47 staple"
IDENTIFIED = {
    "profile": "identified", "format": "csv", "locale": "en", "reason": "donor audit", "password": PASSWORD,
}  # fmt: skip
WRITERS, MEMBERS = 50, 3
CASE = {"categories": ["unpaid_wages"], "members": [{"sex": "female"}] * MEMBERS}
PATIENCE = 60.0


@dataclass
class Writing:
    """Workers who open one case after the other, each with three members, until they are told to stop."""

    here: Installation
    workers: list[Worker]
    opened: dict[Worker, list[str]] = field(default_factory=dict)
    enough: threading.Event = field(default_factory=threading.Event)

    @property
    def count(self) -> int:
        return sum(len(codes) for codes in self.opened.values())

    def more(self, number: int) -> None:
        """Come back when so many more cases were opened."""
        wanted, end = self.count + number, time.monotonic() + PATIENCE
        while self.count < wanted:
            assert time.monotonic() < end, "nobody could write"
            time.sleep(0.005)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        with ThreadPoolExecutor(len(self.workers)) as pool:
            done = [pool.submit(self._write, worker) for worker in self.workers]
            try:
                yield
            finally:
                self.enough.set()
            for one in done:
                one.result()

    def _write(self, worker: Worker) -> None:
        mine = self.opened.setdefault(worker, [])
        while not self.enough.is_set():
            answer = self.here.ask(worker, "POST", "/v1/cases", CASE)
            assert answer.status_code == 201, answer.text
            mine.append(answer.json()["code"])


def test_a_file_is_of_one_moment_while_fifty_people_write(here: Installation) -> None:
    writing = Writing(here, [here.a_worker() for _ in range(WRITERS)])
    supervisor = here.a_worker(Role.SUPERVISOR)
    for worker in (supervisor, *writing.workers):
        here.token(worker)
    here.ask(supervisor, "GET", "/v1/me")  # makes the doors, once
    waits: list[int] = []

    def let_them_write() -> None:
        # Between one table and the next, where a later state would show.
        if len(waits) < 4:
            waits.append(writing.count)
            writing.more(10)

    with writing.going_on():
        writing.more(WRITERS)
        job_id = here.ask(supervisor, "POST", "/v1/exports", IDENTIFIED).json()["id"]
        before = {worker: len(codes) for worker, codes in writing.opened.items()}
        assert replace(here.application.exports, make_way=let_them_write).step(here.clock.now())
    content = here.ask(supervisor, "GET", f"/v1/exports/{job_id}/file").content
    cases, members = read(content, "cases.csv"), read(content, "members.csv")
    codes = {row[0] for row in cases}
    assert len(waits) == 4
    assert waits[0] <= waits[-1] - 30
    assert len(codes) == len(cases)
    # What was committed together is there together, in every table.
    assert Counter(row[0] for row in members) == dict.fromkeys(codes, MEMBERS)
    # Of what each wrote, one after the other, the file holds all up to one moment and nothing after it.
    for worker, opened in writing.opened.items():
        held = [code in codes for code in opened]
        assert held == sorted(held, reverse=True)
        assert sum(held) >= before[worker]
    assert len(cases) < writing.count
    told = here.ask(supervisor, "GET", f"/v1/exports/{job_id}").json()
    manifest = here.ask(supervisor, "GET", f"/v1/exports/{job_id}/manifest").json()
    assert told["rows"] == told["progress"] == manifest["rows"] == len(cases) + len(members)


def read(content: bytes, name: str) -> list[list[str]]:
    """The rows of one table, without its headings."""
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        archive.setpassword(PASSWORD.encode())
        return list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline="")))[1:]
