"""One leg of a call: a person and the documents that are executed for them, verb by verb."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urljoin

from tests.peers.callers import Caller, HangsUp, Picks, Says
from tests.peers.exchange import Asked, Dialled, Ended, Exchange, Heard, Over, Recorded
from tests.peers.twiml import (
    KEYS,
    Dial,
    Document,
    Gather,
    Hangup,
    Invalid,
    Number,
    Play,
    Record,
    Redirect,
    Reject,
    Say,
    Verb,
    read,
)
from tests.peers.voice import FINISHED, Call

PROMPT_SECONDS: Final = 4.0
KEY_SECONDS: Final = 0.5
_CHARACTERS_A_SECOND: Final = 15


class _Next(NamedTuple):
    """The document that is wanted next, and what our service learns with it."""

    url: str
    more: Mapping[str, str] = {}


@dataclass
class _Rung:
    """One phone of a Dial. It rings, or listens to its whisper, until so many seconds after the beginning."""

    number: Number
    picks: Picks
    sid: str
    result: str = ""
    seconds: float = 0.0
    until: float = 0.0
    whisper: Heard | None = None


@dataclass
class Leg:
    """A person on the line. `form` is what every request of this leg says; `call` the carrier's own row."""

    exchange: Exchange
    caller: Caller
    heard: Heard
    form: Mapping[str, str]
    call: Call | None = None
    whispering: bool = False
    status: str = "ringing"
    answered_at: float | None = None
    _first: bool = field(default=True, init=False)

    def run(self, url: str, more: Mapping[str, str] | None = None) -> Ended:
        """Execute documents from `url` on until the leg ends."""
        wanted: _Next | None = _Next(url, more or {})
        try:
            while wanted is not None:
                wanted = self._document(wanted)
            self.heard.ended = Ended.RAN_OUT
        except Over as over:
            self.heard.ended = over.ended
        return self.heard.ended

    @property
    def talked_seconds(self) -> float:
        """How long the leg has been answered."""
        return 0.0 if self.answered_at is None else self.heard.seconds - self.answered_at

    def answer(self) -> None:
        """The carrier picks up."""
        if self.answered_at is None:
            self.status, self.answered_at, self.heard.answered = "in-progress", self.heard.seconds, True
            if self.call is not None and self.call.status not in FINISHED:
                self.call.status = "in-progress"

    def _document(self, wanted: _Next) -> _Next | None:
        if len(self.heard.documents) >= self.exchange.most_documents:
            self.heard.faults.append(f"more than {self.exchange.most_documents} documents")
            raise Over(Ended.TOO_MANY_DOCUMENTS)
        asked = {**self.form, "CallStatus": self.status, **wanted.more}
        answer = self.exchange.ask(wanted.url, asked, self.heard)
        document = read(answer, wanted.url, self.exchange.flavour)
        self.heard.documents.append(document)
        self.heard.faults += document.faults
        if self.call is not None and self.call.status in FINISHED:
            raise Over(Ended.STOPPED)
        if not document.readable:
            raise Over(Ended.DROPPED)
        for verb in document.verbs:
            if not self.caller.stays(verb):
                raise Over(Ended.LEFT)
            self.heard.verbs.append(verb)
            following = self._execute(verb, document)
            self._first = False
            if following is not None:
                return following
        return None

    def _execute(self, verb: Verb, document: Document) -> _Next | None:
        if self.whispering and isinstance(verb, Record | Dial | Reject):
            self._drop(f"<{type(verb).__name__}> in a whisper")
        match verb:
            case Play() | Say():
                self.answer()
                self._prompt(verb, document)
            case Gather():
                return self._gather(verb, document)
            case Record():
                return self._record(verb, document)
            case Dial():
                return self._dial(verb, document)
            case Redirect():
                return _Next(urljoin(document.url, verb.url))
            case Hangup():
                raise Over(Ended.HUNG_UP)
            case Reject():
                self._reject(verb)
            case Invalid():
                raise Over(Ended.DROPPED)
        return None

    def _drop(self, fault: str) -> None:
        self.heard.faults.append(fault)
        raise Over(Ended.DROPPED)

    def _reject(self, verb: Reject) -> None:
        if not self._first or self.answered_at is not None:
            self._drop("<Reject> is not the first verb of the first document")
        self.heard.rejected_as = verb.reason
        raise Over(Ended.REJECTED)

    def _prompt(self, verb: Play | Say, document: Document) -> None:
        if isinstance(verb, Say):
            self.heard.said.append(verb)
            self.heard.seconds += verb.loop * len(verb.text) / _CHARACTERS_A_SECOND
            return
        url = urljoin(document.url, verb.url)
        self.heard.played.append(url)
        self.heard.seconds += verb.loop * PROMPT_SECONDS
        if self.exchange.fetch is not None:
            sound = self.exchange.fetch(url)
            kind = sound.headers.get("content-type", "")
            if sound.status != 200 or not kind.startswith("audio/"):
                self.heard.faults.append(f"{url!r} is no sound: {sound.status} {kind}")

    def _gather(self, gather: Gather, document: Document) -> _Next | None:
        self.answer()
        pressed, began = self.caller.keys(gather), self.heard.seconds
        for prompt in gather.prompts:
            self._prompt(prompt, document)
        if isinstance(pressed, HangsUp):
            self.heard.seconds = began + pressed.after_seconds
            raise Over(Ended.LEFT)
        keys, finished = self._digits(gather, pressed or "")
        if pressed:
            # The first key cuts the prompts off.
            self.heard.seconds = began + KEY_SECONDS * len(pressed)
        if not finished:
            self.heard.seconds += gather.timeout
        self.heard.gathers.append(Asked(gather, keys or None))
        if not keys and not gather.action_on_empty:
            return None
        more: dict[str, str] = {}
        if keys or (finished and not self.exchange.somleng):
            more["Digits"] = keys
        if not self.exchange.somleng and finished:
            more["FinishedOnKey"] = gather.finish_on_key if len(keys) != gather.num_digits else ""
        return self._act(gather.action, document, more)

    def _digits(self, gather: Gather, pressed: str) -> tuple[str, bool]:
        """The digits that count, and whether the last key ended the Gather."""
        if not set(pressed) <= set(KEYS):
            raise ValueError(pressed)
        keys = ""
        for key in pressed:
            if key == gather.finish_on_key:
                return keys, True
            keys += key
            if len(keys) == gather.num_digits:
                return keys, True
        return keys, False

    def _act(self, action: str | None, document: Document, more: Mapping[str, str]) -> _Next:
        return _Next(urljoin(document.url, action) if action else document.url, more)

    def _record(self, record: Record, document: Document) -> _Next | None:
        self.answer()
        spoken = self.caller.says(record)
        if isinstance(spoken, HangsUp) and spoken.after_seconds >= record.max_length:
            spoken = Says(record.max_length)  # The recording ended before they could leave it.
        recorded = self._recorded(record, spoken)
        self.heard.recordings.append(recorded)
        self._tell_of_recording(recorded)
        more: dict[str, str] = {}
        if recorded.sid is not None:
            if self.exchange.voice is not None:
                self.exchange.voice.record(recorded.sid, self.heard.sid, recorded.seconds)
            more["RecordingUrl"] = self.exchange.recording_url(recorded.sid, self.heard.sid)
            more["RecordingDuration"] = str(recorded.seconds)
            if not self.exchange.somleng:
                more["RecordingSid"] = recorded.sid
                more |= {"Digits": recorded.digits} if recorded.digits else {}
        if isinstance(spoken, HangsUp):
            if more:
                gone = {**self.form, "CallStatus": "completed", **more}
                self.exchange.ask_after_hangup(self._act(record.action, document, {}).url, gone, self.heard)
            raise Over(Ended.LEFT)
        return self._act(record.action, document, more) if more else None

    def _recorded(self, record: Record, spoken: Says | HangsUp | None) -> Recorded:
        """What is on the recording. Twilio keeps none of pure silence; Somleng keeps the silence itself."""
        seconds, digits = 0.0, None
        match spoken:
            case HangsUp():
                seconds, digits = min(spoken.after_seconds, record.max_length), "hangup"
            case Says():
                seconds = min(spoken.seconds, record.max_length)
                ends = spoken.key is not None and spoken.key in record.finish_on_key
                digits = spoken.key if ends and spoken.seconds < record.max_length else None
        silent = 0 if digits or seconds >= record.max_length else record.timeout
        self.heard.seconds += seconds + silent
        if self.exchange.somleng and not isinstance(spoken, HangsUp):
            seconds = min(seconds + silent, record.max_length)
        elif not seconds:
            return Recorded(record, None, 0, digits)
        return Recorded(record, self.exchange.new_sid("RE"), int(seconds), digits)

    def _tell_of_recording(self, recorded: Recorded) -> None:
        record = recorded.record
        if record.callback is None:
            return
        url = urljoin(self.heard.documents[-1].url, record.callback)
        sid = recorded.sid or self.exchange.new_sid("RE")
        ending = "absent" if recorded.absent else "completed"
        # Somleng does not read which events are asked for.
        wanted = {"completed"} if self.exchange.somleng else record.events
        if "in-progress" in wanted:
            self.exchange.tell_recording(url, recorded, self.heard, sid=sid, status="in-progress", now=True)
        if ending in wanted:
            self.exchange.tell_recording(url, recorded, self.heard, sid=sid, status=ending)

    def _dial(self, dial: Dial, document: Document) -> _Next | None:
        if not dial.numbers:
            raise Over(Ended.DROPPED)
        if not dial.answer_on_bridge:
            self.answer()
        rung = [
            _Rung(one, self.exchange.answers(one.number), self.exchange.new_sid("CA")) for one in dial.numbers
        ]
        leaves = self.caller.waits(dial)
        patience = math.inf if leaves is None else leaves.after_seconds
        self._ring(dial, document, rung, patience)
        winner = next((one for one in rung if one.result == "completed"), None)
        if winner is None:
            end = max(one.until for one in rung)
            self.heard.seconds += min(end, patience)
        else:
            end = winner.until + min(winner.picks.talks_seconds, dial.time_limit)
            self.heard.seconds += winner.until
            self.answer()
            winner.seconds = min(end, patience) - winner.until
            self.heard.seconds += winner.seconds
        for one in rung:
            self._rang(dial, document, one)
        more = self._dial_result(rung, winner)
        if patience < end:
            if dial.action:
                gone = {**self.form, "CallStatus": "completed", **more}
                self.exchange.ask_after_hangup(urljoin(document.url, dial.action), gone, self.heard)
            raise Over(Ended.LEFT)
        return _Next(urljoin(document.url, dial.action), more) if dial.action else None

    def _ring(self, dial: Dial, document: Document, rung: Sequence[_Rung], patience: float) -> None:
        """Ring all phones together; the first to answer and to let its whisper end is connected."""
        for one in rung:
            for event, status in (("initiated", "initiated"), ("ringing", "ringing")):
                self._tell_of_child(dial, document, one, event, status)
        taken = False
        for one in sorted(rung, key=lambda each: each.picks.after_seconds):
            silent = one.picks.how == "no-answer" or one.picks.after_seconds > dial.timeout
            one.until = dial.timeout if silent else one.picks.after_seconds
            if taken or one.until > patience:
                one.result = "canceled"
            elif silent or one.picks.how != "answers":
                one.result = "no-answer" if silent else one.picks.how
            else:
                self._tell_of_child(dial, document, one, "answered", "in-progress")
                one.result = "completed" if self._whispered(dial, document, one) else "no-answer"
                if one.until > patience:
                    one.result = "canceled"
                taken = one.result == "completed"

    def _whispered(self, dial: Dial, document: Document, one: _Rung) -> bool:
        """Whether who picked up stays until the whisper is over; Somleng has no whisper."""
        if one.number.url is None or self.exchange.somleng:
            return True
        one.whisper = Heard(one.sid, faults=self.heard.faults)
        form = self._child_form(dial, one)
        leg = Leg(self.exchange, one.picks.caller(), one.whisper, form, whispering=True)
        leg.answer()
        ended = leg.run(urljoin(document.url, one.number.url))
        self.heard.requests += one.whisper.requests
        one.until += one.whisper.seconds
        return ended is Ended.RAN_OUT

    def _child_form(self, dial: Dial, one: _Rung) -> dict[str, str]:
        from_ = dial.caller_id or self.form["From"]
        return {
            "AccountSid": self.exchange.account_sid, "ApiVersion": self.form["ApiVersion"],
            "CallSid": one.sid, "ParentCallSid": self.heard.sid, "Direction": "outbound-dial",
            "From": from_, "Caller": from_, "To": one.number.number, "Called": one.number.number,
        }  # fmt: skip

    def _tell_of_child(self, dial: Dial, document: Document, one: _Rung, event: str, status: str) -> None:
        """Tell what a Number asked to be told; Somleng never does."""
        if one.number.callback is not None and event in one.number.events and not self.exchange.somleng:
            form = self._child_form(dial, one) | {"CallStatus": status}
            url = urljoin(document.url, one.number.callback)
            self.exchange.tell_call(url, form, self.heard, seconds=one.seconds)

    def _rang(self, dial: Dial, document: Document, one: _Rung) -> None:
        self._tell_of_child(dial, document, one, "completed", one.result)
        self.heard.dials.append(
            Dialled(
                one.number.number,
                one.sid,
                dial.timeout,
                dial.caller_id,
                one.result,
                int(one.seconds),
                one.whisper,
            )
        )

    def _dial_result(self, rung: Sequence[_Rung], winner: _Rung | None) -> dict[str, str]:
        """What the action learns; Somleng names the other call only when it was connected."""
        results = {one.result for one in rung}
        ranked = ("completed", "canceled", "no-answer", "busy", "failed")
        more = {"DialCallStatus": next(result for result in ranked if result in results)}
        if winner is not None:
            more |= {"DialCallSid": winner.sid, "DialCallDuration": str(int(winner.seconds))}
        if not self.exchange.somleng:
            more |= {"DialCallSid": (winner or rung[0]).sid, "DialBridged": str(winner is not None).lower()}
        return more
