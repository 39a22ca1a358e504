"""The commands `spean prompts`: what callers hear, who has recorded it, and taking in recordings."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import typer

from app.bootstrap import Application
from app.cli.demo import prepare
from app.cli.opening import REFUSED, opened, progress, read_settings, stop
from app.crypto.passwords import hash_password
from app.kernel.clock import utc_text
from app.kernel.language import Language
from app.kernel.refusal import Refusal
from app.usecases import prompting, recording_desk
from app.usecases.prompting import Faulty, Listed, Standing

prompts_app = typer.Typer(help="What callers hear, and its recordings.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
_Spoken = Literal["km", "en"]
_PIN_DIGITS = 6
_SOUND_ENDINGS = (".wav", ".mp3")
_RECORDED = {Standing.RECORDED: "yes", Standing.MISSING: "no", Standing.OUTDATED: "outdated"}
_PROBLEMS = {
    "missing": "nobody has recorded it",
    "outdated": "its words have changed since it was recorded",
    "file_missing": "its file is not there: record or import it again",
    "file_damaged": "its file is damaged: record or import it again",
}


@prompts_app.callback()
def prompts() -> None:
    """What callers hear, and its recordings."""


@prompts_app.command("list")
def list_prompts(
    language: Annotated[_Spoken | None, typer.Option(help="only the prompts of this language")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List every prompt with the words to read aloud, and whether it is recorded."""
    with opened(read_settings()) as application:
        listed = _stock(application, language)
        makers = {one.prompt.made_by for one in listed if one.prompt and one.prompt.made_by}
        with application.office.look() as uow:
            names = uow.identity.names(makers)
    shown = [_described(one, names) for one in listed]
    if as_json:
        typer.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        _show(shown)


@prompts_app.command()
def check(*, as_json: _Json = False) -> None:
    """Name each Khmer prompt that is missing or outdated, and each file that is missing or damaged.

    Exits with 1 when there is one.
    """
    with opened(read_settings()) as application:
        found = prompting.faults(_stock(application, None), application.prompt_files)
    wrong = [fault for fault in found if fault.must_be_mended]
    if as_json:
        rows = [{"key": one.key, "language": one.language, "problem": one.problem} for one in wrong]
        typer.echo(orjson.dumps({"ok": not wrong, "faults": rows}))
    else:
        for fault in found:
            typer.echo(_said(fault))
        typer.echo(f"{len(wrong)} prompts to record" if wrong else "every Khmer prompt is recorded")
    if wrong:
        raise typer.Exit(REFUSED)


