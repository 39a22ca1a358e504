"""`spean triage corrections`: what people decided over triage, for whoever keeps the words."""

from collections import Counter
from typing import Annotated

import orjson
import typer

from app.cli.opening import opened
from app.kernel.clock import utc_text
from app.settings import Settings


def corrections(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """List the categories and urgencies that people changed, with the rules behind them; no words."""
    with opened(Settings()) as application, application.office.look() as uow:
        found = uow.records.corrections()
    if as_json:
        rows = [
            {
                "field": item.field, "before": item.before, "after": item.after, "rules": item.rules,
                "language": item.language, "at": utc_text(item.at),
            }
            for item in found
        ]  # fmt: skip
        typer.echo(orjson.dumps(rows))
        return
    counted = Counter(
        (item.field, "; ".join(item.before), "; ".join(item.after), ", ".join(item.rules)) for item in found
    )
    for (field, before, after, rules), number in counted.most_common():
        typer.echo(f"{number:4}×  {field}: {before} → {after}   by {rules or 'no rule'}")
    typer.echo(f"{len(found)} corrections")
