"""The phones of people who are written down in a case: each is a way to them, with rules of its own."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from app.cases.store.people import Person
from app.kernel.language import Language, Script
from app.kernel.phone import Phone
from app.usecases.unit_of_work import UnitOfWork


def known_points(uow: UnitOfWork, people: Iterable[Person], *, now: datetime) -> Mapping[Phone, UUID]:
    """The contact points of these people's phones, made where they are new, and locked.

    Called before a case or a worker is locked, as reception does it, and in one order: whoever texts from
    one of the phones at this moment waits for us, where the other way round each would wait for the other.
    """
    phones = {person.phone: person.language for person in people if person.phone}
    return {
        phone: uow.intake.contact_point(
            phone, language=phones[phone] or Language.KM, script=Script.UNREADABLE, now=now
        ).id
        for phone in sorted(phones, key=lambda one: one.e164)
        if phone not in uow.rulebook.own_numbers
    }


def lead_to(
    uow: UnitOfWork, case_id: UUID, people: Iterable[Person], points: Mapping[Phone, UUID], *, now: datetime
) -> None:
    """Each phone is a way to its person in this case. Doing it twice changes nothing."""
    for person in people:
        if person.phone and person.phone in points:
            uow.cases.add_phone(case_id, points[person.phone], now, person.id)
