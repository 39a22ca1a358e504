"""Khmer questions that only the end of a text shows: the particle of doubt, or a bare "not"."""

import re
from typing import Final

_CALLED: Final = "(?: *(?:បង|ពូ|មីង|អូន|លោក|ចា|ហ|bong|pu|ming|oun))*[ ?.!]*$"
# "… or not", unless it is "still not", "and not", "will not give".
_NOT: Final = re.compile(rf"(?<![ែៅ])(?<![ែៅ] )(?<! ក)(?<=[\u1780-\u17d3 ])(អត់){_CALLED}")
_TE: Final = re.compile(rf"(ទេ){_CALLED}")
_LATIN_NOT: Final = re.compile(rf"(?<!tae )(?<!te )(?<!ko )(?<!kor )(?<!nov )(?<=[a-z] )(ott?){_CALLED}")
_LATIN_TE: Final = re.compile(rf"(?<=[a-z] )(tee?){_CALLED}")
_REACH: Final = 48  # characters before the particle in which a denial makes the sentence a statement
_TAIL: Final = 24  # characters at the end of a text in which the particle stands
_DENIED: Final = re.compile(
    "មិន|អត់|គ្មាន|រឹត|អិត|ពុំ|លែង|កុំ|ខាន|តែ"
    "|(?<![a-z])(?:min|mn|ot|ott|kmean|khmean|leng|pum|kom|khan|tae|et|no|not)(?![a-z])"
)


def question_end(loose: str) -> tuple[int, int] | None:
    """Where the loose key ends like a yes-or-no question, or None."""
    tail = max(0, len(loose) - _TAIL)
    for pattern in (_NOT, _LATIN_NOT):
        found = pattern.search(loose, tail)
        if found:
            return found.span(1)
    for pattern in (_TE, _LATIN_TE):
        found = pattern.search(loose, tail)
        if found and not _DENIED.search(loose, max(0, found.start() - _REACH), found.start()):
            return found.span(1)
    return None
