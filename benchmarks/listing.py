"""`GET /v1/cases`: 20 of 50,000, the first page and one near the end, over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import select

from app.api import cursors
from app.bootstrap import Application
from app.cases.tables import cases
from app.crypto.passwords import new_token
from app.identity.rules import Role
from app.identity.store import NewWorker, SignIn
from app.kernel.ids import new_id
from app.usecases.setting_up import organisation_id
from benchmarks.crowd import Holder, Wanted, fill
from benchmarks.engines import Engine, Run
from benchmarks.report import Result, percentile
from benchmarks.servers import Server, serving

_CASES = 50_000
_ORGANISATION = "tonle-bridge"
_ROUNDS = 4
_REQUESTS = 100


def run(given: Run) -> list[Result]:
    """Milliseconds of one client for each page, for a supervisor and for a coordinator, in turns."""
    rows = []
    for engine in given.engines:
        with _ready(given, engine) as (server, pages):
            waits: dict[str, list[float]] = {name: [] for name in pages}
            for requests in pages.values():
                server.load([requests] * 20, clients=1)
            for _ in range(_ROUNDS):
                for name, request in pages.items():
                    found = server.load([request] * _REQUESTS, clients=1)
                    assert found["statuses"] == {"200": _REQUESTS}
                    waits[name] += found["waits"]
        rows += [
            {
                "engine": engine.name,
                "page": name,
                "p50 ms": percentile(found, 0.5) * 1e3,
                "p99 ms": percentile(found, 0.99) * 1e3,
            }
            for name, found in waits.items()
        ]
    note = f"{_ROUNDS} rounds of {_REQUESTS} requests; the deep page begins behind 49,900 cases"
    return [Result(f"List: GET /v1/cases, 20 of {_CASES:,}", rows, [note])]


@contextmanager
def _ready(given: Run, engine: Engine) -> Iterator[tuple[Server, dict[str, bytes]]]:
    with ExitStack() as open_until_end:
        application = open_until_end.enter_context(given.application(engine))
        now = application.clock.now()
        # In the queue and of one organisation: so supervisor and coordinator both see all of them.
        holder = Holder(organisation_id(_ORGANISATION), None, "coordinator")
        fill(application.office, Wanted([holder] * _CASES, until=now))
        deep = cursors.write(*_place(application, 100))
        pages = {}
        for role in (Role.SUPERVISOR, Role.COORDINATOR):
            token = _signed_in(application, role)
            pages[f"{role.value}, first"] = _get("/v1/cases", token)
            pages[f"{role.value}, deep"] = _get(f"/v1/cases?cursor={deep}", token)
        server = open_until_end.enter_context(serving("list", application.settings))
        yield server, pages


def _place(application: Application, from_the_end: int) -> Any:  # noqa: ANN401 - a row of two
    asked = select(cases.c.opened_at, cases.c.id).order_by(cases.c.opened_at, cases.c.id)
    with application.office.database.read() as connection:
        return connection.execute(asked.offset(from_the_end).limit(1)).one()


def _signed_in(application: Application, role: Role) -> str:
    now = application.clock.now()
    organisation = organisation_id(_ORGANISATION) if role is Role.SUPERVISOR else None
    worker = NewWorker(
        new_id(now), f"bench.{role.value}", "no password", role, organisation, None, None, frozenset({"km"})
    )
    far = now.replace(year=now.year + 1)
    pair = SignIn(new_id(now), worker.id, None, new_token(), new_token(), far, far)
    with application.office.work(now) as uow:
        uow.identity.add_worker(worker, now)
        uow.identity.add_sign_in(pair, now)
    return pair.access


def _get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
