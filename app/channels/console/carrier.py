"""The console as a carrier: simulated texts come in here, and words sent here have arrived."""

import json

from app.intake.rules.incoming import Arrival, IncomingText, Unreadable
from app.outbox.rules import Sending, State, Taken, Text

CARRIER = "console"


class ConsoleSender:
    """Takes every text and carries it nowhere: whoever simulates reads it from the outbox."""

    name = CARRIER

    def send(self, text: Text) -> Sending:
        """The text has arrived."""
        return Taken(f"console-{text.id}", State.DELIVERED)


def arrival(*, sender: str, body: str, carrier_id: str) -> Arrival:
    """A simulated text as it goes into the inbox."""
    raw = json.dumps({"from": sender, "body": body}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Arrival(CARRIER, CARRIER, carrier_id, "text", sender, raw)


def read(raw: bytes, account: str) -> IncomingText:
    """The meaning of a simulated text. Raises: Unreadable."""
    try:
        given = json.loads(raw.decode("utf-8", "surrogatepass"))
        return IncomingText(sender=given["from"], via=account, body=given["body"].replace("\x00", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unreadable("from, body") from None
