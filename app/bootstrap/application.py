"""Everything of one process, wired together; its parts are made when they are first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Final

from app.api.origins import SignInTerms
from app.audit.service import AnchorFile, anchor_end
from app.bootstrap.inbox import InboxWriter
from app.bootstrap.twilio import (
    account_of,
    desk_recordings,
    twilio_caller,
    twilio_reconciler,
    twilio_sender,
    twilio_voice_reconciler,
)
from app.channels.cht.door import ChtDoor
from app.channels.console import carrier as console
from app.channels.prompts import PromptDoor
from app.channels.twilio.desk import DeskDoor
from app.channels.twilio.door import CARRIER as TWILIO
from app.channels.twilio.door import TwilioDoor
from app.channels.twilio.recordings import TwilioRecordings
from app.channels.twilio.signature import SignatureCheck
from app.channels.twilio.voice import VoiceDoor
from app.configuration import Configuration
from app.exports.monthly import ask_due
from app.exports.packing import Scratch
from app.kernel.clock import Clock
from app.outbox.rules import Carrier
from app.privacy.service import ErasureLedger
from app.settings import Settings
from app.store.files import FileStore
from app.store.plain_files import PlainFiles
from app.sync.upkeep import Upkeep
from app.usecases import erasing, prompting, signing_in
from app.usecases.allowing import Allowance
from app.usecases.unit_of_work import Office
from app.workers.apart import Apart
from app.workers.attachments import Attachments
from app.workers.dialling import CallBacks, Dialler
from app.workers.exports import Exports
from app.workers.loops import Loop, Worker
from app.workers.recordings import Recordings, Retention
from app.workers.retention import BreachTimer, Forgetting
from app.workers.steps import Expiry, Hourly, LostCalls, Outbox, Reception, Timers

_MAKER: Final = "app.bootstrap.maker"


@dataclass(frozen=True)
class Application:
    """Everything wired together for one process. Parts are made when they are first asked for."""

    settings: Settings
    configuration: Configuration
    office: Office
    clock: Clock
    gateway_secrets: Mapping[str, str]

    @cached_property
    def inbox(self) -> InboxWriter:
        """The inbox that this process's doors write to."""
        return InboxWriter(self.office, self.clock)

    @cached_property
    def anchors(self) -> AnchorFile:
        """Where the ends of the audit chain are noted."""
        return AnchorFile(self.settings.anchors_file, self.office.vault)

    @cached_property
    def ledger(self) -> ErasureLedger:
        """Where erasures are noted for the day on which an older database is put back."""
        return ErasureLedger(self.settings.ledger_file)

    @cached_property
    def twilio_door(self) -> TwilioDoor:
        """Twilio's webhooks for what comes to the inbox."""
        return TwilioDoor(self.inbox, self._twilio_signatures)

    @cached_property
    def voice_door(self) -> VoiceDoor:
        """Twilio's webhooks for calls."""
        base_url = self.settings.public_base_url.rstrip("/")
        tone, _, _ = prompting.TONE
        return VoiceDoor(self.office, self.clock, self._twilio_signatures, base_url, tone)

    @cached_property
    def desk_door(self) -> DeskDoor:
        """Twilio's webhooks for calls in which a worker records prompts."""
        account = account_of(self.settings)
        holder = partial(desk_recordings, account) if account else None
        return DeskDoor(self.voice_door, self.prompt_files, holder)

    @cached_property
    def prompt_door(self) -> PromptDoor:
        """Where carriers fetch the sounds of prompts."""
        return PromptDoor(self.office, self.prompt_files)

    @cached_property
    def prompt_files(self) -> PlainFiles:
        """The sounds of prompts. They hold nothing personal, so they are not sealed."""
        return PlainFiles(self.settings.files_dir / "prompts")

    @cached_property
    def _twilio_signatures(self) -> SignatureCheck:
        return SignatureCheck(self.settings.public_base_url, self.settings.listed("twilio_auth_tokens"))

    @cached_property
    def cht_door(self) -> ChtDoor:
        """The door for gateway phones."""
        names = {g.name for g in self.configuration.gateways if g.protocol == "cht"}
        secrets = {name: secret for name, secret in self.gateway_secrets.items() if name in names}
        return ChtDoor(self.office, self.inbox, self.clock, secrets, self._is_worker)

    @cached_property
    def files(self) -> FileStore:
        """The files of cases, sealed; a folder in which nothing else lies, so that strays can be swept."""
        return FileStore(self.settings.files_dir / "attachments", self.office.rulebook.passed)

    @cached_property
    def attachments(self) -> Attachments:
        """What settles uploads, and removes what nobody needs any more."""
        return Attachments(self.office, self.files, self.clock)

    @cached_property
    def carriers(self) -> tuple[Carrier, ...]:
        """Whom the outbox hands texts to by itself; gateway phones fetch theirs."""
        sender = twilio_sender(self.settings)
        return (console.ConsoleSender(), *([sender] if sender else []))

    def worker(self) -> Worker:
        """The loops of one worker, not yet running."""
        loops = [
            Loop("reception", Reception(self.office).step),
            Loop("timers", Timers(self.office).step),
            Loop("expiry", Expiry(self.office).step),
            Loop("calls", LostCalls(self.office).step),
            Loop("callbacks", CallBacks(self.office).step),
            Loop("anchors", Hourly(self._anchor).step),
            Loop("recordings", self.recordings.step),
            Loop("retention", self.retention.step),
            Loop("forgetting", replace(self.forgetting, make_way=self.make_way).step),
            Loop("breaches", BreachTimer(self.office).step),
            Loop("attachments", self.attachments.step),
            Loop("exports", replace(self.exports, apart=Apart(_MAKER, self.settings)).step),
            Loop("reports", Hourly(partial(ask_due, self.office)).step),
            Loop("sync", Hourly(Upkeep(self.office).step).step),
            *(Loop(f"outbox-{c.name}", Outbox(self.office, c, self.clock).step) for c in self.carriers),
        ]
        if caller := twilio_caller(self.settings):
            loops.append(Loop("dialler", Dialler(self.office, caller, self.clock).step))
        if reconciler := twilio_reconciler(self.settings, self.office):
            loops.append(Loop("twilio-reconciler", reconciler.step))
        if voice_reconciler := twilio_voice_reconciler(self.settings, self.office):
            loops.append(Loop("voice-reconciler", voice_reconciler.step))
        return Worker(self.office, self.clock, loops, self.settings.poll, self.make_way)

    def make_way(self) -> None:
        """Let the doors go first, where they are in this process."""
        if self.settings.runs_worker_inside:
            self.inbox.make_way()

    def _anchor(self, now: datetime) -> None:
        """Note, outside the database, where the audit chain ends."""
        with self.office.look() as uow:
            anchor_end(uow.audit, self.anchors, now)

    @cached_property
    def sign_in_terms(self) -> SignInTerms:
        """On which terms one signs in, and how much one may ask for afterwards."""
        settings = self.settings
        return SignInTerms(
            trusted_proxies=settings.trusted_proxies,
            totp_roles=settings.require_totp_roles,
            sign_ins=Allowance(self.office, "sign_in", settings.sign_ins_per_minute),
            requests=Allowance(self.office, "worker", settings.requests_per_minute),
            device_requests=Allowance(self.office, "device", settings.device_requests_per_minute),
        )

    @cached_property
    def recording_files(self) -> FileStore:
        """What callers left, sealed; a folder in which nothing else lies, so that strays can be swept."""
        return FileStore(self.settings.files_dir / "recordings", self.office.rulebook.passed)

    @cached_property
    def recordings(self) -> Recordings:
        """What brings recordings from their carriers to our files."""
        account, limit = account_of(self.settings), self.settings.recording_max_bytes
        holders = {TWILIO: TwilioRecordings(account, limit_bytes=limit)} if account else {}
        return Recordings(self.office, self.recording_files, self.clock, holders, limit)

    @cached_property
    def export_files(self) -> FileStore:
        """What was taken out, sealed; a folder in which nothing else lies, so that strays can be swept."""
        return FileStore(self.settings.files_dir / "exports", self.office.rulebook.passed)

    @cached_property
    def exports(self) -> Exports:
        """What makes exports, and lets go of them."""
        scratch, keep_for = Scratch(self.settings.scratch_dir), self.settings.export_kept_for
        return Exports(self.office, self.export_files, scratch, self.clock, keep_for, self.make_way)

    @cached_property
    def retention(self) -> Retention:
        """What lets go of recordings whose time is over."""
        keep_for = timedelta(days=self.settings.recording_days)
        return Retention(self.office, self.recording_files, self.files, keep_for)

    @cached_property
    def forgetting(self) -> Forgetting:
        """What lets go of names, numbers and words whose time is over."""
        return Forgetting(
            self.office, self.recording_files, partial(erasing.note_in_ledger, self.office, self.ledger)
        )

    def _is_worker(self, username: str, password: str) -> bool:
        """Whether a worker of this name has this password. Wrong ones count as at sign-in: the
        gateways' door must not be a place where one can guess.
        """
        return signing_in.has_password(self.office, username, password, now=self.clock.now())
