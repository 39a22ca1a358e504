"""Taking out of cases what names people: because their time is over, or because somebody asked for it."""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.audit.rules import Deed
from app.cases.rules.facts import CasePseudonymised, DataErased
from app.cases.rules.stages import Case
from app.identity.rules import Action, Worker
from app.kernel.ids import new_id
from app.kernel.refusal import NotFound
from app.privacy.rules import Receipt, UnderLegalHold, covered, digest_of
from app.privacy.service import ErasureLedger
from app.privacy.store import Cleared, KeptErasure, Scope
from app.store.feed import Kind
from app.usecases.seeing import locked_case
from app.usecases.unit_of_work import Office, UnitOfWork

_WORDS: Final = frozenset({"text"})  # of a reason: where in the words it was found


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to have erased: everything of a case, or what belongs to one person in it.

    `notes` is whether what workers wrote goes too; of a whole case it always does. `requested_by` is a
    code of who asked.
    """

    case_id: UUID
    person_id: UUID | None
    reason: str
    requested_by: str
    notes: bool = True

    @property
    def scope(self) -> Scope:
        """The same for the eraser."""
        return Scope(self.case_id, self.person_id, self.notes or self.person_id is None)


@dataclass(frozen=True, slots=True)
class Erased:
    """A receipt, and the files to delete once it is committed: their keys are gone with the commit."""

    receipt: Receipt
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class Again:
    """What was erased anew after a restore."""

    erasures: int = 0
    rows: int = 0
    unknown: int = 0  # of cases that this database does not have
    counts: Counter[str] = field(default_factory=Counter)
    files: list[str] = field(default_factory=list)


def erase(uow: UnitOfWork, worker: Worker, wish: Wish, *, now: datetime) -> Erased:
    """Erase on request, at once. What is erased already gets the receipt that it got.

    Raises: NotAllowed, NotFound, also for a person who is not in the case, UnderLegalHold.
    """
    worker.must_be_allowed(Action.ERASE)
    case = locked_case(uow, worker, wish.case_id)
    if wish.person_id and not _is_in(uow, case, wish.person_id):
        raise NotFound
    if uow.timing.held([case.id]):
        raise UnderLegalHold
    cleared = _clear(uow, case, wish.scope, now=now)
    before = uow.erasures.last_of(case.id, wish.person_id)
    if before and not cleared.counts:
        return Erased(before)
    receipt = _receipt(uow, wish, cleared, now=now)
    uow.erasures.add(KeptErasure(receipt, wish.requested_by, wish.reason, worker.id))
    fact = DataErased(
        receipt.id, wish.person_id is None, wish.person_id, wish.scope.words, dict(cleared.counts)
    )
    uow.timeline.tell(case.id, [fact], actor=str(worker.id))
    told = {**fact.details(), "digest": receipt.digest.hex(), "requested_by": wish.requested_by}
    uow.audit.record(Deed(fact.kind, str(worker.id), case.id, told))
    return Erased(receipt, tuple(cleared.files))


def pseudonymise(uow: UnitOfWork, case_id: UUID, *, now: datetime) -> list[str] | None:
    """Nothing in a closed case whose time is over names anybody any more. Returns the files to delete.

    None where the case is open again, or held, or was done: then nothing is changed.
    """
    case = uow.cases.locked(case_id, None)
    if case is None or not uow.timing.over(uow.rulebook.retention, now, limit=1, only=case_id):
        return None
    cleared = _clear(uow, case, Scope(case_id), now=now)
    uow.tell(case_id, [CasePseudonymised(dict(cleared.counts))], actor="retention")
    return cleared.files


def check(uow: UnitOfWork, receipt: Receipt) -> bool:
    """Whether this installation wrote the receipt, just as it is."""
    digest = digest_of(receipt)
    code = uow.vault.chain(covered(digest))
    return hmac.compare_digest(digest, receipt.digest) and hmac.compare_digest(code, receipt.mac)


def erasures(uow: UnitOfWork) -> list[Receipt]:
    """Every erasure on request, oldest first: what must be erased again where an old copy was restored."""
    return uow.erasures.all()


def note_in_ledger(office: Office, ledger: ErasureLedger) -> int:
    """Every erasure on request stands in the ledger too; how many did not. Whoever erased may have died
    between the commit and the line.
    """
    with office.look() as uow:
        missing = ledger.missing(erasures(uow))
    ledger.add(missing)
    return len(missing)


def reapply(uow: UnitOfWork, receipts: Sequence[Receipt], *, now: datetime) -> Again:
    """Erase again, in a database that was restored, what these receipts say was erased.

    Receipts that this installation did not write are passed over; those of cases that the copy does not
    have are kept. A legal hold does not stop it: what was erased was erased. Repeating it changes nothing.
    """
    again = Again()
    for receipt in receipts:
        if not check(uow, receipt):
            again.unknown += 1
            continue
        uow.erasures.add(KeptErasure(receipt, "restore", "", UUID(int=0)))
        case = uow.cases.locked(receipt.case_id, None)
        if case is None:
            again.unknown += 1
            continue
        scope = Scope(receipt.case_id, receipt.person_id, receipt.notes)
        cleared = _clear(uow, case, scope, now=now)
        again.counts.update(cleared.counts)
        again.files.extend(cleared.files)
        if cleared.counts:
            again.erasures += 1
            told = {"erasure_id": str(receipt.id), "counts": dict(cleared.counts)}
            uow.audit.record(Deed("data.erased_again", "restore", receipt.case_id, told))
    again.rows = sum(again.counts.values())
    return again


def _clear(uow: UnitOfWork, case: Case, scope: Scope, *, now: datetime) -> Cleared:
    """Let go of what the scope holds; the case's own words too. The case is told that it changed."""
    people = [member.person.id for member in uow.records.members_of([case.id]).get(case.id, [])]
    cleared = uow.eraser.clear(scope, now)
    plain = replace(
        case, reasons=tuple(_codes_only(case.reasons)), summary=None if scope.words else case.summary
    )
    if plain != case:
        cleared.add("case_file", 1)
    mentioned = [*([case.id] if scope.words else []), *([scope.person_id] if scope.person_id else people)]
    uow.eraser.clear_mentions(mentioned, cleared, now)
    if cleared.counts:
        uow.cases.save(replace(plain, updated_at=now))
        _tell_devices(uow, case.id)
    if scope.whole and case.closed_at:
        uow.timing.mark(case.id, pseudonymised_at=now, scrubbed_at=now)
    return cleared


def _tell_devices(uow: UnitOfWork, case_id: UUID) -> None:
    """Whoever holds a copy of the case gets every document of it anew."""
    for doc in uow.feed.docs_of([case_id]):
        uow.touched.note(Kind(doc.kind), doc.id, doc.case_id, viewer=doc.viewer)


def _codes_only(reasons: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for reason in reasons:
        yield {name: value for name, value in reason.items() if name not in _WORDS}


def _is_in(uow: UnitOfWork, case: Case, person_id: UUID) -> bool:
    members = {member.person.id for member in uow.records.members_of([case.id]).get(case.id, [])}
    ways = {person for _, person, _ in uow.cases.phones_of(case.id)}
    return person_id in {*members, *ways, case.reporter_id}


def _receipt(uow: UnitOfWork, wish: Wish, cleared: Cleared, *, now: datetime) -> Receipt:
    receipt = Receipt(
        new_id(now), now, wish.case_id, wish.person_id, wish.scope.words, dict(cleared.counts), cleared.spared
    )
    digest = digest_of(receipt)
    return replace(receipt, digest=digest, mac=uow.vault.chain(covered(digest)))
