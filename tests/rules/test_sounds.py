"""A sound file is known by its content, and only what a telephone can play is taken."""

import io
import wave
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calls.rules.sounds import MOST_BYTES, MP3, WAV, NotASound, look_at, tone
from tests.sounds import a_g711_wav, a_wav, an_mp3


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_wav_of_any_usual_kind_is_taken(rate: int, channels: int, bits: int) -> None:
    content = a_wav(1.5, rate=rate, channels=channels, bits=bits)
    sound = look_at(content)
    assert (sound.media_type, sound.milliseconds, sound.size_bytes) == (WAV, 1500, len(content))


@pytest.mark.parametrize("kind", [6, 7])
def test_a_recording_of_an_exchange_is_taken(kind: int) -> None:
    assert look_at(a_g711_wav(2, kind=kind)).milliseconds == 2000


@pytest.mark.parametrize("tagged", [False, True])
def test_an_mp3_is_measured_frame_by_frame(tagged: bool) -> None:  # noqa: FBT001 - a parameter of the test
    sound = look_at(an_mp3(3, tagged=tagged))
    assert sound.media_type == MP3
    assert 3000 <= sound.milliseconds < 3030


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "neither a WAV nor an MP3"),
        (b"<html><body>Sign in</body></html>", "neither a WAV nor an MP3"),
        (an_mp3(2)[:200] + b"and then words" * 40, "neither a WAV nor an MP3"),
        (b"RIFF\x04\x00\x00\x00WAVE", "without sound"),
        (a_wav(0.2), "shorter"),
        (a_wav(61), "longer"),
        (a_wav(2, rate=4000), "sampling rate"),
        (a_wav(2, rate=96000), "sampling rate"),
        (a_wav(2, channels=3), "mono nor stereo"),
        (a_wav(2, bits=24), "PCM of 8 or 16"),
        (a_g711_wav(2, kind=0x31), "nor G.711"),
        (bytes(MOST_BYTES + 1), "larger"),
    ],
)
def test_what_a_telephone_cannot_play_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(NotASound, match=why):
        look_at(content)


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"RIFF\x00\x00\x00\x00WAVE", b"ID3", b"\xff\xfb\x10\xc4"])
)
def test_no_bytes_at_all_do_more_than_be_refused(noise: bytes, head: bytes) -> None:
    with suppress(NotASound):
        assert look_at(head + noise).milliseconds >= 300


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_is_refused_or_measured_never_more(at: int, noise: bytes) -> None:
    content = bytearray(a_wav(0.5))
    content[at : at + len(noise)] = noise
    with suppress(NotASound):
        assert 300 <= look_at(bytes(content)).milliseconds <= 60_000


def test_the_tone_is_a_short_sound_of_telephone_quality_and_not_silence() -> None:
    sound = look_at(tone())
    assert (sound.media_type, sound.milliseconds) == (WAV, 400)
    with wave.open(io.BytesIO(tone())) as played:
        assert (played.getframerate(), played.getnchannels()) == (8000, 1)
        assert max(played.readframes(played.getnframes())) > 100
