"""Small files of every kind, made by hand, with and without the position at which they were taken."""

import struct
import zlib
from typing import Final

# 11°33'N 104°55'E, as a phone writes it: three rational numbers each.
LATITUDE: Final = struct.pack(">6I", 11, 1, 33, 1, 777_123, 100_000)
LONGITUDE: Final = struct.pack(">6I", 104, 1, 55, 1, 888_456, 100_000)
ORIENTATION: Final = 0x0112
TAKEN: Final = b"2026:06:08 10:00:00\x00"
XMP: Final = b'<x:xmpmeta><rdf exif:GPSLatitude="11,33.0777N"/></x:xmpmeta>'


def _entry(order: str, tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack(order + "HHII", tag, kind, count, value)


def exif(order: str = ">", *, gps: bool = True) -> bytes:
    """A TIFF block: orientation, a pointer to the position, the time in the Exif directory, a thumbnail."""
    head = (b"MM\x00*" if order == ">" else b"II*\x00") + struct.pack(order + "I", 8)
    latitude, longitude = (
        struct.pack(order + "6I", *struct.unpack(">6I", part)) for part in (LATITUDE, LONGITUDE)
    )
    count = 3 if gps else 2
    first = 8 + 2 + count * 12 + 4
    exif_at = first
    gps_at = exif_at + 2 + 12 + 4
    values_at = gps_at + (2 + 4 * 12 + 4 if gps else 0)
    second_at = values_at + (len(latitude) + len(longitude) if gps else 0) + len(TAKEN)
    entries = [_entry(order, ORIENTATION, 3, 1, 6 << 16 if order == ">" else 6)]
    if gps:
        entries.append(_entry(order, 0x8825, 4, 1, gps_at))
    entries.append(_entry(order, 0x8769, 4, 1, exif_at))
    ifd0 = struct.pack(order + "H", count) + b"".join(entries) + struct.pack(order + "I", second_at)
    taken_at = values_at + (len(latitude) + len(longitude) if gps else 0)
    sub = struct.pack(order + "H", 1) + _entry(order, 0x9003, 2, len(TAKEN), taken_at) + bytes(4)
    position = b""
    if gps:
        north = int.from_bytes(b"N\x00\x00\x00", "big" if order == ">" else "little")
        east = int.from_bytes(b"E\x00\x00\x00", "big" if order == ">" else "little")
        position = struct.pack(order + "H", 4) + b"".join([
            _entry(order, 1, 2, 2, north), _entry(order, 2, 5, 3, values_at),
            _entry(order, 3, 2, 2, east), _entry(order, 4, 5, 3, values_at + len(latitude)),
        ]) + bytes(4) + latitude + longitude  # fmt: skip
    ifd1 = struct.pack(order + "H", 1) + _entry(order, 0x0103, 3, 1, 6) + bytes(4)
    return head + ifd0 + sub + position + TAKEN + ifd1


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(*extra: bytes, picture: bytes = b"picture" * 40, tail: bytes = b"") -> bytes:
    """A JPEG with these segments, a quantisation table, a scan that holds a restart mark, and its end."""
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + picture + b"\xff\x00\xff\xd3" + picture
    return b"\xff\xd8" + b"".join(extra) + segment(0xDB, bytes(65)) + scan + b"\xff\xd9" + tail


def photo(picture: bytes = b"picture" * 40) -> bytes:
    """As a phone makes it: with a position, twice."""
    found = segment(0xE1, b"Exif\x00\x00" + exif())
    return jpeg(found, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + XMP), picture=picture)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    picture = chunk(b"IDAT", zlib.compress(b"\x00\x7f"))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + picture + chunk(b"IEND", b"")


def riff(kind: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    body = kind + b"".join(
        struct.pack("<4sI", name, len(inside)) + inside + b"\x00" * (len(inside) % 2)
        for name, inside in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp(*, gps: bool = True) -> bytes:
    flags = 0x0C if gps else 0
    extra = [(b"EXIF", exif("<")), (b"XMP ", XMP)] if gps else []
    return riff(b"WEBP", (b"VP8X", bytes([flags]) + bytes(9)), (b"VP8 ", b"picture that is odd" * 3), *extra)


def box(name: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I4s", len(body) + 8, name) + body


def track(handler: bytes) -> bytes:
    return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12))))


def iso(brand: bytes, *handlers: bytes) -> bytes:
    """MP4 or 3GP whose description comes last, as phones write it."""
    tracks = [track(handler) for handler in handlers]
    return box(b"ftyp", brand, bytes(4), brand) + box(b"mdat", bytes(100)) + box(b"moov", *tracks)


def element(number: str, body: bytes, *, endless: bool = False) -> bytes:
    size = b"\x01\xff\xff\xff\xff\xff\xff\xff" if endless else (len(body) | 1 << 28).to_bytes(4, "big")
    return bytes.fromhex(number) + size + body


def webm(*track_types: int, doc_type: bytes = b"webm") -> bytes:
    """As a browser records it: without knowing how long it will be."""
    head = element("1a45dfa3", element("4282", doc_type))
    tracks = element("1654ae6b", b"".join(element("ae", element("83", bytes([t]))) for t in track_types))
    return head + element("18538067", tracks + element("1f43b675", bytes(80), endless=True), endless=True)


def ogg(*beginnings: bytes) -> bytes:
    pages = b"".join(b"OggS\x00\x02" + bytes(20) + bytes([1, len(first)]) + first for first in beginnings)
    return pages + b"OggS\x00\x00" + bytes(20) + bytes([1, 4]) + b"data"


def mp3(frames: int = 3) -> bytes:
    """MPEG 1, third layer, 128 kbit/s, 44.1 kHz: frames of 417 bytes."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def aac(frames: int = 3, size: int = 100) -> bytes:
    head = bytes([0xFF, 0xF1, 0x50, 0x80 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(size - 7)) * frames
