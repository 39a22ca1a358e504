"""Khmer questions that only the end of a text shows: the particle of doubt, or a bare "not"."""

import re
from collections.abc import Iterator
from typing import Final

_CALLED: Final = "(?: *(?:បង|ពូ|មីង|អូន|លោក|ចា|ហ|bong|pu|ming|oun))*[ ?.!]*$"
# "… or not", unless it is "still not", "and not", "will not give".
_NOT: Final = re.compile(rf"(?<![ែៅ])(?<![ែៅ] )(?<! ក)(?<=[\u1780-\u17d3 ])(អត់){_CALLED}")
_TE: Final = re.compile(rf"(ទេ){_CALLED}")
_LATIN_NOT: Final = re.compile(rf"(?<!tae )(?<!te )(?<!ko )(?<!kor )(?<!nov )(?<=[a-z] )(ott?){_CALLED}")
_LATIN_TE: Final = re.compile(rf"(?<=[a-z] )(tee?){_CALLED}")
_REACH: Final = 48  # characters before the particle in which a denial makes the sentence a statement
_SHORTEST_CLAUSE: Final = 6  # characters; less stands alone because somebody likes blanks
_TAIL: Final = 24  # characters at the end of a text in which the particle stands
_DENIED: Final = re.compile(
    "មិន|អត់|គ្មាន|រឹត|អិត|ពុំ|លែង|កុំ|ខាន|តែ"
    "|(?<![a-z])(?:min|mn|ot|ott|kmean|khmean|leng|pum|kom|khan|tae|et|no|not)(?![a-z])"
)


def question_ends(loose: str) -> Iterator[tuple[str, int, int]]:
    """How and where the loose key ends like a yes-or-no question.

    `question_end` where no denial stands anywhere near, `clause_question` where none stands in the last
    clause: the latter may still be the end of a long denial.
    """
    tail = max(0, len(loose) - _TAIL)
    for pattern in (_NOT, _LATIN_NOT):
        if found := pattern.search(loose, tail):
            yield "question_end", *found.span(1)
            yield "clause_question", *found.span(1)
            return
    for pattern in (_TE, _LATIN_TE):
        if not (found := pattern.search(loose, tail)):
            continue
        head = max(0, found.start() - _REACH)
        blank = loose.rfind(" ", 0, found.start()) + 1
        clause = max(head, blank) if pattern is _TE and found.start() - blank >= _SHORTEST_CLAUSE else head
        if not _DENIED.search(loose, head, found.start()):
            yield "question_end", *found.span(1)
        if not _DENIED.search(loose, clause, found.start()):
            yield "clause_question", *found.span(1)
        return
