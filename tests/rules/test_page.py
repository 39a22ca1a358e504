"""A report is one file: it draws what it is given, hides what is too few, and fetches nothing."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.statistics.page import Chart, Figure, Grid, Page, Section, drawn, html, number

HARM = '<b onclick="x">"&\'\u200b</svg></style><script>alert(1)</script>'
CASES = Chart("ករណីតាមប្រភេទ", ("ប្រភេទ", "ករណី"), (("ការឃុំឃាំង", 1_204), ("មិនបើកប្រាក់ខែ", 31), ("ផ្សេងៗ", None)))
PAGE = Page(
    "km", "របាយការណ៍", ("ទន្លេ", "ខែមិថុនា"),
    (Section("ករណី", (Figure("ករណីថ្មី", "1,235"),), (CASES, replace(CASES, shape="columns"))),),
    ("—: លេខតូចពេក",), "—",
)  # fmt: skip


class _Read(HTMLParser):
    """What a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_a_report_fetches_nothing_and_runs_nothing() -> None:
    page = _Read(html(PAGE))
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(page.tags)
    assert page.tags.count("svg") == 2
    loading = [
        (name, value) for name, value in page.attributes if name in {"src", "href", "action", "srcset"}
    ]
    assert loading == []
    handlers = [name for name, _ in page.attributes if name.startswith("on")]
    assert handlers == []
    assert "url(" not in html(PAGE)
    assert "@import" not in html(PAGE)


def test_every_count_is_drawn_and_written_out() -> None:
    words = _Read(html(PAGE)).words
    assert words.count("1,204") >= 2 + 2  # both tables, both charts
    assert words.count("31") >= 2 + 2
    assert words.count("ការឃុំឃាំង") >= 2


def test_a_count_that_is_too_few_has_its_place_and_no_number() -> None:
    words = _Read(html(PAGE)).words
    assert words.count("—") == 4  # in both charts and both tables
    assert not {"0", "None", "nan"} & set(words)


@pytest.mark.parametrize("place", ["title", "label", "figure", "note", "about"])
def test_no_word_can_become_a_part_of_the_page(place: str) -> None:
    pages = {
        "title": replace(PAGE, title=HARM),
        "label": replace(PAGE, sections=(Section("x", (), (replace(CASES, rows=((HARM, 12), ("ខ", 13))),)),)),
        "figure": replace(PAGE, sections=(Section("x", (Figure(HARM, HARM),)),)),
        "note": replace(PAGE, notes=(HARM,)),
        "about": replace(PAGE, about=(HARM,)),
    }
    page = _Read(html(pages[place]))
    assert not {"script", "b"} & set(page.tags)
    assert [name for name, _ in page.attributes if name.startswith("on")] == []


def test_figures_that_belong_together_stand_in_lines_under_their_heads() -> None:
    grid = Grid("ពេលវេលា", ("ខែ", "ពាក់កណ្ដាល"), (("2026-01", HARM), ("2026-02", "—")))
    page = _Read(html(replace(PAGE, sections=(Section("ខ", grids=(grid,)),))))
    words = [word for word in page.words if word]
    assert [words.index(one) for one in ("ពេលវេលា", "ខែ", "ពាក់កណ្ដាល", "2026-01")] == sorted(
        words.index(one) for one in ("ពេលវេលា", "ខែ", "ពាក់កណ្ដាល", "2026-01")
    )
    assert (page.tags.count("tr"), page.tags.count("td"), "script" in page.tags) == (3, 2, False)


def test_bars_are_as_long_as_their_counts_and_fit_their_picture() -> None:
    bars = drawn(CASES, PAGE)
    longest, short, hidden = (mark.length for mark in bars.marks)
    assert short / longest == pytest.approx(31 / 1_204, abs=0.001)
    assert (hidden, longest < bars.wide) == (0, True)
    columns = drawn(replace(CASES, shape="columns"), PAGE)
    assert max(mark.length for mark in columns.marks) < columns.high
    assert columns.marks[-1].at + columns.step <= columns.wide


def test_a_chart_of_nothing_is_drawn_too() -> None:
    empty = drawn(replace(CASES, rows=(("ក", 0), ("ខ", None))), PAGE)
    assert [mark.length for mark in empty.marks] == [0, 0]
    assert drawn(replace(CASES, rows=()), PAGE).marks == ()


def test_a_report_says_its_language_and_is_kept_out_of_search_engines() -> None:
    page = _Read(html(replace(PAGE, locale="en")))
    assert ("lang", "en") in page.attributes
    assert ("content", "noindex") in page.attributes


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert number(1_234_567, "en") == "1,234,567"
    assert number(None, "km") == ""
