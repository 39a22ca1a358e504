"""Whether a request really comes from Twilio: its signature over our public URL and what it sent."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator


class Params(dict[str, list[str]]):
    """The fields of a form, each with every value that came."""

    def getlist(self, name: str) -> list[str]:
        """The values of one field, as the validator asks for them."""
        return self[name]

    def first(self, name: str) -> str:
        """The first value of a field, or an empty text."""
        return self.get(name, [""])[0]


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature covers. `path` and `query` are the raw bytes of the request line."""

    path: str
    query: str
    signature: str
    body: bytes
    params: Params | None  # None where the body is not a form


class SignatureCheck:
    """Checks signatures against the base URL under which carriers know us, with any of our tokens.

    The base URL is configured, not read from the request: behind a proxy the request names another
    host, and its Host header can say anything. Source: docs/sources.md#twilio-signature.
    """

    def __init__(self, base_url: str, tokens: Sequence[str]) -> None:
        """Keep one validator for each token, so that a token can be replaced without a gap."""
        self._bases = _spellings(base_url.rstrip("/"))
        self._validators = [RequestValidator(token) for token in tokens]

    def holds(self, signed: Signed) -> bool:
        """Whether one of our tokens made this signature. Never raises, whatever the request holds."""
        if signed.params is None and not _body_is_signed(signed):
            return False
        # A server does not tell whether a `?` with nothing behind it ended the address.
        rests = [f"{signed.path}?{signed.query}"] if signed.query else [signed.path, f"{signed.path}?"]
        claimed = signed.signature.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(validator.compute_signature(base + rest, signed.params).encode(), claimed)
            for base in self._bases
            for rest in rests
            for validator in self._validators
        )


def _spellings(base_url: str) -> list[str]:
    """The base URL as configured, and with its port written out or left away: Twilio signs either."""
    parts = urlsplit(base_url)
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or (443 if parts.scheme == "https" else 80)
    others = [urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}")]
    return list(dict.fromkeys([base_url, *others]))


def _body_is_signed(signed: Signed) -> bool:
    """A body that is no form is signed through its hash, which the URL carries."""
    claimed = parse_qs(signed.query).get("bodySHA256", [""])[0]
    actual = hashlib.sha256(signed.body).hexdigest()
    return hmac.compare_digest(claimed.encode("utf-8", "replace"), actual.encode())
