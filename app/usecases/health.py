"""Whether the service can do its work: what `readyz` and `doctor` look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.calls.rules.recordings import State
from app.crypto.keyring import KeyRing
from app.outbox.rules import Way
from app.privacy.service import ErasureLedger
from app.store.heartbeats import BACKED_UP
from app.store.migrations import is_at_head
from app.usecases.unit_of_work import Office

_LOOPS: Final = (
    "reception", "timers", "expiry", "calls", "callbacks", "anchors", "recordings", "retention",
    "forgetting", "breaches", "attachments", "exports", "reports", "sync",
)  # fmt: skip
_SEEN_WITHIN: Final = timedelta(seconds=60)
_LATE: Final = timedelta(minutes=2)
_STUCK: Final = timedelta(minutes=2)
_KEY_FOR: Final = timedelta(days=365)
_BACKUP_EVERY: Final = timedelta(days=8)  # a weekly routine, with a day to spare


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what was found. Names no person.

    `warns`: nothing is broken, yet somebody should see to it.
    """

    name: str
    ok: bool
    finding: str
    warns: bool = False  # nothing is wrong yet, but somebody should see to it


def readiness(office: Office, *, now: datetime) -> list[Check]:
    """Database, tables and worker."""
    try:
        at_head = is_at_head(office.database)
    except SQLAlchemyError as problem:
        return [Check("database", ok=False, finding=f"does not answer ({type(problem).__name__})")]
    tables = Check("tables", at_head, "newest" if at_head else "not migrated: run `spean migrate`")
    checks = [Check("database", ok=True, finding="answers"), tables]
    return [*checks, *(worker_checks(office, now=now) if at_head else [])]


def worker_checks(office: Office, *, now: datetime) -> Iterable[Check]:
    """Whether the worker's loops were seen lately, and whether timers fire on time."""
    with office.look() as uow:
        callers = ["dialler", "voice-reconciler"] if uow.rulebook.call_maker else []
        loops = (*_LOOPS, *_senders(uow.rulebook.ways), *callers)
        wanted = {f"worker:{name}" for name in loops}
        alive = uow.heartbeats.alive_since(wanted, now - _SEEN_WITHIN)
        late, oldest = uow.timers.lateness(now - _LATE)
    missing = sorted(wanted - alive)
    yield Check("worker", not missing, f"not seen lately: {', '.join(missing)}" if missing else "seen lately")
    yield Check("timers", not late, f"{late} late, the oldest due at {oldest}" if late else "on time")


def outbox_checks(office: Office, *, now: datetime) -> Iterable[Check]:
    """Whether texts wait because a carrier does not take them: for `doctor` alone, as a carrier that
    refuses us is no reason to close our doors.
    """
    with office.look() as uow:
        stuck = uow.outbox.in_trouble(now - _STUCK)
    told = [f"{number} wait for {carrier} after {code}" for (carrier, code), number in sorted(stuck.items())]
    yield Check("outbox", not told, "; ".join(told) if told else "nothing waits after an error")


def recording_checks(office: Office, *, now: datetime) -> Iterable[Check]:
    """Whether what callers left waits at a carrier that does not give it, or does not delete it."""
    with office.look() as uow:
        stuck = uow.recordings.in_trouble(now - _STUCK)
    steps = {State.ANNOUNCED: "to be fetched", State.KEPT: "to be deleted at the carrier"}
    told = [f"{number} wait {steps[state]}: {why}" for (state, why), number in sorted(stuck.items())]
    yield Check("recordings", not told, "; ".join(told) if told else "none waits after an error")


def keeping_checks(office: Office, ring: KeyRing, *, now: datetime) -> Iterable[Check]:
    """How old the current key and the last backup are: reasons to do something, none to close our doors."""
    old = ring.current_since is not None and now - ring.current_since > _KEY_FOR
    used = f"in use since {ring.current_since:%Y-%m-%d}" if ring.current_since else "of unknown age"
    advice = ": `spean keys rotate --new-key`" if old else ""
    yield Check("key age", ok=True, finding=f"{ring.current} {used}{advice}", warns=old)
    with office.look() as uow:
        last = uow.heartbeats.last_seen(BACKED_UP)
    late = last is None or now - last > _BACKUP_EVERY
    told = f"the last one was made at {last:%Y-%m-%d %H:%M} UTC" if last else "none was ever made"
    yield Check("backup", ok=True, finding=f"{told}{': `spean backup FILE`' if late else ''}", warns=late)


def ledger_checks(office: Office, ledger: ErasureLedger) -> Iterable[Check]:
    """Whether every erasure stands outside the database too: else an older copy would bring people back."""
    noted, strange = ledger.read()
    with office.look() as uow:
        here = uow.erasures.all()
    missing = len(ledger.missing(here))
    gone = len({receipt.id for receipt in noted} - {receipt.id for receipt in here})
    told = [f"{missing} erasures are not in {ledger.path}: `spean retain` writes them"] if missing else []
    back = f"{gone} erasures in {ledger.path} are not known to the database, which may be an older copy"
    told += [f"{back}: `spean erasures reapply`"] if gone else []
    told += [f"{strange} lines of {ledger.path} are no receipts"] if strange else []
    yield Check("erasures", ok=True, finding="; ".join(told) or "all noted for a restore", warns=bool(told))


def _senders(ways: Iterable[Way]) -> set[str]:
    """The loops that hand texts to carriers; gateway phones, which have a country, fetch theirs."""
    return {f"outbox-{way.carrier}" for way in ways if way.country is None}
