"""Wherever a server is killed while a device pushes, the same push again brings each row once."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.store.feed import feed, heads
from tests.crash.child import KILLED, Child, Job
from tests.field_app import FieldApp, Row, op, statuses
from tests.makers import Installation

NOTES = 24  # with the case and the clash more than one transaction of twenty rows
# The rows go twenty to a transaction: two transactions, each of which a server can die before or after.
POINTS = [(point, nth) for point in ("before_commit", "after_commit") for nth in (1, 2)]


@dataclass
class Scene:
    """A device with work of a day, and servers that take it and die."""

    app: FieldApp
    child: Child
    folder: Path
    rows: list[Row]
    case_id: UUID

    def push(self, *, die_at: str | None = None, nth: int = 1) -> int:
        """The whole push, taken by a process of its own; how that ended."""
        here = self.app.here
        body = json.dumps({"ops": self.rows}, ensure_ascii=False)
        url, now = here.application.settings.database_url, here.clock.now().isoformat()
        job = Job("push", str(self.folder), url, now, {}, [[self.app.token, body]], die_at, nth)
        ended = self.child.run(job)
        if die_at:
            assert job.marker.read_text().startswith(f"{die_at} ")
        return ended


@pytest.fixture
def scene(install: Callable[..., Installation], child: Child, tmp_path: Path) -> Scene:
    here = install()
    app = FieldApp(here, here.a_worker())
    known = here.a_case()
    app.pull()
    fresh = uuid4()
    rows = [op("case", fresh, {"categories": ["detention"], "summary": "ចាក់សោទ្វារ"}, create=True)]
    rows += [op("note", uuid4(), {"case_id": str(fresh), "text": f"កំណត់ {n}"}) for n in range(NOTES)]
    rows.append(op("case", known, {"summary": "របស់ខ្ញុំ"}, was={"summary": "មិនមែនអ្វីដែលនៅទីនោះ"}))
    return Scene(app, child, tmp_path, rows, fresh)


def feeds(here: Installation) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Every feed and its end."""
    with here.office.database.read() as connection:
        rows = connection.execute(select(feed).order_by(feed.c.viewer, feed.c.seq)).all()
        return [tuple(row) for row in rows], [tuple(row) for row in connection.execute(select(heads))]


@pytest.mark.parametrize(("die_at", "nth"), POINTS)
def test_a_push_that_dies_with_its_server_is_done_once_when_it_comes_again(
    scene: Scene, die_at: str, nth: int
) -> None:
    assert scene.push(die_at=die_at, nth=nth) == KILLED
    assert scene.push() == 0
    app, here = scene.app, scene.app.here
    kinds = Counter(here.kinds(scene.case_id))
    assert (kinds["case.opened"], kinds["note.added"]) == (1, NOTES)
    fresh = FieldApp(here, app.worker)
    fresh.pull()
    assert {row["id"] for row in scene.rows if row["kind"] == "note"} <= fresh.holds("note")
    before = feeds(here)
    assert set(statuses(app.push(*scene.rows))) <= {"duplicate", "merged"}
    assert feeds(here) == before
    with here.office.look() as uow:
        assert uow.audit.first_break()[1] is None
