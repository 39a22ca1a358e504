"""The picture of the menu in docs/ivr.md, drawn from the table itself: `python -m tests.ivr_drawing`."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from app.calls.rules.ivr import MISTAKES, RINGS, TABLE, Heard, Situation, State, Step, advance

PAGE = Path(__file__).parents[1] / "docs" / "ivr.md"
BEGIN, END = "```mermaid\n", "```\n"
_SITUATION = Situation({"1": "locked in", "2": "unpaid"}, frozenset({"locked in"}))
_HIDDEN = Situation(_SITUATION.menu, _SITUATION.urgent, number_hidden=True)


def drawn() -> str:
    """The states and what leads from one to the next, as a diagram in Mermaid's language."""
    ways: dict[tuple[Step, Step], list[str]] = defaultdict(list)
    for step in Step:
        for label, state, heard, situation in _trials(step):
            ways[step, advance(state, heard, situation).state.step].append(label)
    lines = [f"    {start} --> {to}: {', '.join(labels)}" for (start, to), labels in ways.items()]
    return (
        "\n".join(["stateDiagram-v2", "    [*] --> language", "    [*] --> gate: we call back", *lines])
        + "\n"
    )


def _trials(step: Step) -> Iterator[tuple[str, State, Heard, Situation]]:
    state = State(step)
    match step:
        case Step.RING:
            yield "a worker takes it", state, Heard(joined=True), _SITUATION
            yield "nobody", state, Heard(joined=False), _SITUATION
            last = State(step, rings=RINGS - 1)
            yield "nobody at the last try", last, Heard(joined=False), _SITUATION
            yield "nobody, and not recorded", replace(last, recording=False), Heard(joined=False), _SITUATION
            return
        case Step.NUMBER:
            yield "a number", state, Heard(keys="012345678"), _HIDDEN
            yield "nothing", state, Heard(), _HIDDEN
            return
        case Step.MESSAGE | Step.RECORD:
            yield "a message", state, Heard(recorded=True), _SITUATION
            yield "silence", state, Heard(), _SITUATION
    if step not in TABLE:
        return
    for key in ("0", "1", "2", "3", "4", "5", "6", "9"):
        if (
            key in TABLE[step].keys
            or (key == "0" and TABLE[step].danger)
            or (key == "9" and TABLE[step].repeats)
        ):
            yield key, state, Heard(keys=key), _SITUATION
    if step is Step.GATE:
        yield "silence", state, Heard(), _SITUATION
    if step is Step.MENU:
        yield "2 with a hidden number", state, Heard(keys="2"), _HIDDEN
    yield "the third mistake", State(step, mistakes=MISTAKES - 1), Heard(keys="*"), _SITUATION


def written(page: str) -> str:
    """The diagram as it stands in the page."""
    return page.partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(old.replace(written(old), drawn()), encoding="utf-8")
