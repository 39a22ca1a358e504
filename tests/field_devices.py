"""Devices that are programs of their own, and everything that the office has of what was written on them."""

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
from sqlalchemy import select

from app.cases.tables import cases, notes
from app.identity.rules import Worker
from app.sync.store import HeldRow, SyncStore
from app.usecases.setting_up import organisation_id
from tests.clients.node import NodeClient
from tests.field_app import FieldApp, Row
from tests.makers import LOTUS, STAR, TONLE, Installation

_HTTP_OK: Final = 200
_MOMENT: Final = 0.02
_QUIET_ROUNDS: Final = 2


@dataclass
class Devices:
    """Devices behind pipes: a command a line, an answer a line."""

    programs: list[subprocess.Popen[str]]

    def do(self, what: str, **how: Any) -> list[Row]:
        """What each device says once it has done it; all of them do it at the same time."""
        self.say([{"do": what, **how}] * len(self.programs))
        return self.hear()

    def say(self, commands: Sequence[Mapping[str, Any]]) -> None:
        """A command for each."""
        for program, command in zip(self.programs, commands, strict=True):
            assert program.stdin
            program.stdin.write(json.dumps(command) + "\n")
            program.stdin.flush()

    def hear(self) -> list[Row]:
        """The next answer of each."""
        answers: list[Row] = []
        for program in self.programs:
            assert program.stdout
            line = program.stdout.readline()
            assert line, "a client ended by itself; its words are above"
            answers.append(json.loads(line))
        return answers

    def settle(self, *, seconds: float) -> bool:
        """Everything is pushed and pulled until nothing moves any more on any device, twice over."""
        until, quiet = time.monotonic() + seconds, 0
        while quiet < _QUIET_ROUNDS and time.monotonic() < until:
            still = self.do("settle", seconds=max(1.0, until - time.monotonic()))
            quiet = quiet + 1 if all(one["quiet"] for one in still) else 0
        return quiet >= _QUIET_ROUNDS


@contextmanager
def devices(client: NodeClient, jobs: Sequence[Mapping[str, Any]]) -> Iterator[Devices]:
    """The client of `tests/clients/rxdb`, once for each job, with their databases open."""
    with ExitStack() as stack:
        programs = [stack.enter_context(_program(client)) for _ in jobs]
        running = Devices(programs)
        running.say(jobs)
        assert running.hear() == [{"ready": True}] * len(jobs)
        yield running


@contextmanager
def _program(client: NodeClient) -> Iterator[subprocess.Popen[str]]:
    arguments = [client.node, "client.mjs"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=client.folder, text=True, stdin=pipe, stdout=pipe) as program:
        try:
            yield program
        finally:
            program.kill()


