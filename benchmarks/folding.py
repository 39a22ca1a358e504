"""Triage: folding a text and deciding on it, for labelled texts and for the longest ones that come."""

import json
import time
from collections.abc import Callable

from app.intake.rules.folding import fold
from app.intake.rules.lexicon import load_lexicon
from app.intake.rules.triage import decide
from benchmarks.crowd import KHMER
from benchmarks.engines import ROOT, Run
from benchmarks.report import Result, median, percentile

_LONGEST = 1_600
_LABELLED = ROOT / "tests" / "rules" / "khmer" / "heldout.jsonl"
_SHAPES = {
    "sentences": " ".join(KHMER),
    "one phrase over and over": "មិនបើកប្រាក់ខែ ",
    "no blank at all": "ថៅកែមិនបើកប្រាក់ខែឱ្យខ្ញុំ៣ខែហើយ",
    "signs under signs": "ក្ក្ក្ក្ក្ក្",
    "Khmer in Latin letters": "thaokae min berk brak khae oy knhom 3 khae hery ",
    "English": "boss took my passport and did not pay salary for 3 months, they lock the door ",
    "Thai": "นายจ้างไม่จ่ายค่าแรงและยึดหนังสือเดินทาง ",
    "digits": "1 2 3 4 5 6 7 8 9 0 ",
    "one letter": "ក",
}


def run(given: Run) -> list[Result]:
    """Microseconds of each text, and of texts of the greatest length in many shapes."""
    lexicon = load_lexicon(ROOT / "config")
    lines = _LABELLED.read_text("utf-8").splitlines()
    labelled = [json.loads(line)["text"] for line in lines if line.strip()]
    rounds = given.size(5, 25)
    rows = []
    folding = [_each(fold, labelled) for _ in range(rounds)]
    deciding = [_each(lambda text: decide(text, lexicon), labelled) for _ in range(rounds)]
    rows.append({
        "texts": f"{len(labelled)} labelled",
        "characters": sum(map(len, labelled)) // len(labelled),
        "fold, texts/s": 1 / median(sum(one) / len(one) for one in folding),
        "decide, µs": median(sum(one) / len(one) for one in deciding) * 1e6,
        "decide, µs p99": median(percentile(one, 0.99) for one in deciding) * 1e6,
        "decide, foldings": median(map(sum, deciding)) / median(map(sum, folding)),
    })  # fmt: skip
    for name, shape in _SHAPES.items():
        text = (shape * _LONGEST)[:_LONGEST]
        times = [_each(lambda text: decide(text, lexicon), [text])[0] for _ in range(2 * rounds)]
        rows.append({
            "texts": name,
            "characters": len(text),
            "fold, texts/s": 1 / median(_each(fold, [text])[0] for _ in range(2 * rounds)),
            "decide, µs": median(times) * 1e6,
            "decide, µs p99": max(times) * 1e6,
            "decide, foldings": median(times) / median(_each(fold, [text])[0] for _ in range(2 * rounds)),
        })  # fmt: skip
    note = "p99 of one long text is its slowest round; foldings: how often it is folded in the time"
    return [Result("Triage: fold and decide", rows, [note])]


def _each(act: Callable[[str], object], texts: list[str]) -> list[float]:
    found = []
    for text in texts:
        began = time.perf_counter()
        act(text)
        found.append(time.perf_counter() - began)
    return found
