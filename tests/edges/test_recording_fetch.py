"""Fetching a recording where everything may go wrong at the carrier: case 29 of the nasty ones."""

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from app.channels.twilio.recordings import TwilioRecordings
from app.channels.twilio.rest import Account
from app.usecases import recordings
from app.usecases.health import recording_checks
from app.usecases.recordings import NotHad, Problem
from app.workers.recordings import Recordings
from tests.makers import Installation
from tests.message_town import MP3_FRAME, MessageTown, a_message_town
from tests.peers import RESET, Fault, Reply
from tests.peers.twilio import BAD_GATEWAY, BROKEN, TOO_MANY, UNAVAILABLE
from tests.peers.voice import (
    ENDLESS,
    NOT_YET,
    UNAUTHORISED,
    WEB_PAGE,
    Trouble,
    another_host,
    fails,
    moved_to,
    oversize,
    silent_wav,
    slow,
)
from tests.twilio_town import ACCOUNT, TOKEN, open_tasks

LIMIT = 100_000


@pytest.fixture(name="town")
def _town(install: Callable[..., Installation]) -> Iterator[MessageTown]:
    with a_message_town(install, patience=0.5, recording_max_bytes=LIMIT) as town:
        town.here.a_worker(phone="+85510000200")
        yield town


def until(town: MessageTown, state: str, *, within: timedelta) -> datetime:
    """Work for as long as it takes until the recording is there; when that was."""
    end = town.here.clock.now() + within
    while town.here.clock.now() < end:
        town.work()
        if town.row.state == state:
            return town.here.clock.now()
        town.here.clock.set(max(town.row.due_at, town.here.clock.now()))
    raise AssertionError(f"still {town.row.state} after {town.row.problem}")


def nothing_is_kept(town: MessageTown) -> None:
    assert (town.row.file_name, town.row.file_key, town.on_disk) == (None, None, [])
    assert town.kept(town.cases[0].id) == []
    assert town.carrier.voice.deleted == []


def test_a_recording_that_is_not_there_yet_comes_within_seconds(town: MessageTown) -> None:
    there = town.leave()
    there.troubles.extend([NOT_YET] * 3)
    began = town.here.clock.now()
    assert until(town, "finished", within=timedelta(minutes=5)) - began == timedelta(seconds=4 + 8 + 16)
    assert len(town.kept(town.cases[0].id)) == 1


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [
        (NOT_YET, "not_there"), (UNAUTHORISED, "refused"), (fails(403), "refused"), (WEB_PAGE, "wrong_type"),
        (fails(500), "unreachable"), (fails(503), "unreachable"), (fails(429), "unreachable"),
        (oversize(LIMIT + 1), "too_large"), (slow(0.8), "unreachable"), (fails(204), "unreachable"),
    ],
)  # fmt: skip
def test_case_29_whatever_goes_wrong_once_leaves_nothing_behind_and_is_tried_again(
    town: MessageTown, trouble: Trouble, problem: str
) -> None:
    town.leave().troubles.append(trouble)
    town.work()
    assert (town.row.state, town.row.problem) == ("announced", problem)
    assert town.row.due_at > town.here.clock.now()
    nothing_is_kept(town)
    until(town, "finished", within=timedelta(minutes=10))
    assert len(town.kept(town.cases[0].id)) == 1
    assert open_tasks(town.here) == ["call_back"]


@pytest.mark.parametrize("fault", [BROKEN, UNAVAILABLE, TOO_MANY, BAD_GATEWAY, RESET])
def test_case_29_a_carrier_that_fails_as_a_whole_is_tried_again(town: MessageTown, fault: Fault) -> None:
    town.leave()
    town.carrier.fail_next(fault)
    town.work()
    assert (town.row.state, town.row.problem) == ("announced", "unreachable")
    nothing_is_kept(town)
    until(town, "finished", within=timedelta(minutes=1))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_case_29_a_redirect_is_not_followed_and_no_other_host_sees_a_credential(
    town: MessageTown, status: int
) -> None:
    with another_host() as stranger:
        town.leave().troubles.append(moved_to(f"{stranger.base_url}/sound.mp3", status))
        town.work()
        assert (town.row.state, town.row.problem) == ("announced", "redirected")
        nothing_is_kept(town)
        until(town, "finished", within=timedelta(minutes=5))
        assert stranger.heard == []


def test_case_29_a_redirect_of_the_deletion_is_not_followed_either(town: MessageTown) -> None:
    town.leave()
    with another_host() as stranger:
        elsewhere = Account(ACCOUNT, TOKEN, stranger.base_url, 1)
        holder = TwilioRecordings(elsewhere, limit_bytes=LIMIT)
        with pytest.raises(NotHad) as failed, holder.sound("../../x"):
            pass
        assert failed.value.problem is Problem.NO_ID
        assert stranger.heard == []


def endless_sound(sound: Reply) -> Reply:
    """Frames without end, and no word of how many."""
    return Reply(200, MP3_FRAME, sound.headers, itertools.repeat(MP3_FRAME * 600))


