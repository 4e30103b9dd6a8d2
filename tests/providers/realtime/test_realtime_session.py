"""OpenAI's client: the session, its options and what a new connection restores."""

from __future__ import annotations

import json

import pybase64
import pytest
from realtime_script import MS, VAD, Script

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.events import (
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioPart,
    ImagePart,
    ItemCreate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResultItem,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.realtime import encode
from voicechatengine.session.dialect import Restore

HELLO = ItemCreate(MessageItem("user", (TextPart("Hello"),)))


def text(role, words, id=""):  # noqa: A002 - the item's own word
    return MessageItem(role, (TextPart(words),), id=id)


# ------------------------------------------------------------------ the session


def test_a_session_is_told_its_options_before_it_is_created():
    s = Script(Options(instructions="Be brief."), opened=False)
    outputs = s.client.receive(b'{"type":"session.created","session":{"id":"sess_9"}}', 1.0)
    assert [type(each).__name__ for each in outputs] == ["Frame", "SessionCreated"]
    assert json.loads(outputs[0].data)["session"] == {
        "type": "realtime",
        "instructions": "Be brief.",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}},
        },
    }
    assert outputs[1].session_id == "sess_9"


def test_every_option_has_its_place_in_the_session():
    options = Options(
        model="gpt-realtime-2.1",
        voice="marin",
        language="en",
        instructions="Be brief.",
        tools=(Tool("lights", "Switches lights."), Tool("bare")),
        tool_choice="lights",
        modalities=("text",),
        turn_detection=TurnDetection("semantic_vad", eagerness="low", interrupt_response=False),
        transcription=Transcription(prompt="Paris"),
        input_audio_format=AudioFormat("g711_ulaw", 8000),
        output_audio_format=AudioFormat("g711_alaw", 8000),
        max_tokens=None,
        vendor={"audio": {"output": {"speed": 1.2}}, "truncation": "auto"},
    )
    s = Script(options)
    empty = {"type": "object", "properties": {}}
    assert s.frame["session"] == {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["text"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "low",
                    "create_response": True,
                    "interrupt_response": False,
                },
                "transcription": {"model": "gpt-realtime-whisper", "language": "en", "prompt": "Paris"},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": "marin", "speed": 1.2},
        },
        "tools": [
            {"type": "function", "name": "lights", "description": "Switches lights.", "parameters": empty},
            {"type": "function", "name": "bare", "parameters": empty},
        ],
        "tool_choice": {"type": "function", "name": "lights"},
        "max_output_tokens": "inf",
        "truncation": "auto",
    }


def test_an_update_sends_what_changes_and_nothing_else():
    s = Script(Options(language="en", transcription=Transcription(), vendor={"speed": {"a": 1}}))
    s.does(SessionUpdate(Options(voice="cedar", turn_detection=None)))
    assert s.frame["session"] == {
        "type": "realtime",
        "audio": {"output": {"voice": "cedar"}, "input": {"turn_detection": None}},
    }
    s.does(SessionUpdate(Options(language="fr")))
    assert s.frame["session"]["audio"]["input"] == {
        "transcription": {"model": "gpt-realtime-whisper", "language": "fr"}
    }
    s.does(SessionUpdate(Options(vendor={"speed": {"b": 2}})))
    assert s.frame["session"] == {"type": "realtime", "speed": {"b": 2}}
    options = s.client.snapshot().options
    assert (options.voice, options.language, options.vendor) == ("cedar", "fr", {"speed": {"a": 1, "b": 2}})
    assert not s.does(SessionUpdate(Options())).frames


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (Options(model="gpt-other"), "model"),
        (Options(modalities=()), "modalities"),
        (Options(input_audio_format=AudioFormat("pcm16", 16000)), "input_audio_format"),
        (Options(output_audio_format=AudioFormat("pcm16", 24000, 2)), "output_audio_format"),
        (Options(turn_detection=TurnDetection(eagerness="low")), "turn_detection.eagerness"),
        (Options(turn_detection=TurnDetection("semantic_vad", threshold=0.5)), "turn_detection.threshold"),
        (Options(max_tokens=0), "max_tokens"),
        (Options(transcription=None, language="en"), "language"),
    ],
)
def test_an_option_that_the_service_does_not_have_is_refused_before_anything_is_sent(options, field):
    s = Script(Options(model="gpt-realtime"))
    before = s.client.snapshot()
    with pytest.raises(MessageError) as refused:
        s.does(SessionUpdate(options))
    assert refused.value.field == field
    assert s.client.snapshot() == before
    if field != "model":
        with pytest.raises(MessageError):
            Script(options)


def test_the_same_model_is_no_change_and_a_session_is_created_once():
    s = Script(Options(model="gpt-realtime"))
    assert not s.does(SessionUpdate(Options(model="gpt-realtime"))).frames
    with pytest.raises(MessageError):
        s.does(SessionCreate())


def test_a_second_session_created_is_an_update():
    s = Script()
    assert isinstance(s.says("session.created", session={"id": "sess_2"}).event, SessionUpdated)


