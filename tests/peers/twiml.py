"""What a carrier reads in our answer to a call: the portable verbs, every attribute checked."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

# Only what our own service answers is read, and a document type is refused before it is.
from xml.etree import ElementTree as ET

from tests.peers import Answer

Flavour: TypeAlias = Literal["twilio", "somleng"]

MAX_BYTES: Final = 64 * 1024  # Source: Twilio error 11750.
MAX_SAID: Final = 4096  # Source: Twilio's page on Say.
KEYS: Final = "0123456789*#"
CALL_EVENTS: Final = ("initiated", "ringing", "answered", "completed")
_RECORDING_EVENTS: Final = ("in-progress", "completed", "absent")
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")
_KHMER: Final = re.compile("[\u1780-\u17ff]")
_XML: Final = ("text/xml", "application/xml")


@dataclass(frozen=True)
class Play:
    """A recorded prompt; the URL is as written."""

    url: str
    loop: int = 1


@dataclass(frozen=True)
class Say:
    """Words for the carrier's own voice."""

    text: str
    language: str | None = None
    loop: int = 1


@dataclass(frozen=True)
class Gather:
    """Keys are asked for. `action` None stands for the current document."""

    prompts: tuple[Play | Say, ...] = ()
    action: str | None = None
    num_digits: int | None = None
    timeout: int = 5
    finish_on_key: str = "#"
    action_on_empty: bool = False


@dataclass(frozen=True)
class Record:
    """A message is asked for. `action` None stands for the current document."""

    action: str | None = None
    max_length: int = 3600
    timeout: int = 5
    finish_on_key: str = KEYS
    play_beep: bool = True
    callback: str | None = None
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True)
class Number:
    """One phone to ring; `url` is the whisper document, `events` what `callback` is told."""

    number: str
    url: str | None = None
    callback: str | None = None
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True)
class Dial:
    """Phones that ring together; without `action` the flow goes on behind the verb."""

    numbers: tuple[Number, ...]
    action: str | None = None
    timeout: int = 30
    caller_id: str | None = None
    time_limit: int = 14_400
    answer_on_bridge: bool = False
    hangup_on_star: bool = False


@dataclass(frozen=True)
class Redirect:
    """Another document goes on."""

    url: str


@dataclass(frozen=True)
class Hangup:
    """The call ends."""


@dataclass(frozen=True)
class Reject:
    """The call is not answered."""

    reason: str = "rejected"


@dataclass(frozen=True)
class Invalid:
    """Something no carrier of ours can do; the caller is dropped where it stands."""

    element: str


Verb: TypeAlias = Play | Say | Gather | Record | Dial | Redirect | Hangup | Reject | Invalid


@dataclass(frozen=True)
class Document:
    """One answer of ours, as the carrier reads it. With `readable` false there is nothing to do but drop."""

    url: str
    raw: str
    verbs: tuple[Verb, ...] = ()
    faults: tuple[str, ...] = ()
    readable: bool = True


