"""Texts that were on their way before safe contact was known keep the moment that lets them go."""

from sqlalchemy import select

from app.outbox.tables import outbox
from app.store.migrations import downgrade, upgrade
from tests.makers import Installation


def test_an_answer_on_its_way_still_knows_when_its_person_wrote(here: Installation) -> None:
    here.a_worker(phone="+85510000110")
    here.a_text()
    database = here.office.database
    downgrade(database, "0001")
    upgrade(database)
    with database.read() as connection:
        rows = connection.execute(select(outbox.c.answers_id, outbox.c.wrote_at)).all()
    assert [row.wrote_at for row in rows if row.answers_id] == [here.clock.now()]
    assert [row.wrote_at for row in rows if not row.answers_id] == [None]
