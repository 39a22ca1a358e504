"""Languages and scripts in which people write to us and in which we answer."""

from enum import StrEnum


class Language(StrEnum):
    """A language that a person writes or speaks, as ISO 639-1."""

    KM = "km"
    EN = "en"
    TH = "th"
    MS = "ms"
    KO = "ko"
    JA = "ja"


class Script(StrEnum):
    """The writing system of one text."""

    KHMER = "khmer"
    LATIN = "latin"  # romanised Khmer
    MIXED = "mixed"
    ENGLISH = "english"
    THAI = "thai"
    UNREADABLE = "unreadable"  # a legacy font, or nothing that is a letter
