"""Identifiers: time-ordered UUIDs made here, and the spoken case code with its check digit."""

import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

# Source: RFC 9562, section 5.7 (UUID version 7).
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62

# The quasigroup of H. M. Damm (2004): it detects every single wrong digit and every swap of two
# neighbours, the two mistakes that people make when they read a number aloud.
_DAMM: Final = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_CODE_DIGITS: Final = 7


def new_id(now: datetime) -> UUID:
    """A fresh UUIDv7: ids made later sort later, to the millisecond."""
    millis = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    return UUID(int=millis << 80 | _VERSION_7 | (random >> 62) << 64 | _VARIANT | random & ((1 << 62) - 1))


def new_case_code() -> str:
    """A random code of eight digits, such as `4829-1376`, of which the last is a check digit.

    It says nothing of when or where the case was opened. It is not unique by itself: the store
    draws again when it is taken.
    """
    digits = "".join(secrets.choice("0123456789") for _ in range(_CODE_DIGITS))
    return _spoken(digits + check_digit(digits))


def check_digit(digits: str) -> str:
    """The Damm check digit of a run of ASCII digits."""
    interim = 0
    for digit in digits:
        interim = int(_DAMM[interim][int(digit)])
    return str(interim)


def case_code(text: str) -> str | None:
    """The case code that a person meant, or None where it cannot be one.

    Accepts digits of any script, blanks and dashes; a wrong check digit is refused.
    """
    digits = "".join(str(int(char)) for char in text if char.isdecimal())
    if len(digits) != _CODE_DIGITS + 1 or check_digit(digits[:-1]) != digits[-1]:
        return None
    return _spoken(digits)


def _spoken(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:]}"
