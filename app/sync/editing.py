"""Cases and members as devices open and edit them: field by field, against what others wrote meanwhile."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.cases.rules import stages
from app.cases.rules.facts import CaseClosed
from app.cases.rules.stages import Case, Outcome, Status
from app.cases.store.conflicts import Conflict
from app.cases.store.records import Member
from app.identity.rules import SUPERVISES
from app.kernel.language import Language
from app.kernel.money import Money
from app.kernel.phone import Phone
from app.kernel.refusal import NotFound, Refusal
from app.kernel.urgency import Urgency
from app.privacy.rules import AlreadyErased
from app.store.feed import Kind
from app.sync.applying import SIMPLE, Doing, ParentUnknown, named, own_id, person_of, valid
from app.sync.rules import FieldsRefused, Lost, Merged, ReadOnly, merge, merge_sets, raised, same
from app.sync.unheard import own_words
from app.usecases import affected, case_work, conflicts, keeping
from app.usecases.case_work import Command
from app.usecases.conflicts import Clash
from app.usecases.fields import CASE_FIELDS, FLAGS, MEMBER_FIELDS, Moment, PhoneText, Prose
from app.usecases.keeping import Affected, Intake
from app.usecases.seeing import locked_case

_SOFT: Final = frozenset({"summary", "status", "owner_id", "urgency", *FLAGS})
_PLAIN: Final = ("destination_country", "language", "summary")
# What devices are shown of a case or a member and do not write.
_SHOWN_ONLY: Final[Mapping[str, frozenset[str]]] = {
    Kind.CASE: frozenset({
        "code", "urgency_reasons", "origin_channel", "organisation_id", "queue", "opened_at", "accepted_at",
        "first_contact_at", "closed_at", "hold_until", "overdue_since", "updated_at", "outcome",
        "client_informed", "conflict", "next_timer", "member_count", "members", "reporter", "version",
        "owner_id", "status", "status_reason", "urgency_reason", "phone", "note", "reason", "_deleted",
    }),
    Kind.MEMBER: frozenset({"case_id", "person.id", "person", "_deleted"}),
}  # fmt: skip


class Moving(BaseModel):
    """What may go with another stage."""

    status: Status
    status_reason: Prose | None = None
    hold_until: Moment | None = None
    outcome: Outcome | None = None
    client_informed: str | None = None
    note: Prose | None = None


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What of a device's fields is written, and what is lost."""

    apply: dict[str, Any]
    lost: list[Lost]


def write_case(doing: Doing) -> list[Conflict]:
    """Open the case, or write what may be written into it. Raises: as the use cases; FieldsRefused."""
    uow, op = doing.uow, doing.op
    doing.case_id = op.id
    if not uow.scope.there(op.id):
        if not op.create:
            raise NotFound
        _must_not_be_erased(doing, op.id)
        _open(doing)
        return []
    case = locked_case(uow, doing.carrier.worker, op.id)
    if "_deleted" in op.set:
        raise ReadOnly
    if op.do:
        _do(doing)
        return []
    weighed = _weighed(doing, case)
    if weighed.apply:
        reason = {"urgency_reason": op.set.get("urgency_reason")}
        change = keeping.edit_of({**weighed.apply, **reason})
        keeping.edit(uow, doing.carrier.worker, op.id, change, seen=None, now=doing.now)
    doing.lost += weighed.lost
    if "owner_id" in op.set:
        _claim(doing, op.set["owner_id"])
    if "status" in op.set:
        _move(doing)
    _keep_extras(doing, Kind.CASE, CASE_FIELDS)
    return _both_kept(doing, Kind.CASE)


