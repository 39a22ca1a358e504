"""One-time codes: those that a phone shows for thirty seconds (RFC 6238), and those said or written once."""

import hmac
import secrets
from datetime import datetime
from typing import Final

import pyotp

_ISSUER: Final = "Spean"
_STEP_SECONDS: Final = 30
_DIGITS: Final = 6
# Phones whose clocks are a little off, and people who type slowly. Source: RFC 6238, section 5.2.
_STEPS_AROUND: Final = (0, -1, 1)
# Crockford's letters: none looks or sounds like another. Five bits each.
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT: Final = str.maketrans("OIL", "011")
_CODE_LETTERS: Final = 12


def new_totp_secret() -> str:
    """A secret for a phone's app: 160 random bits in base 32."""
    return pyotp.random_base32()


def totp_address(secret: str, username: str) -> str:
    """The `otpauth://` address that a phone's app reads from a square of dots."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=_ISSUER)


def totp_step(secret: str, code: str, now: datetime) -> int | None:
    """The thirty-second step to which this code belongs, now or one before or after; else None.

    A code is good once: the caller keeps the step and takes none that is not later.
    """
    typed = "".join(str(int(char)) for char in code if char.isdecimal())
    if len(typed) != _DIGITS:
        return None
    totp = pyotp.TOTP(secret)
    step = int(now.timestamp()) // _STEP_SECONDS
    for away in _STEPS_AROUND:
        if hmac.compare_digest(totp.generate_otp(step + away), typed):
            return step + away
    return None


def new_spoken_code() -> str:
    """A code of sixty random bits that can be read out or written down: `4K7M-Q2XR-9TVB`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    return "-".join(letters[at : at + 4] for at in range(0, _CODE_LETTERS, 4))


def heard_code(typed: str) -> str:
    """The code as it was meant: without blanks and dashes, in capitals, O as 0, I and L as 1."""
    return "".join(char for char in typed.upper() if char.isalnum()).translate(_MEANT)
