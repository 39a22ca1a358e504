"""The command `spean words`: shows a translator what every text for a phone costs and gives away."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from app.configuration import ConfigurationError, organisation_names, own_or_shipped
from app.i18n.catalogue import CatalogueError, Catalogues
from app.i18n.parts import limit
from app.i18n.wording import Checked, WordListError, check, load_unsafe_words

words_app = typer.Typer(no_args_is_help=True, help="The texts that are sent to phones.")


_Locales = Annotated[Path, typer.Option(help="The catalogues.", exists=True, file_okay=False)]
_Config = Annotated[Path, typer.Option(help="The configuration.", exists=True, file_okay=False)]


@words_app.callback()
def words() -> None:
    """The texts that are sent to phones."""


@words_app.command("check")
def check_words(
    locales_dir: _Locales = Path("locales"),
    config_dir: _Config = Path("config"),
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")] = False,
) -> None:
    """Show every text for a phone with sample values, its length and its unsafe words.

    Exits with 1 when a text is too long, gives something away, or cannot be read.
    """
    try:
        unsafe = load_unsafe_words(own_or_shipped(config_dir, "unsafe_words.yaml"))
        checked = check(Catalogues.load(locales_dir), unsafe.with_names(organisation_names(config_dir)))
    except (CatalogueError, WordListError, ConfigurationError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(_as_json(checked) if as_json else "\n".join(_lines(checked)))
    if not all(text.ok for text in checked):
        raise typer.Exit(1)


def _lines(checked: tuple[Checked, ...]) -> list[str]:
    lines = [line for text in checked for line in _described(text)]
    wrong = sum(not text.ok for text in checked)
    return [*lines, f"{len(checked)} texts, {wrong} wrong."]


def _described(text: Checked) -> list[str]:
    verdict = "ok" if text.ok else "WRONG"
    size = f"{text.encoding} {text.units}/{limit(text.text)}"
    lines = [f"{text.language}  {text.key}  {size}  parts {text.parts}/{text.parts_allowed}  {verdict}"]
    lines.extend(f"    {line}" for line in text.text.splitlines())
    if text.parts > text.parts_allowed:
        lines.append(f"    ! too long: {text.parts} parts, {text.parts_allowed} allowed")
    lines.extend(f"    ! {found.term} names: {found.topic}" for found in text.findings)
    return lines


def _as_json(checked: tuple[Checked, ...]) -> str:
    texts = [
        {
            "key": text.key,
            "language": text.language,
            "text": text.text,
            "encoding": text.encoding,
            "units": text.units,
            "parts": text.parts,
            "parts_allowed": text.parts_allowed,
            "findings": [
                {"topic": found.topic, "term": found.term, "start": found.start, "end": found.end}
                for found in text.findings
            ],
            "ok": text.ok,
        }
        for text in checked
    ]
    answer = {"ok": all(text.ok for text in checked), "texts": texts}
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()
