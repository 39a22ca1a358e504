"""`spean triage`: what the words of one text lead to, and how well a file of labelled texts is understood."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.measure import Labelled, NotLabelled, measure, read_labelled
from app.intake.rules.lexicon import Lexicon, LexiconError, load_lexicon
from app.intake.rules.triage import Decision, decide

triage_app = typer.Typer(
    name="triage", no_args_is_help=True, help="Explain and measure how texts are understood."
)

_Config = Annotated[Path, typer.Option("--config-dir", help="Folder that holds lexicon/ and places.yaml.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@triage_app.command()
def explain(
    text: Annotated[str, typer.Argument(help="The text as it arrived.")],
    config_dir: _Config = Path("config"),
    *,
    as_json: _Json = False,
) -> None:
    """Show the categories and urgency of one text, with the words and rules that led to them."""
    decision = decide(text, _lexicon(config_dir))
    shown = _plain(decision)
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for line in _explained(decision):
        typer.echo(line)


@triage_app.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSON lines with id, text, labels, urgency, script.")],
    config_dir: _Config = Path("config"),
    *,
    as_json: _Json = False,
) -> None:
    """Measure the decisions on labelled texts: precision, recall and F1, emergencies, false alarms."""
    lexicon = _lexicon(config_dir)
    try:
        rows = read_labelled(file)
    except NotLabelled as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem
    report = measure([Labelled(row, decide(row.text, lexicon)) for row in rows])
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
        return
    for line in _tabled(report):
        typer.echo(line)


def _lexicon(config_dir: Path) -> Lexicon:
    try:
        return load_lexicon(config_dir)
    except LexiconError as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from problem


def _plain(decision: Decision) -> dict[str, Any]:
    return {
        "folded": decision.folded,
        "categories": list(decision.categories),
        "urgency": decision.urgency.value,
        "members": decision.members,
        "reasons": [asdict(reason) for reason in decision.reasons],
    }


def _explained(decision: Decision) -> Iterator[str]:
    yield f"urgency     {decision.urgency.value}"
    yield f"categories  {', '.join(decision.categories) or 'none recognised'}"
    yield f"members     {decision.members or 'not said'}"
    yield f"country     {decision.destination or 'not said'}"
    yield f"script      {decision.script.value} ({decision.language.value})"
    for reason in decision.reasons:
        yield f"  {reason.rule}: “{reason.text}” ({reason.start}–{reason.end})"


def _tabled(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'':28}precision  recall      F1"
    rows = {"all (micro)": report["micro"], "all (macro)": report["macro"], **report["per_category"]}
    for name, score in rows.items():
        yield f"{name:28}{score['precision']:9.3f} {score['recall']:7.3f} {score['f1']:7.3f}"
    danger, alarms = report["emergency"], report["false_alarms"]
    yield f"{'emergencies':28}{danger['precision']:9.3f} {danger['recall']:7.3f}"
    yield f"false alarms on questions and thanks: {alarms['count']} of {alarms['of']} ({alarms['rate']:.1%})"
    for name, part in report["by_script"].items():
        scores = f"{part['precision']:9.3f} {part['recall']:7.3f} {part['f1']:7.3f}"
        yield f"  {name:26}{scores}  ({part['texts']} texts)"
