"""A town of invented cases in every state, for statistics: kept by the stores, and read back by them."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert

from app.calls.rules import ivr
from app.calls.rules.calls import Call, Kind
from app.cases.rules.guards import Wall
from app.cases.rules.stages import Case, Outcome, Queue, Sight, Status
from app.cases.store.cases import Wanted
from app.cases.store.people import Person
from app.cases.store.records import Member
from app.circumstances.rules import Circumstances, Party, PartyKind, Recovery
from app.crypto.vault import Place
from app.escalation.rules.ladder import ClockKind
from app.identity.rules import Role, Worker
from app.intake.tables import messages
from app.kernel.ids import new_id
from app.kernel.language import Language
from app.kernel.money import Money
from app.kernel.phone import Phone, SenderKind
from app.kernel.urgency import Urgency
from app.usecases import clocks
from app.usecases.unit_of_work import UnitOfWork
from tests.cluster import Cluster
from tests.makers import LOTUS, STAR, TONLE, Installation, an_installation, settings_for

BEGINS = datetime(2025, 11, 20, 1, tzinfo=UTC)
LENGTH = timedelta(days=200)
CATEGORIES = (
    "unpaid_wages", "detention", "forced_extension", "passport_confiscation", "deployment_delay",
    "unclassified", "trafficking_forced_labour",
)  # fmt: skip
SECTORS = (None, None, "fisheries", "construction", "domestic_work")
PROVINCES = (None, "KH-1", "KH-2", "KH-3")
DESTINATIONS = ("TH", "TH", "TH", "MY", "KR", None)
CHANNELS = ("sms", "call", "app")
CURRENCIES = ("USD", "THB", "KRW", "XXX")


@dataclass(frozen=True)
class Contact:
    """One text or call, as it was made up."""

    channel: str | None  # None: a call that we made
    at: datetime
    phone: UUID | None
    language: str
    case: Case | None
    ended: str | None = None  # of a call to the hotline
    counts: bool = True  # whether a person in need may stand behind it


@dataclass
class Town:
    """Who works in the town, and every case with all that belongs to it, as the stores open it."""

    here: Installation
    supervisor: Worker
    coordinator: Worker
    workers: list[Worker] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    members: dict[UUID, list[Member]] = field(default_factory=dict)
    around: dict[UUID, Circumstances] = field(default_factory=dict)
    linked: dict[UUID, list[Party]] = field(default_factory=dict)
    recoveries: dict[UUID, list[Recovery]] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    texts: list[UUID] = field(default_factory=list)

    def read(self) -> None:
        """Read everything back as it was kept."""
        with self.here.office.look() as uow:
            self.cases = uow.cases.listed(Wanted(), None, 100_000)
            ids = [one.id for one in self.cases]
            self.members = {case_id: uow.records.members_of([case_id]).get(case_id, []) for case_id in ids}
            self.around = {case_id: uow.circumstances.of_case(case_id) for case_id in ids}
            self.linked = {case_id: uow.circumstances.parties_of(case_id) for case_id in ids}
            self.recoveries = {case_id: uow.circumstances.recoveries_of(case_id) for case_id in ids}

    def seen(self, sight: Sight | None) -> list[Case]:
        """The cases that these eyes may see and that were not merged into others."""
        with self.here.office.look() as uow:
            shown = (
                {one.id for one in self.cases}
                if sight is None
                else uow.cases.visible([one.id for one in self.cases], sight)
            )
        return [one for one in self.cases if one.id in shown and one.status is not Status.MERGED]


@contextmanager
def an_installation_on(template: str, folder: Path, cluster: Callable[[], Cluster]) -> Iterator[Installation]:
    """An installation on a copy of the migrated database, for the tests of one file that only look at it."""
    url = f"sqlite:///{folder / 'town.db'}"
    if template.startswith("sqlite"):
        shutil.copy(template.removeprefix("sqlite:///"), folder / "town.db")
    else:
        url = cluster().copy_database(template)
    here = an_installation(settings_for(folder, url))
    try:
        yield here
    finally:
        here.office.database.close()
        if not template.startswith("sqlite"):
            cluster().drop(url)


def a_town(here: Installation, *, seed: int, cases: int = 250) -> Town:
    """So many cases, opened within 200 days, with people, companies, money, clocks, walls and children."""
    rng = random.Random(seed)
    here.clock.set(BEGINS + LENGTH + timedelta(days=10, hours=5))
    town = Town(here, here.a_worker(Role.SUPERVISOR, TONLE), here.a_worker(Role.COORDINATOR))
    town.workers = [here.a_worker(organisation=name) for name in (TONLE, TONLE, LOTUS, STAR)]
    with here.office.work(BEGINS) as uow:
        for number, kind in enumerate(list(PartyKind) * 3):
            party = Party(new_id(BEGINS), kind, (f"Invented {kind.value} {number}",))
            uow.circumstances.add_party(party, town.supervisor.id, BEGINS)
            town.parties.append(party)
        phones = [
            uow.intake.contact_point(Phone(f"+6681{n:07d}"), language="km", script="khmer", now=BEGINS).id
            for n in range(30)
        ]
        for _ in range(cases):
            _a_case(uow, town, rng)
        listed = uow.cases.listed(Wanted(), None, 100_000)
        for _ in range(cases):
            _a_contact(uow, town, rng, (listed, phones))
    town.read()
    return town


def _a_case(uow: UnitOfWork, town: Town, rng: random.Random) -> None:
    opened_at = BEGINS + timedelta(microseconds=rng.randrange(LENGTH // timedelta(microseconds=1)))
    owner = rng.choice([*town.workers, None])
    outcome = rng.choice([None, None, *Outcome])
    accepted = opened_at + timedelta(seconds=rng.choice((30, 600, 5_000, 90_000, 900_000)), microseconds=1)
    waits = owner is None or rng.random() < 0.2
    case = Case(
        id=new_id(opened_at), code=uow.cases.free_code(), status=Status.ASSIGNED,
        urgency=rng.choice(list(Urgency)), categories=tuple(rng.sample(CATEGORIES, rng.choice((1, 1, 2, 3)))),
        reasons=(), language="km", origin_channel=rng.choice(CHANNELS),
        destination_country=rng.choice(DESTINATIONS),
        organisation_id=owner.organisation_id if owner else None, owner_id=owner.id if owner else None,
        queue=None if owner else Queue.COORDINATOR, member_count=rng.choice((1, 1, 2, 5, 12)),
        reporter_id=None, summary=None, opened_at=opened_at, updated_at=opened_at,
        accepted_at=None if waits else accepted,
        first_contact_at=(
            None if waits or rng.random() < 0.2 else accepted + timedelta(hours=rng.randrange(90))
        ),
    )  # fmt: skip
    if not waits:
        case = replace(case, status=Status.ACCEPTED)
    if outcome:
        closed_at = accepted + timedelta(hours=rng.randrange(1, 900))
        case = replace(
            case, status=Status.CLOSED, outcome=outcome, closed_at=closed_at, client_informed="yes"
        )
    if rng.random() < 0.03:
        case = replace(case, status=Status.MERGED, closed_at=accepted)
    if rng.random() < 0.05:
        case = replace(case, child_since=opened_at)
    uow.cases.add(case)
    if case.is_open:
        done = (case.accepted_at, case.first_contact_at, None if case.accepted_at else opened_at)
        kinds = [kind for kind, moment in zip(ClockKind, done, strict=True) if moment is None]
        clocks.start(uow, case, kinds, now=opened_at)
    _people(uow, case, rng)
    _around(uow, town, case, rng)
    for _ in range(rng.choice((0, 0, 1))):
        due_at = town.here.clock.now() + timedelta(hours=rng.randrange(-90, 90))
        uow.records.add_task(kind="call_back", case_id=case.id, subject_id=None, due_at=due_at, now=opened_at)


def _people(uow: UnitOfWork, case: Case, rng: random.Random) -> None:
    written = rng.randrange(min(case.member_count, 4) + 1)
    uow.records.add_members(
        [
            Member(
                new_id(case.opened_at), case.id,
                Person(
                    new_id(case.opened_at), sex=rng.choice(("female", "female", "male", "other", "unknown")),
                    birth_date=rng.choice((None, _born(case, rng))),
                ),
                outcome=rng.choice((None, None, Outcome.REPATRIATED, Outcome.DEBT_CANCELLED)),
                wages_claimed=rng.choice(
                    (None, Money(rng.randrange(10**rng.randrange(1, 12)), rng.choice(CURRENCIES)))
                ),
            )
            for _ in range(written)
        ],
        case.opened_at,
    )  # fmt: skip


def _born(case: Case, rng: random.Random) -> date:
    """A birthday: often one around which an age changes, now and then one that cannot be."""
    opened = case.opened_at.date()
    years = rng.choice((-1, 0, 3, 9, 17, 18, 20, 21, 26, 30, 39, 47, 48, 77))
    birthday = opened.replace(year=opened.year - years, day=min(opened.day, 28))
    return birthday + timedelta(days=rng.choice((-1, 0, 1)))


def _around(uow: UnitOfWork, town: Town, case: Case, rng: random.Random) -> None:
    actor = town.supervisor.id
    if rng.random() < 0.8:
        known = Circumstances(case.id, rng.choice(SECTORS), rng.choice(PROVINCES))
        uow.circumstances.keep(known, actor, case.opened_at)
    for party in rng.sample(town.parties, rng.choice((0, 0, 1, 3))):
        uow.circumstances.link(case.id, party.id, actor, case.opened_at)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at = case.opened_at + timedelta(days=rng.randrange(60))
        amount = Money(rng.randrange(1, 10**9), rng.choice(CURRENCIES))
        uow.circumstances.add_recovery(Recovery(new_id(at), case.id, amount, at.date(), actor, at))
    if rng.random() < 0.04:
        wall = Wall(
            new_id(case.opened_at), case.id, town.supervisor.id, None, "invented", actor, case.opened_at
        )
        uow.guards.raise_wall(wall)


def age_at(birth: date | None, day: date) -> int | None:
    """The years that are reached in the year of that day; None where nobody knows, or where it cannot be."""
    if birth is None or birth.year > day.year:
        return None
    return day.year - birth.year


def _a_contact(uow: UnitOfWork, town: Town, rng: random.Random, of: tuple[list[Case], list[UUID]]) -> None:
    cases, phones = of
    at = BEGINS + timedelta(seconds=rng.randrange(int(LENGTH.total_seconds())))
    case, phone = rng.choice([*cases, None, None]), rng.choice([*phones, None])
    language, sender = rng.choice(("km", "en", "th")), rng.choice((*SenderKind, SenderKind.PHONE))
    counts = sender in {SenderKind.PHONE, SenderKind.WITHHELD}
    if rng.random() < 0.5:
        twin = rng.choice([*[None] * 9, *town.texts[-1:]])
        message_id = new_id(at)
        uow.connection.execute(insert(messages), {
            "id": message_id, "contact_point_id": phone, "sender_kind": sender, "carrier": "console",
            "via": "here", "carrier_id": str(message_id), "body_index": b"", "script": "khmer",
            "body": uow.vault.seal("invented", Place("message", message_id, "body")), "language": language,
            "received_at": at, "claimed_at": None, "triage": None, "duplicate_of": twin,
        })  # fmt: skip
        town.texts.append(message_id)
        if case:
            uow.intake.link(message_id, case.id, at)
        town.contacts.append(Contact("sms", at, phone, language, case, counts=counts and twin is None))
        return
    kind = rng.choice((Kind.HOTLINE, Kind.HOTLINE, Kind.MISSED, Kind.BRIDGE))
    ended = rng.choice(("answered", "left_word", "abandoned", "going_on"))
    state = replace(ivr.begin(language=Language(language)), danger=ended == "left_word")
    over = None if ended == "going_on" else at + timedelta(minutes=2)
    by = town.workers[0].id if ended == "answered" else None
    call_id = new_id(at)
    uow.calls.add(Call(
        call_id, kind, "twilio", "AC", str(call_id), "here", sender.value, state, at, at + timedelta(hours=2),
        phone, None, case.id if case else None, answered_by=by, ended_at=over,
    ))  # fmt: skip
    channel = {Kind.HOTLINE: "call", Kind.MISSED: "missed_call"}.get(kind)
    town.contacts.append(
        Contact(channel, at, phone, language, case, ended if channel == "call" else None, counts=counts)
    )
