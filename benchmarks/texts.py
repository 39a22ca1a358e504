"""Signed texts and calls as a carrier sends them."""

import itertools
from collections.abc import Callable
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from benchmarks.crowd import KHMER
from benchmarks.engines import ADDRESS, SENDER, TOKEN

ACCOUNT = "AC" + "0" * 32
_numbers = itertools.count(1)


def form(number: int) -> dict[str, str]:
    """The fields of one text of its own from a phone of its own."""
    sid = f"SM{number:032x}"
    return {
        "ToCountry": "US", "ToState": "", "SmsMessageSid": sid, "NumMedia": "0", "ToCity": "",
        "FromZip": "", "SmsSid": sid, "FromState": "", "SmsStatus": "received", "FromCity": "",
        "Body": KHMER[number % len(KHMER)], "FromCountry": "TH", "To": SENDER, "ToZip": "",
        "NumSegments": "1", "MessageSid": sid, "AccountSid": ACCOUNT, "From": f"+6681{number:07d}",
        "ApiVersion": "2010-04-01",
    }  # fmt: skip


def call_form(number: int) -> dict[str, str]:
    """The fields of one call of its own from a phone of its own."""
    phone = f"+6682{number:07d}"
    return {
        "CallSid": f"CA{number:032x}", "AccountSid": ACCOUNT, "From": phone, "To": SENDER, "Caller": phone,
        "Called": SENDER, "CallStatus": "ringing", "Direction": "inbound", "ApiVersion": "2010-04-01",
    }  # fmt: skip


def signed_requests(path: str, count: int, fields_of: Callable[[int], dict[str, str]] = form) -> list[bytes]:
    """POST requests of texts, or calls, that never came before, signed over our public address."""
    validator = RequestValidator(TOKEN)
    made = []
    for number in itertools.islice(_numbers, count):
        fields = fields_of(number)
        body = urlencode(fields).encode()
        signature = validator.compute_signature(ADDRESS + path, fields)
        made.append(
            f"POST {path} HTTP/1.1\r\nHost: hotline.example\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            f"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nX-Twilio-Signature: {signature}\r\n"
            f"I-Twilio-Idempotency-Token: {number:032x}\r\n\r\n".encode()
            + body
        )
    return made
