"""Cases with all that an export shows of them, and short ways to make its files and to read them again."""

import csv
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from app.cases.rules.consent import By, Channel, Consent, Said
from app.cases.rules.stages import Sight
from app.cases.store.people import Person
from app.cases.store.records import ContactAttempt, Member, Note
from app.cases.tables import case_categories, cases
from app.circumstances.rules import Circumstances, Party, PartyKind, Recovery
from app.crypto.vault import Place
from app.exports.making import Made, Making, make
from app.exports.rules.asking import Format, Profile, Wanted
from app.identity.rules import Worker
from app.kernel.money import Money
from app.kernel.phone import Phone
from app.outbox.rules import Known, SafeContact
from app.outbox.store import Source, Told
from app.usecases.setting_up import organisation_id
from tests.fakes import START
from tests.makers import TONLE, Installation

KHMER = "ថៅកែដកហូតលិខិតឆ្លងដែន"
SAFE_PHONE, UNSAFE_PHONE, UNKNOWN_PHONE = "+66812345601", "+66812345602", "+66812345603"
_codes = itertools.count()


@dataclass
class Maker:
    """One installation whose cases are written straight into its tables."""

    here: Installation
    folder: Path
    worker: Worker = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        self.worker = self.here.a_worker(username="sokha")

    def a_case(self, *, opened_at: datetime = START, summary: str | None = KHMER, **values: Any) -> UUID:
        """A case with these values."""
        id_ = uuid4()
        vault = self.here.office.vault
        row = {
            "id": id_, "code": f"{next(_codes):04d}-0000", "status": "assigned", "urgency": "U2",
            "categories": ["unpaid_wages"], "language": "km", "origin_channel": "sms",
            "destination_country": "TH", "organisation_id": organisation_id(TONLE), "queue": "organisation",
            "member_count": 1, "version": 1, "event_count": 0, "opened_at": opened_at,
            "updated_at": opened_at,
            "summary": vault.seal(summary, Place("case_file", id_, "summary")) if summary else None, **values,
        }  # fmt: skip
        with self.here.office.database.write() as connection:
            connection.execute(insert(cases), row)
            for category in row["categories"]:
                connection.execute(insert(case_categories), {"case_id": id_, "category": category})
        return id_

    def a_member(self, case_id: UUID, name: str | None = None, **person: Any) -> Member:
        """Somebody in the case. `wages`, `flags` and `outcome` are the member's, the rest the person's."""
        own = {key: person.pop(key) for key in ("flags", "outcome") if key in person}
        wages = person.pop("wages", None)
        phone = person.pop("phone", None)
        who = Person(uuid4(), name, Phone(phone) if phone else None, **person)
        member = Member(uuid4(), case_id, who, wages_claimed=wages, **own)
        with self.here.office.work(START) as uow:
            uow.records.add_members([member], START)
        return member

    def told(self, case_id: UUID, phone: str, safe: SafeContact) -> None:
        """A caseworker wrote down how a phone may be used."""
        with self.here.office.work(START) as uow:
            index = uow.outbox.phone_index(Phone(phone))
            uow.outbox.safety.tell(Told(case_id, index, Source.CASEWORKER, safe, START, self.worker.id))

    def everything(self) -> UUID:
        """One case of which everything is known that an export shows."""
        reporter = Person(uuid4(), "ម្ដាយ", Phone(SAFE_PHONE), "female")
        with self.here.office.work(START) as uow:
            uow.records.add_person(reporter, START)
        case_id = self.a_case(
            code="0482-1376", reporter_id=reporter.id, owner_id=self.worker.id, queue=None, member_count=12,
            categories=["unpaid_wages", "detention"], accepted_at=START + timedelta(hours=1),
        )  # fmt: skip
        self.told(case_id, SAFE_PHONE, SafeContact(may_call=Known.YES))
        self.told(case_id, UNSAFE_PHONE, SafeContact(may_call=Known.NO))
        claim = Money(150_000, "THB")
        self.a_member(
            case_id, "ស្រីមុំ", sex="female", birth_date=date(1996, 2, 3), phone=SAFE_PHONE, wages=claim
        )
        child = self.a_member(case_id, "007", sex="male", birth_date=date(2012, 1, 1), phone=UNSAFE_PHONE,
                              wages=Money(70_000, "THB"), flags=frozenset({"minor"}))  # fmt: skip
        self.a_member(case_id, "=1+1", phone=UNKNOWN_PHONE, wages=Money(500, "USD"))
        with self.here.office.work(START) as uow:
            around = uow.circumstances
            around.keep(Circumstances(case_id, "fisheries", "KH-2"), self.worker.id, START)
            for kind, names in (
                (PartyKind.EMPLOYER, ("Golden Fish Co", "ត្រីមាស")), (PartyKind.RECRUITER, ("Sok Agency",)),
            ):  # fmt: skip
                party = Party(uuid4(), kind, names[:1], "TH", "0012")
                around.add_party(party, self.worker.id, START)
                for name in names[1:]:
                    around.add_name(party, name, START + timedelta(minutes=1))
                around.link(case_id, party.id, self.worker.id, START)
            for minor, day in ((1_000, date(2026, 6, 1)), (2_000, date(2026, 6, 2))):
                back = Money(minor, "THB")
                around.add_recovery(Recovery(uuid4(), case_id, back, day, self.worker.id, START, child.id))
            for restricted in (True, False, False):
                uow.records.add_note(
                    Note(uuid4(), case_id, self.worker.id, "a secret word", restricted, START)
                )
            for outcome in ("no_answer", "reached"):
                uow.records.add_contact_attempt(
                    ContactAttempt(uuid4(), case_id, self.worker.id, "call", outcome, None, START)
                )
        return case_id

    def make(
        self,
        profile: Profile = Profile.IDENTIFIED,
        form: Format = Format.CSV,
        *,
        sight: Sight | None = None,
        **wanted: Any,
    ) -> Made:
        """The files of one export, in a folder of their own."""
        self._made += 1
        folder = self.folder / f"export-{self._made}"
        folder.mkdir()
        now = self.here.clock.now()
        asked = Wanted(profile, form, wanted.pop("locale", "en"), **wanted)
        return make(self.here.office, Making(uuid4(), asked, sight, now), folder, lambda _: None)


def rows_of(made: Made, name: str) -> list[dict[str, str]]:
    """The rows of one CSV, by their headings."""
    path = next(path for path in made.files if path.name == name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def objects_of(path: Path) -> list[dict[str, Any]]:
    """The objects of an NDJSON file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def names_of(made: Made) -> list[str]:
    """What the files are called."""
    return [path.name for path in made.files]


def bytes_of(paths: Iterable[Path]) -> bytes:
    """All that is in the files."""
    return b"".join(path.read_bytes() for path in paths)


__all__ = ["By", "Channel", "Consent", "Maker", "Said", "bytes_of", "names_of", "objects_of", "rows_of"]
