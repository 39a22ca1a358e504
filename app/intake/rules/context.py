"""What surrounds a report: whether it is asked about in general, or told as something already settled."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from app.intake.rules.patterns import Index, Match
from app.intake.rules.scanning import Hit

# Words that say that it has happened to somebody: a question with one of them is still a report.
_HAPPENED: Final = frozenset({"already", "force", "how_long", "told_time", "happened"})
_OWN: Final = frozenset({"i", "we", "kin"})
# Words that place it in time: yesterday, every day, for three months.
_IN_TIME: Final = frozenset({"happened", "told_time"})
_NOT: Final = frozenset({"not"})
# Opens a clause that tells of a case which is only thought of.
_IF: Final = frozenset({"if"})
_CASES: Final = frozenset({"when_they", "case_word"})
_VIOLENCE: Final = frozenset({"hit", "rape", "kill", "threat", "sleep_with"})
_WANTS_TO_KNOW: Final = frozenset({"want_know"})
_BOSSES: Final = frozenset({"boss", "broker", "police"})
_DENIED_WITHIN: Final = 4  # characters: "if I *do* not"
_ASKING: Final = frozenset({
    "inquiry", "q_close", "question_end", "which_end", "clause_question", "question_mark", "want_know",
    "just_asking",
})  # fmt: skip
_CONDITIONS: Final = frozenset({"if", "when_word"})
# What somebody heard and asks the truth of is only asked, even where it is told with a time.
_HEARD: Final = frozenset({"heard_q"})
# "What if they kill me" is no question about the law.
_DEADLY: Final = frozenset({"kill", "threat"})
_SENDER: Final = frozenset({"i", "we"})
_GENERAL: Final = "general_"
_OPENS: Final = frozenset({"ask_open"})
_MAY_OPENS: Final = frozenset({"may_start"})
_FRAMES: Final = frozenset({"asked"})
_IF_FRAMES: Final = frozenset({"asked_if"})
_SAID: Final = frozenset({"say", "threat"})
_SETTLED: Final = frozenset({"settled"})
_SOLVED: Final = frozenset({"solved_word"})
_HELPED: Final = frozenset({"thanked"})
_OVER: Final = frozenset({"resolved_word", "solved_word", "settled", "thanked"})
_THANKED: Final = frozenset({"thanks"})
# Whoever still asks for something is not at the end of it.
_ASKS_STILL: Final = frozenset({"help", "problem_word", "urgent", "call_me", "search", "help_still"})
_TURNS: Final = frozenset({"but"})
_STOP: Final = re.compile(r"[.!?]")
_STOP_OR_COMMA: Final = re.compile(r"[.,;!?]")
_PAUSE: Final = re.compile(r"[ .,;!?]")  # Khmer parts clauses, not words, by blanks
_KHMER: Final = "\u1780"
_SAID_WITHIN: Final = 2  # characters between `says` and `if`

# What makes a text a question wherever it stands, and what makes it a story all the same.
_INQUIRY: Final = frozenset({"inquiry"})
_TELLS: Final = frozenset({"sos", "hunger", "how_long", "suicide"})
_OWN_TOLD: Final = frozenset({"own_told"})
_WHAT_DO: Final = frozenset({"what_do"})
_THOUGHT_OF: Final = frozenset({"if", "when_word"})
_ASKERS: Final = frozenset({"asker"})
_BESIDE_THE_POINT: Final = frozenset({"hearsay", "inquiry_word", "help_q", "help_noun", "general_kin"})
_CALLS: Final = frozenset({"help", "urgent"})
_DONE: Final = frozenset({"already"})
_MODAL: Final = frozenset({"can_modal", "can_q"})
# "We" is anybody in a question; what was done to "us" is told by `own_told`.
_CONCERNED: Final = frozenset({"i", "kin", "that_person"})
_ASKS_WITHIN: Final = 3  # characters between `which` and `help`
_BEFORE: Final = 10  # characters before and after a match within which a person is concerned by it
_AFTER: Final = 6
_CLAUSE_ENDS: Final = ("", " ", ",", ".", "!", "?")

Span = tuple[int, int]


def asks_in_general(matches: Iterable[Match], index: Index) -> bool:
    """Whether the text asks what is so in general rather than telling what happened to somebody."""
    general = any(match.rule.id.startswith(_GENERAL) for match in matches)
    return general and not (index.has(_HAPPENED) and index.has(_OWN)) and not _threats(index, _VIOLENCE)


def standing(matches: Sequence[Match], index: Index, loose: str) -> list[Match]:
    """The matches that report something: neither only asked about nor already over.

    A match is asked about where it ends inside a question such as `can police arrest me if …`; what
    the text tells before or after the question stands.
    """
    asked = _asked(index, loose)
    over = _over(index, loose)
    ended = _ended(index, over)
    if not asked and not over and ended is None:
        return list(matches)
    return [
        match
        for match in matches
        if not any(start < match.end <= end for start, end in asked)
        and not any(start - _BEFORE <= match.start and start < match.end <= end for start, end in over)
        and not (ended is not None and match.end <= ended)
    ]


def wondered(matches: Sequence[Match], index: Index, loose: str) -> list[Match]:
    """The matches that a text without a person only wonders about: `police catch those without papers, how
    much is the fine`. Khmer needs neither subject nor "if" for that.

    Nothing is only wondered about where the text tells a time or calls for help, or where the sender, the
    family or a certain person stands beside what happened.
    """
    cases = _supposed(index, loose, _CASES)
    supposed = [match for match in matches if any(start < match.end <= end for start, end in cases)]
    if not index.has(_INQUIRY) or index.has(_TELLS) or _tells_time(index, loose) or _is_threatened(index):
        return supposed
    # "What shall we do" is asked by somebody to whom it happens, unless it is a case that is thought of.
    if index.has(_WHAT_DO) and not index.has(_THOUGHT_OF):
        return supposed
    askers = _askers(index, loose)
    heard = askers + [(hit.start, hit.end) for hit in _hits(index, _BESIDE_THE_POINT)]
    if _calls_or_tells(index, askers, heard):
        return supposed
    may = max((hit.start for hit in _hits(index, _MODAL)), default=-1)
    # "Locked up already" at the end of a clause; before "…, may the family visit" it only means "and then".
    done = [
        hit for hit in _hits(index, _DONE) if may < hit.end and loose[hit.end : hit.end + 1] in _CLAUSE_ENDS
    ]
    people = [hit for hit in _hits(index, _CONCERNED) if not _within(hit, heard)]
    return supposed + [
        match
        for match in matches
        if match not in supposed
        and not any(match.start - _BEFORE <= hit.end and hit.start <= match.end + _AFTER for hit in people)
        and not any(0 <= hit.start - match.end <= _AFTER for hit in done)
    ]


def _askers(index: Index, loose: str) -> list[Span]:
    """Where somebody asks or complains: "when police catch, *we have* which rights".

    A Khmer person with a blank behind ends the clause before: "they caught us, where to complain".
    """
    return [
        (hit.start, hit.end)
        for hit in _hits(index, _ASKERS)
        if loose[hit.start] < _KHMER or " " not in loose[hit.start : hit.end]
    ]


def _calls_or_tells(index: Index, askers: list[Span], heard: list[Span]) -> bool:
    """Whether a text with a question in it calls for help, fears for a life or tells what was done to us."""
    if index.has(_DEADLY) and (index.has(_SENDER) or index.has(_CALLS)):
        return True
    if any(not any(start < told.end <= end for start, end in askers) for told in _hits(index, _OWN_TOLD)):
        return True
    # "Which office helps" asks; "can you help" calls.
    asks = [hit.end for hit in _hits(index, _INQUIRY)]
    calls = [hit for hit in _hits(index, _CALLS) if not _within(hit, heard)]
    return any(not any(0 <= hit.start - end <= _ASKS_WITHIN for end in asks) for hit in calls)


def _within(hit: Hit, spans: Iterable[Span]) -> bool:
    return any(start <= hit.start and hit.end <= end for start, end in spans)


def _asked(index: Index, loose: str) -> list[Span]:
    """Stretches of the key that only ask; where the text says when it happened, only hearsay is."""
    deadly = index.has(_DEADLY) and index.has(_SENDER)
    only = [(hit.start, hit.end) for hit in _hits(index, _HEARD)]
    if not deadly:
        unsure = {hit.start for hit in _threats(index, _OWN | _BOSSES)}
        only += [span for span in _supposed(index, loose, _IF) if span[0] not in unsure]
    if deadly or _tells_time(index, loose):
        return only
    spans = only + [(hit.start, hit.end) for hit in _hits(index, _FRAMES)]
    for hit in _hits(index, _OPENS):
        stop = _STOP.search(loose, hit.end)
        spans.append((hit.start, stop.start() if stop else len(loose)))
    threats = {hit.start for hit in _threats(index, _VIOLENCE)}
    for hit in _hits(index, _MAY_OPENS):
        stop = _STOP_OR_COMMA.search(loose, hit.end)
        spans.append((hit.start, stop.start() if stop else len(loose)))
    # A condition that somebody sets is a report.
    return spans + [(hit.start, hit.end) for hit in _hits(index, _IF_FRAMES) if hit.start not in threats]


def _supposed(index: Index, loose: str, opened_by: frozenset[str]) -> list[Span]:
    """The clauses that only suppose: "where to complain *if the boss beats somebody*".

    Only where the text asks. "When they beat *me*" and "if they have *already*" tell what was.
    """
    if not index.has(_ASKING):
        return []
    facts = _hits(index, _IN_TIME | _DONE)
    own = _hits(index, _OWN)
    spans = []
    for hit in _hits(index, opened_by):
        stop = (_PAUSE if loose[hit.end - 1] >= _KHMER else _STOP_OR_COMMA).search(loose, hit.end + 1)
        span = (hit.start, stop.start() if stop else len(loose))
        telling = facts if hit.group in _IF else facts + own
        if not any(span[0] <= fact.start < span[1] for fact in telling):
            spans.append(span)
    return spans


def _threats(index: Index, beside: frozenset[str]) -> list[Hit]:
    """The conditions that somebody sets: "he says *if* I leave, …", and "*if* I do not work, they beat me"
    where one of the groups `beside` was found.
    """
    asked = [(hit.start, hit.end) for hit in _hits(index, _WANTS_TO_KNOW)]
    said = [hit.end for hit in _hits(index, _SAID) if not _within(hit, asked)]
    denied = [hit.start for hit in _hits(index, _NOT)] if index.has(beside) else []
    own = _hits(index, _SENDER)
    threats = []
    for hit in _hits(index, _IF):
        heads = [hit.end] + [one.end for one in own if 0 <= one.start - hit.end <= 1 or one.end == hit.end]
        if any(0 <= hit.start - end <= _SAID_WITHIN for end in said) or any(
            0 <= place - head <= _DENIED_WITHIN for head in heads for place in denied
        ):
            threats.append(hit)
    return threats


def threatened(index: Index) -> bool:
    """Whether somebody sets a condition: "he says if I leave, …"."""
    return _is_threatened(index) or bool(_threats(index, _VIOLENCE))


def _is_threatened(index: Index) -> bool:
    """Whether it is the boss who says "if …"; what people say is hearsay."""
    bosses = [hit.end for hit in _hits(index, _BOSSES)]
    said = [
        hit.end for hit in _hits(index, _SAID) if any(0 <= hit.start - end <= _SAID_WITHIN for end in bosses)
    ]
    return any(0 <= hit.start - end <= _SAID_WITHIN for hit in _hits(index, _IF) for end in said)


def _tells_time(index: Index, loose: str) -> bool:
    """Whether the text says when it happened; "if I go *now*" only says when it might."""
    conditions = [(hit.start, _PAUSE.search(loose, hit.end + 1)) for hit in _hits(index, _CONDITIONS)]
    spans = [(start, stop.start() if stop else len(loose)) for start, stop in conditions]
    return any(not _within(hit, spans) for hit in _hits(index, _IN_TIME))


def _over(index: Index, loose: str) -> list[Span]:
    """Stretches that tell of something past: `out of prison`, `thanks for helping my mother …`."""
    spans = [(hit.start, hit.end) for hit in _hits(index, _SETTLED)]
    for hit in _hits(index, _HELPED):
        stop = (_PAUSE if loose[hit.end - 1] >= _KHMER else _STOP_OR_COMMA).search(loose, hit.end)
        spans.append((hit.start, stop.start() if stop else len(loose)))
    return spans


def _ended(index: Index, past: list[Span]) -> int | None:
    """Up to where all is over: `…, boss has paid now, thank you`. None where nothing says so.

    Without thanks only words that say of the whole matter that it is settled are enough.
    """
    denials = index.denials()
    said = _hits(index, _OVER if index.has(_THANKED) else _SOLVED)
    over = [hit for hit in said if hit.start not in denials]
    if not over:
        return None
    if any(not any(start <= hit.start < end for start, end in past) for hit in _hits(index, _ASKS_STILL)):
        return None
    last = max(hit.end for hit in over)
    turns = any(hit.start >= last for hit in _hits(index, _TURNS))
    return None if turns else last


def _hits(index: Index, groups: frozenset[str]) -> list[Hit]:
    return index.any_of(groups) if index.has(groups) else []
