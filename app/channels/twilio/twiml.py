"""Documents for calls, written as TwiML in the few verbs that Twilio and Somleng both understand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from twilio.twiml.voice_response import Gather as GatherVerb
from twilio.twiml.voice_response import VoiceResponse

from app.calls.rules.documents import (
    Dial,
    Document,
    Gather,
    Goto,
    Hangup,
    Play,
    PlayFile,
    Record,
    Reject,
    Sound,
    Spell,
)

MEDIA_TYPE: Final = "text/xml; charset=utf-8"
_ENGLISH: Final = "en-US"
_POST: Final = "POST"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the carrier goes on from a document, and where it finds sounds; all are whole URLs.

    `screen` is asked what to play to a worker who picks up.
    """

    next: str
    screen: str
    recording: str
    sounds: str

    def sound(self, path: str) -> str:
        """The address of a sound of ours."""
        return f"{self.sounds}/{path}"


@dataclass(frozen=True, slots=True)
class Voices:
    """How prompts sound in one call: recorded where they are, else said in English.

    No carrier speaks Khmer, so a Khmer prompt that nobody has recorded is a distinct tone and the
    English words; an English one is the words alone, and `tone` None. `recorded` gives the address of
    each recorded prompt, `english` the words.
    """

    recorded: Mapping[str, str]
    english: Callable[[str], str]
    tone: str | None


def twiml(document: Document, addresses: Addresses, voices: Voices) -> str:
    """The document as TwiML."""
    written = VoiceResponse()
    for verb in document:
        match verb:
            case Play() | PlayFile() | Spell():
                _sound(written, verb, addresses, voices)
            case Gather():
                _gather(written, verb, addresses, voices)
            case Record():
                _record(written, verb, addresses)
            case Dial():
                _dial(written, verb, addresses)
            case Goto():
                written.redirect(addresses.next, method=_POST)
            case Hangup():
                written.hangup()
            case Reject():
                written.reject(reason="busy")
    return str(written)


def prompts_of(document: Document) -> frozenset[str]:
    """The keys of all prompts in a document."""
    sounds: list[object] = list(document)
    for verb in document:
        if isinstance(verb, Gather):
            sounds.extend(verb.sounds)
    return frozenset(sound.prompt for sound in sounds if isinstance(sound, Play))


def _gather(written: VoiceResponse, verb: Gather, addresses: Addresses, voices: Voices) -> None:
    gather = written.gather(
        input="dtmf", timeout=int(verb.wait.total_seconds()), action=addresses.next, method=_POST,
        finish_on_key="#", action_on_empty_result=not verb.else_on, num_digits=verb.digits,
    )  # fmt: skip
    for sound in verb.sounds:
        _sound(gather, sound, addresses, voices)


def _record(written: VoiceResponse, verb: Record, addresses: Addresses) -> None:
    told = {
        "recording_status_callback": addresses.recording, "recording_status_callback_method": _POST,
        "recording_status_callback_event": "completed absent",
    }  # fmt: skip
    written.record(
        action=addresses.next, method=_POST, max_length=int(verb.longest.total_seconds()),
        timeout=int(verb.silence.total_seconds()), finish_on_key="#", play_beep=True,
        **(told if verb.told else {}),
    )  # fmt: skip


def _sound(where: VoiceResponse | GatherVerb, sound: Sound, addresses: Addresses, voices: Voices) -> None:
    match sound:
        case Play(prompt) if prompt in voices.recorded:
            where.play(addresses.sound(voices.recorded[prompt]))
        case Play(prompt):
            if voices.tone:
                where.play(addresses.sound(voices.tone))
            where.say(voices.english(prompt), language=_ENGLISH)
        case PlayFile(path):
            where.play(addresses.sound(path))
        case Spell(text):
            where.say(text, language=_ENGLISH)


def _dial(written: VoiceResponse, verb: Dial, addresses: Addresses) -> None:
    dial = written.dial(
        action=addresses.next, method=_POST, timeout=int(verb.ring.total_seconds()),
        time_limit=int(verb.longest.total_seconds()), caller_id=verb.shows,
    )  # fmt: skip
    if verb.screened:
        dial.number(verb.to.e164, url=addresses.screen, method=_POST)
    else:
        dial.number(verb.to.e164)