def write_member(doing: Doing) -> list[Conflict]:
    """Add the member, or write what may be written of them. Raises: as the use cases; FieldsRefused."""
    uow, op, worker = doing.uow, doing.op, doing.carrier.worker
    fields = valid(MEMBER_FIELDS, op.set)
    before = uow.records.members([op.id]).get(op.id) if doing.known else None
    if before is None:
        doing.must_be_brought()
    doing.case_id = before.case_id if before else doing.parent()
    # Whoever makes or edits this member at the same moment is waited for before anything is weighed: what
    # was read without the lock may have been written meanwhile.
    locked_case(uow, worker, doing.case_id)
    if before and "_deleted" in op.set:
        raise ReadOnly
    member = uow.records.members([op.id]).get(op.id) or _added(doing, doing.case_id, fields)
    if member.case_id != doing.case_id:
        raise case_work.IdConflict
    known = affected.member_fields(member)
    flags: dict[str, Any] = {
        flag: raised(known[flag], wanted=fields[flag]) for flag in FLAGS if flag in fields
    }
    doing.lost += [Lost(flag, True, False) for flag in flags if flags[flag] != fields[flag]]
    plain = {name: value for name, value in fields.items() if name not in FLAGS}
    was = _AS_ADDED if doing.created else op.was
    merged = _own_first(doing, merge(known, plain, was, fresh=op.create or doing.created))
    doing.lost += merged.clashes
    affected.edit_member(uow, worker, op.id, {**merged.apply, **flags}, online=False, now=doing.now)
    _keep_extras(doing, Kind.MEMBER, MEMBER_FIELDS)
    return _both_kept(doing, Kind.MEMBER)


def _own_first(doing: Doing, merged: Merged) -> Merged:
    """What a device wrote over its own words clashes with nobody's."""
    own = own_words(doing, merged.clashes)
    written = {one.field: one.yours for one in merged.clashes if one.field in own}
    return Merged({**merged.apply, **written}, tuple(one for one in merged.clashes if one.field not in own))


def _open(doing: Doing) -> None:
    """A case as a device wrote it down: a category or a summary is enough."""
    op, uow, worker = doing.op, doing.uow, doing.carrier.worker
    fields = valid(CASE_FIELDS, {name: op.set[name] for name in CASE_FIELDS if name in op.set})
    if not fields.get("categories") and not fields.get("summary"):
        raise FieldsRefused(fields="categories, summary")
    phone = valid({"phone": _PHONE}, {"phone": op.set.get("phone")})["phone"]
    reporter = op.set.get("reporter")
    person = None
    if isinstance(reporter, Mapping):
        given = {f"person.{name}": value for name, value in reporter.items()}
        person = person_of(given, reporter.get("id"), own_id(op.id, "reporter"))
    intake = Intake(
        op.id, json.dumps(op.set, sort_keys=True), tuple(fields.get("categories") or ()),
        fields.get("language") or Language.KM, fields.get("destination_country"), fields.get("summary"),
        Phone(phone) if phone else None, person, (),
    )  # fmt: skip
    keeping.open_by_worker(uow, worker, intake, now=doing.now)
    opened = uow.cases.locked(op.id, None)
    wanted = fields.get("urgency")
    if opened and wanted and Urgency(wanted).is_above(opened.urgency):
        keeping.edit(uow, worker, op.id, keeping.edit_of({"urgency": wanted}), seen=None, now=doing.now)
    _keep_extras(doing, Kind.CASE, CASE_FIELDS)
    doing.created = True


def _added(doing: Doing, case_id: UUID, fields: Mapping[str, Any]) -> Member:
    """The member, added. A person who is known already stays as they are, and is weighed after."""
    op, uow = doing.op, doing.uow
    wages = fields.get("wages_claimed")
    added = Affected(
        person_of(_of_person(op.set), op.set.get("person.id"), op.id),
        Money(wages["amount_minor"], wages["currency"]) if wages else None,
        frozenset(flag for flag in FLAGS if fields.get(flag)),
        op.id,
    )
    before = uow.records.members_of([case_id]).get(case_id, [])
    if any(one.person.id == added.person.id for one in before):
        raise case_work.IdConflict
    keeping.add_members(uow, doing.carrier.worker, case_id, [added], now=doing.now)
    doing.created = True
    return uow.records.members([op.id])[op.id]


