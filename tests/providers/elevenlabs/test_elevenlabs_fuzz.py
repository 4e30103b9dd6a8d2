"""Laws of the four dialects, searched: nothing that arrives raises, and what one side says the other understands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted
from voicechatengine.messages import AudioAppend, AudioClear, AudioCommit, ItemCreate
from voicechatengine.providers.elevenlabs.scribe import LEAST_COMMIT_MS, ScribeClient
from voicechatengine.providers.elevenlabs.server_scribe import ScribeServer
from voicechatengine.providers.elevenlabs.server_speech import SpeechServer
from voicechatengine.providers.elevenlabs.speech import Speak, SpeechClient, Stop
from voicechatengine.session.dialect import Close, Frame, Ready
from voicechatengine.session.handshake import Handshake

FORM = AudioFormat(sample_rate=8_000)
KEY = {"xi-api-key": "k"}
SCRIBE = Handshake(
    "/v1/speech-to-text/realtime", {"model_id": "scribe_v2_realtime", "audio_format": "pcm_8000"}, KEY
)
SPEECH = Handshake(
    "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/multi-stream-input",
    {"output_format": "pcm_8000", "auto_mode": "true"},
    KEY,
)
IDS = ("a", "b", "c", "keep")

NAMES = (
    "message_type", "text", "error", "session_id", "config", "audio_base_64", "commit", "sample_rate", "audio", "isFinal",
    "contextId", "context_id", "message", "flush", "close_context", "close_socket", "voice_settings",
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 16_000),
    st.text(max_size=5),
    st.sampled_from(
        (*IDS, "AAAA", "session_started", "partial_transcript", "committed_transcript", "input_audio_chunk")
    ),
    st.just({"speed": 1.0}),
)
MESSAGES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6).map(json.dumps)
FRAMES = st.lists(st.one_of(st.binary(max_size=20), st.text(max_size=20), MESSAGES), max_size=8)
AUDIO = st.integers(0, 20_000).map(lambda samples: bytes(2 * samples))


def scribe_server() -> ScribeServer:
    return ScribeServer(SCRIBE, lambda word: f"{word}_1", audio=FORM, changeable=("input_audio_format",))


DIALECTS: list[Callable[[], Any]] = [
    lambda: ScribeClient(FORM, "terms"),
    lambda: SpeechClient(FORM),
    scribe_server,
    lambda: SpeechServer(SPEECH, audio=FORM),
]


@pytest.mark.parametrize("make", DIALECTS)
@given(FRAMES)
def test_receiving_is_total_and_gives_the_same_again(make, frames):
    def run() -> list[object]:
        dialect = make()
        seen = [dialect.opened(0.0)]
        for now, frame in enumerate(frames):
            seen.append(dialect.receive(frame, float(now)))
            dialect.deadline()
        seen += [dialect.expired(500.0), dialect.closed(Close(1006), 500.0)]
        return seen

    def shown(seen: list[object]) -> list[object]:
        return [[repr(out) for out in outs] for outs in seen if isinstance(outs, Sequence)]

    assert shown(run()) == shown(run())


DEEP = '{"message_type":"partial_transcript","text":"a","x":' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize("make", DIALECTS)
def test_a_message_that_is_nested_too_deeply_is_told_like_any_nonsense(make):
    told = [type(out) for out in make().receive("{", 0.0)]
    assert told
    assert [type(out) for out in make().receive(DEEP, 0.0)] == told


@given(
    st.lists(st.one_of(AUDIO.map(AudioAppend), st.just(AudioCommit()), st.just(AudioClear())), max_size=12)
)
def test_utterances_reach_the_service_whole_and_their_words_come_back(messages):
    """Whatever is said, given up and ended: the service never objects, and each end has its own words, once."""
    client, server = ScribeClient(FORM), scribe_server()
    client.opened(0.0)
    outputs = [
        out
        for frame in server.opened(0.0)
        if isinstance(frame, Frame)
        for out in client.receive(frame.data, 0.0)
    ]
    assert outputs == [Ready()]
    utterance, heard, commits = 0, b"", 0
    for message in messages:
        finals: list[str] = []
        outputs = list(client.send(message, 0.0))
        while outputs:
            out = outputs.pop(0)
            assert not isinstance(out, (ConnectionError, Close))
            if isinstance(out, InputTranscript) and out.final:
                finals.append(out.text)
            if not isinstance(out, Frame):
                continue
            for command in server.receive(out.data, 0.0):
                assert isinstance(command, (AudioAppend, AudioCommit))
                if isinstance(command, AudioAppend):
                    heard += command.audio
                    continue
                commits += 1
                for frame in server.send(InputTranscript(f"<{utterance}>", final=True), 0.0):
                    assert isinstance(frame, Frame)
                    outputs += client.receive(frame.data, 0.0)
        if isinstance(message, AudioAppend):
            assert finals == []
        else:
            assert len(finals) == isinstance(message, AudioCommit)
            assert set(" ".join(finals).split()) <= {f"<{utterance}>"}
            utterance += 1
    given_audio = sum(len(message.audio) for message in messages if isinstance(message, AudioAppend))
    assert len(heard) <= given_audio + commits * FORM.size_of(LEAST_COMMIT_MS)


@given(st.lists(st.integers(0, 30_000), max_size=8))
def test_however_audio_is_cut_the_service_hears_the_same(cuts):
    audio = bytes(index % 251 for index in range(60_000))

    def heard(borders: list[int]) -> bytes:
        client, server = ScribeClient(FORM), scribe_server()
        server.opened(0.0)
        places = [0, *sorted(2 * cut for cut in borders), len(audio)]
        messages = [AudioAppend(audio[a:b]) for a, b in pairwise(places)]
        frames = [out for message in [*messages, AudioCommit()] for out in client.send(message, 0.0)]
        commands = [
            c for frame in frames if isinstance(frame, Frame) for c in server.receive(frame.data, 0.0)
        ]
        return b"".join(command.audio for command in commands if isinstance(command, AudioAppend))

    assert heard(cuts) == audio


SENTENCES = st.lists(
    st.one_of(st.just("stop"), st.just("sound"), st.just("end"), st.text("ab ", max_size=5)), max_size=20
)


@given(SENTENCES)
def test_sentences_come_back_under_their_own_ids_and_stopped_ones_not_at_all(steps):
    """The service is never asked for too much, and the sound of a sentence is nobody else's."""
    client, server = SpeechClient(FORM), SpeechServer(SPEECH, audio=FORM)
    server.opened(0.0)
    stopped: set[str] = set()
    ended: list[str] = []
    spoken: list[str] = []  # what the provider was asked to say
    latest = ""

    def carry(outputs: Sequence[object]) -> None:
        for out in outputs:
            assert not isinstance(out, ConnectionError)
            if isinstance(out, Frame):
                answer(server.receive(out.data, 0.0))
            elif isinstance(out, AudioChunk):
                assert out.response_id not in stopped
                assert out.response_id == spoken[len(done)]
            elif isinstance(out, ResponseCompleted):
                ended.append(out.response_id)

    def answer(outputs: Sequence[object]) -> None:
        for out in outputs:
            assert not isinstance(out, Close)
            if isinstance(out, ItemCreate):
                spoken.append(getattr(out.item, "text").split("|")[0])  # noqa: B009 - of one of the kinds of item
            if isinstance(out, Frame):
                carry(client.receive(out.data, 0.0))

    done: list[str] = []
    carry(client.opened(0.0))
    for number, step in enumerate(steps):
        match step:
            case "stop":
                stopped.add(latest)
                carry(client.send(Stop(latest), 0.0))
            case "sound":
                if len(done) < len(spoken):
                    answer(server.send(AudioChunk(b"\1\2", FORM, "r"), 0.0))
            case "end":
                if len(done) < len(spoken):
                    now = spoken[len(done)]
                    outputs = server.send(ResponseCompleted("r"), 0.0)
                    done.append(now)
                    answer(outputs)
            case words:
                latest = f"s{number}"
                carry(client.send(Speak(latest, f"{latest}|{words}"), 0.0))
    assert ended == [one for one in done if one in ended]
    assert set(done) - stopped == set(ended) - stopped
