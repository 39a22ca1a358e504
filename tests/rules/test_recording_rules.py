"""When a recording is tried again, when it is given up, and what counts as sound."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calls.rules.recordings import (
    FETCH_WITHIN,
    LEASE,
    LOST_AFTER,
    Problem,
    is_lost,
    media_type_of,
    wait_after,
)

MP3 = b"\xff\xfb\x10\xc4" + bytes(100)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
PASSING = [Problem.NOT_THERE, Problem.UNREACHABLE, Problem.REFUSED, Problem.NO_ROOM]
HOPELESS = [Problem.REDIRECTED, Problem.WRONG_TYPE, Problem.TOO_LARGE]


@given(st.sampled_from(Problem), st.integers(1, 10_000))
def test_each_wait_is_at_least_as_long_as_the_one_before_and_bounded(problem: Problem, tries: int) -> None:
    waits = wait_after(problem, tries=tries), wait_after(problem, tries=tries + 1)
    assert waits[0] <= waits[1] <= timedelta(hours=1)


def test_what_is_not_there_in_the_first_seconds_is_asked_for_again_within_seconds() -> None:
    waits = [wait_after(Problem.NOT_THERE, tries=tries) for tries in (1, 2, 3)]
    assert waits == [timedelta(seconds=4), timedelta(seconds=8), timedelta(seconds=16)]


def test_a_carrier_that_refuses_us_is_asked_slowly() -> None:
    assert wait_after(Problem.REFUSED, tries=1) == timedelta(minutes=5)


@given(st.sampled_from(PASSING), st.integers(1, 1_000))
def test_what_may_pass_is_given_up_after_three_days_and_not_before(problem: Problem, tries: int) -> None:
    assert not is_lost(problem, tries=tries, age=LOST_AFTER - timedelta(seconds=1))
    assert is_lost(problem, tries=tries, age=LOST_AFTER)


@pytest.mark.parametrize("problem", HOPELESS)
def test_what_will_hardly_pass_is_given_up_after_five_tries(problem: Problem) -> None:
    assert [is_lost(problem, tries=tries, age=timedelta(0)) for tries in (4, 5)] == [False, True]


def test_an_id_that_no_carrier_gives_is_given_up_at_once() -> None:
    assert is_lost(Problem.NO_ID, tries=1, age=timedelta(0))


def test_a_fetch_is_over_before_its_lease() -> None:
    assert FETCH_WITHIN < LEASE


@pytest.mark.parametrize(
    ("named", "beginning", "found"),
    [
        ("audio/mpeg", MP3, "audio/mpeg"),
        ("Audio/MPEG; charset=binary", MP3, "audio/mpeg"),
        ("audio/mpeg", b"ID3\x04" + bytes(20), "audio/mpeg"),
        ("audio/x-wav", WAV, "audio/wav"),
        ("audio/wav", WAV, "audio/wav"),
        ("audio/mpeg", WAV, None),
        ("audio/wav", MP3, None),
        ("text/html", MP3, None),
        ("audio/mpeg", b"<html><body>", None),
        ("audio/mpeg", b"", None),
        ("audio/mpeg", b"\xff", None),
        ("audio/ogg", b"OggS", None),
        ("", MP3, None),
    ],
)
def test_sound_is_what_both_its_name_and_its_first_bytes_say(
    named: str, beginning: bytes, found: str | None
) -> None:
    assert media_type_of(named, beginning) == found