@dataclass
class _Element:
    """One element and what is wrong with it."""

    node: ET.Element
    somleng: bool
    faults: list[str]
    read: set[str] = field(default_factory=set)

    def text(self, name: str, default: str | None = None) -> str | None:
        self.read.add(name)
        return self.node.get(name, default)

    def fault(self, words: str) -> None:
        self.faults.append(f"<{self.node.tag}> {words}")

    def whole(self, name: str, default: int, *, least: int = 1, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            self.fault(f"{name}={text!r} is no whole number from {least} to {most}")
            return default
        return int(text)

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name)
        if text not in {None, "true", "false"}:
            self.fault(f"{name}={text!r} is neither true nor false")
        return default if text is None else text == "true"

    def url(self, name: str) -> str | None:
        text = self.text(name)
        return None if text is None else self._web(name, text)

    def content_url(self) -> str:
        return self._web("content", (self.node.text or "").strip())

    def _web(self, name: str, text: str) -> str:
        if not text or text != text.strip() or urlsplit(text).scheme not in {"", "http", "https"}:
            self.fault(f"{name}={text!r} is no URL")
        return text

    def keys(self, default: str, *, most: int) -> str:
        text = self.text("finishOnKey", default) or ""
        if len(text) > most and text != default:
            self.fault(f"finishOnKey={text!r} is too long")
        if not set(text) <= set(KEYS):
            self.fault(f"finishOnKey={text!r} is on no keypad")
        return text

    def posts(self, *names: str) -> None:
        """A carrier could also fetch with GET; our doors take POST only."""
        for name in names:
            if (text := self.text(name, "POST")) != "POST":
                self.fault(f"{name}={text!r}, but our doors take POST")

    def events(self, name: str, known: Collection[str]) -> frozenset[str]:
        chosen = frozenset((self.text(name) or "completed").split())
        if not chosen <= set(known):
            self.fault(f"{name} knows no {', '.join(sorted(chosen - set(known)))}")
        return chosen

    def done(self, *, children: bool = False, words: bool = False) -> None:
        """Nothing may be left over."""
        for name in sorted(set(self.node.keys()) - self.read):
            self.fault(f"has an unknown attribute {name}")
        if len(self.node) and not children:
            self.fault("has elements inside")
        outside = [child.tail or "" for child in self.node] + ([] if words else [self.node.text or ""])
        if any(text.strip() for text in outside):
            self.fault("has words inside")


def _play(element: _Element) -> Play:
    play = Play(element.content_url(), element.whole("loop", 1, most=1000))
    element.done(words=True)
    return play


def _say(element: _Element) -> Say:
    text, language = (element.node.text or "").strip(), element.text("language")
    element.text("voice")
    say = Say(text, language, element.whole("loop", 1, most=1000))
    if not 0 < len(text) <= MAX_SAID:
        element.fault(f"has {len(text)} characters")
    if _KHMER.search(text) or (language or "").lower().startswith("km"):
        element.fault("speaks Khmer, which no voice of the carrier does")
    element.done(words=True)
    return say


def _gather(element: _Element) -> Gather:
    if element.text("input", "dtmf") != "dtmf":
        element.fault("listens to more than keys")
    element.posts("method")
    prompts: list[Play | Say] = []
    for child in element.node:
        inside = _Element(child, element.somleng, element.faults)
        if child.tag in {"Play", "Say"}:
            prompts.append(_play(inside) if child.tag == "Play" else _say(inside))
        else:
            element.fault(f"Invalid element <{child.tag}>")
    gather = Gather(
        prompts=tuple(prompts),
        action=element.url("action"),
        num_digits=element.whole("numDigits", 0, most=1000) or None,
        timeout=element.whole("timeout", 5, most=3600),
        finish_on_key=element.keys("#", most=1),
        action_on_empty=element.flag("actionOnEmptyResult", default=False),
    )
    element.done(children=True)
    return gather


def _record(element: _Element) -> Record:
    element.posts("method", "recordingStatusCallbackMethod")
    if element.text("trim", "trim-silence") not in {"trim-silence", "do-not-trim"}:
        element.fault("trims in no known way")
    record = Record(
        action=element.url("action"),
        max_length=element.whole("maxLength", 3600, most=14_400),
        timeout=element.whole("timeout", 5, most=3600),
        finish_on_key=element.keys(KEYS, most=len(KEYS)),
        play_beep=element.flag("playBeep", default=True),
        callback=element.url("recordingStatusCallback"),
        events=element.events("recordingStatusCallbackEvent", _RECORDING_EVENTS),
    )
    element.done()
    return record


def _number(element: _Element) -> Number:
    element.posts("method", "statusCallbackMethod")
    number = Number(
        (element.node.text or "").strip(),
        element.url("url"),
        element.url("statusCallback"),
        element.events("statusCallbackEvent", CALL_EVENTS),
    )
    if not _NUMBER.fullmatch(number.number):
        element.fault("holds no international number")
    if element.somleng and number.url is not None:
        element.fault("has a url, and Somleng plays nothing to who picks up")
    element.done(words=True)
    return number