@dataclass
class Administrators:
    """Those in charge give cases to and fro at random, and correct them, by the ordinary API."""

    here: Installation
    origin: str
    seed: int
    people: Sequence[Worker]
    takers: Sequence[Worker]
    words: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    _seen: dict[UUID, list[str]] = field(default_factory=dict)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """They work until the block ends."""
        over = threading.Event()
        thread = threading.Thread(target=self._work, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _work(self, over: threading.Event) -> None:
        chance = random.Random(self.seed)
        with httpx.Client(base_url=self.origin, timeout=20) as client:
            while not over.wait(_MOMENT):
                self.here.clock.forward(seconds=1)
                self._act(client, chance)

    def _act(self, client: httpx.Client, chance: random.Random) -> None:
        admin = chance.choice(self.people)
        headers = {"Authorization": f"Bearer {self.here.token(admin)}"}
        if chance.random() < 0.2 or admin.id not in self._seen:
            listed = client.get("/v1/cases", params={"limit": 100}, headers=headers).json()
            self._seen[admin.id] = [case["id"] for case in listed["items"]]
        if not self._seen[admin.id]:
            return
        case = chance.choice(self._seen[admin.id])
        if chance.random() < 0.2:
            self.words.append(f"ពាក្យadminx{len(self.words)}។")
            change = {"summary": self.words[-1]}
            answer = client.patch(f"/v1/cases/{case}", json=change, headers=headers)
            if answer.status_code != _HTTP_OK:
                self.words.pop()
        else:
            to = self._target(admin, chance)
            answer = client.post(f"/v1/cases/{case}/assign", json={**to, "reason": "ជិតជាង"}, headers=headers)
        self.answers[answer.status_code] += 1

    def _target(self, admin: Worker, chance: random.Random) -> Row:
        """Coordinators give to everybody, supervisors within their own organisation."""
        own = admin.organisation_id
        takers = [one.id for one in self.takers if own in {None, one.organisation_id}]
        if chance.random() < 0.6:
            return {"owner_id": str(chance.choice(takers))}
        return {"organisation_id": str(own or organisation_id(chance.choice([TONLE, LOTUS, STAR])))}


def everything_said(here: Installation) -> str:
    """All words that people wrote, wherever a person finds them: cases, timelines, conflicts, refused and
    held rows. What was answered to devices before does not count.
    """
    said: list[Any] = []
    with here.office.look() as uow:
        ids = list(uow.connection.execute(select(cases.c.id)).scalars())
        pushed = SyncStore(uow.connection, uow.vault, uow.touched)
        for case_id in ids:
            case = uow.cases.get(case_id, None)
            members = uow.records.members_of([case_id]).get(case_id, [])
            said.append([case and case.summary, [member.person.name for member in members]])
            said.extend(item.private for item in uow.timeline.of_case(case_id))
            said.extend([one.kept, one.lost] for one in uow.conflicts.of_case(case_id))
            attempts = [
                UUID(item.details["attempt_id"])
                for item in uow.timeline.of_case(case_id)
                if item.kind == "contact.attempted"
            ]
            said.extend(one.note for one in uow.records.contact_attempts(attempts).values())
        said.extend(note.text for note in uow.records.notes(_all_notes(here)).values())
        said.extend(one.kept.said for one in pushed.refused_rows(None, limit=10_000))
        said.extend(row.kept.said for row in _waiting(pushed))
    return json.dumps(said, ensure_ascii=False, default=str)


def still_waiting(here: Installation) -> set[str]:
    """The ids of documents whose case never came: a device keeps what it wrote there."""
    with here.office.look() as uow:
        return {
            str(row.kept.said["id"]) for row in _waiting(SyncStore(uow.connection, uow.vault, uow.touched))
        }


def times_kept(here: Installation, note_ids: Sequence[str]) -> Counter[str]:
    """How often each note is kept: as a note, as a row that was refused, or as one that waits."""
    kept: Counter[str] = Counter()
    with here.office.look() as uow:
        pushed = SyncStore(uow.connection, uow.vault, uow.touched)
        kept.update(str(note_id) for note_id in _all_notes(here))
        kept.update(str(one.doc_id) for one in pushed.refused_rows(None, limit=10_000))
        kept.update(str(row.kept.said["id"]) for row in _waiting(pushed))
    return Counter({note_id: kept[note_id] for note_id in note_ids})


def _waiting(pushed: SyncStore) -> list[HeldRow]:
    parents = dict.fromkeys(parent for parent, _ in pushed.parents_awaited(10_000))
    return [row for parent in parents for row in pushed.waiting_for(parent)]


def held_by_right(here: Installation, worker: Worker) -> dict[str, dict[str, Row]]:
    """What a device of this worker must show: what one that begins with nothing is told."""
    fresh = FieldApp(here, worker, f"fresh-{uuid4().hex[:8]}")
    fresh.pull(limit=500)
    found: dict[str, dict[str, Row]] = {}
    for (kind, doc_id), doc in fresh.docs.items():
        found.setdefault(kind, {})[doc_id] = doc
    return found


def _all_notes(here: Installation) -> list[UUID]:
    with here.office.database.read() as connection:
        return list(connection.execute(select(notes.c.id)).scalars())
