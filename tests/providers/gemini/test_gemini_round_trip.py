"""What one side of Gemini's wire writes, the other side reads as the same meaning, both ways."""

from __future__ import annotations

import itertools
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from gemini_script import MIDDLE, NEW, OLD, VERTEX, check_frame, counted_ids
from google.genai import types
from hypothesis import given, settings

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    InputTranscript,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioCommit,
    Image,
    ImagePart,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolResult,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.gemini.client import GeminiClient
from voicechatengine.providers.gemini.encode import Surface
from voicechatengine.providers.gemini.server import GeminiServer
from voicechatengine.providers.gemini.server_sessions import Sessions
from voicechatengine.session.dialect import Frame, Restore
from voicechatengine.session.grammar import Grammar

TOOLS = (
    Tool("f", "Does it.", {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}),
    Tool("g"),
)
OUT = AudioFormat(sample_rate=24_000)


class Pair:
    """A client and a server without a wire between: what either says, the other hears at once."""

    def __init__(self, options: Options, *, detects_turns: bool = False, surface: Surface | None = None):
        surface = surface or Surface()
        self.client = GeminiClient(Restore(options=options), counted_ids(), surface=surface)
        self.server = GeminiServer(
            counted_ids(),
            sessions=Sessions(),
            audio=AudioFormat(sample_rate=16_000),
            vertex=surface.vertex,
            detects_turns=detects_turns,
        )
        self.vertex = surface.vertex
        self.grammar = Grammar()
        self.events: list[Any] = []  # of the client
        self.commands: list[Any] = []  # of the server
        assert not self.server.opened(0.0)
        self._up(self.client.opened(0.0))

    def says(self, command: Any) -> None:
        """The application sends a command."""
        self._up(self.client.send(command, 1.0))

    def tells(self, event: Any) -> None:
        """The provider behind the server tells an event."""
        self._down(self.server.send(event, 1.0))

    def _up(self, outputs: Any) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                check_frame(output.data)
                self._down(self.server.receive(output.data.decode(), 1.0))
            else:
                self._event(output)

    def _down(self, outputs: Any) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                assert output.binary
                if not self.vertex:
                    known = json.loads(output.data)
                    if "voiceActivity" in known:  # the package renames this field before it checks
                        known["voiceActivity"]["voiceActivityType"] = known["voiceActivity"].pop("type")
                    types.LiveServerMessage.model_validate(known)
                self._up(self.client.receive(output.data, 1.0))
            else:
                self.commands.append(output)

    def _event(self, event: Any) -> None:
        assert self.grammar.check(event) is None, self.grammar.check(event)
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def asked(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]


# ------------------------------------------------------------------ the session

OPTIONS = st.builds(
    Options,
    model=st.sampled_from([OLD, MIDDLE, NEW]),
    voice=st.sampled_from(["Puck", "Kore"]),
    language=st.sampled_from(["de-DE", "en-US"]),
    instructions=st.text(max_size=20).filter(lambda text: text == text.strip()),
    tools=st.sampled_from([(), TOOLS, TOOLS[:1]]),
    modalities=st.just(("audio",)),
    turn_detection=st.none()
    | st.builds(
        TurnDetection,
        prefix_padding_ms=st.none() | st.integers(0, 500),
        silence_duration_ms=st.none() | st.integers(0, 500),
        interrupt_response=st.booleans(),
    ),
    transcription=st.none()
    | st.builds(Transcription, language=st.sampled_from([None, "de"]), prompt=st.just("Ada")),
    max_tokens=st.integers(1, 500),
)


@settings(max_examples=100, deadline=None)
@given(OPTIONS, st.sampled_from([None, VERTEX]))
def test_a_session_is_opened_with_the_options_that_the_client_has(options: Options, surface: Surface | None):
    pair = Pair(options, detects_turns=True, surface=surface)
    (update,) = pair.commands
    assert isinstance(update, SessionUpdate)
    wanted = options.changes()
    del wanted["model"]
    assert update.options.changes() == wanted
    assert isinstance(pair.events[-1], SessionCreated)


# ------------------------------------------------------------------ the model's turn

