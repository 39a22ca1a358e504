"""One transaction of a use case: every room's store on one connection, committed together or not at all."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.attachments.store import AttachmentStore
from app.audit.rules import Deed
from app.audit.store import AuditStore
from app.calls.store.calls import CallStore
from app.calls.store.dials import DialStore
from app.calls.store.missed import MissedCallStore
from app.calls.store.prompts import PromptStore
from app.calls.store.recordings import RecordingStore
from app.cases.rules.facts import Fact
from app.cases.store.cases import CaseStore
from app.cases.store.conflicts import ConflictStore
from app.cases.store.consents import ConsentStore
from app.cases.store.guards import GuardStore
from app.cases.store.people import PeopleStore
from app.cases.store.records import RecordStore
from app.cases.store.scope import ScopeStore
from app.cases.store.sharing import SharingStore
from app.cases.store.timeline import Claim, TimelineStore
from app.circumstances.store import CircumstanceStore
from app.crypto.vault import Vault
from app.escalation.store import TimerStore
from app.identity.allowances import AllowanceStore
from app.identity.credentials import CredentialStore
from app.identity.devices import DeviceStore
from app.identity.sign_ins import SignInStore
from app.identity.store import IdentityStore
from app.intake.store import IntakeStore
from app.outbox.store import OutboxStore
from app.privacy.store import BreachStore, EraserStore, ErasureStore, MentionStore, TimingStore
from app.store.database import Database
from app.store.feed import FeedStore, Touched
from app.store.heartbeats import HeartbeatStore
from app.usecases import feeding
from app.usecases.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Alert:
    """Words to a worker that are said when the transaction ends; the phone by its blind index."""

    phone_index: bytes
    worker_id: UUID | None
    case_id: UUID | None
    say: Callable[["UnitOfWork"], object]


class UnitOfWork:
    """The stores inside one transaction, and the rulebook by which the use case decides.

    Only edges, workers and the command line open one (`Office.work`); only it commits.
    """

    def __init__(self, connection: Connection, vault: Vault, rulebook: Rulebook) -> None:
        """Put every store on this connection."""
        self.rulebook = rulebook
        self.vault = vault
        self.connection = connection
        self.touched = Touched()
        self.alerts: list[Alert] = []  # said when the transaction ends: see `flush`
        self.claimed: Claim | None = None  # when a device says that this was done
        self.allowances = AllowanceStore(connection, vault)
        self.attachments = AttachmentStore(connection, vault, self.touched)
        self.audit = AuditStore(connection, vault)
        self.breaches = BreachStore(connection, vault)
        self.calls = CallStore(connection, vault)
        self.cases = CaseStore(connection, vault, self.touched)
        self.circumstances = CircumstanceStore(connection, vault)
        self.conflicts = ConflictStore(connection, vault, self.touched)
        self.credentials = CredentialStore(connection, vault)
        self.devices = DeviceStore(connection, vault)
        self.dials = DialStore(connection, vault)
        self.eraser = EraserStore(connection, vault)
        self.erasures = ErasureStore(connection, vault)
        self.feed = FeedStore(connection)
        self.consents = ConsentStore(connection, vault)
        self.guards = GuardStore(connection, vault)
        self.heartbeats = HeartbeatStore(connection)
        self.identity = IdentityStore(connection, vault)
        self.intake = IntakeStore(connection, vault, self.touched)
        self.mentions = MentionStore(connection, vault)
        self.missed = MissedCallStore(connection)
        self.outbox = OutboxStore(connection, vault, self.touched)
        self.people = PeopleStore(connection, vault)
        self.prompts = PromptStore(connection)
        self.recordings = RecordingStore(connection, vault)
        self.records = RecordStore(connection, vault, self.touched)
        self.scope = ScopeStore(connection)
        self.sign_ins = SignInStore(connection, vault)
        self.sharing = SharingStore(connection, vault)
        self.timeline = TimelineStore(connection, vault)
        self.timers = TimerStore(connection, self.touched)
        self.timing = TimingStore(connection)

    def tell(self, case_id: UUID, facts: Iterable[Fact], *, actor: UUID | str) -> None:
        """Write these facts into the case's timeline and into the audit chain."""
        told = list(facts)
        self.timeline.tell(case_id, told, actor=str(actor), claimed=self.claimed)
        for fact in told:
            self.audit.record(Deed(fact.kind, str(actor), case_id, fact.details()))

    def flush(self, now: datetime) -> None:
        """Write what was gathered, the audit chain last: its end is locked until the commit.

        Alerts to workers come first, by phone: how many went to each in an hour is counted under a lock of
        that phone, and whoever takes such locks last of all and in one order waits for nobody for ever.
        """
        for alert in sorted(self.alerts, key=lambda one: one.phone_index):
            self.outbox.count_alone(alert.phone_index)
            alert.say(self)
        self.alerts.clear()
        self.timeline.flush(now)
        feeding.feed_changes(
            self.touched, feed=self.feed, scope=self.scope, identity=self.identity,
            closed_after=self.rulebook.held_since(now),
        )  # fmt: skip
        self.audit.flush(now)


class Office:
    """Where units of work are opened: one database, one vault, one rulebook."""

    def __init__(self, database: Database, vault: Vault, rulebook: Rulebook) -> None:
        """Keep what every unit of work needs."""
        self.database = database
        self.vault = vault
        self.rulebook = rulebook

    @contextmanager
    def work(self, now: datetime) -> Iterator[UnitOfWork]:
        """A transaction that changes things: leaving it without an error commits, an error undoes all."""
        with self.database.write() as connection:
            unit = UnitOfWork(connection, self.vault, self.rulebook)
            yield unit
            unit.flush(now)
            self.rulebook.passed("before_commit")
        self.rulebook.passed("after_commit")

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        """As look, but every read sees one and the same state."""
        with self.database.snapshot() as connection:
            yield UnitOfWork(connection, self.vault, self.rulebook)

    @contextmanager
    def look(self) -> Iterator[UnitOfWork]:
        """A transaction that only reads; what it gathers is dropped."""
        with self.database.read() as connection:
            yield UnitOfWork(connection, self.vault, self.rulebook)
