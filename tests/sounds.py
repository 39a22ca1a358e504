"""Sound files for tests, made here: no recording of a person."""

import io
import struct
import wave


def a_wav(
    seconds: float = 2.0, *, rate: int = 8000, channels: int = 1, bits: int = 16, level: int = 0
) -> bytes:
    """A PCM file; another `level` makes another file of the same length."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(bits // 8)
        sound.setframerate(rate)
        sound.writeframes(bytes([level]) * (int(rate * seconds) * channels * bits // 8))
    return file.getvalue()


def a_g711_wav(seconds: float = 2.0, *, kind: int = 7) -> bytes:
    """A file as telephone exchanges write it: mu-law (7) or A-law (6), 8 kHz."""
    form = struct.pack("<HHIIHHH", kind, 1, 8000, 8000, 1, 8, 0)
    body = bytes([0x7F]) * int(8000 * seconds)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def an_mp3(seconds: float = 2.0, *, tagged: bool = False) -> bytes:
    """Frames of MPEG 1, layer III: 32 kbit/s at 44.1 kHz, 1152 samples in each."""
    frames = -(-int(seconds * 44_100) // 1152)
    sound = (b"\xff\xfb\x10\xc4" + bytes(100)) * frames
    if not tagged:
        return sound
    return b"ID3\x04\x00\x00" + bytes([0, 0, 2, 0]) + bytes(256) + sound + b"TAG" + bytes(125)
