"""Looking after attachments: uploads that are whole or given up, and files that nobody needs any more."""

import contextlib
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from app.kernel.clock import Clock
from app.store.files import FileBusy, FileStore
from app.usecases import attaching
from app.usecases.attaching import Attachment, State
from app.usecases.unit_of_work import Office

_EXAMINED_AT_ONCE: Final = 2  # each takes memory for three times its file


@dataclass(frozen=True)
class Attachments:
    """Looks after one attachment at a time. No file is touched while a transaction is open."""

    office: Office
    files: FileStore
    clock: Clock
    turn: threading.Semaphore = field(default_factory=lambda: threading.BoundedSemaphore(_EXAMINED_AT_ONCE))

    def step(self, now: datetime) -> bool:
        """Look after the one that has been waiting longest. Whether there was one."""
        with self.office.look() as uow:
            if attaching.next_due(uow, now) is None:
                return False
        with self.office.work(now) as uow:
            waiting = attaching.next_due(uow, now)
            if waiting is None:
                return False
            attaching.postpone(uow, waiting, now=now)
        # Busy: somebody is adding to it or settling it at this moment.
        with contextlib.suppress(FileBusy):
            self.look_after(waiting)
        return True

    def look_after(self, attachment_id: UUID) -> None:
        """Do what is to be done with this attachment; nothing, if nothing is. Repeating it is safe.

        Raises: FileBusy where somebody else settles it at this moment.
        """
        now = self.clock.now()
        with self.office.look() as uow:
            found = attaching.upload_of(uow, attachment_id)
        if found and found.state is State.PENDING and found.is_whole:
            found = self._settle(found)
        elif found and found.is_over(now):
            with self.office.work(now) as uow:
                found = attaching.give_up(uow, attachment_id, now=now)
        if found and found.leftover:
            self._remove(found, found.leftover)

    def _settle(self, whole: Attachment) -> Attachment:
        """Examine it, and write down what came of it."""
        name = whole.file.name if whole.file else ""
        with self.turn, self.files.alone(name):
            keep_position = self.office.rulebook.attachments.keep_position
            verdict = attaching.examine(self.files, whole, keep_position=keep_position)
            now = self.clock.now()
            with self.office.work(now) as uow:
                settled = attaching.settle(uow, whole, verdict, now=now)
        if not isinstance(verdict, str) and verdict.file not in {whole.file, settled.file}:
            self.files.delete(verdict.file.name)  # it was withdrawn, or settled, meanwhile
        return settled

    def _remove(self, attachment: Attachment, file_name: str) -> None:
        try:
            with self.files.alone(file_name):
                self.files.delete(file_name)
        except FileBusy:
            return  # Somebody is adding to it in vain; the next look removes it.
        with self.office.work(self.clock.now()) as uow:
            attaching.clear(uow, attachment.id, file_name)
