"""What a prompt is: words of a catalogue in one language, the sound made for them, and whether it fits."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.calls.rules.sounds import SUFFIXES, Sound

FAMILY: Final = "ivr."
LANGUAGES: Final = ("km", "en")
# No carrier speaks Khmer; English can be said by the carrier's machine where nobody has recorded it.
NEEDED: Final = "km"
DESK_OPEN_FOR: Final = timedelta(minutes=30)
WRONG_PINS: Final = 3
_FOR_WORKERS: Final = ("ivr.desk_", "ivr.staff_")
_FILE: Final = re.compile(rf"(.+)\.([a-z]{{2}})\.({'|'.join(SUFFIXES.values())})", re.IGNORECASE)


class Standing(StrEnum):
    """Whether there is a sound for the words of today."""

    RECORDED = "recorded"
    OUTDATED = "outdated"  # the words have changed since
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A recorded prompt. `address` is the unguessable end of its URL, and new for each new recording.

    `text_sha256` tells for which words it was made; `made_by` is None for one that came as a file.
    """

    key: str
    language: str
    address: str
    sound: Sound
    text_sha256: str
    made_by: UUID | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A sound that a worker recorded and has not decided on. `carrier_id` is the carrier's name for it."""

    address: str
    sound: Sound
    carrier_id: str


@dataclass(frozen=True, slots=True)
class Desk:
    """That a worker may record prompts from their phone. `key` is the prompt that they are asked for."""

    worker_id: UUID
    phone_index: bytes
    pin_hash: str
    language: str
    expires_at: datetime
    failures: int = 0
    key: str | None = None
    draft: Draft | None = None
    skipped: tuple[str, ...] = ()
    undeleted: tuple[str, ...] = ()  # recordings that the carrier may still hold

    def open(self, now: datetime) -> bool:
        """Whether a PIN is listened to."""
        return now < self.expires_at and self.failures < WRONG_PINS


def in_order(keys: Iterable[str]) -> tuple[str, ...]:
    """The prompts among these keys as they are listed: what callers hear first, then what workers hear."""
    prompts = [key for key in keys if key.startswith(FAMILY)]
    return tuple(sorted(prompts, key=lambda key: (key.startswith(_FOR_WORKERS), key)))


def text_digest(words: str) -> str:
    """What is kept of the words that a sound was made for."""
    return hashlib.sha256(words.encode()).hexdigest()


def standing(prompt: Prompt | None, words: str) -> Standing:
    """How a prompt stands to its words of today."""
    if prompt is None:
        return Standing.MISSING
    return Standing.RECORDED if prompt.text_sha256 == text_digest(words) else Standing.OUTDATED


def file_name(key: str, language: str, sound: Sound) -> str:
    """The name of the file with this sound: another sound never takes its place."""
    return f"{key}.{language}.{sound.sha256[:16]}.{sound.suffix}"


def named_by(file: str) -> tuple[str, str] | None:
    """Key and language of a file `<key>.<language>.wav` or `.mp3`; None where it is called otherwise."""
    found = _FILE.fullmatch(file)
    return (found[1], found[2].lower()) if found else None
