"""Counts the people of cases by what may be told of them: all that an anonymised file is made of."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, select

from app.cases.rules.consent import Said
from app.cases.rules.stages import Sight
from app.cases.store.sight import seen_by
from app.cases.tables import cases, consents, members, persons
from app.circumstances.tables import circumstances
from app.crypto.vault import Vault
from app.exports.rules.anonymising import Traits
from app.exports.rules.ctdc import BETWEEN, GENDERS, OLDEST, age_band, country, gravest, group_of
from app.exports.store.births import birth_columns, born_on
from app.exports.store.sources import moment_on
from app.kernel.urgency import Urgency
from app.usecases.unit_of_work import UnitOfWork

# People are asked whether they want to be counted in reports without a name. Source: config/consent.yaml.
REPORTING: Final = "anonymised_reporting"
_PAGE: Final = 5_000
_REMEMBERED: Final = 65_536
_HOME: Final = "KHM"


def count_people(
    uow: UnitOfWork, sight: Sight | None, zone: tzinfo, floors: Mapping[str, Urgency]
) -> Counter[Traits]:
    """How many members of cases, as far as these eyes see, share all traits; months are those of the zone.

    Who does not want to be counted in reports is left out. Of what is sealed only days of birth are read.
    Memory grows with the number of different combinations, not with the number of people.
    Raises: SealBroken.
    """
    connection = uow.connection
    moment = moment_on(connection.dialect.name)
    asked = (
        select(
            func.substr(moment(cases.c.opened_at), 1, 13), persons.c.sex, *birth_columns(),
            cases.c.destination_country, circumstances.c.sector, circumstances.c.origin_province,
            cast(cases.c.categories, Text), cases.c.origin_channel,
            func.coalesce(members.c.outcome, cases.c.outcome),
        )
        .select_from(
            members.join(persons, persons.c.id == members.c.person_id)
            .join(cases, cases.c.id == members.c.case_id)
            .outerjoin(circumstances, circumstances.c.case_id == cases.c.id)
        )
        .where(seen_by(sight), ~_refused())
        .execution_options(yield_per=_PAGE)
    )  # fmt: skip

    @lru_cache(maxsize=_REMEMBERED)
    def day_of(hour: str) -> str:
        return datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=UTC).astimezone(zone).date().isoformat()

    @lru_cache(maxsize=_REMEMBERED)
    def told(categories: str) -> tuple[str, str, str]:
        named = tuple(sorted(json.loads(categories)))
        first = gravest(named, floors)
        return BETWEEN.join(named), first, group_of(first)

    found: Counter[Traits] = Counter()
    for page in connection.execute(asked).partitions():
        for hour, sex, *birth, destination, sector, province, categories, channel, outcome in page:
            day = day_of(hour)
            found[Traits(
                day[:7], GENDERS.get(sex, ""), _band_of(uow.vault, birth, day),
                _HOME if province else "", country(destination), sector or "",
                *told(categories), channel, outcome or "",
            )] += 1  # fmt: skip
    return found


def _band_of(vault: Vault, birth: list[Any], day: str) -> str:
    """The band of somebody's age on that day; the sealed day is opened only where the year does not do."""
    *_, year = birth
    if year is not None:
        band = _band_by_year(int(day[:4]) - year)
        if band is not None:
            return band
    born = born_on(vault, *birth)
    return age_band(born, date.fromisoformat(day)) if born else ""


@lru_cache(maxsize=_REMEMBERED)
def _band_by_year(years: int) -> str | None:
    """The band of whoever has their birthday in so many years; None where the one before it is another."""
    if not 0 <= years <= OLDEST + 1:
        return ""
    new_year, last_day = date(2000, 1, 1), date(2000, 12, 31)
    first = age_band(last_day.replace(year=2000 - years), new_year)
    return first if first == age_band(new_year.replace(year=2000 - years), new_year) else None


def _refused() -> ColumnElement[bool]:
    """Whether the member's last answer about being counted was a no."""
    said, later = consents.alias(), consents.alias()

    def about(one: Any) -> ColumnElement[bool]:  # noqa: ANN401 - an alias
        return and_(
            one.c.case_id == members.c.case_id, one.c.person_id == members.c.person_id,
            one.c.purpose == REPORTING,
        )  # fmt: skip

    newer = exists().where(about(later), later.c.number > said.c.number)
    return exists().where(about(said), said.c.said.in_([Said.REFUSED, Said.WITHDRAWN]), ~newer)