def _of_person(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name.startswith("person.")}


def _weighed(doing: Doing, case: Case) -> _Weighed:
    """The editable fields of a case: each by its own rule."""
    op = doing.op
    fields = valid(CASE_FIELDS, op.set)
    current: dict[str, Any] = {"destination_country": case.destination_country, "language": case.language,
               "summary": case.summary}  # fmt: skip
    plain: dict[str, Any] = {name: fields[name] for name in _PLAIN if name in fields}
    merged = _own_first(doing, merge(current, plain, op.was, fresh=op.create))
    apply, lost = dict(merged.apply), list(merged.clashes)
    if "categories" in fields:
        seen = op.was.get("categories")
        wanted = merge_sets(case.categories, fields["categories"], seen if isinstance(seen, list) else None)
        if set(wanted) != set(case.categories):
            apply["categories"] = wanted
    if "urgency" in fields and fields["urgency"] != case.urgency:
        if _may_be(doing, case, Urgency(fields["urgency"])):
            apply["urgency"] = fields["urgency"]
        else:
            lost.append(Lost("urgency", case.urgency.value, fields["urgency"]))
    return _Weighed(apply, lost)


def _may_be(doing: Doing, case: Case, wanted: Urgency) -> bool:
    """Whether a device may make the case as urgent: more always, less only as somebody online may."""
    if wanted.is_above(case.urgency):
        return True
    seen = "urgency" not in doing.op.was or same(case.urgency.value, doing.op.was["urgency"])
    reason = doing.op.set.get("urgency_reason")
    return seen and doing.carrier.worker.role in SUPERVISES and isinstance(reason, str) and bool(reason)


def _claim(doing: Doing, wanted: object) -> None:
    """To take a case is to accept it: of two the first has it, and the other is told."""
    case = locked_case(doing.uow, doing.carrier.worker, doing.op.id)
    owner = str(case.owner_id) if case.owner_id else None
    mine = wanted == str(doing.carrier.worker.id)
    if not mine:
        if wanted != owner:
            doing.lost.append(Lost("owner_id", owner, wanted))
        return
    try:
        stages.accept(case, by=doing.carrier.worker.id, now=doing.now)
    except Refusal:
        doing.lost.append(Lost("owner_id", owner, wanted))
        return
    case_work.accept(doing.uow, _command(doing), now=doing.now)


def _move(doing: Doing) -> None:
    """Another stage, weighed against the stage that the case has now, whatever the device believed."""
    op, uow = doing.op, doing.uow
    case = locked_case(uow, doing.carrier.worker, op.id)
    try:
        moving = Moving.model_validate({name: op.set[name] for name in Moving.model_fields if name in op.set})
    except ValidationError as error:
        raise FieldsRefused(fields=named(error)) from None
    if moving.status is case.status and (
        moving.status is not Status.ON_HOLD or moving.hold_until in {None, case.hold_until}
    ):
        return
    if moving.status is Status.ACCEPTED and case.accepted_at is None:
        _claim(doing, str(doing.carrier.worker.id))
    elif moving.status is Status.CLOSED and case.is_open:
        if moving.outcome is None or moving.client_informed not in {"yes", "no", "unsafe"}:
            raise FieldsRefused(fields="outcome, client_informed")
        closing = CaseClosed(moving.outcome, str(moving.client_informed), moving.note)
        case_work.close(uow, _command(doing), closing, now=doing.now)
    else:
        _move_by_hand(doing, case, moving)


def _move_by_hand(doing: Doing, case: Case, moving: Moving) -> None:
    try:
        stages.change_status(
            case, moving.status, reason=moving.status_reason, until=moving.hold_until, now=doing.now
        )
    except Refusal:
        doing.lost.append(Lost("status", case.status.value, moving.status.value))
        return
    case_work.set_status(
        doing.uow, _command(doing), moving.status, reason=moving.status_reason, until=moving.hold_until,
        now=doing.now,
    )  # fmt: skip


