"""Calls as Twilio brings them: verify, keep the call, and answer the next document of the menu at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.calls.rules.calls import Call, Kind
from app.calls.rules.documents import Document, Hangup, Record, Spell
from app.calls.rules.ivr import Heard
from app.channels.twilio.door import CARRIER, Verified, verify
from app.channels.twilio.reading import left_in, seconds_of
from app.channels.twilio.signature import SignatureCheck
from app.channels.twilio.twiml import MEDIA_TYPE, Addresses, Voices, prompts_of, twiml
from app.intake.rules.incoming import kept_id
from app.kernel.clock import Clock
from app.kernel.language import Language
from app.usecases import answering, calling_out, placing, prompting, recordings, ringing
from app.usecases.answering import Coming
from app.usecases.unit_of_work import Office, UnitOfWork

_LOG = structlog.get_logger("voice")
_DOCUMENTS = Counter("spean_voice_documents_total", "Documents given to calls", ["result"])
_PICKED_UP: Final = frozenset({"completed", "answered"})
# Said where our own database does not answer: the caller can still leave a message. The carrier keeps it;
# what it cannot tell us while we are away, the reconciler finds in its lists when we are back.
_OUT_OF_ORDER: Final = "We cannot answer now. Please say who you are and what happened after the tone."


@dataclass(frozen=True)
class VoiceDoor:
    """The documents of calls. Whatever happens here, the caller gets something to go on with.

    `tone` is where the sound is that stands for a prompt which nobody has recorded yet.
    """

    office: Office
    clock: Clock
    check: SignatureCheck
    base_url: str
    tone: str | None

    async def began(self, request: Request) -> Response:
        """`POST /twilio/voice`: somebody calls."""
        return await self._answer(request, self._begin)

    async def next(self, request: Request) -> Response:
        """`POST /twilio/voice/next/{at}`: what was heard of document number `at` of a call."""
        at = int(request.path_params["at"])
        return await self._answer(request, lambda uow, came: self._next(uow, came, at))

    async def screen(self, request: Request) -> Response:
        """`POST /twilio/voice/screen/{call_id}`: a phone that we rang was picked up. Who is it?"""
        call_id = request.path_params["call_id"]
        return await self._answer(request, lambda uow, _came: self._screen(uow, call_id))

    async def screened(self, request: Request) -> Response:
        """`POST /twilio/voice/screened/{call_id}`: what they pressed, if anything."""
        call_id = request.path_params["call_id"]
        return await self._answer(request, lambda uow, came: self._screened(uow, came, call_id))

    async def outgoing(self, request: Request) -> Response:
        """`POST /twilio/voice/outgoing/{call_id}`: a phone that a call of ours rang was picked up."""
        call_id = request.path_params["call_id"]
        return await self._answer(request, lambda uow, came: self._outgoing(uow, came, call_id))

    async def goodbye(self, request: Request) -> Response:
        """`POST /twilio/voice/goodbye`: after a message that was left while we were out of order."""
        return await self._answer(request, self._goodbye, otherwise=self._hang_up)

    async def _answer(
        self,
        request: Request,
        step: Callable[[UnitOfWork, Verified], str],
        *,
        otherwise: Callable[[], str] | None = None,
    ) -> Response:
        return await self.answer(request, lambda came: self._written(step, came), otherwise)

    async def answer(
        self,
        request: Request,
        written: Callable[[Verified], str],
        otherwise: Callable[[], str] | None = None,
    ) -> Response:
        """The document that is written for a request, in a thread; `otherwise` where that fails."""
        came = await verify(request, self.check)
        if isinstance(came, Response):
            return came
        try:
            document = await run_in_threadpool(written, came)
        except Exception as problem:  # noqa: BLE001 - whatever is broken, a person is on the line
            _DOCUMENTS.labels("out_of_order").inc()
            _LOG.error("no_document", error=type(problem).__name__)
            return _reply((otherwise or self._out_of_order)())
        _DOCUMENTS.labels("given").inc()
        return _reply(document)

    def _written(self, step: Callable[[UnitOfWork, Verified], str], came: Verified) -> str:
        with self.office.work(self.clock.now()) as uow:
            return step(uow, came)

    def _begin(self, uow: UnitOfWork, came: Verified) -> str:
        call, document = answering.begin(uow, coming_of(came), now=self.clock.now())
        return self.twiml(uow, call, document)

    def _next(self, uow: UnitOfWork, came: Verified, at: int) -> str:
        now, coming = self.clock.now(), coming_of(came)
        call = answering.call_of(uow, coming)
        if call is None:
            # The first request of this call was answered while we were out of order.
            return self._begin(uow, came)
        if call.kind is Kind.BRIDGE:
            call, document = self._bridged(uow, call, at, came)
        elif status := came.fields.get("DialCallStatus"):
            call, document = answering.rung(uow, call, at, talked=status in _PICKED_UP, now=now)
        else:
            if left := left_in(came.fields):
                call = recordings.left(uow, call, left, now=now)
            call, document = answering.go_on(uow, call, at, _heard(came), now=now)
        return self.twiml(uow, call, document)

    def _goodbye(self, uow: UnitOfWork, came: Verified) -> str:
        """We may be back by now: then who called, and what they left, is known as of any other call."""
        if left := left_in(came.fields):
            now, coming = self.clock.now(), coming_of(came)
            call, _ = answering.begin(uow, coming, now=now)
            recordings.left(uow, call, left, now=now)
        return self._hang_up()

    def _outgoing(self, uow: UnitOfWork, came: Verified, call_id: UUID) -> str:
        coming, machine = coming_of(came), came.fields.get("AnsweredBy", "").startswith(("machine", "fax"))
        call = placing.picked_up(
            uow, call_id, account=coming.account, carrier_id=coming.carrier_id, machine=machine,
            now=self.clock.now(),
        )  # fmt: skip
        if call is None:
            return self._hang_up()
        bridge = call.kind is Kind.BRIDGE
        return self.twiml(uow, call, calling_out.document(call) if bridge else answering.document(uow, call))

    def _bridged(self, uow: UnitOfWork, call: Call, at: int, came: Verified) -> tuple[Call, Document]:
        now, status = self.clock.now(), came.fields.get("DialCallStatus")
        if status is None:
            return calling_out.pressed(uow, call, at, _heard(came).keys, now=now)
        seconds = timedelta(seconds=seconds_of(came.fields.get("DialCallDuration")))
        return calling_out.rang(uow, call, at, talked=seconds if status in _PICKED_UP else None, now=now)

    def _screen(self, uow: UnitOfWork, call_id: UUID) -> str:
        call = ringing.call_rung(uow, call_id)
        if call is None:
            return self._hang_up()
        return self.twiml(uow, call, ringing.SCREEN, next_path=f"screened/{call_id}")

    def _screened(self, uow: UnitOfWork, came: Verified, call_id: UUID) -> str:
        call = ringing.call_rung(uow, call_id)
        if call is None:
            return self._hang_up()
        return self.twiml(uow, call, ringing.take(uow, call, came.fields.get("Digits"), now=self.clock.now()))

    def _hang_up(self) -> str:
        return twiml((Hangup(),), self._addresses(""), _MUTE)

    def twiml(self, uow: UnitOfWork, call: Call, document: Document, *, next_path: str | None = None) -> str:
        """The document as TwiML, with what is recorded in the language of the call."""
        language, at_desk = call.state.language, call.kind is Kind.DESK
        # At the desk a tone means: speak now.
        tone = self.tone if language is Language.KM and not at_desk else None
        voices = Voices(
            prompting.recorded(uow, prompts_of(document), language),
            lambda key: uow.rulebook.catalogues.text(key, Language.EN),
            tone,
        )
        onward = next_path or f"{'desk' if at_desk else 'next'}/{call.state.documents}"
        return twiml(document, self._addresses(onward, call.id), voices)

    def _addresses(self, next_path: str, call_id: UUID | None = None) -> Addresses:
        voice = f"{self.base_url}/twilio/voice"
        return Addresses(
            next=f"{voice}/{next_path}",
            screen=f"{voice}/screen/{call_id}",
            recording=f"{self.base_url}/twilio/recording",
            sounds=f"{self.base_url}/prompts",
        )

    def _out_of_order(self) -> str:
        return twiml((Spell(_OUT_OF_ORDER), Record(), Hangup()), self._addresses("goodbye"), _MUTE)


_MUTE: Final = Voices({}, lambda key: key, None)


def coming_of(came: Verified) -> Coming:
    """The call that a request speaks of."""
    fields = came.fields
    account = kept_id(fields["AccountSid"]) if fields.get("AccountSid") else ""
    sid = kept_id(fields.get("CallSid", ""))
    return Coming(CARRIER, account, sid, fields.get("From", ""), fields.get("To", ""), came.body)


def _heard(came: Verified) -> Heard:
    fields = came.fields
    if "RecordingSid" in fields or "RecordingUrl" in fields:
        return Heard(recorded=seconds_of(fields.get("RecordingDuration")) > 0)
    keys = fields.get("Digits", "")
    return Heard(keys=keys if keys and keys != "hangup" else None)


def _reply(written: str) -> Response:
    return Response(written, media_type=MEDIA_TYPE)
