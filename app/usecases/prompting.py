"""Prompts: which are recorded and for which words, where carriers fetch them, and taking in sound files."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.audit.rules import Deed
from app.calls.rules.prompts import (
    LANGUAGES,
    NEEDED,
    Prompt,
    Standing,
    file_name,
    in_order,
    named_by,
    standing,
    text_digest,
)
from app.calls.rules.sounds import MOST_BYTES, NotASound, Sound, look_at, tone
from app.store.plain_files import PlainFiles
from app.usecases.unit_of_work import UnitOfWork

__all__ = [
    "LANGUAGES",
    "MOST_BYTES",
    "NEEDED",
    "TONE",
    "Faulty",
    "Learnt",
    "Listed",
    "NotASound",
    "Served",
    "Standing",
    "faults",
    "fill",
    "is_prompt",
    "learn",
    "look_at",
    "named_by",
    "recorded",
    "served",
    "stock",
    "sweep",
    "tone",
]  # fmt: skip

_ADDRESS_BYTES: Final = 24
# A draft is on the disk a moment before its row; nothing takes longer than a call in between.
_SWEPT_AFTER: Final = timedelta(hours=3)


def _tone() -> tuple[str, bytes, Sound]:
    content = tone()
    sound = look_at(content)
    return f"tone-{sound.sha256[:12]}.{sound.suffix}", content, sound


# The address of the tone, its bytes, and what they are: the address changes with the bytes.
TONE: Final = _tone()


@dataclass(frozen=True, slots=True)
class Listed:
    """One prompt as it is listed. `number` is its place among all, from 1, whatever is recorded."""

    number: int
    key: str
    language: str
    words: str
    standing: Standing
    prompt: Prompt | None

    @property
    def file(self) -> str | None:
        """The name of its file, if it is recorded."""
        return file_name(self.key, self.language, self.prompt.sound) if self.prompt else None


@dataclass(frozen=True, slots=True)
class Served:
    """What stands at an address: the name of its file and what is in it."""

    file: str
    sound: Sound


@dataclass(frozen=True, slots=True)
class Faulty:
    """A prompt that is not as it should be, and why."""

    key: str
    language: str
    problem: str  # missing | outdated | file_missing | file_damaged

    @property
    def must_be_mended(self) -> bool:
        """False where the carrier's machine could say the words as well, and only they have changed."""
        return self.language == NEEDED or self.problem != Standing.OUTDATED


class Learnt(StrEnum):
    """What a sound file changed."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


def recorded(uow: UnitOfWork, keys: Iterable[str], language: str) -> dict[str, str]:
    """The address of each of these prompts that somebody recorded in the language."""
    return uow.prompts.addresses(keys, language)


def served(uow: UnitOfWork, address: str) -> Served | None:
    """What a carrier fetches at an address; None where nothing is, or is no more."""
    found = uow.prompts.at(address)
    return Served(*found) if found else None


def stock(uow: UnitOfWork, language: str) -> list[Listed]:
    """Every prompt of the catalogue in one language, in the order of the list."""
    kept = uow.prompts.all()
    catalogues = uow.rulebook.catalogues
    listed = []
    for number, key in enumerate(in_order(catalogues.keys(language)), start=1):
        words, prompt = catalogues.written(key, language), kept.get((key, language))
        listed.append(Listed(number, key, language, words, standing(prompt, words), prompt))
    return listed


def is_prompt(uow: UnitOfWork, key: str, language: str) -> bool:
    """Whether the catalogue has such a prompt."""
    return language in LANGUAGES and key in in_order(uow.rulebook.catalogues.keys(language))


def faults(listed: Iterable[Listed], files: PlainFiles) -> list[Faulty]:
    """What is wrong with prompts. Those that nobody recorded count in the needed language only.

    Reads every file, so no transaction is to be open.
    """
    found = []
    for one in listed:
        needed = one.language == NEEDED
        if one.standing is not Standing.RECORDED and (needed or one.prompt):
            found.append(Faulty(one.key, one.language, one.standing.value))
        problem = _file_problem(one, files)
        if problem:
            found.append(Faulty(one.key, one.language, problem))
    return found


def fill(files: PlainFiles, *, key: str, language: str, content: bytes, sound: Sound) -> None:
    """The file of this sound is on the disk, whole. Repeating it is safe, and mends a damaged one."""
    name = file_name(key, language, sound)
    if files.read(name) != content:
        files.write(name, content)


def learn(uow: UnitOfWork, key: str, language: str, sound: Sound, *, now: datetime) -> Learnt:
    """Take a sound whose file is on the disk as the prompt. The same sound again changes nothing.

    In particular it does not become one for words that have changed since it was recorded.
    """
    known = uow.prompts.get(key, language)
    if known and known.sound.sha256 == sound.sha256:
        return Learnt.UNCHANGED
    words = uow.rulebook.catalogues.written(key, language)
    address = new_address(sound)
    uow.prompts.keep(Prompt(key, language, address, sound, text_digest(words), None, now))
    deed = Deed("prompt.imported", "cli", None, {"key": key, "language": language, "sha256": sound.sha256})
    uow.audit.record(deed)
    return Learnt.REPLACED if known else Learnt.ADDED


def new_address(sound: Sound) -> str:
    """An address that nobody can guess. It ends as files do: some carriers may go by that."""
    return f"{secrets.token_urlsafe(_ADDRESS_BYTES)}.{sound.suffix}"


def sweep(files: PlainFiles, needed: frozenset[str], *, now: datetime) -> int:
    """Remove the files of sounds that were replaced or never kept. Returns how many.

    `needed` is what rows name, asked before: a file that is written meanwhile is too young to go.
    """
    old = [name for name, at in files.names() if name not in needed and at < now - _SWEPT_AFTER]
    for name in old:
        files.delete(name)
    return len(old)


def _file_problem(one: Listed, files: PlainFiles) -> str | None:
    if one.prompt is None or one.file is None:
        return None
    content = files.read(one.file)
    if content is None:
        return "file_missing"
    try:
        whole = look_at(content) == one.prompt.sound
    except NotASound:
        whole = False
    return None if whole else "file_damaged"