def test_what_the_service_applied_is_told():
    audio = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "m", "language": None, "prompt": None, "delay": "low"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": None},
        },
        "output": {"format": {"type": "audio/unknown"}, "voice": {"id": "voice_1"}},
    }
    tools = [{"type": "function", "name": "f", "strict": True}, {"type": "mcp", "server_label": "m"}]
    session = {
        "id": "x",
        "model": "m1",
        "instructions": "",
        "tools": tools,
        "tool_choice": "auto",
        "audio": audio,
    }
    s = Script()
    s.says("session.updated", session={**session, "output_modalities": ["audio"], "max_output_tokens": "inf"})
    assert s.event == SessionUpdated(
        "sess_1",
        applied=Options(
            model="m1",
            instructions="",
            tools=(Tool("f"),),
            tool_choice="auto",
            modalities=("audio",),
            turn_detection=TurnDetection(threshold=0.5),
            transcription=Transcription("m"),
            input_audio_format=AudioFormat("g711_ulaw", 8000),
            max_tokens=None,
        ),
    )
    off = {"input": {"turn_detection": None, "transcription": None}, "output": None}
    applied = s.says("session.updated", session={"audio": off, "tool_choice": {"name": "f"}}).event.applied
    assert applied == Options(turn_detection=None, transcription=None, tool_choice="f")


def test_the_end_of_a_session_is_told_a_minute_before():
    s = Script(opened=False)
    s.says("session.created", session={"id": "x", "expires_at": 4600})
    assert s.client.deadline() == 4540.0
    assert s.waits().event == SessionExpiring(60.0)
    assert s.client.deadline() is None
    assert s.ends(1001, "").event.code == "session_expired"


def test_a_limit_in_the_past_is_another_clocks():
    s = Script(opened=False)
    s.says("session.created", session={"id": "x", "expires_at": 1})
    assert s.client.deadline() is None


# ------------------------------------------------------------------ restoring


def test_a_history_is_replayed_before_the_session_is_usable():
    history = (
        text("system", "Be kind.", "item_sys"),
        MessageItem("user", (AudioPart(MS, "Hi there."), ImagePart(b"png")), id="item_u"),
        MessageItem("user", (AudioPart(MS),)),
        MessageItem("assistant", (TextPart("Hel", spoken=True),), id="item_a", interrupted=True),
        MessageItem("assistant", (AudioPart(MS, "Said."), AudioPart(MS)), id="x" * 40),
        MessageItem("assistant", (AudioPart(MS),)),
        ToolCallItem("call_1", "f", "{}", id="item_a"),
        ToolResultItem("call_1", "fine"),
        ToolCallItem("call_2", "f", "{}"),
    )
    restore = Restore(
        VAD, history, pending_calls=("call_2",), reply_owed=ResponseCreate(instructions="Go on.")
    )
    s = Script(restore=restore)
    items = [frame["item"] for frame in s.frames[1:-1]]
    assert s.kinds == ["session.update", *["conversation.item.create"] * 8, "response.create"]
    assert [item.pop("id")[:6] for item in items] == [
        "item_s", "item_u", "item_4", "item_a", "item_7", "item_9", "item_1", "item_1",
    ]  # fmt: skip
    assert items == [
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Hi there."},
                {"type": "input_image", "image_url": "data:image/png;base64,cG5n", "detail": "auto"},
            ],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_audio", "audio": items[2]["content"][0]["audio"]}],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hel"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Said."}]},
        {"type": "function_call", "name": "f", "call_id": "call_1", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "fine"},
        {"type": "function_call", "name": "f", "call_id": "call_2", "arguments": "{}"},
    ]
    assert s.names == ["SessionCreated"]
    assert s.client.snapshot().pending_calls == ("call_2",)
    echo = {"id": "item_u", "type": "message", "role": "user", "content": []}
    assert not s.says("conversation.item.added", item=echo).events, "it was told in the session before"


def test_ids_that_are_sent_have_at_most_32_characters():
    s = Script(restore=Restore(history=(text("user", "Hi", "y" * 33),)))
    assert len(s.frames[1]["item"]["id"]) <= 32
    with pytest.raises(MessageError) as refused:
        s.does(ItemCreate(text("user", "Hi", "y" * 33)))
    assert refused.value.field == "item.id"


def test_an_item_of_the_history_that_cannot_be_said_is_named():
    history = (MessageItem("user", (ImagePart(b"gif", "image/gif"),)), text("user", "Hi"))
    s = Script(restore=Restore(history=history))
    assert s.kinds == ["session.update", "conversation.item.create"]
    assert s.events[0].code == "history_item_lost"
    assert isinstance(s.events[1], SessionCreated)


def test_a_snapshot_names_the_reply_that_is_owed():
    s = Script()
    assert s.client.snapshot().reply_owed is None
    s.does(HELLO).does(ResponseCreate(max_tokens=9))
    assert s.client.snapshot().reply_owed == ResponseCreate(max_tokens=9)
    s.begins()
    assert s.client.snapshot().reply_owed is None
    s.does(HELLO).does(ResponseCreate())
    assert s.client.snapshot().reply_owed == ResponseCreate()
    spoken = Script()
    spoken.says("input_audio_buffer.committed", item_id="u1")
    assert spoken.client.snapshot().reply_owed == ResponseCreate()


@pytest.mark.parametrize("voice", ["marin", {"name": "marin", "type": "standard"}])
def test_what_the_service_says_of_its_output_is_what_it_applied(voice):
    output = {"format": {"type": "audio/pcmu"}, "voice": voice}
    applied = Script().says("session.updated", session={"audio": {"output": output}}).event.applied
    assert applied == Options(voice="marin", output_audio_format=AudioFormat("g711_ulaw", 8_000))


def test_more_audio_than_one_message_takes_is_sent_in_several():
    s = Script()
    audio = bytes(range(256)) * ((encode.APPEND_BYTES + 2_560) // 256)
    frames = [json.loads(frame.data) for frame in s.client.send(AudioAppend(audio), s.now)]
    sent = [pybase64.b64decode(frame["audio"]) for frame in frames]
    assert len(sent) == 2
    assert b"".join(sent) == audio
