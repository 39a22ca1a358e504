"""Where a photo was taken goes from the photo; the picture itself stays as it was, to the last byte.

Phones write the position into the Exif block, and programs write it again into XMP. A person in hiding
must not be found by a photo of a payslip, so what is not understood goes as a whole.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from app.attachments.rules.kinds import MediaType


class NotAPicture(ValueError):
    """The bytes begin like a picture and do not go on like one."""


def without_position(content: bytes, kind: MediaType) -> bytes:
    """The same file without the position at which it was made. What is no photo stays as it is.

    The picture, its size, its direction and the time of the Exif block stay. XMP and IPTC go, and so does
    what stands behind the end of a JPEG: further pictures and films, with positions of their own.

    Raises: NotAPicture.
    Source: docs/sources.md#attachments.
    """
    try:
        match kind:
            case MediaType.JPEG:
                return b"".join(_jpeg(content))
            case MediaType.PNG:
                return b"".join(_png(content))
            case MediaType.WEBP:
                return _webp(content)
            case _:
                return content
    except (struct.error, IndexError):
        raise NotAPicture from None


_START_OF_SCAN: Final = 0xDA
_END: Final = 0xD9
_EXIF: Final = b"Exif\x00\x00"
_XMP: Final = (b"http://ns.adobe.com/xap/1.0/\x00", b"http://ns.adobe.com/xmp/extension/\x00")
_MULTI_PICTURE: Final = b"MPF\x00"  # says where further pictures are, behind the end
# In the data of a scan FF is followed by 00, a restart mark, or filling; anything else is a marker.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(content: bytes) -> Iterator[bytes]:
    """The pieces of a JPEG that are kept."""
    yield content[:2]
    at = 2
    while at < len(content):
        if content[at] != 0xFF:  # noqa: PLR2004 - the first byte of every marker
            raise NotAPicture
        marker = content[at + 1]
        if marker == 0xFF:  # noqa: PLR2004 - filling before a marker
            at += 1
            continue
        if marker == _END:
            yield content[at : at + 2]
            return
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(content):  # noqa: PLR2004 - the length counts itself
            raise NotAPicture
        yield _segment(marker, content[at:end])
        at = end
        if marker == _START_OF_SCAN:
            found = _MARKER.search(content, at)
            # A photo that was cut off is still a photo: the rest of it is nothing but picture.
            stop = found.start() if found else len(content)
            yield content[at:stop]
            at = stop


def _segment(marker: int, segment: bytes) -> bytes:
    body = segment[4:]
    if marker == 0xE1 and body.startswith(_EXIF[:4]):  # noqa: PLR2004 - APP1
        block = without_gps(body[len(_EXIF) :])
        return segment[: 4 + len(_EXIF)] + block if block else b""
    if marker == 0xE1 and body.startswith(_XMP):  # noqa: PLR2004 - APP1
        return b""
    if marker == 0xE2 and body.startswith(_MULTI_PICTURE):  # noqa: PLR2004 - APP2
        return b""
    if marker == 0xED:  # noqa: PLR2004 - APP13: names of places, and in old files a second Exif block
        return b""
    return segment


_PNG_HEADER: Final = 8
_PNG_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PNG_HIDING: Final = re.compile(
    rb"(?i)XML:com\.adobe\.xmp|Raw profile type (?:exif|app1|xmp)|.*gps|.*location"
)


def _png(content: bytes) -> Iterator[bytes]:
    """The chunks of a PNG that are kept, what follows its end left out."""
    yield content[:_PNG_HEADER]
    at = _PNG_HEADER
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            # Cut off: only picture may be kept of what cannot be read to its end.
            if name == b"IDAT":
                yield content[at:]
                return
            raise NotAPicture
        body = content[at + 8 : end - 4]
        if name == b"eXIf":
            block = without_gps(body.removeprefix(_EXIF))
            if block:
                yield _png_chunk(name, block)
        elif not (name in _PNG_TEXTS and _PNG_HIDING.match(body.partition(b"\x00")[0])):
            yield content[at:end]
        at = end
        if name == b"IEND":
            return


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


_WEBP_EXIF_FLAG: Final = 0x08
_WEBP_XMP_FLAG: Final = 0x04


def _webp(content: bytes) -> bytes:
    """A WebP with its sizes and flags telling the truth again."""
    (announced,) = struct.unpack_from("<I", content, 4)
    stop = min(8 + announced, len(content))
    kept: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= stop:
        name, length = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + length]
        if len(body) < length and name not in {b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}:
            raise NotAPicture
        if name == b"EXIF":
            body = without_gps(body.removeprefix(_EXIF))
        if name != b"XMP " and not (name == b"EXIF" and not body):
            kept.append((name, body))
        at += 8 + length + length % 2
    if not kept:
        raise NotAPicture
    return _webp_of(kept)


def _webp_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    has_exif = any(name == b"EXIF" for name, _ in chunks)
    pieces = []
    for name, body in chunks:
        shown = body
        if name == b"VP8X":
            flags = body[0] & ~_WEBP_XMP_FLAG & (0xFF if has_exif else ~_WEBP_EXIF_FLAG)
            shown = bytes([flags]) + body[1:]
        pieces.append(struct.pack("<4sI", name, len(shown)) + shown + b"\x00" * (len(shown) % 2))
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body


_GPS: Final = 0x8825
_EXIF_DIRECTORY: Final = 0x8769
_MOST_DIRECTORIES: Final = 16
_ENTRY_BYTES: Final = 12
_LONG: Final = 4
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def without_gps(block: bytes) -> bytes:
    """The TIFF block of an Exif segment without its GPS directory, of the same length.

    What the directory held is overwritten with zeros and its entry taken out, so no other part moves.
    Nothing at all is left of a block that does not read as one.
    """
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None:
        return b""
    changed = bytearray(block)
    try:
        _clear(changed, order)
    except (struct.error, IndexError, _Unreadable):
        return b""
    return bytes(changed)


class _Unreadable(ValueError):
    """A TIFF block points outside itself, or in circles."""


def _clear(block: bytearray, order: str) -> None:
    (first,) = struct.unpack_from(order + "I", block, 4)
    waiting, seen = [first], set[int]()
    while waiting:
        directory = waiting.pop()
        if not directory:
            continue
        if directory in seen or len(seen) > _MOST_DIRECTORIES:
            raise _Unreadable
        seen.add(directory)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for place in reversed(range(count)):
            at = directory + 2 + place * _ENTRY_BYTES
            tag, _, _, value = struct.unpack_from(order + "HHII", block, at)
            if tag == _GPS:
                _wipe_directory(block, order, value)
                count = _take_out(block, order, directory, place)
            elif tag == _EXIF_DIRECTORY:
                waiting.append(value)
        (following,) = struct.unpack_from(order + "I", block, directory + 2 + count * _ENTRY_BYTES)
        waiting.append(following)


def _take_out(block: bytearray, order: str, directory: int, place: int) -> int:
    """One entry less: those behind it, and the way to the next directory, move up. How many are left."""
    (count,) = struct.unpack_from(order + "H", block, directory)
    at = directory + 2 + place * _ENTRY_BYTES
    end = directory + 2 + count * _ENTRY_BYTES + _LONG
    if end > len(block):
        raise _Unreadable
    block[at:end] = block[at + _ENTRY_BYTES : end] + bytes(_ENTRY_BYTES)
    struct.pack_into(order + "H", block, directory, count - 1)
    return int(count) - 1


def _wipe_directory(block: bytearray, order: str, directory: int) -> None:
    """Zeros over the directory and over what its entries point at."""
    (count,) = struct.unpack_from(order + "H", block, directory)
    for place in range(count):
        at = directory + 2 + place * _ENTRY_BYTES
        _, kind, number, value = struct.unpack_from(order + "HHII", block, at)
        size = _SIZES.get(kind, 1) * number
        if size > _LONG:
            _wipe(block, value, size)
    _wipe(block, directory, 2 + count * _ENTRY_BYTES + _LONG)


def _wipe(block: bytearray, start: int, size: int) -> None:
    if start < 8 or start + size > len(block):  # noqa: PLR2004 - the head of the block
        raise _Unreadable
    block[start : start + size] = bytes(size)
