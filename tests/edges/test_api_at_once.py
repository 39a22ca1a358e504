"""Several people at one moment, over real HTTP: one of them wins, and nothing is done twice."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn

from app.identity.rules import Role, Worker
from tests.makers import KHMER_LOCKED_IN, Installation

ANSWERS_WITHIN = 30.0


@contextmanager
def _served(here: Installation) -> Iterator[str]:
    """The application on a port of its own, as a server would run it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(here.client.app, lifespan="off", log_config=None, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def together(here: Installation) -> Iterator[Callable[..., list[httpx.Response]]]:
    """Lets each of several requests (worker, method, path, body) go at the same moment."""
    with _served(here) as base:

        def ask_together(requests: list[tuple[Worker, str, str, Any]]) -> list[httpx.Response]:
            gate = threading.Barrier(len(requests))

            def ask(request: tuple[Worker, str, str, Any]) -> httpx.Response:
                worker, method, path, body = request
                headers = {"Authorization": f"Bearer {here.token(worker)}"}
                with httpx.Client(base_url=base, timeout=ANSWERS_WITHIN) as client:
                    client.get("/healthz")
                    gate.wait()
                    return client.request(method, path, json=body, headers=headers)

            for worker, *_ in requests:
                here.token(worker)
            with ThreadPoolExecutor(len(requests)) as pool:
                return list(pool.map(ask, requests))

        yield ask_together


Together = Callable[..., list[httpx.Response]]


def test_of_workers_who_accept_at_once_one_wins_and_the_others_are_told_who(
    here: Installation, together: Together
) -> None:
    workers = [here.a_worker(name=f"បុគ្គលិក {n}") for n in range(5)]
    case_id = here.a_case()
    answers = together([(worker, "POST", f"/v1/cases/{case_id}/accept", {}) for worker in workers])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 4}
    (winner,) = [w for w, answer in zip(workers, answers, strict=True) if answer.status_code == 200]
    assert {a.json()["owner_id"] for a in answers} == {str(winner.id)}
    assert {a.json()["owner"] for a in answers if a.status_code == 409} == {f"បុគ្គលិក {workers.index(winner)}"}
    assert here.kinds(case_id).count("case.accepted") == 1


def test_one_worker_who_accepts_on_two_devices_at_once_has_it_once(
    here: Installation, together: Together
) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    answers = together([(worker, "POST", f"/v1/cases/{case_id}/accept", {})] * 4)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["version"] for answer in answers}) == 1
    assert here.kinds(case_id).count("case.accepted") == 1


def test_a_case_that_is_sent_four_times_at_once_is_opened_once(
    here: Installation, together: Together
) -> None:
    worker = here.a_worker()
    body = {"id": str(uuid4()), "categories": ["detention"], "members": [{"id": str(uuid4()), "name": "សុខា"}]}
    answers = together([(worker, "POST", "/v1/cases", body)] * 4)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert here.ask(worker, "GET", "/v1/cases?total=true").json()["total"] == 1


def test_a_note_that_is_sent_four_times_at_once_is_written_once(
    here: Installation, together: Together
) -> None:
    worker = here.a_worker()
    case_id = here.a_case()
    note = {"id": str(uuid4()), "text": "បានជួប"}
    answers = together([(worker, "POST", f"/v1/cases/{case_id}/notes", note)] * 4)
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert here.kinds(case_id).count("note.added") == 1


def test_accepting_and_declining_at_once_leaves_an_owner_or_a_queue_and_a_clock(
    here: Installation, together: Together
) -> None:
    owner, lead = here.a_worker(), here.a_worker(Role.SUPERVISOR)
    case_id = here.a_case(KHMER_LOCKED_IN)
    other = here.a_worker()
    answers = together([
        (owner, "POST", f"/v1/cases/{case_id}/decline", {"reason": "ក"}),
        (other, "POST", f"/v1/cases/{case_id}/accept", {}),
        (lead, "POST", f"/v1/cases/{case_id}/assign", {"owner_id": str(other.id), "reason": "ក"}),
    ])  # fmt: skip
    assert {answer.status_code for answer in answers} <= {200, 409}
    case = here.ask(lead, "GET", f"/v1/cases/{case_id}").json()
    assert case["owner_id"] or case["queue"]
    assert case["next_timer"] is not None


def test_wrong_passwords_at_one_moment_all_count(here: Installation) -> None:
    here.a_worker(username="dara")
    form = {"grant_type": "password", "username": "dara", "password": "guess"}
    with _served(here) as base, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: httpx.post(f"{base}/v1/token", data=form, timeout=60), range(6)))
        assert {answer.status_code for answer in answers} <= {401, 429}
        assert httpx.post(f"{base}/v1/token", data=form, timeout=60).status_code == 429
