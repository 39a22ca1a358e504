"""Which texts are pieces of a longer one, and in which order they belong."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.i18n.parts import Encoding, encoding
from app.intake.rules.joining import Whole, is_full_piece, wholes, within
from app.intake.rules.triage import Reason
from tests.makers import LONG_KHMER, LONG_LATIN, pieces_of

SHORT = "ជួយផង"


def heard(pieces: list[str], order: tuple[int, ...]) -> list[tuple[Whole, ...]]:
    """What each piece is found to belong to, as they come in this order."""
    came = [pieces[place] for place in order]
    return [wholes(came[:at], piece) for at, piece in enumerate(came)]


@pytest.mark.parametrize("text", [LONG_KHMER, LONG_LATIN])
def test_pieces_are_known_in_every_order_and_the_text_is_among_what_they_may_be(text: str) -> None:
    pieces = pieces_of(text)
    assert len(pieces) == 3
    for order in permutations(range(3)):
        first, *later = heard(pieces, order)
        assert first == ()
        assert all(later)
        assert text in {whole.text for whole in later[-1]}
        for whole in later[-1]:
            assert whole.text[whole.start :].startswith(pieces[order[-1]])


def test_a_cut_that_cannot_be_is_not_considered() -> None:
    # The second piece begins with a vowel sign, so it does not begin the text.
    first, second, last = "ក" * 67, "ា" + "ខ" * 66, "គ"
    (whole,) = wholes([second, first], last)
    assert whole == Whole(first + second + last, 134)
    under = "ក" * 66 + "\u17d2"
    found = wholes(["ា" + "ខ" * 66, under, "ត" + "ខ" * 66], "គ")
    assert 0 < len(found) < 6
    assert not [whole for whole in found if whole.text.startswith("ា") or "\u17d2ា" in whole.text]


@pytest.mark.parametrize(
    ("earlier", "body"),
    [
        ([], "ក" * 67),
        ([SHORT], SHORT),
        (["ក" * 65], "ខ" * 30),
        (["ក" * 70], "ខ" * 30),
        (["ក" * 67, SHORT], SHORT),
        (["x" * 67], "hello"),
        (["x" * 160], "hello"),
    ],
)
def test_a_text_that_is_no_piece_stands_by_itself(earlier: list[str], body: str) -> None:
    assert wholes(earlier, body) == ()


def test_only_the_last_piece_is_short_so_an_earlier_text_is_left_out() -> None:
    first, last = "ក" * 67, "ខ" * 20
    (whole,) = wholes([SHORT, first], last)
    assert whole.text == first + last
    (next_one,) = wholes([first, last, "គ" * 67], "ង")
    assert next_one.text == "គ" * 67 + "ង"


@pytest.mark.parametrize("length", [66, 67])
def test_a_cut_beside_a_letter_of_two_units_leaves_the_piece_one_shorter(length: int) -> None:
    assert wholes(["ក" * length], "😀")
    assert is_full_piece("ក" * 64 + "😀", Encoding.UCS2)


def test_plain_letters_in_a_khmer_text_are_cut_as_khmer_is() -> None:
    english = "my boss did not pay me for three months and now he locked the door "
    assert (len(english), encoding(english)) == (67, Encoding.GSM7)
    assert wholes([english], "ជួយផង")[0].text == english + "ជួយផង"
    assert wholes([english], "help me") == ()


def test_what_was_found_in_the_whole_is_told_in_places_of_the_piece() -> None:
    whole = Whole("abcdefghij", 4)
    reasons = [Reason("r", None, start, end, "words") for start, end in ((0, 3), (2, 6), (4, 6), (6, 10))]
    places = [(reason.start, reason.end) for reason in within(reasons, whole, "efg")]
    assert places == [(0, 0), (0, 2), (0, 2), (2, 3)]
    assert all(reason.text == "words" for reason in within(reasons, whole, "efg"))


@given(
    earlier=st.lists(st.text(alphabet="កា្ខab 😀", max_size=70) | st.just("ក" * 67), max_size=10),
    body=st.text(alphabet="កា្ខab 😀", max_size=70) | st.just("ខ" * 67),
)
def test_any_texts_can_be_put_together_and_nothing_is_lost(earlier: list[str], body: str) -> None:
    found = wholes(earlier, body)
    assert len(found) <= 24
    for whole in found:
        assert whole.text[whole.start : whole.start + len(body)] == body
        assert len(whole.text) <= len("".join(earlier)) + len(body)
