"""Which part of a file a `Range` header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.ranges import RangeNotSatisfiable, span_of


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", (0, 1)), ("bytes=0-99", (0, 100)), ("bytes=10-19", (10, 20)), ("bytes=90-", (90, 100)),
        ("bytes=0-", (0, 100)), ("bytes=-1", (99, 100)), ("bytes=-100", (0, 100)), ("bytes=-500", (0, 100)),
        ("bytes=50-5000", (50, 100)), (" bytes = 3-4 ", (3, 5)), ("bytes=99-99", (99, 100)),
    ],
)  # fmt: skip
def test_a_part_is_given_as_it_is_asked_for(asked: str, part: tuple[int, int]) -> None:
    span = span_of(asked, 100)
    assert (span.start, span.stop, span.status) == (*part, 206)
    assert span.headers["Content-Range"] == f"bytes {part[0]}-{part[1] - 1}/100"
    assert span.headers["Content-Length"] == str(part[1] - part[0])


@pytest.mark.parametrize(
    "asked",
    [
        None, "", "bytes", "bytes=", "bytes=-", "bytes=5-1", "bytes=a-b", "bytes=0-1,5-6", "items=0-1",
        "bytes=0x1-0x2", "bytes=1.5-2", "bytes=0-1;", "bytes=\u0660-\u0661", "bytes=--5",
        f"bytes=0-{'9' * 40}",
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_answered_with_the_whole(asked: str | None) -> None:
    span = span_of(asked, 100)
    assert (span.start, span.stop, span.status) == (0, 100, 200)
    assert "Content-Range" not in span.headers
    assert span.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=5000-6000"])
def test_what_lies_behind_the_end_is_refused(asked: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        span_of(asked, 100)
    assert refused.value.details == {"size_bytes": 100}


@given(st.text() | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(1, 5_000))
def test_every_answer_lies_within_the_file(asked: str, size: int) -> None:
    try:
        span = span_of(asked, size)
    except RangeNotSatisfiable:
        return
    assert 0 <= span.start < span.stop <= size
    assert span.whole is (span.status == 200)
