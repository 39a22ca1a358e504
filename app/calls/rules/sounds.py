"""What a sound file is, read from its content, and the tone for a prompt that nobody has recorded."""

import hashlib
import io
import math
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 12 * 1024 * 1024  # a minute of WAV at 48 kHz, 16 bits, stereo, and a little more
SHORTEST_MS: Final = 300
LONGEST_MS: Final = 60_000
WAV: Final = "audio/wav"
MP3: Final = "audio/mpeg"
SUFFIXES: Final = {WAV: "wav", MP3: "mp3"}

_RATES: Final = range(8_000, 48_001)
_CHANNELS: Final = (1, 2)
_PCM, _ALAW, _MULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
_BITS: Final = {_PCM: (8, 16), _ALAW: (8,), _MULAW: (8,)}
_EXTENSIBLE_FORMAT_AT: Final = 24
_FORMAT_BYTES: Final = 16

# Of layer III only: kbit/s by four bits of a frame's header, for MPEG 1 and for the lower sampling rates.
# They are in Source: docs/sources.md#sound-files.
_KBITS: Final = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_SYNC: Final = 0x7FF
_MPEG_1: Final = 3
_LAYER_3: Final = 1
_FRAME_HEADER: Final = 4
_ID3_HEADER: Final = 10
_FEWEST_FRAMES: Final = 3
_TAGS_BEHIND: Final = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")


class NotASound(ValueError):
    """The bytes are no sound that can be a prompt; the text says why."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that was looked at: its kind, size and length, and the digest of its bytes."""

    media_type: str
    size_bytes: int
    sha256: str
    milliseconds: int

    @property
    def suffix(self) -> str:
        """How names of files with such a sound end, without the dot."""
        return SUFFIXES[self.media_type]


def look_at(content: bytes) -> Sound:
    """What these bytes are, whatever they are called. Raises: NotASound."""
    if len(content) > MOST_BYTES:
        raise NotASound(f"it is larger than {MOST_BYTES // 1024 // 1024} MiB")
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        media_type, milliseconds = WAV, _wav_milliseconds(content)
    else:
        media_type, milliseconds = MP3, _mp3_milliseconds(content)
    if milliseconds < SHORTEST_MS:
        raise NotASound("it is shorter than 0.3 seconds")
    if milliseconds > LONGEST_MS:
        raise NotASound("it is longer than 60 seconds")
    return Sound(media_type, len(content), hashlib.sha256(content).hexdigest(), milliseconds)


def tone() -> bytes:
    """Two short notes, one above the other, that no prompt sounds like: a WAV of 8 kHz, 0.4 s."""
    rate, notes, seconds, loudness = 8_000, (784.0, 1046.5), 0.2, 9_000
    frames = int(rate * seconds)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        for hertz in notes:
            # Each note swells and fades, for a note that is cut off clicks.
            samples = (
                int(loudness * math.sin(math.pi * at / frames) * math.sin(2 * math.pi * hertz * at / rate))
                for at in range(frames)
            )
            sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def _wav_milliseconds(content: bytes) -> int:
    """The length of a WAV file. Raises: NotASound."""
    chunks = dict(_chunks(content))
    if b"fmt " not in chunks or b"data" not in chunks:
        raise NotASound("it is a WAV file without sound in it")
    form, length = chunks[b"fmt "], len(chunks[b"data"])
    if len(form) < _FORMAT_BYTES:
        raise NotASound("it is a damaged WAV file")
    kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", form[:_FORMAT_BYTES])
    if kind == _EXTENSIBLE and len(form) >= _EXTENSIBLE_FORMAT_AT + 2:
        (kind,) = struct.unpack("<H", form[_EXTENSIBLE_FORMAT_AT : _EXTENSIBLE_FORMAT_AT + 2])
    if bits not in _BITS.get(kind, ()):
        raise NotASound("it is neither PCM of 8 or 16 bits nor G.711")
    if rate not in _RATES:
        raise NotASound("its sampling rate is not between 8 and 48 kHz")
    if channels not in _CHANNELS or block != channels * bits // 8:
        raise NotASound("it is neither mono nor stereo")
    return int(length * 1000 // (block * rate))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file. A recorder that was cut off leaves a last chunk that ends early."""
    at = 12
    while at + 8 <= len(content):
        (size,) = struct.unpack("<I", content[at + 4 : at + 8])
        yield content[at : at + 4], content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _mp3_milliseconds(content: bytes) -> int:
    """The length of an MP3 file, frame by frame: its own tags often lie. Raises: NotASound."""
    at = _behind_id3(content)
    length, frames = 0.0, 0
    while at + _FRAME_HEADER <= len(content):
        frame = _frame(content[at : at + _FRAME_HEADER])
        if frame is None:
            break
        size, milliseconds = frame
        at, length, frames = at + size, length + milliseconds, frames + 1
    rest = content[at:]
    if frames < _FEWEST_FRAMES or (rest.strip(b"\0") and not rest.startswith(_TAGS_BEHIND)):
        raise NotASound("it is neither a WAV nor an MP3 file")
    return int(length)


def _behind_id3(content: bytes) -> int:
    """Where the sound begins: behind a tag of names and pictures, if there is one."""
    if content[:3] != b"ID3" or len(content) < _ID3_HEADER:
        return 0
    size = 0
    for seven_bits in content[6:10]:
        size = size << 7 | seven_bits & 0x7F
    return _ID3_HEADER + size


def _frame(header: bytes) -> tuple[int, float] | None:
    """The size of a frame in bytes and its length in milliseconds; None where this begins no frame."""
    (bits,) = struct.unpack(">I", header)
    version, layer = bits >> 19 & 3, bits >> 17 & 3
    rate, kbits, padding = bits >> 10 & 3, bits >> 12 & 15, bits >> 9 & 1
    if bits >> 21 != _SYNC or version not in _HERTZ or layer != _LAYER_3:
        return None
    if rate >= len(_HERTZ[version]) or not 0 < kbits < len(_KBITS[True]):
        return None
    first = version == _MPEG_1
    hertz, samples = _HERTZ[version][rate], 1152 if first else 576
    size = samples // 8 * _KBITS[first][kbits] * 1000 // hertz + padding
    return size, samples * 1000 / hertz
