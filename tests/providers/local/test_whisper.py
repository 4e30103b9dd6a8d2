from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest

from voicechatengine.errors import AudioError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.local.whisper import WhisperRecogniser

pytestmark = pytest.mark.realtime


async def chunks(*audio: bytes) -> AsyncIterator[bytes]:
    for chunk in audio:
        yield chunk


async def test_an_utterance_is_transcribed_when_it_has_ended() -> None:
    asked: list[tuple[str, int, str | None, str | None]] = []

    def load(model: str) -> object:
        def transcribe(pcm: bytes, language: str | None, prompt: str | None) -> str:
            asked.append((model, len(pcm), language, prompt))
            return " Olá. "

        return transcribe

    recogniser = WhisperRecogniser("tiny", load=load)  # type: ignore[arg-type]  # a function, typed loosely
    await recogniser.open()
    found = [
        heard
        async for heard in recogniser.recognise(chunks(b"\0\0", b"\0\0"), language="pt-BR", prompt="names")
    ]
    await recogniser.close()
    assert found == [Heard("Olá.", final=True)]
    assert asked == [("tiny", 4, "pt", "names")]
    assert recogniser.format.sample_rate == 16_000


@pytest.mark.skipif(find_spec("faster_whisper") is not None, reason="faster-whisper is installed")
async def test_without_the_package_the_error_says_what_to_install() -> None:
    with pytest.raises(AudioError, match="pip install faster-whisper"):
        await WhisperRecogniser().open()
