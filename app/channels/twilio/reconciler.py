"""Finding the incoming texts that Twilio holds and never brought to us."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import requests
import structlog
from prometheus_client import Counter
from twilio.base.exceptions import TwilioException

from app.channels.twilio.door import CARRIER
from app.channels.twilio.reading import WRITTEN_AT
from app.channels.twilio.rest import Account, client_of
from app.intake.rules.incoming import Arrival
from app.usecases import catching_up
from app.usecases.unit_of_work import Office

_LOG = structlog.get_logger("twilio")
_LOOKS = Counter("spean_twilio_reconciled_total", "Looks at Twilio's list of incoming texts", ["result"])
_EVERY: Final = timedelta(minutes=5)
# Texts appear in the list late now and then; one that is looked at twice is kept once.
_OVERLAP: Final = timedelta(hours=1)
_MOST: Final = 5_000
_PAGE: Final = 500
_MARK: Final = "twilio:reconciled"


@dataclass
class Reconciler:
    """Reads the list of texts to our numbers every five minutes and puts each into the inbox.

    What came by the door is there already under the same id. A text whose webhook failed, or which
    Twilio took for a machine's and did not post (30039), becomes known here and nowhere else.
    """

    office: Office
    account: Account
    numbers: Iterable[str]
    _next_at: datetime | None = None
    _client: Any = field(init=False)

    def __post_init__(self) -> None:
        """Make the client, which this loop's thread alone uses."""
        self._client = client_of(self.account)

    def step(self, now: datetime) -> bool:
        """Look, if it is time. Returns whether anything was found that was not known.

        After a look that failed the next one goes back as far as the last that did not.
        """
        if self._next_at is not None and now < self._next_at:
            return False
        self._next_at = now + _EVERY
        with self.office.look() as uow:
            since = catching_up.looked_until(uow, _MARK, now=now) - _OVERLAP
        try:
            arrivals = [_arrival(found) for number in self.numbers for found in self._texts_to(number, since)]
        except (requests.exceptions.RequestException, TwilioException, ValueError, LookupError) as problem:
            _LOOKS.labels("failed").inc()
            _LOG.warning("not_reconciled", error=type(problem).__name__)
            return False
        with self.office.work(now) as uow:
            found = catching_up.keep_found(uow, _MARK, arrivals, now=now)
        _LOOKS.labels("found" if found else "nothing_new").inc()
        if found:
            _LOG.warning("texts_never_posted", count=found)
        return found > 0

    def _texts_to(self, number: str, since: datetime) -> list[Any]:
        """Incoming texts to a number of ours, the oldest first."""
        listed = self._client.messages.list(to=number, date_sent_after=since, limit=_MOST, page_size=_PAGE)
        return [text for text in reversed(listed) if text.direction == "inbound"]


def _arrival(found: Any) -> Arrival:  # noqa: ANN401 - the library has no type for what it lists
    """A listed text in the form in which the door would have kept it."""
    written_at = found.date_sent or found.date_created
    fields = {
        "MessageSid": found.sid,
        "AccountSid": found.account_sid,
        "From": found.from_ or "",
        "To": found.to or "",
        "Body": found.body or "",
        "NumMedia": found.num_media or "0",
        **({WRITTEN_AT: written_at.astimezone(UTC).isoformat()} if written_at else {}),
    }
    return Arrival(CARRIER, found.account_sid, found.sid, "text", fields["From"], urlencode(fields).encode())
