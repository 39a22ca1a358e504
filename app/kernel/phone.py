"""Phone numbers, and the things that stand where a phone number should: short codes, names, nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

# What carriers send when the caller hides the number: "anonymous", "restricted", "unknown" and
# so on typed on a keypad. Source: docs/sources.md#withheld-numbers.
_WITHHELD: Final = frozenset({
    "", "anonymous", "unavailable", "restricted", "unknown", "private", "withheld",
    "+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253",
})  # fmt: skip
_SHORT_CODE_DIGITS: Final = 6
# What costs what a call to a neighbour costs.
_ORDINARY: Final = frozenset({
    PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
})  # fmt: skip
_EXPENSIVE: Final = frozenset({
    PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN,
})  # fmt: skip


class SenderKind(StrEnum):
    """Who stands behind the sender field of a carrier."""

    PHONE = "phone"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"
    WITHHELD = "withheld"


class NotAPhone(ValueError):
    """The text is no phone number of any country. The message never repeats the text."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One telephone number in E.164 form, such as `+85512345678`."""

    e164: str

    def __repr__(self) -> str:
        # A phone number never reaches a log line or an error by accident.
        return "Phone(…)"

    __str__ = __repr__

    @classmethod
    def parse(cls, text: str, *, region: str | None = None) -> "Phone":
        """The number written in international form, or as people of `region` (ISO 3166) write it.

        Khmer and Thai digits are read. Only what can be a number is required, not that it is
        assigned: carriers hand out new ranges before the library knows them.
        Raises: NotAPhone.
        """
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            raise NotAPhone from None
        if not phonenumbers.is_possible_number(number):
            raise NotAPhone
        return cls(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))

    @property
    def country(self) -> str | None:
        """The ISO 3166 code of the country that the prefix belongs to, where there is one."""
        number = phonenumbers.parse(self.e164)
        region = phonenumbers.region_code_for_number(number)
        if region and region != "001":
            return region
        regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
        return regions[0] if regions and regions[0] != "001" else None

    @property
    def costs_extra(self) -> bool:
        """Whether a call or text to it may cost more than an ordinary one."""
        return phonenumbers.number_type(phonenumbers.parse(self.e164)) in _EXPENSIVE

    @property
    def is_ordinary(self) -> bool:
        """Whether it is known to be somebody's phone, and no service with a price of its own."""
        return phonenumbers.number_type(phonenumbers.parse(self.e164)) in _ORDINARY


@dataclass(frozen=True, slots=True)
class Sender:
    """What a carrier put where the sender's number belongs; `phone` only where it is one."""

    kind: SenderKind
    phone: Phone | None = None

    @classmethod
    def read(cls, text: str, *, region: str | None = None) -> "Sender":
        """What kind of sender this is. Never fails: what is no number is a name or withheld.

        Digits too many for a short code that are no number of a known country are a person's phone
        all the same, badly written: nobody can answer it, but somebody stands behind it.
        """
        stripped = text.strip()
        if stripped.casefold() in _WITHHELD:
            return cls(SenderKind.WITHHELD)
        digits = "".join(char for char in stripped if char.isdecimal())
        if stripped.isdecimal() and len(digits) <= _SHORT_CODE_DIGITS:
            return cls(SenderKind.SHORT_CODE)
        if any(char.isalpha() for char in stripped):
            return cls(SenderKind.ALPHANUMERIC)
        try:
            return cls(SenderKind.PHONE, Phone.parse(stripped, region=region))
        except NotAPhone:
            if len(digits) > _SHORT_CODE_DIGITS:
                return cls(SenderKind.WITHHELD)
            return cls(SenderKind.SHORT_CODE if digits else SenderKind.ALPHANUMERIC)