def _do(doing: Doing) -> None:
    """What is asked for by name, because a changed field could not say it. Raises: as the use cases."""
    reason = doing.op.set.get("reason")
    if doing.op.do == "accept":
        case_work.accept(doing.uow, _command(doing), now=doing.now)
        return
    if not isinstance(reason, str) or not reason:
        raise FieldsRefused(fields="reason")
    act = case_work.decline if doing.op.do == "decline" else case_work.reopen
    act(doing.uow, _command(doing), reason=reason, now=doing.now)


def _command(doing: Doing) -> Command:
    return Command(doing.carrier.worker, doing.op.id)


def _keep_extras(doing: Doing, kind: Kind, known: Iterable[str]) -> None:
    """Fields that this version does not know are kept beside the document, field by field."""
    ours = {*known, *_SHOWN_ONLY[kind], "extra", "rev"}
    unknown = {name: value for name, value in doing.op.set.items() if name not in ours}
    extra = doing.op.set.get("extra")
    unknown |= dict(extra) if isinstance(extra, Mapping) else {}
    if not unknown:
        return
    was = {**doing.op.was, **(seen if isinstance(seen := doing.op.was.get("extra"), Mapping) else {})}
    here = doing.pushed.extras(kind, [doing.op.id]).get(doing.op.id, {})
    merged = merge(here, unknown, was, fresh=doing.op.create)
    doing.lost += [Lost(f"extra.{one.field}", one.kept, one.yours) for one in merged.clashes]
    if merged.apply:
        doing.pushed.set_extras(kind, doing.op.id, doing.case_id, {**here, **merged.apply})


def _both_kept(doing: Doing, kind: Kind) -> list[Conflict]:
    """Both values of each clash, where people find them."""
    if doing.case_id is None:
        return []
    clashes = [
        Clash(kind.value, doing.op.id, one.field, one.kept, one.yours, hard=_is_hard(one.field))
        for one in doing.lost
    ]
    return conflicts.keep_both(doing.uow, doing.case_id, clashes, by=doing.carrier.worker, now=doing.now)


def _is_hard(name: str) -> bool:
    return name not in _SOFT and not name.startswith("extra.")


# A member of whom nothing was said has these: whoever wrote something else saw them.
_AS_ADDED: Final[Mapping[str, Any]] = {"status": "active", "person.sex": "unknown"}
_PHONE: Final[TypeAdapter[Any]] = TypeAdapter(PhoneText | None)
WRITTEN: Final[Mapping[str, Any]] = {Kind.CASE: write_case, Kind.MEMBER: write_member}


def do(doing: Doing) -> list[Conflict]:
    """Do what the device did; the conflicts that came of it. Raises: Refusal, ParentUnknown."""
    op = doing.op
    if op.whole is not None and not op.create and not doing.known:
        # The device believes that it is here: a backup was restored since. All that it has makes it anew.
        doing.op = replace(op, set=op.whole, was={}, create=True)
    if op.create and "_deleted" in op.set:
        return []  # written and thrown away before anybody else saw it
    try:
        if op.kind in WRITTEN:
            found: list[Conflict] = WRITTEN[op.kind](doing)
            return found
        SIMPLE[op.kind](doing)
    except NotFound:
        if op.kind == Kind.CASE or doing.case_id is None or doing.uow.scope.there(doing.case_id):
            raise
        _must_not_be_erased(doing, doing.case_id)
        raise ParentUnknown(doing.case_id) from None
    return []


def _must_not_be_erased(doing: Doing, case_id: UUID) -> None:
    """A case that is not here may have been erased, and a backup from before it restored since: a device that
    was off all the while must not make it anew. Raises: AlreadyErased.
    """
    if doing.uow.erasures.last_of(case_id, None):
        raise AlreadyErased