def _dial(element: _Element) -> Dial:
    element.posts("method")
    numbers: list[Number] = []
    for child in element.node:
        if child.tag == "Number":
            numbers.append(_number(_Element(child, element.somleng, element.faults)))
        else:
            element.fault(f"Invalid element <{child.tag}>")
    dial = Dial(
        tuple(numbers),
        action=element.url("action"),
        timeout=element.whole("timeout", 30, least=5, most=600),
        caller_id=element.text("callerId"),
        time_limit=element.whole("timeLimit", 14_400, most=86_400),
        answer_on_bridge=element.flag("answerOnBridge", default=False),
        hangup_on_star=element.flag("hangupOnStar", default=False),
    )
    if not 1 <= len(numbers) <= 10:
        element.fault(f"rings {len(numbers)} numbers; 1 to 10 can ring")
    if dial.caller_id is not None and not _NUMBER.fullmatch(dial.caller_id):
        element.fault("has a callerId that is no international number")
    element.done(children=True)
    return dial


def _redirect(element: _Element) -> Redirect:
    element.posts("method")
    redirect = Redirect(element.content_url())
    element.done(words=True)
    return redirect


def _hangup(element: _Element) -> Hangup:
    element.done()
    return Hangup()


def _reject(element: _Element) -> Reject:
    reason = element.text("reason", "rejected") or ""
    if reason not in {"rejected", "busy"}:
        element.fault(f"has no reason {reason!r}")
    element.done()
    return Reject(reason)


_VERBS: Final[dict[str, Callable[[_Element], Verb]]] = {
    "Play": _play, "Say": _say, "Gather": _gather, "Record": _record, "Dial": _dial,
    "Redirect": _redirect, "Hangup": _hangup, "Reject": _reject,
}  # fmt: skip


def _unreadable(answer: Answer) -> str | None:
    """Why an answer is no document at all, if it is none."""
    kind, _, rest = answer.headers.get("content-type", "").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    wrong = (
        (300 <= answer.status < 400, f"HTTP redirect {answer.status}: it loses what the caller did"),
        (answer.status >= 500, f"canned error: our service answered {answer.status}"),
        (answer.status != 200, f"our service answered {answer.status}"),
        (kind.strip().lower() not in _XML, f"the content type is {kind!r}"),
        (charset not in {"", "utf-8"}, f"the charset is {charset!r}"),
        (len(answer.body.encode()) > MAX_BYTES, f"the document is larger than {MAX_BYTES} bytes"),
        ("\ufffd" in answer.body, "the document is not UTF-8"),
        ("<!DOCTYPE" in answer.body, "the document has a document type"),
    )
    return next((words for is_so, words in wrong if is_so), None)


def read(answer: Answer, url: str, flavour: Flavour) -> Document:
    """The document that our service answered to a request for `url`, checked from end to end.

    Faults in parts which this caller never reaches are found as well.
    """
    why = _unreadable(answer)
    try:
        root = None if why else ET.fromstring(answer.body)  # noqa: S314 - our own service's words
    except ET.ParseError as broken:
        root, why = None, f"the document is not well-formed: {broken}"
    if root is not None and root.tag != "Response":
        why = f"the root is <{root.tag}>"
    if root is None or why:
        return Document(url, answer.body, faults=(why or "nothing to read",), readable=False)
    faults: list[str] = []
    _Element(root, flavour == "somleng", faults).done(children=True)
    verbs: list[Verb] = []
    for node in root:
        if (make := _VERBS.get(node.tag)) is None:
            faults.append(f"Invalid element <{node.tag}>")
            verbs.append(Invalid(node.tag))
        else:
            verbs.append(make(_Element(node, flavour == "somleng", faults)))
    return Document(url, answer.body, tuple(verbs), tuple(faults))
