"""Role, organisation, route and object: what somebody may not see is, through every door, not there.

A new route makes the first test fail until it has a row in `tests/isolation_rows.py`.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import Response

from app.api.doors import capability_of
from app.identity.rules import Action, Role, Worker
from app.store.feed import Kind
from tests.isolation_rows import ROWS, Shows, news
from tests.isolation_town import WORDS, Ids, Kept, Town, an_isolation_town, nobodys
from tests.makers import Installation

ONE = {name: row for name, row in ROWS.items() if row.shows is Shows.ONE}
LISTS = {name: row for name, row in ROWS.items() if row.shows is Shows.LIST}
INSIDE = (Role.CASEWORKER, Role.DUTY_LEAD, Role.SUPERVISOR)
CLOCK_IN_NAME = re.compile(r"\d{8}T\d{6}Z")  # of a file that is made at this moment
# What once was on somebody's device must go from it: its id is told, and nothing else.
LET_GO = re.compile(r'{("kind":"\w+",)?"id":"[0-9a-f-]{36}",("gone"|"_deleted"):true}')
IN_PATH = re.compile(r"{(\w+)}")
# Its body names a worker: no secret to those of the same organisation.
KNOWS_WORKERS = {"POST /v1/cases/{case_id}/assign"}
ENDED_BEFORE = {"DELETE /v1/me/sign-ins/{sign_in_id}"}  # by those who lead, in the row before
# People, devices, fingerprints, and the word `pull`.
FIGURES = {name for name in LISTS if name.startswith("GET /v1/statistics/")}
NAMES_NO_CASE = FIGURES | {
    "GET /v1/workers", "GET /v1/devices", "GET /v1/sync/hint", "GET /v1/sync/digest", "GET /v1/exports",
}  # fmt: skip
COLLECTIONS = [kind.value for kind in Kind]


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[Town]:
    with an_isolation_town(install) as town:
        yield town


def _endpoints(here: Installation) -> dict[str, Any]:
    app = here.client.app
    assert isinstance(app, FastAPI)
    return {
        f"{method} {route.path}": route.endpoint
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or set())
        if method != "HEAD" or "GET" not in (route.methods or set())
    }


@cache
def _examples(app: FastAPI) -> dict[str, Any]:
    """What the OpenAPI document sends to each route, without the id that is the device's own."""
    found = {}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                example = media.get("example")
                plain = isinstance(example, dict)
                found[f"{method.upper()} {path}"] = (
                    {**example, "id": str(uuid4())} if plain and "id" in example else example
                )
    return found


class Asks:
    """Somebody who walks the rows with ids of this or that case."""

    def __init__(self, town: Town, worker: Worker) -> None:
        self.town, self.worker = town, worker
        app = town.here.client.app
        assert isinstance(app, FastAPI)
        self.examples = _examples(app)

    def one(self, name: str, ids: Ids, *, path_ids: Ids | None = None, query: str = "") -> Response:
        """One request about these ids; `path_ids` stand for them in the path alone."""
        row, (method, _, path) = ROWS[name], name.partition(" ")
        where = IN_PATH.sub(lambda found: {**ids, **(path_ids or {})}[found[1]], path) + query
        headers = {
            "Authorization": f"Bearer {self.town.here.token(self.worker)}", "Accept-Encoding": "identity",
            **row.headers,
            **(row.headers_of(ids) if row.headers_of else {}),
        }  # fmt: skip
        if row.content is not None:
            raw: Response = self._client.request(method, where, content=row.content, headers=headers)
            return raw
        body = row.body(ids) if row.body else self.examples.get(name)
        answer: Response = self._client.request(method, where, json=body, headers=headers)
        return answer

    @property
    def is_elsewhere(self) -> bool:
        """Whether they are another organisation's: those inside may lead the workers of the case."""
        return self.worker.organisation_id == self.town.guests[Role.SUPERVISOR].organisation_id

    def lists(self, name: str, ids: Ids) -> dict[str, Response]:
        """What each query of a list answers, and each collection of it."""
        return {
            name + f" {collection} {query}": self.one(
                name, {**ids, "collection": collection}, query=query.format(**ids)
            )
            for collection in (COLLECTIONS if "{collection}" in name else [""])
            for query in ROWS[name].queries
        }

    @property
    def _client(self) -> Any:
        return self.town.here.client