WORDS = st.text(min_size=1, max_size=10)
CHUNKS = st.lists(
    st.one_of(
        WORDS.map(lambda text: ("spoken", text)),
        WORDS.map(lambda text: ("written", text)),
        st.binary(min_size=2, max_size=64).map(lambda data: ("audio", data[: len(data) // 2 * 2])),
    ),
    max_size=8,
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["f", "g"]), st.dictionaries(st.text(max_size=3), st.integers(-5, 5), max_size=2)
    ),
    max_size=3,
)
COST = st.builds(Usage, *(st.integers(0, 99) for _ in range(4)), *(st.integers(0, 9) for _ in range(5)))


@settings(max_examples=200, deadline=None)
@given(CHUNKS, CALLS, COST, st.sampled_from([OLD, NEW]), st.sampled_from([None, VERTEX]))
def test_a_reply_is_heard_as_it_was_made(chunks, calls, cost, model, surface):
    pair = Pair(Options(model=model, tools=TOOLS), surface=surface)
    pair.says(ItemCreate(MessageItem("user", (TextPart("Go"),))))
    pair.says(ResponseCreate())
    pair.tells(ResponseStarted("r"))
    for kind, data in chunks:
        if kind == "audio":
            pair.tells(AudioChunk(data, OUT, "r", "i"))
        else:
            pair.tells(TextChunk(data, kind == "spoken", "r", "i"))
    for number, (name, arguments) in enumerate(calls):
        pair.tells(ToolCall(f"c{number}", name, json.dumps(arguments), arguments, "r", f"t{number}"))
    pair.tells(ResponseCompleted("r", usage=cost, tool_calls=len(calls)))
    for number in range(len(calls)):
        pair.says(ToolResult(f"c{number}", f"result {number}"))
    if calls:
        pair.says(ResponseCreate())
        pair.tells(ResponseStarted("r2"))
        pair.tells(TextChunk("So.", spoken=True, response_id="r2"))
        pair.tells(ResponseCompleted("r2"))
    after = "So." if calls else ""
    for kind, spoken in (("spoken", True), ("written", False)):
        made = "".join(data for each, data in chunks if each == kind) + (after if spoken else "")
        assert "".join(chunk.text for chunk in pair.of(TextChunk) if chunk.spoken is spoken) == made
    assert b"".join(chunk.audio for chunk in pair.of(AudioChunk)) == b"".join(
        data for kind, data in chunks if kind == "audio"
    )
    assert [(call.call_id, call.name, call.parsed) for call in pair.of(ToolCall)] == [
        (f"c{number}", name, arguments) for number, (name, arguments) in enumerate(calls)
    ]
    assert [(each.call_id, each.output) for each in pair.asked(ToolResult)] == [
        (f"c{number}", f"result {number}") for number in range(len(calls))
    ]
    assert {done.status for done in pair.of(ResponseCompleted)} <= {"completed"}
    assert pair.grammar.open_responses == ()
    total = sum((done.usage for done in pair.of(ResponseCompleted) if done.usage is not None), Usage())
    if pair.of(ResponseCompleted):
        assert total == cost
    assert len(pair.asked(ResponseCreate)) == 1 + bool(calls)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["interrupted", "failed", "incomplete"]), st.booleans(), st.sampled_from([OLD, NEW]))
def test_a_reply_ends_as_it_ended(status, spoke, model):
    pair = Pair(Options(model=model))
    pair.says(ResponseCreate())
    pair.tells(ResponseStarted("r"))
    if spoke:
        pair.tells(TextChunk("Well", spoken=True, response_id="r"))
    if status == "interrupted":
        pair.tells(Interrupted("r"))
    pair.tells(ResponseCompleted("r", status, "generated_other"))
    (done,) = pair.of(ResponseCompleted)
    assert done.status == status


# ------------------------------------------------------------------ what the user says

SAYINGS = st.lists(
    st.one_of(
        WORDS.map(lambda text: ("text", text)),
        st.binary(max_size=20).map(lambda data: ("image", data)),
        st.sampled_from([("ask", ""), ("done", "")]),
    ),
    max_size=10,
)


@settings(max_examples=150, deadline=None)
@given(SAYINGS, st.sampled_from([OLD, MIDDLE, NEW]))
def test_what_is_written_and_shown_arrives_in_its_order(sayings, model):
    pair = Pair(Options(model=model))
    texts: list[str] = []
    pictures: list[bytes] = []
    numbers = itertools.count()
    for kind, data in sayings:
        if kind == "text":
            texts.append(data)
            pair.says(ItemCreate(MessageItem("user", (TextPart(data),))))
        elif kind == "image":
            pictures.append(data)
            pair.says(Image(data, "image/jpeg"))
        else:
            pair.says(ResponseCreate())
            reply = f"r{next(numbers)}"
            pair.tells(ResponseStarted(reply))
            pair.tells(TextChunk("Yes.", spoken=True, response_id=reply))
            pair.tells(ResponseCompleted(reply))
    pair.says(ResponseCreate())
    items = [command.item for command in pair.asked(ItemCreate)]
    parts = [part for item in items for part in item.content]
    shown = [part.image for part in parts if isinstance(part, ImagePart)]
    shown += [command.image for command in pair.asked(Image)]
    assert sorted(shown) == sorted(pictures)
    heard = "".join(part.text for part in parts if isinstance(part, TextPart))
    assert "".join(heard.split()) == "".join("".join(texts).split())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(min_size=2, max_size=400), min_size=1, max_size=6), st.booleans())
def test_speech_between_the_marks_arrives_whole(pieces, marked):
    pair = Pair(Options(model=NEW, turn_detection=None))
    pieces = [piece[: len(piece) // 2 * 2] for piece in pieces]
    if marked:
        pair.says(ActivityStart())
    for piece in pieces:
        pair.says(AudioAppend(piece))
    pair.says(ActivityEnd())
    assert b"".join(each.audio for each in pair.asked(AudioAppend)) == b"".join(pieces)
    kinds = [type(command) for command in pair.commands if not isinstance(command, AudioAppend)]
    assert kinds == [SessionUpdate, AudioCommit, ResponseCreate]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=5), st.sampled_from([OLD, NEW]), st.floats(0, 100))
def test_the_users_words_grow_as_they_were_told(words, model, at_ms):
    pair = Pair(Options(model=model, transcription=Transcription()), detects_turns=True)
    pair.says(AudioAppend(bytes(640)))
    pair.tells(SpeechStarted(at_ms, "i"))
    pair.tells(SpeechStopped(at_ms + 100, "i"))
    said = ""
    for number, word in enumerate(words):
        said += word
        pair.tells(InputTranscript(said, number == len(words) - 1, "i"))
    told = pair.of(InputTranscript)
    assert (told[-1].text, told[-1].final) == (said.strip(), True)
    assert len({each.item_id for each in told}) == 1
    if model == NEW:
        assert [each.position_ms for each in pair.of(SpeechStarted)] == [pytest.approx(at_ms, abs=0.001)]
        assert len(pair.of(SpeechStopped)) == 1
