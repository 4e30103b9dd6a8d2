"""Servers of one's own that speak the wire, each with what it leaves out or adds, as their sources have it.

Hugging Face speech-to-speech, LocalAI, vLLM-Omni (2026-08 to 2026-11) speak the released form, Speaches (2026-03) the beta.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pybase64
import pytest

from voicechatengine import MessageError, OpenAIConfig, Tool
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    TextChunk,
    ToolCall,
    VendorMessage,
)
from voicechatengine.messages import (
    Command,
    Image,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    ResponseCreate,
    TextPart,
    ToolResult,
)
from voicechatengine.providers.openai.provider import vendor
from voicechatengine.session.dialect import Frame, Restore
from voicechatengine.session.grammar import Grammar

SOUND = b"\1\0" * 240
DELTA = pybase64.b64encode(SOUND).decode()


class Line:
    """One connection to such a server. Each step gives the events; `sent` are the frames of the last one."""

    def __init__(self, **config: Any) -> None:
        given = OpenAIConfig(url="ws://localhost:8080", **config)
        count = itertools.count(1)
        restore = Restore(options=given.options())
        self._client = vendor(given).dialect(given, restore, lambda word: f"{word}_{next(count)}")
        self._grammar = Grammar()
        self.sent: list[dict[str, Any]] = []
        self._take(self._client.opened(0.0))

    def says(self, kind: str, **fields: Any) -> list[Any]:
        return self._take(self._client.receive(json.dumps({"type": kind, **fields}), 1.0))

    def does(self, command: Command) -> list[Any]:
        return self._take(self._client.send(command, 1.0))

    def _take(self, outputs: Sequence[Any]) -> list[Any]:
        self.sent = [json.loads(each.data) for each in outputs if isinstance(each, Frame)]
        events = [each for each in outputs if not isinstance(each, Frame)]
        assert [wrong for event in events if (wrong := self._grammar.check(event))] == []
        return events


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_speech_to_speech_says_nothing_of_items_and_calls_only_by_their_arguments():
    line = Line(tools=(Tool("look", "Looks"),))
    assert kinds(line.says("session.created", session={"type": "realtime"})) == ["SessionCreated"]
    line.does(ItemCreate(MessageItem("user", (TextPart("Hello"),))))
    (added,) = line.says(
        "conversation.item.created",
        item={"id": line.sent[0]["item"]["id"], "type": "message", "role": "user"},
    )
    assert isinstance(added, ItemAdded)
    line.does(ResponseCreate())
    line.says("response.created", response={"id": "r1", "status": "in_progress"})
    assert line.says("response.output_audio.delta", response_id="r1", item_id="i1", delta=DELTA) == [
        AudioChunk(SOUND, None, "r1", "i1")
    ]
    (call,) = line.says(
        "response.function_call_arguments.done", response_id="r1", call_id="c1", name="look", arguments="{}"
    )
    assert isinstance(call, ToolCall)
    (done,) = line.says("response.done", response={"id": "r1", "status": "completed"})
    assert (done.status, done.tool_calls) == ("completed", 1)
    line.does(ToolResult("c1", "seen"))
    assert line.sent[0]["item"]["output"] == "seen"
    line.does(ItemTruncate("i1", 5))
    assert (
        line.sent[0]["type"] == "conversation.item.truncate"
    )  # it is never acknowledged, and nothing waits for that


def test_sound_without_a_beginning_and_without_ids_begins_a_reply_all_the_same():
    line = Line()
    line.says("session.created", session={})
    events = line.says("response.output_audio.delta", delta=DELTA)
    assert kinds(events) == ["ResponseStarted", "AudioChunk"]
    (done,) = line.says("response.done", response={"status": "completed"})
    assert isinstance(done, ResponseCompleted)
    assert done.response_id == events[0].response_id


def test_localai_says_that_a_model_cannot_be_loaded_instead_of_opening_a_session():
    (error,) = Line().says("error", error={"type": "model_load_error", "message": "no pipeline gpt-x"})
    assert isinstance(error, ErrorInfo)
    assert (error.code, error.recoverable) == ("model_load_error", False)


@pytest.mark.parametrize("kind", ["conversation.item.sound_detection", "localai.classifier.result"])
def test_localais_own_messages_are_passed_on(kind: str):
    line = Line()
    line.says("session.created", session={})
    assert line.says(kind, label="dog") == [VendorMessage(kind, {"type": kind, "label": "dog"})]


def test_a_server_that_is_full_says_so_and_ends_it():
    (error,) = Line().says(
        "error", error={"code": "session_limit_reached", "message": "two sessions at most"}
    )
    assert not error.recoverable


def test_vllm_omni_writes_null_for_what_it_does_not_count():
    line = Line()
    line.says("session.created", session={"id": "s", "model": None, "audio": None, "tools": None})
    line.says("response.created", response={"id": "r1"})
    events = line.says(
        "response.output_audio_transcript.delta",
        response_id="r1",
        item_id="i1",
        output_index=None,
        content_index=None,
        delta="Hi",
    )
    assert events == [TextChunk("Hi", True, "r1", "i1")]
    (done,) = line.says(
        "response.done",
        response={"id": "r1", "status": "completed", "usage": {"input_tokens": None}, "output": None},
    )
    assert done.usage.input_tokens == 0


def test_a_call_that_is_told_in_three_places_is_told_once():
    line = Line(tools=(Tool("look", "Looks"),))
    line.says("session.created", session={})
    line.says("response.created", response={"id": "r1"})
    call = {"id": "f1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    told = [
        *line.says("response.function_call_arguments.done", response_id="r1", call_id="c1", name="look"),
        *line.says("response.output_item.done", response_id="r1", item=call),
        *line.says("response.done", response={"id": "r1", "status": "completed", "output": [call]}),
    ]
    assert kinds(told) == ["ToolCall", "ResponseCompleted"]


def test_speaches_is_spoken_to_in_the_words_of_the_beta():
    line = Line(beta=True, instructions="Be brief.", voice="af_heart", max_tokens=100)
    events = line.says(
        "session.created", session={"id": "s", "voice": "af_heart", "modalities": ["audio", "text"]}
    )
    assert isinstance(events[-1], SessionCreated)
    assert events[-1].applied.voice == "af_heart"
    session = line.sent[0]["session"]
    assert "type" not in session
    assert {"audio", "output_modalities", "max_output_tokens"}.isdisjoint(session)
    assert session["voice"] == "af_heart"
    assert session["modalities"] == ["text", "audio"]
    assert session["input_audio_format"] == "pcm16"
    assert session["max_response_output_tokens"] == 100
    line.says("response.created", response={"id": "r1"})
    assert line.says("response.audio.delta", response_id="r1", item_id="i1", delta=DELTA) == [
        AudioChunk(SOUND, None, "r1", "i1")
    ]
    line.does(ItemCreate(MessageItem("assistant", (TextPart("Well."),))))
    assert line.sent[0]["item"]["content"] == [{"type": "text", "text": "Well."}]


def test_the_users_words_come_without_an_item_before():
    line = Line()
    line.says("session.created", session={})
    (heard,) = line.says(
        "conversation.item.input_audio_transcription.completed", item_id="u1", transcript=" Hello "
    )
    assert heard == InputTranscript("Hello", True, "u1")


def test_a_server_of_ones_own_has_any_voice_and_any_model():
    config = OpenAIConfig(url="ws://localhost:8080", voice="anything", model="mine")
    able = vendor(config).capabilities(config, config.options())
    assert able["voices"] == ()
    assert "session_limit_s" not in able


def test_the_beta_has_no_pictures():
    line = Line(beta=True)
    line.says("session.created", session={})
    with pytest.raises(MessageError, match="no pictures"):
        line.does(Image(b"x", "image/png"))


def test_a_response_that_begins_twice_is_one():
    line = Line()
    line.says("session.created", session={})
    first = line.says("response.created", response={"id": "r1"})
    assert [type(event) for event in first] == [ResponseStarted]
    assert line.says("response.created", response={"id": "r1"}) == []
