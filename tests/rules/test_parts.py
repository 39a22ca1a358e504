"""How many SMS parts a text takes, and where it is divided."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.i18n.parts import Encoding, clusters, encoding, limit, parts, split, units

KHMER_WORD = "កម្ពុជា"
KHMER_LETTERS = st.sampled_from(["ក", "ខ្ញុំ", "ស្ត្រី", "ប៉ូ", "លិ", "ម្ពុ", "ឱ្យ", "។", "៖", " ", "\u200b"])
OTHER_LETTERS = st.sampled_from(
    ["a", "€", "{", "\\", "\n", "\r\n", "😀", "👨‍👩‍👧", "🇰🇭", "e\u0301", "๑", "\ud800"]
)
TEXTS = st.lists(st.one_of(KHMER_LETTERS, OTHER_LETTERS), max_size=220).map("".join)
GSM_TEXTS = st.text(alphabet="abc é€[]{}~^|\\\n", max_size=700)
ANY_TEXT = st.text(max_size=400)


def test_english_travels_as_gsm_and_one_curly_quote_makes_it_ucs2() -> None:
    assert encoding("Don't worry") is Encoding.GSM7
    assert encoding("Don\N{RIGHT SINGLE QUOTATION MARK}t worry") is Encoding.UCS2


def test_every_letter_of_the_gsm_tables_and_no_neighbour_of_them_is_gsm() -> None:
    assert encoding("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤ÄÖÑÜ§¿äöñüà¡\n\r") is Encoding.GSM7
    assert encoding("\f^{}\\[~]|€") is Encoding.GSM7
    for outside in ("ç", "`", "á", "\t", "\N{GREEK SMALL LETTER ALPHA}", "\x1b", "\u00a0"):
        assert encoding(outside) is Encoding.UCS2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ក" * 70, 1),
        ("ក" * 71, 2),
        ("ក" * 134, 2),
        ("ក" * 135, 3),
        ("ក" * 1600, 24),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_parts_are_counted_as_carriers_count_them(text: str, expected: int) -> None:
    assert parts(text) == expected


def test_an_escaped_letter_counts_twice_and_an_emoji_is_two_units() -> None:
    assert units("a€") == 3
    assert units("ក😀") == 3


def test_the_limit_of_a_text_sent_alone_follows_its_letters() -> None:
    assert limit("hello") == 160
    assert limit("សួស្ដី") == 70


def test_an_escaped_letter_is_not_divided_between_two_parts() -> None:
    # 76 escaped letters fill 152 of 153 septets; the escape of the next would fit, its letter not.
    assert [units(part) for part in split("€" * 81)] == [152, 10]


def test_a_surrogate_pair_is_not_divided_between_two_parts() -> None:
    assert [units(part) for part in split("😀" * 36)] == [66, 6]


def test_a_khmer_letter_with_its_marks_stays_whole() -> None:
    assert clusters("ខ្ញុំ") == ["ខ្ញុំ"]
    assert [len(part) for part in split("ខ្ញុំ" * 20)] == [65, 35]


def test_a_part_ends_between_words_where_that_costs_no_extra_part() -> None:
    text = KHMER_WORD * 8 + "\u200b" + KHMER_WORD * 4
    assert split(text) == [KHMER_WORD * 8 + "\u200b", KHMER_WORD * 4]
    assert split("a" * 150 + " " + "b" * 100) == ["a" * 150 + " ", "b" * 100]


def test_a_break_between_words_that_would_cost_a_part_is_not_taken() -> None:
    # Breaking at the blank would leave 132 letters for one part of 67.
    text = "ក " + "ខ" * 132
    assert [len(part) for part in split(text)] == [67, 67]


def test_a_letter_longer_than_a_part_is_divided_rather_than_lost() -> None:
    pile = "ក" + "\u17d2\u1780" * 60
    assert "".join(split(pile)) == pile
    assert max(units(part) for part in split(pile)) <= 67


def test_pieces_for_separate_texts_keep_to_the_given_limit() -> None:
    assert split("ក" * 71, limit_units=70) == ["ក" * 70, "ក"]
    assert split("ក" * 70, limit_units=70) == ["ក" * 70]
    assert split("", limit_units=70) == []


def test_a_limit_that_cannot_hold_an_emoji_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 units"):
        split("😀", limit_units=1)


@given(text=st.one_of(TEXTS, GSM_TEXTS, ANY_TEXT))
@example(text="\r\n" * 90)
def test_dividing_a_text_loses_nothing_and_keeps_every_part_within_its_limit(text: str) -> None:
    pieces = split(text)
    assert "".join(pieces) == text
    assert parts(text) == len(pieces)
    form = encoding(text)
    room = {Encoding.GSM7: 153, Encoding.UCS2: 67}[form] if len(pieces) > 1 else limit(text)
    assert all(0 < _units_in(piece, form) <= room for piece in pieces)


@given(text=TEXTS)
def test_no_letter_is_cut(text: str) -> None:
    edges = set()
    at = 0
    for letter in clusters(text):
        at += len(letter)
        edges.add(at)
    end = 0
    for piece in split(text):
        end += len(piece)
        assert end in edges


@given(text=TEXTS)
def test_words_kept_whole_never_cost_a_part(text: str) -> None:
    form = encoding(text)
    room = {Encoding.GSM7: 153, Encoding.UCS2: 67}[form]
    greedy, used = 1, 0
    for letter in clusters(text):
        cost = _units_in(letter, form)
        greedy, used = (greedy + 1, cost) if used + cost > room else (greedy, used + cost)
    assert parts(text) <= greedy


@given(text=st.one_of(TEXTS, GSM_TEXTS), room=st.integers(min_value=2, max_value=90))
def test_any_limit_is_kept(text: str, room: int) -> None:
    pieces = split(text, limit_units=room)
    assert "".join(pieces) == text
    assert all(_units_in(piece, encoding(text)) <= room for piece in pieces)


def _units_in(text: str, form: Encoding) -> int:
    # Counted the long way, from the bytes, as a second opinion.
    if form is Encoding.GSM7:
        return sum(2 if char in "\f^{}\\[~]|€" else 1 for char in text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
