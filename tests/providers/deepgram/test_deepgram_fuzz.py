"""Laws of the four dialects, searched: nothing that arrives raises, and what one side says the other understands."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted, ResponseStarted, TextChunk
from voicechatengine.messages import AudioCommit, ItemCreate, ResponseCancel
from voicechatengine.providers.deepgram import DeepgramConfig
from voicechatengine.providers.deepgram.listening import Audio, By, Finish, FluxClient, News
from voicechatengine.providers.deepgram.server_listening import FluxServer
from voicechatengine.providers.deepgram.server_speech import SpeechServer
from voicechatengine.providers.deepgram.speaking import Cut, Said, Say, Sound, SpeechClient, Stop
from voicechatengine.session.dialect import Close, Frame, Ready

FORM = AudioFormat(sample_rate=8_000)
RATE = {"sample_rate": "8000"}
CONFIG = DeepgramConfig(api_key="k", input_format=FORM, eager_eot_threshold=0.5)

NAMES = (
    "type", "event", "turn_index", "transcript", "words", "audio_window_end", "speech_id", "metadata", "audio_played_ms",
    "text_spoken", "playback_offset", "text", "thresholds", "keyterms", "language_hints", "speed", "code", "description",
    "sequence_id", "trigger",
)  # fmt: skip
TYPES = (
    "Connected", "TurnInfo", "Error", "Warning", "ConfigureSuccess", "ConfigureFailure", "SpeechStarted", "SpeechMetadata",
    "SpeechInterrupted", "Flushed", "Cleared", "Metadata", "Speak", "Flush", "Interrupt", "Clear", "Configure", "Close",
    "CloseStream", "ForceEndTurn", "SessionMetadata", "StartOfTurn", "Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn",
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.integers(-3, 70_000),
    st.floats(0, 2),
    st.text(max_size=5),
    st.sampled_from(TYPES),
    st.just({"eot_threshold": 1.0}),
    st.just({"type": "time_ms", "value": 5}),
    st.just([{"word": "w", "start": 1.0}]),
)
MESSAGES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=7)
TYPED = st.tuples(st.sampled_from(TYPES), MESSAGES).map(lambda pair: {**pair[1], "type": pair[0]})
FRAMES = st.lists(
    st.one_of(st.binary(max_size=20), st.text(max_size=20), st.one_of(MESSAGES, TYPED).map(json.dumps)),
    max_size=10,
)


def ids() -> Callable[[str], str]:
    numbers = count()
    return lambda word: f"{word}_{next(numbers):021}"


DIALECTS: list[Callable[[], Any]] = [
    lambda: FluxClient(CONFIG),
    lambda: SpeechClient(FORM, aura=False),
    lambda: SpeechClient(FORM, aura=True),
    lambda: FluxServer(ids(), RATE, FORM),
    lambda: SpeechServer(ids(), RATE, FORM, aura=False),
    lambda: SpeechServer(ids(), RATE, FORM, aura=True),
]
FIRST: list[Any] = [
    (Audio(bytes(3_000)), Finish()),
    (Say("One two."), Stop(1.0)),
    (Say("One two."),),
    (),
    (),
    (),
]


@pytest.mark.parametrize(("make", "first"), list(zip(DIALECTS, FIRST, strict=True)))
@given(FRAMES)
def test_receiving_is_total_and_gives_the_same_again(make, first, frames):
    def run() -> list[str]:
        dialect = make()
        seen = [repr(dialect.opened(0.0))]
        seen += [repr(dialect.send(message, 0.0)) for message in first]
        for now, frame in enumerate(frames):
            seen.append(repr(dialect.receive(frame, float(now))))
            if dialect.deadline() is not None:
                seen.append(repr(dialect.expired(float(now))))
        return [*seen, repr(dialect.closed(Close(1006), 500.0))]

    assert run() == run()


@given(st.lists(st.integers(0, 3_000), max_size=12))
def test_the_service_hears_the_same_audio_however_it_is_cut(sizes):
    """Whatever the pieces, the frames joined are the audio joined, and none but the last is shorter than 80 ms."""
    client = FluxClient(CONFIG)
    whole = bytes(index % 251 for index in range(2 * sum(sizes)))
    frames: list[bytes] = []
    place = 0
    for size in sizes:
        out = client.send(Audio(whole[place : place + 2 * size]), 0.0)
        frames += [frame.data for frame in out if isinstance(frame, Frame)]
        place += 2 * size
    assert {len(frame) for frame in frames} <= {1_280}
    out = client.send(Finish(), 0.0)
    frames += [frame.data for frame in out if isinstance(frame, Frame) and frame.binary]
    assert b"".join(frames) == whole


SPOKEN = st.integers(1, 4).map(lambda n: tone(FORM, n * 200))
QUIET = st.integers(0, 8).map(lambda n: FORM.silence(n * 150))
STEPS = st.lists(
    st.one_of(SPOKEN, QUIET, st.sampled_from((Finish(), By(hand=True), By(hand=False)))), max_size=14
)


@given(STEPS)
def test_turns_alternate_and_each_has_its_words_whatever_is_said_and_ended(steps):
    """Client and server together: the client never objects, turns are whole and in order, and every commit is answered once."""
    client, server = FluxClient(CONFIG), FluxServer(ids(), RATE, FORM)
    client.opened(0.0)
    commits, news = 0, list[News]()
    pending: list[Any] = []

    def told(outputs: Any) -> None:
        nonlocal commits
        for out in outputs:
            if isinstance(out, Frame):
                for got in client.receive(out.data.decode(), 0.0):
                    assert isinstance(got, News | Ready)
                    if isinstance(got, News):
                        news.append(got)
            elif isinstance(out, AudioCommit):
                commits += 1
                pending.append(InputTranscript(f"words {commits}", final=True))
            else:
                assert not isinstance(out, Close)

    told(server.opened(0.0))
    for step in steps:
        message = Audio(step) if isinstance(step, bytes) else step
        for frame in client.send(message, 0.0):
            assert isinstance(frame, Frame)
            told(server.receive(frame.data if frame.binary else frame.data.decode(), 0.0))
        while pending:
            told(server.send(pending.pop(0), 0.0))
    borders = [one for one in news if one.kind in ("began", "ended")]
    assert [one.kind for one in borders] == ["began", "ended"] * commits + ["began"] * (len(borders) % 2)
    assert [one.text for one in borders if one.kind == "ended"] == [f"words {n + 1}" for n in range(commits)]
    assert [one.turn for one in borders] == [index // 2 for index in range(len(borders))]


PLAYS = st.lists(
    st.one_of(st.integers(1, 4), st.just("stop"), st.just("say")),
    max_size=20,
)


@pytest.mark.parametrize("aura", [False, True])
@given(PLAYS)
def test_sound_is_only_ever_that_of_the_sentence_that_is_wanted(aura, plays):
    """Each sentence sounds of its own number. Whenever it is stopped, what comes afterwards is of the next one; nothing hangs."""
    client, server = SpeechClient(FORM, aura=aura), SpeechServer(ids(), RATE, FORM, aura=aura)
    client.opened(0.0)
    said, asked, response, chunks = 0, list[int](), None, 0
    heard: list[int] = []
    whole: list[int] = []
    wanted: int | None = None

    def to_client(outputs: Any) -> None:
        for out in outputs:
            if isinstance(out, Frame):
                for got in client.receive(out.data if out.binary else out.data.decode(), 0.0):
                    if isinstance(got, Sound):
                        heard.append(got.audio[0])
                        assert got.audio[0] == wanted
                    elif isinstance(got, Said):
                        whole.append(wanted or 0)
                    elif isinstance(got, Frame):
                        to_server([got])
                    else:
                        assert isinstance(got, Cut | Ready)
            elif isinstance(out, ItemCreate):
                asked.append(int(out.item.text.split()[0]))
            elif isinstance(out, ResponseCancel):
                end("interrupted")
            else:
                assert not isinstance(out, Close)

    def to_server(outputs: Any) -> None:
        for out in outputs:
            to_client(server.receive(out.data.decode(), 0.0))

    def end(status: Any) -> None:
        nonlocal response
        response = None
        to_client(server.send(ResponseCompleted("r", status), 0.0))

    def play(steps: int) -> None:
        nonlocal response, chunks
        for _ in range(steps):
            if response is None and asked:
                response, chunks = asked.pop(0), 0
                to_client(server.send(ResponseStarted("r"), 0.0))
            elif response is not None and chunks < 3:
                chunks += 1
                to_client(server.send(TextChunk("word ", spoken=True), 0.0))
                if response is not None:
                    to_client(server.send(AudioChunk(bytes([response % 256]) * 800), 0.0))
            elif response is not None:
                end("completed")

    to_client(server.opened(0.0))
    for step in plays:
        if step == "say" and (wanted is None or wanted in whole):
            said += 1
            wanted = said
            to_server(client.send(Say(f"{said} words in it"), 0.0))
        elif step == "stop" and wanted is not None:
            outputs, wanted = client.send(Stop(heard.count(wanted) * 50.0), 0.0), None
            to_server(outputs)
        elif isinstance(step, int):
            play(step)
    play(40)
    assert wanted is None or wanted in whole
