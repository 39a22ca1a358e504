"""Questions that only the end of a text shows (the particle of doubt, a bare "not"), or its first words."""

import re
from collections.abc import Iterator
from typing import Final

_CALLED: Final = (
    "(?: *(?:បង|ពូ|មីង|អូន|លោក|គ្រូ|អ្នក|ចា|ចាស|បាទ|ហ|ហ្នឹង|ណ|ស្រី|ប្រុស|ៗ"
    "|bong|pu|ming|oun|lok|kru|neak|srey|bros|jas|bat|ha|nas))*[ ?.!]*$"
)
# English questions begin with their verb or question word: "does the law …", "how long …"; not "do not …".
_OPENING: Final = re.compile(
    r"^ *(?:(?:hello|hi|hey|dear|please|pls|sir|madam|team|sister|brother|bong|ok|and|but|so)[ ,.!]+)*"
    r"((?:is|are|does|do|did|can|could|will|would|should|may|must|has|have|what|when|where|which|who|why|how)"
    r"(?! +(?:not|you|to escape|to get out|to run))(?= ))"
)
# ", how to check …": a later clause that begins so; "who can we call" is no question about what is so.
_LATER: Final = re.compile(
    r"[,.;!?] *(?:and |but |so )?"
    r"(how (?:to|does|do|much|many|long|is|are|will)|is (?:it|there|this)|are there|does the|which"
    r"|what (?:is|are|law|kind|happens?|documents?|papers?)|where (?:is|are|does)"
    r"|who (?:is|are|will|must|should))(?= )(?! +(?:escape|get out|run|leave))"
)
# Romanised តើ at the beginning; elsewhere the same letters are តែ "but, only".
_TAE: Final = re.compile(r"^ *(?:(?:bong|som suor|sour sdey)[ ,]+)*(tae|taer|ter)(?= )")
# "Can my husband be deported …" asks throughout; "can you come", "can we get out" do not.
_MAY: Final = re.compile(
    r"^ *(?:(?:hello|hi|hey|dear|please|pls|sir|madam|team|sister|brother|bong)[ ,.!]+)*"
    r"((?:can|could|may|will|would|should)(?= )"
    r"(?! +(?:not|you|someone|somebody|anyone|anybody|we|i (?:get out|go|come|leave|escape|run))))"
)
# "… or not", unless it is "still not", "and not", "will not give".
_NOT: Final = re.compile(rf"(?<![ែៅ])(?<![ែៅ] )(?<! ក)(?<!លុយ)(?<!ប្រាក់)(?<=[\u1780-\u17d3 ])(អត់){_CALLED}")
_MEN: Final = re.compile(rf"(?<!ពិត)(?<!មិន)(?<!អត់)(មែន|មែនហ៎|មែនហ្នឹង){_CALLED}")
_LATIN_MEN: Final = re.compile(rf"(?<!min )(?<!ot )(?<!pit )(?<=[a-z] )(men){_CALLED}")
_TE: Final = re.compile(rf"(ទេ){_CALLED}")
# "Which office", "of which kind" at the end; not "anywhere" behind a denial, nor the particle of a request.
_WHICH: Final = re.compile(
    "(?<=[\u1780-\u17d3])(?<!ផង)(?<!ហើយ)(?<!ទេ)(?<!ណាស់)(?<!ចុះ)(?<!ណា)(?<!ទៅ)(?<!វិញ)(?<!ឱ្យ)"
    rf"(ណា|ណាដែរ|ណាខ្លះ){_CALLED}"
)
_LATIN_NOT: Final = re.compile(rf"(?<!tae )(?<!te )(?<!ko )(?<!kor )(?<!nov )(?<=[a-z] )(ott?){_CALLED}")
_LATIN_TE: Final = re.compile(rf"(?<=[a-z] )(tee?){_CALLED}")
_REACH: Final = 48  # characters before the particle in which a denial makes the sentence a statement
_SHORTEST_CLAUSE: Final = 6  # characters; less stands alone because somebody likes blanks
_TAIL: Final = 24  # characters at the end of a text in which the particle stands
_CLAUSE_END: Final = re.compile("[ ,.!?]+")
_PARTICLES: Final = ("ទេ", "អត់", "មែន")
_DENIED: Final = re.compile(
    "មិន|អត់|គ្មាន|រឹត|អិត|ពុំ|(?<!្)លែង|កុំ|ខាន|តែ"
    "|(?<![a-z])(?:min|mn|ot|ott|kmean|khmean|leng|pum|kom|khan|tae|et|no|not)(?![a-z])"
)


def question_ends(loose: str) -> Iterator[tuple[str, int, int]]:
    """How and where the loose key begins or ends like a question.

    `question_end` where no denial stands anywhere near, `clause_question` where none stands in the last
    clause: the latter may still be the end of a long denial. `which_end` where it asks for one of many,
    `may_start` where it begins by asking what may be.
    """
    yield from _openings(loose)
    tail = max(0, len(loose) - _TAIL)
    which = _WHICH.search(loose, tail)
    if which and not _DENIED.search(loose, max(0, which.start() - _REACH), which.start()):
        yield "which_end", *which.span(1)
    for pattern in (_NOT, _LATIN_NOT, _MEN, _LATIN_MEN):
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


def _openings(loose: str) -> Iterator[tuple[str, int, int]]:
    """How the text, or a later clause of it, begins like an English question."""
    if opening := _OPENING.search(loose):
        yield "question_start", *opening.span(1)
    if asks := _TAE.search(loose):
        yield "question_start", *asks.span(1)
    if may := _MAY.search(loose):
        yield "may_start", *may.span(1)
    for later in _LATER.finditer(loose):
        yield "question_start", *later.span(1)


def inner_questions(loose: str) -> Iterator[tuple[int, int]]:
    """Where a clause before the last ends in the particle of doubt without a denial in it."""
    begin = 0
    for pause in _CLAUSE_END.finditer(loose):
        clause = loose[begin : pause.start()]
        if clause.endswith(_PARTICLES) and not _DENIED.search(clause):
            yield pause.start() - 1, pause.start()
        begin = pause.end()