@prompts_app.command("import")
def import_sounds(
    folder: Annotated[
        Path, typer.Argument(help="holds files like ivr.menu.km.wav", exists=True, file_okay=False)
    ],
) -> None:
    """Take in recorded prompts: files `<key>.<language>.wav` or `.mp3`. Importing the same again is safe.

    Exits with 1 when a file was refused; the others are taken all the same.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SOUND_ENDINGS)
    if not files:
        stop(f"there is no .wav or .mp3 file in {folder}")
    results = []
    with opened(read_settings()) as application:
        prepare(application)
        with progress("taking in prompts") as tell:
            for count, path in enumerate(files, start=1):
                results.append(_taken_in(application, path, files))
                tell(f"{count} of {len(files)}")
        _sweep(application)
    for path, result in zip(files, results, strict=True):
        typer.echo(f"{path.name}: {result.words}")
    refused = sum(result.refused for result in results)
    typer.echo(f"{len(files) - refused} taken, {refused} refused")
    if refused:
        raise typer.Exit(REFUSED)


@prompts_app.command()
def desk(
    username: Annotated[str, typer.Argument(help="the worker who will read the prompts aloud")],
    language: Annotated[_Spoken, typer.Option(help="the language that they will read")] = "km",
    *,
    as_json: _Json = False,
) -> None:
    """Let a worker record prompts by phone for half an hour: prints a PIN, and what waits to be read."""
    pin = f"{secrets.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}}"
    with opened(read_settings()) as application:
        prepare(application)
        now = application.clock.now()
        kept = hash_password(pin)
        try:
            with application.office.work(now) as uow:
                desk = recording_desk.open_desk(uow, username, Language(language), kept, now=now)
        except Refusal as refusal:
            stop(f"no desk: {refusal.details.get('problem', refusal.code)}")
        numbers = application.settings.listed("twilio_voice_numbers")
        zone = application.office.rulebook.ladders.calendar.timezone
        _sweep(application)
    waiting = [{"number": one.number, "key": one.key, "words": one.words} for one in desk.waiting]
    if as_json:
        answer = {"pin": pin, "expires_at": utc_text(desk.expires_at), "call": numbers, "waiting": waiting}
        typer.echo(orjson.dumps(answer))
        return
    until = f"{desk.expires_at.astimezone(zone):%H:%M}"
    typer.echo(f"PIN {pin}, good until {until} from this worker's own phone only.")
    typer.echo(f"Call {' or '.join(numbers) or 'the hotline'}, type the PIN and #. Read these aloud:")
    for one in waiting:
        typer.echo(f"{one['number']:3}  {one['words']}")
    typer.echo(f"{len(waiting)} prompts are waiting")


@dataclass(frozen=True, slots=True)
class _Result:
    words: str
    refused: bool = False


def _taken_in(application: Application, path: Path, beside: list[Path]) -> _Result:
    """What became of one file. Its sound is on the disk before a row names it."""
    named = prompting.named_by(path.name)
    with application.office.look() as uow:
        if named is None or not prompting.is_prompt(uow, *named):
            return _Result("refused: no prompt is called so (see `spean prompts list`)", refused=True)
    if sum(prompting.named_by(other.name) == named for other in beside) > 1:
        return _Result("refused: there is a second file for the same prompt", refused=True)
    key, language = named
    try:
        if path.stat().st_size > prompting.MOST_BYTES:
            return _Result("refused: it is too large", refused=True)
        content = path.read_bytes()
        sound = prompting.look_at(content)
    except prompting.NotASound as problem:
        return _Result(f"refused: {problem}", refused=True)
    except OSError as problem:
        return _Result(f"refused: it cannot be read ({problem.strerror})", refused=True)
    prompting.fill(application.prompt_files, key=key, language=language, content=content, sound=sound)
    now = application.clock.now()
    with application.office.work(now) as uow:
        learnt = prompting.learn(uow, key, language, sound, now=now)
    return _Result(f"{learnt.value}, {sound.milliseconds / 1000:.1f} s")


def _sweep(application: Application) -> None:
    with application.office.look() as uow:
        needed = uow.prompts.files()
    prompting.sweep(application.prompt_files, needed, now=application.clock.now())


def _stock(application: Application, language: str | None) -> list[Listed]:
    languages = (language,) if language else prompting.LANGUAGES
    with application.office.look() as uow:
        return [one for spoken in languages for one in prompting.stock(uow, spoken)]


def _described(one: Listed, names: Mapping[UUID, str]) -> dict[str, Any]:
    prompt = one.prompt
    maker = names.get(prompt.made_by) if prompt and prompt.made_by else None
    return {
        "number": one.number, "key": one.key, "language": one.language, "words": one.words,
        "recorded": _RECORDED[one.standing],
        "by": maker, "at": utc_text(prompt.made_at) if prompt else None,
        "seconds": prompt.sound.milliseconds / 1000 if prompt else None,
    }  # fmt: skip


def _show(listed: list[dict[str, Any]]) -> None:
    """One line for each prompt, and below it the words: a table would break them into pieces."""
    for one in listed:
        made = f"  {one['seconds']:.1f} s  {one['at']}  {one['by'] or ''}" if one["at"] else ""
        typer.echo(
            f"{one['number']:3}  {one['key']}  {one['language']}  recorded: {one['recorded']}{made}".rstrip()
        )
        typer.echo(f"     {one['words']}")


def _said(fault: Faulty) -> str:
    note = "" if fault.must_be_mended else "note: "
    return f"{note}{fault.key} ({fault.language}): {_PROBLEMS[fault.problem]}"
