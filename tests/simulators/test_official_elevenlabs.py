"""The vendor's own package, unchanged, talks to the simulator over a real socket.

Its client of Scribe is used as it is. For speech with several contexts it has types and no client: messages are made and read
by those.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from elevenlabs import (
    AsyncElevenLabs,
    AudioOutputMulti,
    CloseContext,
    CloseSocket,
    CommittedTranscriptPayload,
    FinalOutputMulti,
    InitializeConnectionMulti,
    KeepContextAlive,
    PartialTranscriptPayload,
    RealtimeVoiceSettings,
    ScribeThrottledErrorPayload,
    SendTextMulti,
    SessionStartedPayload,
)
from elevenlabs.realtime import AudioFormat, CommitStrategy, RealtimeConnection, RealtimeEvents
from websockets.asyncio.client import connect

from voicechatengine import AudioFormat as Format
from voicechatengine.audio.tone import tone
from voicechatengine.simulators import Simulator, simulator

pytestmark = pytest.mark.realtime

FORM = Format(sample_rate=16_000)
SPEECH = tone(FORM, 1_000)
VOICE = "JBFqnCBsd6RMkjVDRZzb"


class Scribe:
    """The package's connection, and what it told its handlers."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self.connection = connection
        self.told: asyncio.Queue[tuple[RealtimeEvents, dict[str, Any]]] = asyncio.Queue()
        for kind in RealtimeEvents:
            connection.on(kind, lambda data=None, kind=kind: self.told.put_nowait((kind, data or {})))

    async def until(self, kind: RealtimeEvents) -> dict[str, Any]:
        while True:
            found, data = await self.told.get()
            if found is kind:
                return data


async def scribe(sim: Simulator, key: str = "test-key", **options: Any) -> Scribe:
    client = AsyncElevenLabs(api_key=key, base_url=sim.url)
    return Scribe(
        await client.speech_to_text.realtime.connect(
            {
                "model_id": "scribe_v2_realtime",
                "audio_format": AudioFormat.PCM_16000,
                "sample_rate": 16_000,
                **options,
            }
        )
    )


async def test_speech_is_committed_by_hand_and_becomes_words():
    async with simulator("elevenlabs") as sim:
        session = await scribe(sim, language_code="en", keyterms=["Ada", "Bob"])
        started = SessionStartedPayload.model_validate(await session.until(RealtimeEvents.SESSION_STARTED))
        assert started.config.commit_strategy == "manual"
        assert started.config.sample_rate == 16_000
        assert started.config.language_code == "en"
        await session.connection.send({"audio_base_64": b64encode(SPEECH).decode()})
        await session.connection.commit()
        data = await session.until(RealtimeEvents.COMMITTED_TRANSCRIPT)
        assert CommittedTranscriptPayload.model_validate(data).text == "(speech, 1.0 s)"
        data = await session.until(RealtimeEvents.PARTIAL_TRANSCRIPT)
        assert PartialTranscriptPayload.model_validate(data).text == "(speech, 1.0 s)"
        await session.connection.close()


async def test_a_commit_that_comes_too_early_ends_the_session():
    async with simulator("elevenlabs") as sim:
        session = await scribe(sim)
        await session.until(RealtimeEvents.SESSION_STARTED)
        await session.connection.commit()
        data = await session.until(RealtimeEvents.COMMIT_THROTTLED)
        assert "only 0.00s" in ScribeThrottledErrorPayload.model_validate(data).error
        assert await session.until(RealtimeEvents.CLOSE) == {"code": 1000, "reason": "commit_throttled"}
        await session.connection.close()


@pytest.mark.parametrize(
    ("key", "options", "kind"),
    [
        ("it-is-invalid", {}, RealtimeEvents.AUTH_ERROR),
        ("test-key", {"vad_threshold": 5}, RealtimeEvents.INVALID_REQUEST),
    ],
)
async def test_what_does_not_fit_is_told_inside_the_session(key, options, kind):
    async with simulator("elevenlabs") as sim:
        session = await scribe(sim, key, commit_strategy=CommitStrategy.VAD, **options)
        assert (await session.until(kind))["error"]
        assert (await session.until(RealtimeEvents.CLOSE))["reason"] == kind.value
        await session.connection.close()


async def test_contexts_are_spoken_side_by_side_and_told_apart():
    messages = [
        InitializeConnectionMulti(context_id="a", voice_settings=RealtimeVoiceSettings(stability=0.5)),
        SendTextMulti(context_id="a", text="The first one. ", flush=True),
        InitializeConnectionMulti(context_id="b"),
        KeepContextAlive(context_id="b"),
        CloseContext(context_id="a", close_context=True),
        SendTextMulti(context_id="b", text="The other. "),
        CloseSocket(close_socket=True),
    ]
    heard: dict[str | None, bytes] = {}
    ended: list[str | None] = []
    async with (
        simulator("elevenlabs") as sim,
        connect(
            f"{sim.url}/v1/text-to-speech/{VOICE}/multi-stream-input?output_format=pcm_16000",
            additional_headers={"xi-api-key": "test-key"},
        ) as socket,
    ):
        for message in messages:
            await socket.send(message.model_dump_json(exclude_none=True))
        async for frame in socket:
            data = json.loads(frame)
            if data.get("isFinal"):
                ended.append(FinalOutputMulti.model_validate(data).context_id)
            else:
                output = AudioOutputMulti.model_validate(data)
                heard[output.context_id] = heard.get(output.context_id, b"") + b64decode(output.audio)
        assert socket.close_code == 1000
    assert ended == ["a", "b"]
    assert FORM.duration_ms(len(heard["a"])) == pytest.approx(14 / 15 * 1000, abs=20)
    assert FORM.duration_ms(len(heard["b"])) == pytest.approx(10 / 15 * 1000, abs=20)
