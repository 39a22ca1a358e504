"""The only file that knows every concrete class: settings in, wired application out."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Final

from app.api.origins import SignInTerms
from app.audit.service import AnchorFile, anchor_end
from app.calls.rules.sounds import MOST_BYTES
from app.channels.cht import reading as cht
from app.channels.cht.door import ChtDoor
from app.channels.console import carrier as console
from app.channels.prompts import PromptDoor
from app.channels.twilio import reading as twilio
from app.channels.twilio.caller import TwilioCaller
from app.channels.twilio.desk import DeskDoor
from app.channels.twilio.door import CARRIER as TWILIO
from app.channels.twilio.door import TwilioDoor
from app.channels.twilio.reconciler import Reconciler
from app.channels.twilio.recordings import TwilioRecordings
from app.channels.twilio.rest import Account
from app.channels.twilio.sender import TwilioSender
from app.channels.twilio.signature import SignatureCheck
from app.channels.twilio.voice import VoiceDoor
from app.channels.twilio.voice_reconciler import VoiceReconciler
from app.configuration import Configuration, load_configuration, own_or_shipped
from app.crypto.keyring import KeyFile, KeyRing, load_or_make
from app.crypto.vault import Vault
from app.i18n.catalogue import Catalogues
from app.i18n.wording import UnsafeWords, load_unsafe_words
from app.intake.rules.conversation import MENU
from app.intake.rules.incoming import Arrival
from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.intake.store import inbox_values
from app.intake.tables import inbox
from app.kernel.clock import Clock, SystemClock
from app.kernel.phone import Phone
from app.outbox.rules import Carrier, Way
from app.privacy.service import ErasureLedger
from app.settings import Environment, Settings
from app.store.database import Database
from app.store.files import FileStore
from app.store.group_commit import GroupCommit
from app.store.plain_files import PlainFiles
from app.sync.upkeep import Upkeep
from app.usecases import prompting, signing_in
from app.usecases.allowing import Allowance
from app.usecases.rulebook import Maker, Rulebook
from app.usecases.unit_of_work import Office
from app.workers.attachments import Attachments
from app.workers.dialling import CallBacks, Dialler
from app.workers.loops import Loop, Worker
from app.workers.recordings import Recordings, Retention
from app.workers.retention import BreachTimer, Forgetting
from app.workers.steps import Expiry, Hourly, LostCalls, Outbox, Reception, Timers

Checkpoint = Callable[[str], None]
_QUIET_SECONDS: Final = 0.01
_WAY_FOR_SECONDS: Final = 0.5
_DESK_SECONDS: Final = 4.0


class InboxWriter:
    """The inbox as doors see it: arrivals in, a future for each that is done once it is on disk."""

    def __init__(self, office: Office, clock: Clock) -> None:
        """Start the one writer of this process."""
        self._group = GroupCommit(office.database, inbox, office.rulebook.passed)
        self._vault = office.vault
        self._clock = clock

    def keep(self, arrival: Arrival) -> "Future[None]":
        """Commit this arrival, together with whatever else arrives at this moment."""
        return self._group.add(inbox_values(self._vault, arrival, self._clock.now()))

    def make_way(self) -> None:
        """Return once nobody has been at a door for a moment, or after half a second.

        Carriers wait for their answer; what acts by itself can take its turn when they are served.
        Source: docs/performance.md#doors-first.
        """
        give_up_at = time.monotonic() + _WAY_FOR_SECONDS
        while self._group.quiet_seconds() < _QUIET_SECONDS and time.monotonic() < give_up_at:
            time.sleep(_QUIET_SECONDS)

    def close(self) -> None:
        """Commit what waits, then stop."""
        self._group.close()


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
        account = _account(self.settings)
        holder = partial(_desk_recordings, account) if account else None
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
            Loop("forgetting", self.forgetting.step),
            Loop("breaches", BreachTimer(self.office).step),
            Loop("attachments", self.attachments.step),
            Loop("sync", Hourly(Upkeep(self.office).step).step),
            *(Loop(f"outbox-{c.name}", Outbox(self.office, c, self.clock).step) for c in self.carriers),
        ]
        if caller := twilio_caller(self.settings):
            loops.append(Loop("dialler", Dialler(self.office, caller, self.clock).step))
        if reconciler := twilio_reconciler(self.settings, self.office):
            loops.append(Loop("twilio-reconciler", reconciler.step))
        if voice_reconciler := twilio_voice_reconciler(self.settings, self.office):
            loops.append(Loop("voice-reconciler", voice_reconciler.step))
        make_way = self.inbox.make_way if self.settings.runs_worker_inside else lambda: None
        return Worker(self.office, self.clock, loops, self.settings.poll, make_way)

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
        account, limit = _account(self.settings), self.settings.recording_max_bytes
        holders = {TWILIO: TwilioRecordings(account, limit_bytes=limit)} if account else {}
        return Recordings(self.office, self.recording_files, self.clock, holders, limit)

    @cached_property
    def retention(self) -> Retention:
        """What lets go of recordings whose time is over."""
        keep_for = timedelta(days=self.settings.recording_days)
        return Retention(self.office, self.recording_files, self.files, keep_for)

    @cached_property
    def forgetting(self) -> Forgetting:
        """What lets go of names, numbers and words whose time is over."""
        return Forgetting(self.office, self.recording_files, self.ledger)

    def _is_worker(self, username: str, password: str) -> bool:
        """Whether a worker of this name has this password. Wrong ones count as at sign-in: the
        gateways' door must not be a place where one can guess.
        """
        return signing_in.has_password(self.office, username, password, now=self.clock.now())


def build(settings: Settings, *, clock: Clock | None = None, passed: Checkpoint | None = None) -> Application:
    """The application for these settings.

    Raises: ConfigurationError, KeyRingError, CatalogueError, LexiconError, WordListError.
    """
    configuration = load_configuration(settings.config_dir)
    clock = clock or SystemClock()
    vault = _vault(settings, clock.now())
    secrets = gateway_secrets(settings, configuration, vault)
    rulebook = Rulebook(
        ladders=configuration.ladders,
        lexicon=_lexicon(own_or_shipped(settings.config_dir, "lexicon").parent),
        keywords=configuration.keywords,
        catalogues=Catalogues.load(settings.locales_dir),
        unsafe_words=_unsafe_words(settings.config_dir, configuration),
        floors={code: category.minimum_urgency for code, category in configuration.categories.items()},
        readers={
            TWILIO: twilio.read,
            cht.CARRIER: cht.reader({g.name: g.country for g in configuration.gateways}),
            console.CARRIER: console.read,
        },
        ways=_ways(settings, configuration, secrets),
        own_numbers=_own_numbers(settings, configuration),
        worker_limit=settings.worker_case_limit,
        category_names={code: one.labels for code, one in configuration.categories.items()},
        held_for=timedelta(days=settings.sync_closed_days),
        offline_for=timedelta(days=settings.sync_offline_days),
        menu={str(key): category for key, category in MENU.items()},
        callbacks=settings.callback_rules,
        call_maker=_call_maker(settings),
        screens_calls=settings.twilio_screens_calls,
        retention=configuration.retention,
        attachments=settings.attachment_limits,
        consent=configuration.consent,
        child_signs=configuration.child_signs,
    )
    if passed:
        rulebook = replace(rulebook, passed=passed)
    office = Office(Database(settings.database_url), vault, rulebook)
    return Application(settings, configuration, office, clock, secrets)


@cache
def _lexicon(folder: Path) -> Lexicon:
    """The words of triage; compiling them takes a while, so a process does it once."""
    return load_lexicon(folder)


def _unsafe_words(folder: Path, configuration: Configuration) -> UnsafeWords:
    """What no text to a person may say, the names of those who take part included."""
    words = load_unsafe_words(own_or_shipped(folder, "unsafe_words.yaml"))
    return words.with_names(name for one in configuration.organisations for name in one.names.values())


def twilio_sender(settings: Settings) -> TwilioSender | None:
    """The way out to Twilio, where an account with a number is configured."""
    account = _twilio_account(settings)
    status_url = settings.public_base_url.rstrip("/") + "/twilio/sms/status"
    return TwilioSender(account, status_url=status_url) if account else None


def twilio_caller(settings: Settings) -> TwilioCaller | None:
    """What makes calls for us, where an account with a number for calls is configured."""
    account = _voice_account(settings)
    return TwilioCaller(account, base_url=settings.public_base_url) if account else None


def twilio_reconciler(settings: Settings, office: Office) -> Reconciler | None:
    """What looks for texts that Twilio never brought, where an account with a number is configured."""
    account = _twilio_account(settings)
    return Reconciler(office, account, settings.listed("twilio_sms_numbers")) if account else None


def twilio_voice_reconciler(settings: Settings, office: Office) -> VoiceReconciler | None:
    """What looks for calls and recordings that Twilio never told of, where there is a number for calls."""
    account = _voice_account(settings)
    listed = (*settings.listed("twilio_voice_numbers"), *settings.listed("missed_call_numbers"))
    numbers = frozenset(Phone.parse(number).e164 for number in listed)
    return VoiceReconciler(office, account, numbers) if account else None


def _desk_recordings(account: Account) -> TwilioRecordings:
    """What fetches while a worker waits on the line: a carrier that does not hear from us cuts them off."""
    hasty = replace(account, timeout_seconds=min(account.timeout_seconds, _DESK_SECONDS))
    return TwilioRecordings(hasty, limit_bytes=MOST_BYTES, within=timedelta(seconds=_DESK_SECONDS))


def _twilio_account(settings: Settings) -> Account | None:
    """The account for texts, which need a number to leave from."""
    return _account(settings) if settings.listed("twilio_sms_numbers") else None


def _voice_account(settings: Settings) -> Account | None:
    """The account for calls, which need a number to show."""
    numbers = settings.listed("twilio_voice_numbers") or settings.listed("missed_call_numbers")
    return _account(settings) if numbers else None


def _account(settings: Settings) -> Account | None:
    tokens = settings.listed("twilio_auth_tokens")
    if not (settings.twilio_account_sid and tokens):
        return None
    return Account(
        settings.twilio_account_sid, tokens[0], settings.twilio_api_base_url, settings.twilio_timeout_seconds
    )


def gateway_secrets(settings: Settings, configuration: Configuration, vault: Vault) -> dict[str, str]:
    """The password of each gateway that has one: from the environment, in the demo else made up."""
    found = {}
    for gateway in configuration.gateways:
        secret = settings.gateway_secret(gateway.name)
        if not secret and settings.environment is Environment.DEMO:
            secret = vault.derived_secret(f"gateway:{gateway.name}")
        if secret:
            found[gateway.name] = secret
    return found


def _vault(settings: Settings, now: datetime) -> Vault:
    """The vault over the key file, which is made on first use in the demo, never in production."""
    file = KeyFile(settings.keys_file)
    if settings.environment is Environment.DEMO:
        ring = load_or_make(settings.keys_file, made_for=Environment.DEMO, now=now)
    else:
        ring = KeyRing.load(settings.keys_file)
    return Vault(ring, file.newer)


def _ways(settings: Settings, configuration: Configuration, secrets: Mapping[str, str]) -> tuple[Way, ...]:
    """The ways out in order of preference: phones with a local SIM, then Twilio, then the demo's console."""
    phones = [Way(g.protocol, g.name, g.country) for g in configuration.gateways if g.name in secrets]
    numbers = settings.listed("twilio_sms_numbers") if _twilio_account(settings) else ()
    ways = [*phones, *(Way(TWILIO, number) for number in numbers)]
    if settings.environment is Environment.DEMO:
        ways.append(Way(console.CARRIER, console.CARRIER))
    return tuple(ways)


def _call_maker(settings: Settings) -> Maker | None:
    if _voice_account(settings) is None:
        return None
    answered = [Phone.parse(number).e164 for number in settings.listed("twilio_voice_numbers")]
    return Maker(TWILIO, settings.twilio_account_sid, next(iter(answered), None))


def _own_numbers(settings: Settings, configuration: Configuration) -> frozenset[Phone]:
    names = ("twilio_sms_numbers", "twilio_voice_numbers", "missed_call_numbers")
    listed = [Phone.parse(number) for name in names for number in settings.listed(name)]
    return frozenset({*listed, *(gateway.number for gateway in configuration.gateways)})