def _bare(answer: Response, ids: Ids) -> tuple[Any, ...]:
    """Status, headers and body, byte for byte, with the ids that were asked for taken out."""
    told = answer.content.decode("utf-8", "replace")
    for known in ids.values():
        told = told.replace(known, "…")
    told = re.sub(r'"(op|at|generated_at)":"[^"]+"', "", told)
    headers = [(name, CLOCK_IN_NAME.sub("", value)) for name, value in sorted(answer.headers.items())]
    return answer.status_code, headers, told


def _with_collection(name: str) -> list[dict[str, str]]:
    return [{"collection": one} for one in COLLECTIONS] if "{collection}" in name else [{}]


def test_every_route_has_its_row_and_every_row_its_route(here: Installation) -> None:
    assert ROWS.keys() == _endpoints(here).keys()


class Cases:
    """Four cases of one organisation, and of whom each is kept."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.open, self.closed, self.erased = (town.a_full_case() for _ in range(3))
        self.child = town.a_full_case(child=True)
        self.all = (self.open, self.closed, self.erased, self.child)
        lead = town.supervisors[0]
        done = {"outcome": "repatriated", "client_informed": "yes"}
        town.ask(lead, "POST", f"/v1/cases/{self.closed.ids['case_id']}/close", done)
        gone = f"/v1/cases/{self.erased.ids['case_id']}"
        town.ask(lead, "DELETE", f"{gone}/legal-hold")
        town.ask(lead, "POST", f"{gone}/erasure", {"all": True, "reason": "ក", "requested_by": "person"})

    def strangers(self) -> Iterator[tuple[str, Worker, tuple[Kept, ...]]]:
        """Who may not see which of the cases, and why."""
        guests, walled = self.town.guests, self.town.walled
        yield "another organisation's supervisor", guests[Role.SUPERVISOR], self.all
        yield "another organisation's caseworker", guests[Role.CASEWORKER], (self.open, self.closed)
        yield "another organisation's duty lead", guests[Role.DUTY_LEAD], (self.open, self.erased)
        yield (
            "a coordinator who was not asked",
            self.town.here.a_worker(Role.COORDINATOR),
            (self.open, self.child),
        )
        yield "an admin", self.town.admin, (self.open,)
        yield "a supervisor behind a wall", walled[Role.SUPERVISOR], self.all
        yield "a caseworker behind a wall", walled[Role.CASEWORKER], (self.open,)
        yield "a supervisor who is not trained for children", self.town.untrained, (self.child,)

    def seen_from_inside(self) -> list[str]:
        """What the organisation's own supervisor reads of all of it."""
        of_case = [
            name for name in ONE if name.startswith("GET /v1/cases/{case_id}") and "call_id" not in name
        ]
        asks = Asks(self.town, self.town.supervisors[0])
        return [asks.one(name, kept.ids).text for kept in self.all for name in of_case]


