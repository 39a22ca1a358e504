"""What a file is, by its bytes: what its name or its sender says about that counts for nothing."""

import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

ENOUGH_BYTES: Final = 64  # to tell of any file by its beginning that it is nothing that we take
_RIFF_HEADER: Final = 12
_BOX_HEADER: Final = 8
_LONG_BOX_HEADER: Final = 16
_DEEPEST: Final = 3  # movie, track, media: below them nothing says what is shown or heard
_MOST_BOXES: Final = 4096


class MediaType(StrEnum):
    """What may be kept. The value is the media type that it is served under."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    MP3 = "audio/mpeg"
    AAC = "audio/aac"
    M4A = "audio/mp4"
    OGG = "audio/ogg"
    AMR = "audio/amr"
    THREE_GP = "audio/3gpp"
    WAV = "audio/wav"
    WEBM = "audio/webm"
    PDF = "application/pdf"


ENDINGS: Final = {
    MediaType.JPEG: "jpg",
    MediaType.PNG: "png",
    MediaType.WEBP: "webp",
    MediaType.MP3: "mp3",
    MediaType.AAC: "aac",
    MediaType.M4A: "m4a",
    MediaType.OGG: "ogg",
    MediaType.AMR: "amr",
    MediaType.THREE_GP: "3gp",
    MediaType.WAV: "wav",
    MediaType.WEBM: "webm",
    MediaType.PDF: "pdf",
}


def kind_of(content: bytes) -> MediaType | None:
    """What the whole file is; None for what is not taken, a film among them.

    Source: docs/sources.md#attachments.
    """
    for begins_with, kind in _BEGINNINGS:
        if content.startswith(begins_with):
            return kind
    looks = (_riff, _ogg, _matroska, _iso_media, _bare_sound)
    return next((found for look in looks if (found := look(content))), None)


def is_hopeless(beginning: bytes) -> bool:
    """Whether a file that begins with these ENOUGH_BYTES or more cannot be one that is taken.

    Told after the first bytes, a worker on a slow line does not send a film for an hour in vain.
    """
    if len(beginning) < ENOUGH_BYTES:
        return False
    known = (b"RIFF", b"OggS", _EBML, *(begins_with for begins_with, _ in _BEGINNINGS))
    return not (beginning.startswith(known) or beginning[4:8] == b"ftyp" or _bare_sound(beginning))


_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"%PDF-", MediaType.PDF),
    (b"#!AMR\n", MediaType.AMR),
    (b"#!AMR-WB\n", MediaType.AMR),
    (b"ID3", MediaType.MP3),
)


def _riff(content: bytes) -> MediaType | None:
    if content[:4] != b"RIFF" or len(content) < _RIFF_HEADER:
        return None
    return {b"WEBP": MediaType.WEBP, b"WAVE": MediaType.WAV}.get(content[8:12])


def _ogg(content: bytes) -> MediaType | None:
    """Ogg whose every stream, all of which begin before any goes on, is sound."""
    sounds, at = 0, 0
    while content[at : at + 4] == b"OggS" and len(content) > at + 26 and content[at + 5] & 0x02:
        count = content[at + 26]
        packet = at + 27 + count
        if not content[packet : packet + 8].startswith(
            (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
        ):
            return None
        sounds += 1
        at = packet + sum(content[at + 27 : packet])
    return MediaType.OGG if sounds else None


_SYNC: Final = 0xFFE0  # the eleven bits with which a frame begins
_ADTS: Final = 0xFFF0  # twelve bits, any version, layer 0
_SPEEDS: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)  # kbit/s of MPEG 1, and of 2 and 2.5
_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_THIRD_LAYER: Final = 1
_AAC_RATES: Final = 13


def _bare_sound(content: bytes) -> MediaType | None:
    """Frames of MP3 or AAC (ADTS) without anything round them.

    The bits that begin a frame come in any noise, so the rest of its head must make sense, and where
    it says that the next frame is, there must be one.
    """
    kind, length = _frame(content[:7])
    following = content[length : length + 7]
    if kind is None or (len(following) == 7 and _frame(following)[0] is not kind):  # noqa: PLR2004 - a whole head
        return None
    return kind


def _frame(head: bytes) -> tuple[MediaType | None, int]:
    """What a frame with this head of seven bytes belongs to, and how long it is."""
    nothing = (None, 0)
    if len(head) < 7:  # noqa: PLR2004 - a whole head
        return nothing
    (start,) = struct.unpack_from(">H", head)
    if start & 0xFFF6 == _ADTS:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        sensible = (head[2] >> 2) & 15 < _AAC_RATES and length > len(head)
        return (MediaType.AAC, length) if sensible else nothing
    version, layer = (head[1] >> 3) & 3, (head[1] >> 1) & 3
    speed, rate = head[2] >> 4, (head[2] >> 2) & 3
    if start & _SYNC != _SYNC or layer != _THIRD_LAYER or version not in _RATES or rate == 3:  # noqa: PLR2004 - no rate
        return nothing
    speeds = _SPEEDS[version != 3]  # noqa: PLR2004 - MPEG 1
    if speed in {0, len(speeds)}:
        return nothing
    samples = 144 if version == 3 else 72  # noqa: PLR2004 - MPEG 1
    return MediaType.MP3, samples * speeds[speed] * 1000 // _RATES[version][rate] + ((head[2] >> 1) & 1)


def _iso_media(content: bytes) -> MediaType | None:
    """MP4 or 3GP with sound in it, and no picture that moves."""
    if content[4:8] != b"ftyp":
        return None
    handlers = set(_handlers(content, 0, len(content), depth=0))
    if b"soun" not in handlers or b"vide" in handlers:
        return None
    return MediaType.THREE_GP if content[8:10] == b"3g" else MediaType.M4A


def _handlers(content: bytes, start: int, end: int, *, depth: int) -> Iterator[bytes]:
    """What the tracks of the boxes in this range are for: `soun`, `vide` and the like."""
    for name, inside, after in _boxes(content, start, end):
        if name == b"hdlr":
            yield content[inside + 8 : inside + 12]
        elif name in {b"moov", b"trak", b"mdia"} and depth < _DEEPEST:
            yield from _handlers(content, inside, after, depth=depth + 1)


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning of the inside, and end of each box in this range."""
    at = start
    for _ in range(_MOST_BOXES):
        if at + _BOX_HEADER > end:
            return
        size, name = struct.unpack_from(">I4s", content, at)
        inside = at + _BOX_HEADER
        if size == 1 and at + _LONG_BOX_HEADER <= end:
            (size,) = struct.unpack_from(">Q", content, at + _BOX_HEADER)
            inside = at + _LONG_BOX_HEADER
        after = end if size == 0 else at + size
        if not inside <= after <= end:
            return
        yield name, inside, after
        at = after


