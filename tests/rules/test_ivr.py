"""The menu's table of states: every way through it ends, soon, and none of them loses the caller."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calls.rules.documents import MOST_DOCUMENTS, Gather, Goto, Hangup, Record
from app.calls.rules.ivr import (
    TABLE,
    Heard,
    News,
    Safe,
    Situation,
    State,
    Step,
    advance,
    begin,
    document_of,
    nobody_to_ring,
)
from app.kernel.language import Language
from tests.ivr_drawing import PAGE, drawn, written

SEEN = Situation({"1": "detention", "2": "unpaid_wages", "5": "physical_abuse"}, frozenset({"detention"}))
HIDDEN = replace(SEEN, number_hidden=True)
SILENCE = Heard()
KEYS = [SILENCE, *(Heard(keys=key) for key in ("0", "1", "2", "3", "6", "7", "9", "*", "#"))]


def heard_in(step: Step) -> list[Heard]:
    """Everything that a carrier can tell of a step."""
    match step:
        case Step.RING:
            return [Heard(joined=True), Heard(joined=False)]
        case Step.NUMBER:
            return [SILENCE, Heard(keys="12"), Heard(keys="0812345678")]
        case Step.MESSAGE:
            return [*KEYS, Heard(recorded=True)]
        case Step.RECORD:
            return [SILENCE, Heard(recorded=True)]
    return KEYS


@cache
def longest_way(state: State, *, hidden: bool) -> int:
    """How many documents the longest way on from here takes, the first one included."""
    situation = HIDDEN if hidden else SEEN
    if state.over:
        return state.documents
    following = [advance(state, heard, situation).state for heard in heard_in(state.step)]
    if state.step is Step.RING:
        following.append(nobody_to_ring(state, situation))
    return max(longest_way(after, hidden=hidden) for after in following)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("gate", [False, True])
def test_every_way_through_the_menu_ends_within_ten_documents(*, hidden: bool, gate: bool) -> None:
    assert longest_way(begin(gate=gate), hidden=hidden) == MOST_DOCUMENTS


def walk(*heard: Heard | str, situation: Situation = SEEN, state: State | None = None) -> State:
    now = state or begin()
    for one in heard:
        now = advance(now, Heard(keys=one) if isinstance(one, str) else one, situation).state
    return now


def test_the_drawing_in_the_docs_is_the_table() -> None:
    assert written(PAGE.read_text(encoding="utf-8")) == drawn()


def test_three_silences_lead_to_the_message() -> None:
    assert walk(SILENCE, SILENCE).step is Step.LANGUAGE
    assert walk(SILENCE, SILENCE, SILENCE).step is Step.MESSAGE


def test_three_mistakes_count_over_the_whole_call() -> None:
    state = walk("7", "1", "8", "*")
    assert (state.step, state.mistakes) == (Step.MESSAGE, 3)


def test_a_question_is_played_again_twice_and_then_it_is_a_mistake() -> None:
    twice = walk("9", "9")
    assert (twice.step, twice.repeats, twice.mistakes) == (Step.LANGUAGE, 2, 0)
    assert walk("9", state=twice).mistakes == 1


def test_every_question_can_be_heard_again() -> None:
    for step, question in TABLE.items():
        if question.repeats:
            assert advance(State(step), Heard(keys="9"), SEEN).state.step is step
        else:
            # A question that cannot be repeated by a key is asked again by itself, or has no word to miss.
            assert step in {Step.GATE, Step.NUMBER}


def test_zero_means_danger_everywhere_a_caller_is_asked_anything_of_theirs() -> None:
    for step in (Step.LANGUAGE, Step.MENU, Step.SAFE, Step.MESSAGE):
        turn = advance(State(step), Heard(keys="0"), SEEN)
        assert (turn.state.step, turn.state.danger, turn.news) == (Step.RING, True, (News.DANGER,))


def test_danger_is_news_once() -> None:
    turn = advance(State(Step.MENU, danger=True), Heard(keys="0"), SEEN)
    assert turn.news == ()


def test_an_urgent_problem_rings_a_human_and_another_one_does_not() -> None:
    assert walk("1", "1").step is Step.RING
    assert walk("1", "2").step is Step.SAFE


def test_the_language_is_khmer_until_somebody_chooses_another() -> None:
    assert begin().language is Language.KM
    assert walk("2").language is Language.EN


def test_something_else_is_a_problem_without_a_category() -> None:
    turn = advance(walk("1"), Heard(keys="6"), SEEN)
    assert (turn.state.problem, turn.news) == ("other", (News.PROBLEM,))


@pytest.mark.parametrize(("key", "safe"), [("1", Safe.YES), ("2", Safe.NO), ("3", Safe.TEXT_ONLY)])
def test_what_is_said_of_being_called_is_kept(key: str, safe: Safe) -> None:
    state = walk("1", "2", key)
    assert (state.safe, state.step) == (safe, Step.MESSAGE)


def test_silence_after_the_consent_sentence_goes_on_to_the_tone_in_the_same_document() -> None:
    verbs = document_of(State(Step.MESSAGE))
    assert isinstance(verbs[0], Gather)
    assert verbs[0].else_on
    assert verbs[0].sounds[0].prompt == "ivr.consent"  # type: ignore[union-attr]  # the table holds prompts
    assert [type(verb) for verb in verbs[1:]] == [Record, Goto]


def test_whoever_wants_no_recording_is_never_recorded_after_that() -> None:
    state = walk("1", "2", "1", "2")
    assert (state.step, state.recording) == (Step.RING, False)
    while not state.over:
        assert not any(isinstance(verb, Record) for verb in _document(state))
        state = advance(state, Heard(joined=False), SEEN).state
    assert state.step is Step.NOT_RECORDED


def _document(state: State) -> tuple[object, ...]:
    return () if state.step is Step.RING else document_of(state)


def test_a_hidden_number_is_asked_for_before_anything_is_said_of_calling_it() -> None:
    assert walk("1", "2", situation=HIDDEN).step is Step.NUMBER
    given_number = advance(walk("1", "2", situation=HIDDEN), Heard(keys="0812345678"), HIDDEN)
    assert (given_number.state.step, given_number.digits) == (Step.SAFE, "0812345678")
    # Who types nothing has no number that could be called safely or not.
    assert walk("1", "2", SILENCE, situation=HIDDEN).step is Step.MESSAGE


def test_behind_the_gate_nothing_goes_on_without_the_key() -> None:
    gate = begin(gate=True)
    assert walk("1", state=gate).step is Step.LANGUAGE
    assert walk(SILENCE, state=gate).step is Step.GATE
    assert walk(SILENCE, "0", state=gate).step is Step.GONE
    words = document_of(gate)[0]
    assert isinstance(words, Gather)
    assert [sound.prompt for sound in words.sounds] == ["ivr.gate"]  # type: ignore[union-attr]  # as above


def test_nobody_is_rung_more_than_three_times() -> None:
    state = walk("0")
    for _ in range(3):
        assert state.step is Step.RING
        state = walk(Heard(joined=False), state=state)
    assert state.step is Step.SAFE
    assert walk("0", state=state).step is Step.SAFE


def test_whoever_was_joined_with_a_worker_hears_no_machine_afterwards() -> None:
    state = walk("0", Heard(joined=True))
    assert state.step is Step.JOINED
    assert document_of(state) == (Hangup(),)


def test_a_ring_for_which_there_is_nobody_costs_no_document() -> None:
    ring = walk("0")
    assert nobody_to_ring(ring, SEEN) == replace(ring, step=Step.SAFE)


@given(data=st.data(), hidden=st.booleans(), gate=st.booleans())
def test_whatever_is_pressed_the_call_ends_and_says_what_it_learnt_once(
    *, data: st.DataObject, hidden: bool, gate: bool
) -> None:
    situation, state = HIDDEN if hidden else SEEN, begin(gate=gate)
    news: list[News] = []
    while not state.over:
        turn = advance(state, data.draw(st.sampled_from(heard_in(state.step))), situation)
        state = turn.state
        news.extend(turn.news)
    assert state.documents <= MOST_DOCUMENTS
    assert all(news.count(one) <= 1 for one in (News.DANGER, News.MESSAGE, News.SILENT, News.NUMBER))
