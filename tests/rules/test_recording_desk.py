"""The table of the recording desk: whoever calls, the call ends in time, and only the PIN opens it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calls.rules.desk import (
    MISTAKES,
    MOST_DOCUMENTS,
    AtHand,
    Did,
    Heard,
    Situation,
    advance,
    begin,
    document_of,
)
from app.calls.rules.documents import Gather, Hangup, PlayFile, Record
from app.calls.rules.ivr import State, Step
from app.kernel.language import Language

HEARD = st.builds(
    Heard, st.none() | st.sampled_from(["1", "2", "3", "9", "123456"]), st.booleans(), st.booleans()
)


def walked(heard: Sequence[Heard], situation: Situation, step: Step = Step.DESK_PIN) -> State:
    state = State(step, Language.KM)
    for one in heard:
        state = advance(state, one, situation).state
    return state


@given(st.lists(st.tuples(HEARD, st.integers(0, 30), st.booleans(), st.booleans()), min_size=50, max_size=60))
def test_every_call_of_the_desk_ends_within_its_documents(
    steps: list[tuple[Heard, int, bool, bool]],
) -> None:
    state, documents = begin(Language.KM), 1
    for heard, waiting, drafted, shut in steps:
        if Hangup() in document_of(state, AtHand(waiting, 1, "an address")):
            break
        state = advance(state, heard, Situation(waiting, drafted, shut)).state
        documents += 1
    assert documents == state.documents <= MOST_DOCUMENTS
    assert Hangup() in document_of(state, AtHand())


@given(st.lists(st.builds(Heard, st.none() | st.text("0123456789", max_size=8)), max_size=10))
def test_without_the_pin_nothing_is_ever_recorded_or_heard(heard: list[Heard]) -> None:
    state = begin(Language.KM)
    for one in heard:
        state = advance(state, one, Situation(5, drafted=True)).state
        verbs = document_of(state, AtHand(5, 1, "an address"))
        assert not any(isinstance(verb, Record) for verb in verbs)
        assert "PlayFile" not in repr(verbs)


def test_three_wrong_pins_or_silences_end_the_call() -> None:
    wrong = [Heard("111111"), Heard(None), Heard("222222")]
    assert walked(wrong[: MISTAKES - 1], Situation(5, drafted=False)).step is Step.DESK_PIN
    assert walked(wrong, Situation(5, drafted=False)).step is Step.GONE


def test_the_right_pin_of_a_desk_that_is_shut_opens_nothing() -> None:
    assert walked([Heard("1", pin_right=True)], Situation(5, drafted=False, shut=True)).step is Step.GONE


@pytest.mark.parametrize(("key", "did"), [("1", Did.KEPT), ("2", Did.THREW_AWAY), ("3", Did.SKIPPED)])
def test_each_key_does_one_thing_with_what_was_recorded(key: str, did: Did) -> None:
    turn = advance(State(Step.DESK_LISTEN), Heard(key), Situation(2, drafted=True))
    assert turn.did is did
    assert turn.state.step is Step.DESK_RECORD


@pytest.mark.parametrize("key", ["1", "3"])
def test_the_last_one_ends_the_list(key: str) -> None:
    turn = advance(State(Step.DESK_LISTEN), Heard(key), Situation(1, drafted=True))
    assert turn.state.step is Step.DESK_DONE


def test_a_draft_from_a_call_that_broke_off_is_played_first() -> None:
    entered = walked([Heard("123456", pin_right=True)], Situation(3, drafted=True))
    assert entered.step is Step.DESK_LISTEN
    played = document_of(entered, AtHand(3, 1, "an address"))[0]
    assert isinstance(played, Gather)
    assert PlayFile("an address") in played.sounds


def test_a_sound_that_did_not_come_is_asked_for_again_three_times() -> None:
    silent = [Heard(None)] * MISTAKES
    situation = Situation(3, drafted=False)
    assert walked(silent[:-1], situation, Step.DESK_FIRST).step is Step.DESK_RECORD
    assert walked(silent, situation, Step.DESK_FIRST).step is Step.GONE
