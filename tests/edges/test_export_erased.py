"""When somebody is erased, no file with names that was read before can be fetched any more."""

from typing import Any

from app.identity.rules import Role, Worker
from tests.makers import KHMER_UNPAID, Installation

DOOR = "/v1/exports"
NAMED = {"profile": "identified", "reason": "donor audit", "password": "correct horse 47 staple"}
COUNTED = {"profile": "anonymised"}


def _made(here: Installation, worker: Worker, wish: dict[str, str]) -> str:
    """An export that is done; its door."""
    asked = here.ask(worker, "POST", DOOR, {"format": "csv", "locale": "en", **wish})
    assert asked.status_code == 202, asked.text
    _work(here)
    door = f"{DOOR}/{asked.json()['id']}"
    assert _state(here, worker, door) == "done"
    return door


def _work(here: Installation) -> None:
    while here.application.exports.step(here.clock.now()):
        pass


def _state(here: Installation, worker: Worker, door: str) -> Any:
    return here.ask(worker, "GET", door).json()["status"]


def test_h19_a_file_with_names_is_gone_once_somebody_is_erased(here: Installation) -> None:
    here.a_worker()
    case = here.a_case(KHMER_UNPAID)
    supervisor = here.a_worker(Role.SUPERVISOR)
    named, counted = _made(here, supervisor, NAMED), _made(here, supervisor, COUNTED)
    here.clock.forward(minutes=1)
    wish = {"requested_by": "person", "reason": "សូមលុប", "all": True}
    erased = here.ask(supervisor, "POST", f"/v1/cases/{case}/erasure", wish)
    assert erased.status_code in {200, 201}, erased.text
    _work(here)
    assert _state(here, supervisor, named) == "expired"
    assert here.ask(supervisor, "GET", f"{named}/file").status_code == 410
    assert here.ask(supervisor, "GET", f"{counted}/file").status_code == 200
    here.clock.forward(minutes=1)
    assert _made(here, supervisor, NAMED) != named
