"""Listening to what callers left: the right bytes, to the right people, each time remembered."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from app.identity.rules import Role, Worker
from tests.makers import LOTUS, TONLE, Installation
from tests.message_town import MessageTown, a_message_town

SOUND = b"\xff\xfb\x10\xc4" + bytes(number % 251 for number in range(200_000))


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[MessageTown]:
    with a_message_town(install) as town:
        yield town


@pytest.fixture(name="owner")
def _owner(town: MessageTown) -> Worker:
    return town.here.a_worker(organisation=TONLE)


def kept(town: MessageTown) -> UUID:
    """The id of a message of 200 kB that is here."""
    town.leave().mp3 = SOUND
    town.work()
    recording_id: UUID = town.row.id
    return recording_id


def test_the_timeline_leads_to_the_sound(town: MessageTown, owner: Worker) -> None:
    kept(town)
    items = town.here.ask(owner, "GET", f"/v1/cases/{town.cases[0].id}/timeline").json()["items"]
    (item,) = [item for item in items if item["kind"] == "recording.kept"]
    assert item["seconds"] == 12
    answer = town.hear(owner, UUID(item["recording_id"]))
    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["content-length"] == str(len(SOUND))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1), ("bytes=0-65535", 0, 65_536), ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=131072-", 131_072, len(SOUND)), ("bytes=-7", len(SOUND) - 7, len(SOUND)),
        ("bytes=199000-999999", 199_000, len(SOUND)), ("bytes=0-", 0, len(SOUND)),
    ],
)  # fmt: skip
def test_a_part_is_that_part_byte_for_byte(
    town: MessageTown, owner: Worker, asked: str, start: int, stop: int
) -> None:
    answer = town.hear(owner, kept(town), Range=asked)
    assert (answer.status_code, answer.content) == (206, SOUND[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(SOUND)}"
    assert answer.headers["content-length"] == str(stop - start)


def test_the_parts_that_a_player_asks_for_make_the_whole(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    cuts = [0, 1, 65_535, 65_536, 65_537, 131_072, 199_999, len(SOUND)]
    parts = [
        town.hear(owner, recording_id, Range=f"bytes={start}-{stop - 1}").content
        for start, stop in pairwise(cuts)
    ]
    assert b"".join(parts) == SOUND


def test_a_part_behind_the_end_is_refused_and_is_no_listening(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    answer = town.hear(owner, recording_id, Range=f"bytes={len(SOUND)}-")
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"
    assert town.deeds("recording.heard") == []


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-1,4-5"}, {"Range": "x"}, {"If-Range": '"1"'}])
def test_what_nobody_can_answer_in_part_is_answered_as_a_whole(
    town: MessageTown, owner: Worker, headers: dict[str, str]
) -> None:
    answer = town.hear(owner, kept(town), **({"Range": "bytes=0-1"} | headers))
    assert (answer.status_code, answer.content) == (200, SOUND)


def test_sound_is_not_packed_on_its_way(town: MessageTown, owner: Worker) -> None:
    answer = town.hear(owner, kept(town), **{"Accept-Encoding": "gzip"})
    assert answer.headers.get("content-encoding") != "gzip"
    assert answer.headers["content-length"] == str(len(SOUND))


def test_each_listening_is_remembered_once(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    for count in (1, 2, 3):
        assert town.hear(owner, recording_id, Range="bytes=0-99").status_code == 206
        assert town.deeds("recording.heard") == [(str(owner.id), recording_id)] * count
    with town.here.office.look() as uow:
        assert uow.audit.first_break()[1] is None


@pytest.mark.parametrize(
    ("role", "organisation"),
    [
        (Role.CASEWORKER, LOTUS), (Role.DUTY_LEAD, LOTUS), (Role.SUPERVISOR, LOTUS), (Role.COORDINATOR, None),
    ],
)  # fmt: skip
def test_who_may_not_know_of_the_case_meets_nothing_there(
    town: MessageTown, owner: Worker, role: Role, organisation: str | None
) -> None:
    recording_id = kept(town)
    stranger = town.here.a_worker(role, organisation)
    answers = [town.hear(stranger, some_id) for some_id in (recording_id, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [{**answer.json(), "instance": None} for answer in answers]
    assert bodies[0] == bodies[1]
    assert answers[0].headers.keys() == answers[1].headers.keys()
    assert town.deeds("recording.heard") == []


def test_colleagues_may_listen_and_whoever_sees_no_cases_may_not(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    for role in (Role.CASEWORKER, Role.DUTY_LEAD, Role.SUPERVISOR):
        assert town.hear(town.here.a_worker(role, TONLE), recording_id).status_code == 200
    assert town.hear(town.here.a_worker(Role.ADMIN), recording_id).status_code == 403
    assert town.here.client.get(f"/v1/recordings/{recording_id}").status_code == 401


def test_what_has_no_case_yet_is_the_coordinators_to_hear(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    with town.here.office.database.write() as connection:
        connection.exec_driver_sql("UPDATE recording SET call_id = NULL")
    assert town.hear(owner, recording_id).status_code == 404
    assert town.hear(town.here.a_worker(Role.COORDINATOR), recording_id).status_code == 200


def test_what_is_not_here_yet_is_not_there(town: MessageTown, owner: Worker) -> None:
    town.leave()
    assert town.hear(owner, town.row.id).status_code == 404
    assert town.hear(owner, uuid4()).status_code == 404


def test_a_damaged_file_is_our_fault_and_no_torn_sound(town: MessageTown, owner: Worker) -> None:
    recording_id = kept(town)
    for path in town.on_disk:
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    answer = town.hear(owner, recording_id, Range="bytes=199990-")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_the_document_tells_players_of_parts(town: MessageTown) -> None:
    document = town.here.client.get("/openapi.json").json()
    told = document["paths"]["/v1/recordings/{recording_id}"]["get"]
    assert told["responses"]["206"]["content"].keys() == {"audio/mpeg", "audio/wav"}
    assert {"200", "206", "404", "410", "416"} <= told["responses"].keys()
    assert "Range" in {parameter["name"] for parameter in told["parameters"]}
