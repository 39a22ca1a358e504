"""Wherever a process is killed while a file arrives, the next one goes on: the same bytes, once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.attachments.rules.kinds import MediaType
from app.attachments.rules.position import without_position
from tests.crash.child import KILLED, Child, Job
from tests.makers import Installation
from tests.uploader import Upload, a_photo, look_after_all

SIZE = 150_000
CONTENT = a_photo(SIZE)
# Three chunks are written, each with a commit; then the file is examined, cleaned and settled.
POINTS = [
    ("files.chunk_written", 2), ("files.end_placed", 1), ("files.done", 1), ("before_commit", 3),
    ("after_commit", 3), ("files.done", 4), ("before_commit", 4), ("after_commit", 4),
]  # fmt: skip


@dataclass
class Scene:
    """An upload that was announced, and processes that take its bytes and die."""

    upload: Upload
    child: Child
    folder: Path

    def job(self, name: str, *, die_at: str | None = None, nth: int = 1) -> Job:
        here = self.upload.here
        url, now = here.application.settings.database_url, here.clock.now().isoformat()
        texts = [[here.token(self.upload.worker), str(self.upload.id), str(SIZE)]]
        return Job(name, str(self.folder), url, now, {}, texts, die_at, nth)

    def killed(self, name: str, *, die_at: str, nth: int) -> None:
        job = self.job(name, die_at=die_at, nth=nth)
        assert self.child.run(job) == KILLED
        assert job.marker.read_text().startswith(f"{die_at} ")


@pytest.fixture
def scene(install: Callable[..., Installation], child: Child, tmp_path: Path) -> Scene:
    here = install()
    upload = Upload(here, here.a_worker(), here.a_case(), CONTENT, "IMG_1.jpg", "image/jpeg")
    assert upload.announce().status_code == 201
    return Scene(upload, child, tmp_path)


def the_file_is_there_once(scene: Scene) -> None:
    upload, here = scene.upload, scene.upload.here
    assert upload.file().content == without_position(CONTENT, MediaType.JPEG)
    assert here.kinds(upload.case_id).count("attachment.added") == 1
    here.clock.forward(minutes=10)
    look_after_all(here)
    with here.office.look() as uow:
        known = uow.attachments.file_names()
        assert uow.audit.first_break()[1] is None
    assert len(known) == 1
    on_disk = {name for name, _ in here.application.files.names()}
    # A cleaned photo that no row came to know is left to whoever sweeps files that no row knows.
    assert known <= on_disk
    assert len(on_disk) <= 2


@pytest.mark.parametrize(("die_at", "nth"), POINTS)
def test_an_upload_that_dies_goes_on_where_it_was_acknowledged(scene: Scene, die_at: str, nth: int) -> None:
    scene.killed("upload", die_at=die_at, nth=nth)
    with scene.upload.here.office.look() as uow:
        found = uow.attachments.get(scene.upload.id)
    assert found is not None
    acknowledged = found.offset_bytes
    assert acknowledged % (64 * 1024) == 0 or acknowledged == len(CONTENT)
    assert scene.child.run(scene.job("upload")) == 0
    the_file_is_there_once(scene)


@pytest.mark.parametrize(("die_at", "nth"), [("files.done", 1), ("after_commit", 2)])
def test_a_worker_that_dies_while_it_settles_leaves_it_to_the_next(
    scene: Scene, die_at: str, nth: int
) -> None:
    scene.killed("upload", die_at="after_commit", nth=3)  # the last byte is there, and nobody was told
    scene.upload.here.clock.forward(minutes=1)
    scene.killed("attachments", die_at=die_at, nth=nth)
    scene.upload.here.clock.forward(minutes=5)
    assert scene.child.run(scene.job("attachments")) == 0
    the_file_is_there_once(scene)