def test_h14_a_foreign_id_is_answered_byte_for_byte_like_one_that_never_was(town: Town) -> None:
    cases = Cases(town)
    endpoints, before, faults = _endpoints(town.here), cases.seen_from_inside(), []
    for label, worker, hidden in cases.strangers():
        asks = Asks(town, worker)
        for name in ONE:
            row = ROWS[name]
            if (row.makes and "{case_id}" not in name) or (row.of_worker and not asks.is_elsewhere):
                continue
            for more in _with_collection(name):
                nobody = {**nobodys(hidden[0].ids), **more}
                wanted = _bare(asks.one(name, nobody), nobody)
                action = capability_of(endpoints[name])
                capable = action is not None and worker.may(action)
                if IN_PATH.search(name.replace("{collection}", "")) and wanted[0] != (
                    404 if capable else 403
                ):
                    faults.append(f"{label}: {name} answers {wanted[0]} for what never was: {wanted[2]}")
                for kept in hidden:
                    ids = {**kept.ids, **more}
                    found = _bare(asks.one(name, ids), ids)
                    if found != wanted:
                        faults.append(
                            f"{label}: {name} {more}\n    {str(found)[:500]}\n    {str(wanted)[:500]}"
                        )
    assert faults == [], "\n".join(faults)
    assert cases.seen_from_inside() == before


def _mixed(town: Town, cases: Cases) -> Iterator[tuple[str, Worker, Ids, Ids]]:
    """Who asks about one case of their own, and with which ids of another that they put into it."""
    guest = town.guests[Role.SUPERVISOR]
    own = town.ask(guest, "POST", "/v1/cases", {"summary": "ក"}).json()["id"]
    yield "another organisation's supervisor", guest, {"case_id": own}, cases.open.ids
    yield (
        "a supervisor of both cases",
        town.supervisors[0],
        {"case_id": cases.open.ids["case_id"]},
        cases.child.ids,
    )
    yield "the owner", cases.open.owner, {"case_id": cases.open.ids["case_id"]}, cases.child.ids


def test_ids_of_one_case_under_the_address_of_another_are_no_ids_at_all(town: Town) -> None:
    cases = Cases(town)
    faults = []
    for label, worker, own, foreign in _mixed(town, cases):
        asks = Asks(town, worker)
        for name in ONE:
            row, path = ROWS[name], name.partition(" ")[2]
            nobody = nobodys(foreign)
            named = row.body is not None and row.body(foreign) != row.body(nobody)
            inner = set(IN_PATH.findall(path)) - {"case_id"}
            if "{case_id}" not in path or row.makes or not (inner or named):
                continue
            if name in KNOWS_WORKERS and not asks.is_elsewhere:
                continue
            found, wanted = (_bare(asks.one(name, ids, path_ids=own), ids) for ids in (foreign, nobody))
            if found != wanted or found[0] < 400:
                faults.append(f"{label}: {name}\n    {str(found)[:600]}\n    {str(wanted)[:600]}")
    assert faults == [], "\n".join(faults)


def _all_lists(town: Town, worker: Worker, ids: Ids) -> dict[str, tuple[Any, ...]]:
    asks = Asks(town, worker)
    return {
        name: _bare(answer, {}) for listed in LISTS for name, answer in asks.lists(listed, ids).items()
    }  # fmt: skip


def test_lists_counts_searches_exports_and_feeds_are_as_if_cases_of_others_never_were(town: Town) -> None:
    """What each outsider is shown before there is any such case, and after, is the same to the byte.

    Admins see everybody's devices, to revoke those that are lost.
    """
    nothing = {"case_id": str(uuid4()), "code": "1111-1111", "worker_id": str(uuid4())}
    outside = [*town.guests.values(), town.admin]
    before = {worker.id: _all_lists(town, worker, nothing) for worker in outside}
    cases = Cases(town)
    asked = {**cases.open.ids, "code": cases.open.code}
    faults = [
        f"{worker.role} {name}\n    {str(shown)[:600]}\n    {str(before[worker.id][name])[:600]}"
        for worker in outside
        for name, shown in _all_lists(town, worker, asked).items()
        if shown != before[worker.id][name] and not (worker is town.admin and "/v1/devices" in name)
    ]
    assert faults == [], "\n".join(faults)