_EBML: Final = b"\x1a\x45\xdf\xa3"
_DOC_TYPE: Final = 0x4282
_SEGMENT: Final = 0x18538067
_TRACKS: Final = 0x1654AE6B
_TRACK_ENTRY: Final = 0xAE
_TRACK_TYPE: Final = 0x83
_SOUND: Final = b"\x02"


def _matroska(content: bytes) -> MediaType | None:
    """WebM all of whose tracks are sound. Phones record it without knowing how long it will be."""
    if not content.startswith(_EBML):
        return None
    whole = (0, len(content))
    top = {number: (start, end) for number, start, end in _elements(content, *whole)}
    head = {number: content[a:b] for number, a, b in _elements(content, *top.get(0x1A45DFA3, (0, 0)))}
    tracks = next((r for r in _within(content, top.get(_SEGMENT, (0, 0)), _TRACKS)), (0, 0))
    kinds = [
        content[start:end].lstrip(b"\x00")
        for entry in _within(content, tracks, _TRACK_ENTRY)
        for start, end in _within(content, entry, _TRACK_TYPE)
    ]
    is_sound = bool(kinds) and all(kind == _SOUND for kind in kinds)
    return MediaType.WEBM if is_sound and head.get(_DOC_TYPE, b"").rstrip(b"\x00") == b"webm" else None


def _within(content: bytes, place: tuple[int, int], wanted: int) -> Iterator[tuple[int, int]]:
    return ((start, end) for number, start, end in _elements(content, *place) if number == wanted)


def _elements(content: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, beginning and end of the inside of each EBML element in this range."""
    at = start
    for _ in range(_MOST_BOXES):
        number, at = _number(content, at, end, keep_mark=True)
        size, at = _number(content, at, end, keep_mark=False)
        if number is None or size is None:
            return
        # All ones: it goes on for as long as what holds it.
        unknown = size < 0
        after = end if unknown else min(at + size, end)
        yield number, at, after
        at = after


def _number(content: bytes, at: int, end: int, *, keep_mark: bool) -> tuple[int | None, int]:
    """An EBML number, whose first set bit says how many bytes it has; -1 for one of nothing but ones."""
    if at >= end or content[at] == 0:
        return None, end
    length = 9 - content[at].bit_length()
    if at + length > end:
        return None, end
    value = int.from_bytes(content[at : at + length], "big")
    ones = (1 << 7 * length) - 1
    if not keep_mark:
        value &= ones
        value = -1 if value == ones else value
    return value, at + length