@pytest.mark.parametrize("trouble", [ENDLESS, endless_sound])
def test_case_29_a_body_without_end_is_cut_at_the_limit(town: MessageTown, trouble: Trouble) -> None:
    town.leave().troubles.append(trouble)
    began = time.monotonic()
    town.work()
    assert time.monotonic() - began < 5
    assert (town.row.state, town.row.problem) == (
        "announced",
        "too_large" if trouble is endless_sound else "wrong_type",
    )
    nothing_is_kept(town)


def test_the_limit_itself_is_accepted_and_one_byte_more_is_not(town: MessageTown) -> None:
    sound = (MP3_FRAME * (LIMIT // len(MP3_FRAME) + 1))[:LIMIT]
    there = town.leave()
    there.mp3 = sound + b"\x00"
    town.work()
    assert (town.row.state, town.row.problem) == ("announced", "too_large")
    there.mp3 = sound
    until(town, "finished", within=timedelta(minutes=5))
    assert town.row.size_bytes == LIMIT


def test_a_body_that_is_shorter_than_it_says_is_not_kept(town: MessageTown) -> None:
    def torn(sound: Reply) -> Reply:
        return Reply(200, sound.body, {**sound.headers, "Content-Length": "90000"}, more=())

    town.leave().troubles.append(torn)
    town.work()
    assert (town.row.state, town.row.problem) == ("announced", "unreachable")
    nothing_is_kept(town)


def test_a_body_that_drips_does_not_outlast_the_time_for_it(town: MessageTown) -> None:
    def drip(sound: Reply) -> Reply:
        def drops() -> Iterator[bytes]:
            while True:
                time.sleep(0.05)
                yield MP3_FRAME

        return Reply(200, MP3_FRAME, sound.headers, drops())

    there = town.leave()
    there.troubles.append(drip)
    account = Account(ACCOUNT, TOKEN, town.carrier.base_url, 5)
    holder = TwilioRecordings(account, limit_bytes=10**9, within=timedelta(seconds=0.4))
    began = time.monotonic()
    with pytest.raises(NotHad) as failed, holder.sound(there.sid) as sound:
        for _ in sound.pieces:
            pass
    assert failed.value.problem is Problem.UNREACHABLE
    assert time.monotonic() - began < 10


def test_a_wav_is_kept_as_a_wav(town: MessageTown) -> None:
    sound = silent_wav(2)
    town.leave().troubles.append(lambda _: Reply(200, sound, {"Content-Type": "audio/x-wav"}))
    town.work()
    assert (town.row.state, town.row.media_type, town.row.size_bytes) == ("finished", "audio/wav", len(sound))


def test_a_web_page_that_says_it_is_sound_is_none(town: MessageTown) -> None:
    page = Reply(200, b"<html><body>Sign in</body></html>", {"Content-Type": "audio/mpeg"})
    town.leave().troubles.append(lambda _: page)
    town.work()
    assert town.row.problem == "wrong_type"
    nothing_is_kept(town)


def test_what_is_never_sound_goes_to_a_human_and_stays_at_the_carrier(town: MessageTown) -> None:
    town.leave().troubles.extend([WEB_PAGE] * 99)
    until(town, "failed", within=timedelta(hours=2))
    assert len(town.fetches) == 5
    assert sorted(open_tasks(town.here)) == ["call_back", "recording_lost"]
    assert [subject for _, subject in town.deeds("recording.lost")] == [town.row.id]
    nothing_is_kept(town)
    town.here.clock.forward(days=1)
    assert town.work() == 0


def test_a_carrier_that_refuses_us_is_asked_slowly_for_three_days_and_the_doctor_names_it(
    town: MessageTown,
) -> None:
    town.leave().troubles.extend([UNAUTHORISED] * 999)
    began = town.here.clock.now()
    town.work()
    town.here.clock.forward(minutes=3)
    (check,) = recording_checks(town.here.office, now=town.here.clock.now())
    assert (check.ok, check.finding) == (False, "1 wait to be fetched: refused")
    lost_at = until(town, "failed", within=timedelta(days=4))
    assert timedelta(days=3) <= lost_at - began < timedelta(days=3, hours=2)
    assert len(town.fetches) < 100
    assert "recording_lost" in open_tasks(town.here)
    (check,) = recording_checks(town.here.office, now=town.here.clock.now())
    assert check.ok


def test_what_is_deleted_at_the_carrier_already_is_finished(town: MessageTown) -> None:
    there = town.leave()
    step = town.loop.step
    assert step(town.here.clock.now())
    assert town.row.state == "kept"
    there.deleted = True
    assert step(town.here.clock.now())
    assert town.row.state == "finished"


def test_a_deletion_that_is_refused_is_tried_until_it_is_done_and_the_doctor_names_it(
    town: MessageTown,
) -> None:
    town.leave()
    town.loop.step(town.here.clock.now())
    for _ in range(100):
        town.carrier.fail_next(Fault(401, code=20003))
        town.here.clock.set(max(town.row.due_at, town.here.clock.now()))
        town.loop.step(town.here.clock.now())
    assert (town.row.state, town.row.problem) == ("kept", "refused")
    assert town.here.clock.now() - town.row.announced_at > timedelta(days=3)
    (check,) = recording_checks(town.here.office, now=town.here.clock.now())
    assert check.finding == "1 wait to be deleted at the carrier: refused"
    until(town, "finished", within=timedelta(hours=2))
    assert town.carrier.voice.deleted == [town.row.carrier_id]
    assert open_tasks(town.here) == ["call_back"]


def test_nothing_of_a_recording_is_asked_for_while_a_transaction_is_open(town: MessageTown) -> None:
    town.leave()
    database = town.here.office.database
    answered = town.carrier.answer

    def answer(heard: object) -> Reply:
        # Whoever holds a transaction of theirs open keeps this one waiting on SQLite.
        with database.write() as connection:
            connection.exec_driver_sql("SELECT 1")
        return answered(heard)  # type: ignore[arg-type]  # as it came

    town.carrier.answer = answer
    assert town.work() == 2
    assert town.row.state == "finished"


def test_a_worker_whose_lease_is_over_does_not_undo_what_another_has_done(town: MessageTown) -> None:
    town.leave()
    here, loop = town.here, town.loop
    with here.office.work(here.clock.now()) as uow:
        stale = recordings.lease(uow, ["twilio"], now=here.clock.now())
    assert stale is not None
    assert town.work() == 0  # leased
    here.clock.forward(minutes=6)
    assert loop.step(here.clock.now())
    assert town.row.state == "kept"
    # The first one comes back from a long sleep, with a file of its own.
    loop._fetch(stale)  # noqa: SLF001 - as the step would
    assert len([path for path in town.on_disk if path.name.startswith(town.row.file_name)]) == len(
        town.on_disk
    )
    assert len(town.kept(town.cases[0].id)) == 1
    loop._put_off(stale, Problem.REFUSED)  # noqa: SLF001 - as above
    assert town.work() == 1
    assert (town.row.state, town.row.problem) == ("finished", None)


def test_two_workers_fetch_each_recording_once(town: MessageTown) -> None:
    for number in range(6):
        town.leave(from_=f"+6681234500{number}")
    here, one = town.here, town.loop
    account = Account(ACCOUNT, TOKEN, town.carrier.base_url, 5)
    other = Recordings(
        here.office, town.files, here.clock, {"twilio": TwilioRecordings(account, limit_bytes=LIMIT)}, LIMIT
    )
    while one.step(here.clock.now()) | other.step(here.clock.now()):
        pass
    assert {row.state for row in town.rows} == {"finished"}
    assert len(town.fetches) == len(set(town.fetches)) == 6
    assert [len(town.kept(case.id)) for case in town.cases] == [1] * 6


def test_a_commit_of_which_nobody_knows_whether_it_happened_keeps_the_file(
    install: Callable[..., Installation],
) -> None:
    def passed(point: str) -> None:
        points.append(point)
        # The lease is committed, then what was fetched: there the line to the database breaks.
        if broken and points.count("after_commit") == 2:
            raise ConnectionError

    points: list[str] = []
    broken: list[bool] = []
    with a_message_town(install, passed=passed) as town:
        owner = town.here.a_worker()
        there = town.leave()
        points.clear()
        broken.append(True)
        with pytest.raises(ConnectionError):
            town.work()
        broken.clear()
        assert town.row.state == "kept"
        town.work()
        assert town.row.state == "finished"
        assert town.hear(owner, town.row.id).content == there.sound(".mp3").body


def test_a_disk_that_takes_nothing_is_tried_again(town: MessageTown) -> None:
    town.leave()
    folder = town.here.application.settings.files_dir / "recordings"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")
    town.work()
    assert (town.row.state, town.row.problem) == ("announced", "no_room")
    folder.unlink()
    until(town, "finished", within=timedelta(minutes=5))


def test_nothing_of_what_was_said_lies_anywhere_in_the_clear(town: MessageTown) -> None:
    said = bytes(range(1, 101))
    town.leave().mp3 = b"\xff\xfb\x10\xc4" + said * 700
    town.work()
    assert town.on_disk
    database = town.here.application.settings.database_url
    here = town.here.application.settings.files_dir.parent
    for path in (path for path in here.rglob("*") if path.is_file()):
        assert said[:16] not in path.read_bytes(), path
    assert town.row.file_key is not None
    with town.here.office.look() as uow:
        kept = uow.recordings.get(town.row.id)
    assert kept is not None
    assert kept.file is not None
    assert kept.file.key not in bytes(town.row.file_key)
    assert b"".join(town.files.read(kept.file, size=kept.size_bytes)) == b"\xff\xfb\x10\xc4" + said * 700
    assert database
