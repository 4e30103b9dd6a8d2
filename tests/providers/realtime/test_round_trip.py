"""What one side of the wire writes the other reads as the same meaning, for every vendor's table of differences."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechatengine.events import (
    AudioChunk,
    Event,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
    Transcription,
)
from voicechatengine.providers.azure.config import DATED, RELEASED
from voicechatengine.providers.elevenrealtime.config import DIFFERENCES as ELEVEN
from voicechatengine.providers.qwen.config import DIFFERENCES as QWEN
from voicechatengine.providers.realtime.beta import BETA
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.realtime.differences import OPENAI, Differences
from voicechatengine.providers.realtime.server import RealtimeServer
from voicechatengine.providers.voicelive.table import VOICELIVE
from voicechatengine.providers.xai.config import DIFFERENCES as XAI
from voicechatengine.session.dialect import Frame, Restore

TABLES = {
    "openai": OPENAI,
    "beta": BETA,
    "azure": RELEASED,
    "azure dated": DATED,
    "voicelive": VOICELIVE,
    "xai": XAI,
    "qwen": QWEN,
    "elevenrealtime": ELEVEN,
}
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


class Pair:
    """A client and a service that have met. Push to talk, so that the service adds nothing of its own."""

    def __init__(self, table: Differences) -> None:
        self.table = table
        model = f"{next(iter(table.models), 'gpt-')}x"
        options = Options(turn_detection=None)
        self.client = RealtimeClient(Restore(options=options), ids("c"), differences=table)
        self.server = RealtimeServer(
            ids("s"), differences=table, audio=table.input, model=model, detects_turns=True
        )
        self.now = 1.0
        self.told: list[Event] = []  # to the application
        self.asked: list[Command] = []  # of the provider behind the service
        self._to_client(self.server.opened(self.now))
        self.told.clear()
        self.asked.clear()

    def does(self, command: Command) -> list[Command]:
        """The application sends a command; gives what reaches the provider."""
        self.asked.clear()
        self._to_server(self.client.send(command, self.now))
        return self.asked

    def says(self, event: Event) -> None:
        """The provider gives an event."""
        self._to_client(self.server.send(event, self.now))

    def _to_client(self, outputs: Any) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                self._to_server(self.client.receive(output.data, self.now))
            else:
                self.asked.append(output)

    def _to_server(self, outputs: Any) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                self._to_client(self.server.receive(output.data, self.now))
            else:
                self.told.append(output)


def ids(side: str) -> Any:
    count = itertools.count(1)
    return lambda word: f"{word}_{side}{next(count)}"


def without_id(item: Any) -> Any:
    return msgspec.structs.replace(item, id="")


# ------------------------------------------------------------------ from the application

tools = st.lists(
    st.builds(Tool, names, words | st.just(""), st.just({"type": "object", "properties": {}})),
    max_size=2,
    unique_by=lambda tool: tool.name,
).map(tuple)


@st.composite
def changes(draw: st.DrawFn, table: Differences) -> Options:
    """A change of options that the service has."""
    can: dict[str, st.SearchStrategy[Any]] = {
        "instructions": words,
        "tools": tools,
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "max_tokens": st.none() | st.integers(1, 4096),
        "modalities": st.sampled_from([(each,) for each in table.modalities]),
        "voice": st.sampled_from(table.voices) if table.voices else names,
        "transcription": st.builds(
            Transcription,
            st.none() if "transcription.model" in table.lacks else names,
            st.none()
            if "transcription.language" in table.lacks
            else st.none() | st.sampled_from(["de", "en"]),
        ),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(can.keys() - table.lacks)), min_size=1))
    return Options(**{name: draw(can[name]) for name in chosen})


@every_table
@given(data=st.data())
@settings(max_examples=30)
def test_options_mean_the_same_on_both_sides(table: Differences, data: st.DataObject):
    pair = Pair(table)
    change = data.draw(changes(table))
    before = pair.server.snapshot().options
    got = [command for command in pair.does(SessionUpdate(change)) if isinstance(command, SessionUpdate)]
    merged: dict[str, Any] = {}
    for command in got:
        merged |= command.options.changes()
    for name, value in change.changes().items():
        told = merged.get(name, getattr(before, name))
        if name == "transcription":
            assert told is None or told.language == value.language
            assert told is None or value.model in (None, told.model)
        else:
            assert told == value


messages = st.builds(
    MessageItem, st.sampled_from(["user", "assistant", "system"]), st.tuples(st.builds(TextPart, words))
)


@every_table
@given(said=st.lists(messages, min_size=1, max_size=4))
@settings(max_examples=30)
def test_items_mean_the_same_on_both_sides(table: Differences, said: list[MessageItem]):
    pair = Pair(table)
    for item in said:
        (made,) = [command for command in pair.does(ItemCreate(item)) if isinstance(command, ItemCreate)]
        assert without_id(made.item) == without_id(item)


@every_table
@given(name=names, output=words)
@settings(max_examples=20)
def test_a_call_and_its_result_mean_the_same_on_both_sides(table: Differences, name: str, output: str):
    pair = Pair(table)
    call = ToolCallItem("call_1", name, '{"a": 1}')
    (made,) = [command for command in pair.does(ItemCreate(call)) if isinstance(command, ItemCreate)]
    assert without_id(made.item) == call
    (made,) = [
        command for command in pair.does(ToolResult("call_1", output)) if isinstance(command, ItemCreate)
    ]
    assert without_id(made.item) == ToolResultItem("call_1", output)


@every_table
@given(cuts=st.lists(st.integers(0, 2_000), max_size=6))
@settings(max_examples=20)
def test_audio_is_the_same_however_it_is_cut(table: Differences, cuts: list[int]):
    pair = Pair(table)
    block = table.input.block_bytes
    sound = bytes(range(256)) * 8 * block * 8
    places = sorted({0, len(sound), *(min(cut * block, len(sound)) for cut in cuts)})
    heard: list[Command] = []
    for start, end in itertools.pairwise(places):
        heard += pair.does(AudioAppend(sound[start:end]))
    assert b"".join(command.audio for command in heard if isinstance(command, AudioAppend)) == sound
    assert [type(command) for command in pair.does(AudioCommit())] == [AudioCommit]
    assert [type(command) for command in pair.does(AudioClear())] == [AudioClear]


@every_table
@given(instructions=st.none() | words)
@settings(max_examples=10)
def test_a_request_for_a_reply_means_the_same_on_both_sides(table: Differences, instructions: str | None):
    pair = Pair(table)
    (asked,) = pair.does(ResponseCreate(instructions=instructions))
    assert isinstance(asked, ResponseCreate)
    assert asked.instructions == instructions
    assert pair.told[0].__class__ is ResponseStarted


# ------------------------------------------------------------------ from the service

chunks = st.lists(
    st.tuples(st.just("text"), words) | st.tuples(st.just("audio"), st.integers(1, 400)), max_size=8
)
usages = st.builds(Usage, input_tokens=st.integers(0, 10**6), output_tokens=st.integers(0, 10**6))


@every_table
@given(said=chunks, usage=usages, status=st.sampled_from(["completed", "interrupted", "failed"]))
@settings(max_examples=40)
def test_a_reply_means_the_same_on_both_sides(
    table: Differences, said: list[tuple[str, Any]], usage: Usage, status: Any
):
    pair = Pair(table)
    (asked,) = pair.does(ResponseCreate())
    assert isinstance(asked, ResponseCreate)
    pair.says(ResponseStarted("r", asked.metadata))
    for kind, value in said:
        if kind == "text":
            pair.says(TextChunk(value, spoken=True, response_id="r", item_id="i"))
        else:
            pair.says(AudioChunk(b"\1\0" * value, None, "r", "i"))
    pair.says(ToolCall("call_1", "look", '{"a": 1}', {"a": 1}, "r", "f"))
    pair.says(ResponseCompleted("r", status, None, usage))
    told = pair.told
    text = "".join(event.text for event in told if isinstance(event, TextChunk))
    assert text == "".join(value for kind, value in said if kind == "text")
    audio = b"".join(event.audio for event in told if isinstance(event, AudioChunk))
    sent = sum(value for kind, value in said if kind == "audio")
    form = next((event.format for event in told if isinstance(event, AudioChunk)), None) or table.output
    assert form.duration_ms(len(audio)) == pytest.approx(table.input.duration_ms(2 * sent), abs=2)
    if form.same_sound(table.input):
        assert audio == b"\1\0" * sent
    (call,) = [event for event in told if isinstance(event, ToolCall)]
    assert (call.call_id, call.name, call.parsed) == ("call_1", "look", {"a": 1})
    (done,) = [event for event in told if isinstance(event, ResponseCompleted)]
    assert done.status == status
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens) == (usage.input_tokens, usage.output_tokens)
