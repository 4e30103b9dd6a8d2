"""The vendor's own package, unchanged, talks to the simulator over a real socket."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment
from deepgram.core.api_error import ApiError
from deepgram.listen.v2.types import (
    ListenV2CloseStream,
    ListenV2Configure,
    ListenV2ConfigureThresholds,
    ListenV2ForceEndTurn,
)
from deepgram.speak.v1.types import SpeakV1Text
from deepgram.speak.v2.types import SpeakV2Interrupt, SpeakV2InterruptPlaybackOffset, SpeakV2Speak

from voicechatengine import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.simulators import simulator
from voicechatengine.simulators.responder import responder

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the package uses the old API of websockets
]

FORM = AudioFormat(sample_rate=16_000)
LISTEN: dict[str, Any] = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": "16000"}
SPEAK: dict[str, Any] = {"encoding": "linear16", "sample_rate": "24000"}


@asynccontextmanager
async def service(*words: str, key: str = "k") -> AsyncIterator[Any]:
    def behind() -> Any:
        return responder("Deepgram", transcripts=words)

    async with simulator("deepgram", provider=behind if words else None) as sim:
        http = sim.url.replace("ws://", "http://")
        where = DeepgramClientEnvironment(base=http, production=sim.url, agent=sim.url, agent_rest=http)
        yield AsyncDeepgramClient(api_key=key, environment=where)


async def test_it_hears_turns_and_their_words():
    async with (
        service("Hello there.") as client,
        client.listen.v2.connect(**LISTEN, eager_eot_threshold="0.5", keyterm=["a", "b"]) as socket,
    ):
        audio = tone(FORM, 500) + FORM.silence(500)
        for at in range(0, len(audio), 2_560):
            await socket.send_media(audio[at : at + 2_560])
        await socket.send_close_stream(ListenV2CloseStream())
        connected, *infos = [message async for message in socket]
        assert type(connected).__name__ == "ListenV2Connected"
        assert [info.event for info in infos] == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]
        assert (infos[-1].transcript, infos[-1].trigger) == ("Hello there.", "model")
        assert [word.word for word in infos[-1].words] == ["Hello", "there."]


async def test_it_ends_turns_by_hand():
    async with service("By hand.") as client, client.listen.v2.connect(**LISTEN) as socket:
        thresholds = ListenV2ConfigureThresholds(eot_threshold=1.0)
        await socket.send_configure(ListenV2Configure(thresholds=thresholds))
        await socket.send_media(tone(FORM, 500) + FORM.silence(500))
        await socket.send_force_end_turn(ListenV2ForceEndTurn())
        kinds: list[str] = []
        async for message in socket:
            kinds.append(getattr(message, "event", type(message).__name__))
            if kinds[-1] == "EndOfTurn":
                assert (message.transcript, message.trigger) == ("By hand.", "manual")
                break
        assert kinds == ["ListenV2Connected", "ListenV2ConfigureSuccess", "StartOfTurn", "EndOfTurn"]


async def test_it_speaks():
    async with service() as client, client.speak.v2.connect(model="flux-haley-en", **SPEAK) as socket:
        await socket.send_speak(SpeakV2Speak(text="Hello "))
        await socket.send_speak(SpeakV2Speak(text="there, my friend."))
        await socket.send_flush()
        await socket.send_close()
        messages = [message async for message in socket]
        sound = b"".join(message for message in messages if isinstance(message, bytes))
        told = {type(message).__name__: message for message in messages if not isinstance(message, bytes)}
        assert list(told) == [
            "SpeakV2Connected",
            "SpeakV2SpeechStarted",
            "SpeakV2Flushed",
            "SpeakV2SpeechMetadata",
            "SpeakV2SessionMetadata",
        ]
        assert told["SpeakV2SpeechMetadata"].audio_duration_ms == round(len(sound) / 48)
        assert max(struct.unpack(f"<{len(sound) // 2}h", sound)) > 1_000


async def test_it_is_interrupted():
    async with service() as client, client.speak.v2.connect(model="flux-haley-en", **SPEAK) as socket:
        await socket.send_speak(SpeakV2Speak(text="A long sentence that will be interrupted very soon."))
        await socket.send_flush()
        async for message in socket:
            if isinstance(message, bytes):
                break
        offset = SpeakV2InterruptPlaybackOffset(value=50)
        await socket.send_interrupt(SpeakV2Interrupt(playback_offset=offset))
        async for message in socket:
            if type(message).__name__ == "SpeakV2SpeechInterrupted":
                assert message.audio_played_ms == 50
                assert message.text_spoken + message.text_remaining == (
                    "A long sentence that will be interrupted very soon."
                )
                break


async def test_aura_speaks():
    async with service() as client, client.speak.v1.connect(model="aura-2-thalia-en", **SPEAK) as socket:
        await socket.send_text(SpeakV1Text(type="Speak", text="Hello."))
        await socket.send_flush()
        await socket.send_clear()
        await socket.send_close()
        kinds = {message.type async for message in socket if not isinstance(message, bytes)}
        assert kinds == {"Metadata", "Cleared"}


async def test_a_wrong_key_is_refused():
    async with service(key="invalid") as client:
        with pytest.raises(ApiError) as refused:
            async with client.listen.v2.connect(**LISTEN):
                pass
        assert refused.value.status_code == 401
