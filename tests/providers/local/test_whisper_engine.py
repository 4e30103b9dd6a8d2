"""The real faster-whisper under the adapter, with a model of random weights: nothing is downloaded, and nothing makes sense.

It runs where faster-whisper is installed; it is no dependency.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from voicechatengine.audio.tone import tone
from voicechatengine.errors import ProviderError
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.local.whisper import FORMAT, WhisperRecogniser

pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")

pytestmark = pytest.mark.realtime

WIDTH = 16
WORDS = 60
CONTROL = (
    "endoftext", "startoftranscript", "en", "translate", "transcribe", "startoflm", "startofprev", "nospeech",
    "notimestamps",
)  # fmt: skip


def vocabulary() -> list[str]:
    special = [f"<|{name}|>" for name in (*CONTROL, *(f"{at / 50:.2f}" for at in range(1501)))]
    return [*(f"Ġw{number}" for number in range(WORDS)), *special]


def build(folder: Path) -> None:
    """Writes a Whisper of one layer, in the form that faster-whisper loads."""
    import ctranslate2  # noqa: PLC0415 - comes with faster-whisper
    import numpy as np  # noqa: PLC0415 - likewise
    import tokenizers  # noqa: PLC0415 - likewise

    chance = np.random.default_rng(1)

    def weights(*shape: int) -> Any:
        return (chance.standard_normal(shape) * 0.2).astype(np.float32)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def dense(*sizes: tuple[Any, int, int]) -> None:
        for layer, outputs, inputs in sizes:
            layer.weight, layer.bias = weights(outputs, inputs), weights(outputs)

    def block(layer: Any, *, attends: bool) -> None:
        own, forward = layer.self_attention, layer.ffn
        for part in (own, forward, *([layer.attention] if attends else [])):
            norm(part.layer_norm)
        dense((own.linear[0], 3 * WIDTH, WIDTH), (own.linear[1], WIDTH, WIDTH))
        dense((forward.linear_0, 4 * WIDTH, WIDTH), (forward.linear_1, WIDTH, 4 * WIDTH))
        if attends:
            query, both, out = layer.attention.linear
            dense((query, WIDTH, WIDTH), (both, 2 * WIDTH, WIDTH), (out, WIDTH, WIDTH))

    words = vocabulary()
    spec = ctranslate2.specs.WhisperSpec(1, 1, 1, 1)
    encoder, decoder = spec.encoder, spec.decoder
    for convolution, inputs in ((encoder.conv1, 80), (encoder.conv2, WIDTH)):
        convolution.weight, convolution.bias = weights(WIDTH, inputs, 3), weights(WIDTH)
    encoder.position_encodings.encodings = weights(1500, WIDTH)
    decoder.position_encodings.encodings = weights(448, WIDTH)
    decoder.embeddings.weight = decoder.projection.weight = weights(len(words), WIDTH)
    for half in (encoder, decoder):
        norm(half.layer_norm)
        block(half.layer[0], attends=half is decoder)
    spec.register_vocabulary(words)
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [words.index("<|en|>")]
    spec.config.alignment_heads = [[0, 0]]
    spec.validate()
    spec.save(str(folder))

    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, unk_token="Ġw0"))
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([word for word in words if word.startswith("<|")])
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("whisper")
    build(folder)
    return str(folder)


async def chunks(audio: bytes) -> AsyncIterator[bytes]:
    for start, end in pairwise(range(0, len(audio) + 1, FORMAT.size_of(20))):
        yield audio[start:end]


async def heard(recogniser: WhisperRecogniser, audio: bytes, **more: Any) -> list[Heard]:
    return [one async for one in recogniser.recognise(chunks(audio), **more)]


async def test_an_utterance_goes_through_the_real_engine(model: str) -> None:
    recogniser = WhisperRecogniser(model)
    await recogniser.open()
    for more in ({}, {"language": "pt-BR", "prompt": "names"}):
        (found,) = await heard(recogniser, tone(FORMAT, 1200), **more)
        assert found.final
        assert found.text == found.text.strip()
        assert all(word.startswith("w") for word in found.text.split())
    await recogniser.close()


async def test_no_sound_is_no_word(model: str) -> None:
    recogniser = WhisperRecogniser(model)
    assert await heard(recogniser, b"", language="en") == [Heard("", final=True)]
    await recogniser.close()


@pytest.mark.parametrize("name", ["", "no such model"])
async def test_a_model_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"cannot be loaded.*give whisper_model the folder"):
        await WhisperRecogniser(name or str(tmp_path)).open()
