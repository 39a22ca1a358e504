"""Refusals (a rule says no) and faults (we are broken): the only two ways a use case fails."""

from collections.abc import Mapping
from typing import ClassVar


class Term(str):
    """A catalogue key in the details of a refusal: the words of the refusal hold the words of this key."""

    __slots__ = ()


class Refusal(Exception):
    """A rule says no. Each subclass is one reason, with a stable code that catalogues translate.

    `code` names the reason for programs; the catalogue keys `refusal.<code>.title` and
    `refusal.<code>.detail` hold the words, filled with `details`. `details` never holds a name, a
    phone number or a message. `told` names those of them that programs are given beside the words.
    """

    code: str = "refused"
    status: int = 409
    told: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[str | None] = None  # stands for the code in the catalogues, where one code has two texts

    def __init__(self, **details: str | int | None) -> None:
        super().__init__(self.code)
        self.details: Mapping[str, str | int | None] = details


class NotFound(Refusal):
    """The thing does not exist, or is not for this person to see: the answer is the same."""

    code = "not_found"
    status = 404


class NotAllowed(Refusal):
    """This role may not do this at all."""

    code = "not_allowed"
    status = 403


class NotSignedIn(Refusal):
    """No valid token came with the request."""

    code = "not_signed_in"
    status = 401


class Fault(Exception):
    """We are broken: answered as 500, logged and counted. Its text names no person."""
