"""What callers leave: announced by the carrier, fetched and sealed, deleted there, listened to, let go."""

from datetime import datetime

from app.intake.rules.incoming import IncomingRecording
from app.usecases.unit_of_work import UnitOfWork


def announced(
    uow: UnitOfWork, carrier: str, account: str, incoming: IncomingRecording, *, now: datetime
) -> bool:
    """Whether the call of this recording is known; the recording is fetched in its own time."""
    raise NotImplementedError
