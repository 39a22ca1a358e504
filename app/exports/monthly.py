"""The report of each month, which the program asks for by itself, once for each organisation."""

from datetime import date, datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from app.exports.jobs import ask_for_organisation
from app.exports.rules.asking import Format, Locale, Profile, Wanted
from app.kernel.clock import day_begins
from app.statistics.rules.publishing import later
from app.statistics.service import first_case_at
from app.usecases.unit_of_work import Office

_LOCALES: Final[tuple[Locale, ...]] = ("km", "en")


def ask_due(office: Office, now: datetime) -> int:
    """Each organisation has the report of the newest month that may be published, in both languages.

    How many were asked for now; a second worker that does the same at this moment asks for none.
    """
    with office.look() as uow:
        first = first_case_at(uow)
        organisations = [one.id for one in uow.identity.organisations()]
    month = _newest_month(office, now)
    zone = office.rulebook.ladders.calendar.timezone
    since, until = day_begins(month, zone), day_begins(later(month, 1), zone)
    if first is None or first >= until:
        return 0
    asked = 0
    for organisation_id in organisations:
        for locale in _LOCALES:
            wanted = Wanted(Profile.REPORT, Format.HTML, locale, since=since, until=until)
            job_id = _id_of(organisation_id, month, locale)
            with office.work(now) as uow:
                asked += ask_for_organisation(uow, organisation_id, wanted, now, job_id=job_id) is not None
    return asked


def _newest_month(office: Office, now: datetime) -> date:
    """The first day of the newest month that is over and may be published."""
    rules = office.rulebook
    settled = now - (rules.published_after or timedelta(0))
    return later(settled.astimezone(rules.ladders.calendar.timezone).date().replace(day=1), -1)


def _id_of(organisation_id: UUID, month: date, locale: Locale) -> UUID:
    return uuid5(NAMESPACE_URL, f"urn:spean:report:{organisation_id}:{month.isoformat()}:{locale}")
