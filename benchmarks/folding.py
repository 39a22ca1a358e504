"""Triage: folding a text and deciding on it, for labelled texts and for the longest that can come."""

import time
from collections.abc import Callable

from app.intake.rules.folding import fold
from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.intake.rules.triage import decide
from benchmarks.engines import ROOT, Run
from benchmarks.longest import LONGEST, longest, written
from benchmarks.report import Result, median, percentile

_TEXTS = ROOT / "tests" / "rules" / "khmer"
_HELD_OUT = "heldout.jsonl"


def run(given: Run) -> list[Result]:
    """Microseconds of the processor for each text, and for the slowest texts of the greatest length."""
    lexicon = load_lexicon(ROOT / "config")
    texts = written(_TEXTS)
    return [
        _short(given, lexicon, [text for _, text in texts]),
        _long(given, lexicon, list(longest(lexicon, texts, given.size(3, 25)))),
    ]


def _short(given: Run, lexicon: Lexicon, texts: list[str]) -> Result:
    rounds = given.size(3, 15)
    folding = [_each(fold, texts) for _ in range(rounds)]
    deciding = [_each(lambda text: decide(text, lexicon), texts) for _ in range(rounds)]
    row = {
        "texts": f"{len(texts)} labelled",
        "characters": sum(map(len, texts)) // len(texts),
        "fold, texts/s": 1 / median(sum(one) / len(one) for one in folding),
        "decide, µs": median(sum(one) / len(one) for one in deciding) * 1e6,
        "decide, µs p99": median(percentile(one, 0.99) for one in deciding) * 1e6,
        "decide, foldings": median(map(sum, deciding)) / median(map(sum, folding)),
    }
    return Result("Triage: fold and decide", [row], ["foldings: how often the texts are folded in the time"])


def _long(given: Run, lexicon: Lexicon, made: list[tuple[str, str]]) -> Result:
    """For each shape the slowest of its texts, by the best of several rounds and by the middle of them."""
    rounds = given.size(5, 15)
    slowest: dict[str, tuple[float, float]] = {}
    for shape, text in made:
        times = [_each(lambda text: decide(text, lexicon), [text])[0] for _ in range(rounds)]
        best, middle = slowest.get(shape, (0.0, 0.0))
        slowest[shape] = (max(best, min(times)), max(middle, median(times)))
    ordered = sorted(slowest.items(), key=lambda one: -one[1][0])
    rows = [
        {"slowest of": name, "best, µs": best * 1e6, "middle, µs": middle * 1e6}
        for name, (best, middle) in ordered
    ]
    note = f"{len(made)} texts of {LONGEST:,} characters, {rounds} rounds each, the processor's own time"
    return Result("Triage: decide on the longest texts", rows, [note])


def _each(act: Callable[[str], object], texts: list[str]) -> list[float]:
    """The seconds that the processor spent on each: a busy neighbour's are not counted."""
    found = []
    for text in texts:
        began = time.thread_time()
        act(text)
        found.append(time.thread_time() - began)
    return found
