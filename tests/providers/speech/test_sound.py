"""The answers of speech endpoints: PCM, WAV and events, cut anywhere, and everything that is none of them."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.wav import wav_bytes, wav_header
from voicechatengine.errors import ConnectionError, ProtocolError
from voicechatengine.providers.speech.sound import sound

FORM = AudioFormat()
PCM = bytes(range(1, 31))
WAV = wav_bytes(FORM, PCM)


def event(told: Any) -> bytes:
    return f"data: {told if isinstance(told, str) else json.dumps(told)}\n\n".encode()


def delta(audio: bytes) -> bytes:
    return event({"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()})


DONE = event(
    {"type": "speech.audio.done", "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}
)
STREAMED = delta(PCM[:7]) + event({"type": "speech.audio.mood"}) + delta(PCM[7:]) + DONE


def folded(kind: str, *pieces: bytes, rate: int = 24_000) -> list[bytes]:
    fold = sound(AudioFormat(sample_rate=rate))(kind)
    assert fold is not None
    outputs: list[bytes] = []
    for piece in pieces:
        if fold.done:
            break
        outputs += fold.feed(piece)
    if not fold.done:
        outputs += fold.end()
    assert fold.done
    return outputs


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("audio/pcm", PCM),
        ("audio/pcm;rate=24000;bits=16", PCM),
        ("application/octet-stream", PCM),
        ("", PCM),
        ("audio/wav", WAV),
        ("audio/x-wav", WAV + b"LIST\4\0\0\0INFO"),
        ("audio/pcm", wav_header(FORM, 0) + PCM),
        ("audio/wav", wav_header(FORM, 0xFFFF_FFFF) + PCM),
        ("text/event-stream", STREAMED),
        ("text/event-stream", delta(WAV[:3]) + delta(WAV[3:]) + event("[DONE]")),
    ],
)
def test_speech_is_read_whole_at_any_cut_and_in_whole_samples(kind, content):
    assert b"".join(folded(kind, content)) == PCM
    assert b"".join(folded(kind, *(bytes((byte,)) for byte in content))) == PCM
    for cut in range(len(content) + 1):
        pieces = folded(kind, content[:cut], content[cut:])
        assert b"".join(pieces) == PCM, cut
        assert not [piece for piece in pieces if len(piece) % 2 or not piece]


def test_the_first_samples_are_given_with_the_first_bytes():
    fold = sound(FORM)("audio/pcm")
    assert fold is not None
    assert list(fold.feed(PCM[:5])) == [PCM[:4]]


def test_two_samples_are_a_sound_too():
    assert folded("audio/pcm", PCM[:2]) == [PCM[:2]]


def test_a_page_is_no_sound():
    assert sound(FORM)("text/html") is None
    assert sound(FORM)("application/json") is None


@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/ogg; codecs=opus", "audio/basic", "video/mp4"])
def test_sound_that_says_that_it_is_no_pcm_is_told(kind):
    with pytest.raises(ProtocolError, match=f"answered with {kind.partition(';')[0]} where mono PCM16"):
        sound(FORM)(kind)


@pytest.mark.parametrize(
    ("kind", "content", "error", "words"),
    [
        ("audio/pcm", b"ID3\4" + PCM, ProtocolError, "answered with MP3 where"),
        ("application/octet-stream", b"OggS" + PCM, ProtocolError, "answered with Ogg where"),
        ("audio/wav", b"RIFF0000WAVEfmt \4\0\0\0abcd", ProtocolError, "its format is cut off"),
        ("audio/wav", wav_bytes(AudioFormat(sample_rate=22_050), PCM), ProtocolError, "set sample_rate=22050"),
        ("audio/wav", wav_bytes(AudioFormat("g711_ulaw"), PCM), ProtocolError, "answered with g711_ulaw"),
        ("audio/wav", WAV[:22] + b"\2" + WAV[23:], ProtocolError, "stereo where mono PCM16"),
        ("audio/wav", b"RIFF0000WAVE" + struct.pack("<4sI", b"LIST", 99_999) + b"x" * 70_000, ProtocolError,
         "header without an end"),
        ("audio/wav", WAV[:30], ConnectionError, "broke off in the midst of a WAV header"),
        ("audio/pcm", b"", ProtocolError, "no sound: check the voice"),
        ("audio/pcm", PCM[:3], ProtocolError, "ends within a sample"),
        ("text/event-stream", DONE, ProtocolError, "no sound"),
        ("text/event-stream", delta(PCM), ConnectionError, "broke off in the midst of a speech"),
        ("text/event-stream", event({"error": {"message": "no voice"}}), ConnectionError, "no voice"),
        ("text/event-stream", event({"type": "speech.audio.delta", "audio": "!"}), ProtocolError, "no base64"),
    ],
)  # fmt: skip
def test_an_answer_that_fails_is_told(kind, content, error, words):
    with pytest.raises(error, match=words):
        folded(kind, content)


def test_a_rate_in_the_content_type_is_compared():
    with pytest.raises(
        ProtocolError, match="speaks with 22050 Hz, and not with 24000: set sample_rate=22050"
    ):
        sound(FORM)("audio/pcm; rate=22050")
    assert folded("audio/pcm;rate=22050", PCM, rate=22_050) == [PCM]