def _figures(answer: Response) -> dict[str, Any]:
    """What is counted; without the time, and without how many colleagues there are."""
    told: dict[str, Any] = answer.json()
    del told["generated_at"]
    for around in (told, told.get("summary") or {}):
        if load := around.get("caseload"):
            assert not [one for one in load["workers"] if one["open_cases"]]
            around["caseload"] = {name: load[name] for name in ("open_cases", "queues")}
    return told


def test_lists_counts_searches_exports_and_feeds_hold_nothing_of_a_case_that_is_kept_from_one(
    town: Town,
) -> None:
    """Those inside from whom walls and children's sake keep it; who may is shown it in each."""
    walled = town.walled[Role.SUPERVISOR]
    nothing = {name: Asks(town, walled).lists(name, {}) for name in FIGURES}
    cases = Cases(town)
    lead = town.supervisors[0]
    kept_from: list[tuple[Worker, tuple[Kept, ...]]] = [
        *((worker, cases.all) for worker in town.walled.values()),
        (town.untrained, (cases.child,)),
        (lead, ()),
        (cases.open.owner, ()),
    ]
    faults, shown = [], set()
    for worker, hidden in kept_from:
        asked = {**cases.child.ids, "code": cases.child.code}
        asks = Asks(town, worker)
        for listed in LISTS:
            for name, answer in asks.lists(listed, asked).items():
                told = LET_GO.sub("", answer.text)
                found = [one for kept in hidden for one in kept.of_the_case if one in told]
                faults += [f"{worker.role} {name}: {found}"] if found else []
                if not hidden and any(one in answer.text for one in cases.open.of_the_case):
                    shown.add(listed)
    assert faults == [], "\n".join(faults)
    assert shown >= LISTS.keys() - NAMES_NO_CASE
    for name in FIGURES:
        for query, answer in Asks(town, walled).lists(name, {}).items():
            now, before = (_figures(one) for one in (answer, nothing[name][query]))
            assert now == before, query
    for worker in town.walled.values():
        colleagues = town.ask(worker, "GET", "/v1/workers").json()["items"]
        assert {one["open_cases"] for one in colleagues} == {0}
        assert town.ask(worker, "GET", "/v1/cases?total=true").json()["total"] == 0


def test_whoever_may_walks_through_every_door_so_that_none_is_closed_by_mistake(town: Town) -> None:
    """The same rows, asked by those of the case: what proves that the strangers were asked rightly."""
    kept = town.a_full_case()
    first, second = town.supervisors
    askers = [Asks(town, worker) for worker in (kept.owner, second, first)]
    faults = []
    for name in ONE:
        if name in ENDED_BEFORE or (ROWS[name].makes and "{case_id}" not in name):
            continue
        ids = {**kept.ids, "collection": "case"}
        answers = [asks.one(name, ids) for asks in askers]
        if not any(answer.is_success or answer.status_code in {409, 410} for answer in answers):
            faults.append(f"{name}: {[(answer.status_code, answer.text[:300]) for answer in answers]}")
    assert faults == [], "\n".join(faults)


def test_whatever_is_made_under_an_id_of_others_or_put_into_their_case_is_refused_and_says_no_more(
    town: Town,
) -> None:
    cases = Cases(town)
    before = cases.seen_from_inside()
    for label, worker, hidden in cases.strangers():
        asks = Asks(town, worker)
        for kept in hidden:
            answers = [asks.one(name, {**kept.ids, **more}, query="")
                for name, row in ONE.items() if row.makes for more in _with_collection(name)]  # fmt: skip
            pushed = town.here.ask(worker, "POST", "/v1/sync/push", news(kept.ids))
            assert pushed.status_code == (200 if worker.may(Action.SYNC) else 403), label
            if pushed.is_success:
                results = pushed.json()["results"]
                assert {result["status"] for result in results} == {"rejected"}, label
                assert {str(result["doc"]) for result in results} == {"None"}, label
            for answer in (*answers, pushed):
                assert not [word for word in (*WORDS, kept.code, kept.phone) if word in answer.text], label
    assert cases.seen_from_inside() == before
