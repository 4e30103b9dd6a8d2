"""What an application says: payloads that answer like mappings, and are checked before anything is sent."""

from __future__ import annotations

from types import MappingProxyType
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    COMMANDS,
    MESSAGE_TYPES,
    OPTIONS,
    UNSET,
    ActivityEnd,
    AudioAppend,
    AudioPart,
    Command,
    Image,
    ImagePart,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    MessageType,
    Options,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
    TurnDetection,
    command,
    convert,
    image_item,
    result_item,
    text_item,
)


def refused(message_type, data):
    """The error for a message that does not fit."""
    with pytest.raises(MessageError) as caught:
        command(message_type, data)
    return caught.value


# ------------------------------------------------------------------ payloads as mappings


def test_a_payload_answers_like_a_mapping_of_its_fields():
    part = TextPart("hello")
    assert part["text"] == part.get("text") == part.text == "hello"
    assert "text" in part
    assert "audio" not in part
    assert list(part) == list(part.keys()) == ["text", "spoken"]
    assert dict(part) == {"text": "hello", "spoken": False}


def test_a_field_that_is_not_there_is_a_key_error_that_lists_those_that_are():
    with pytest.raises(KeyError, match=r"txt \(TextPart has text, spoken\)"):
        TextPart("hello")["txt"]
    with pytest.raises(KeyError, match=r"text \(ActivityEnd has no fields\)"):
        ActivityEnd()["text"]


def test_get_gives_the_default_where_there_is_no_such_field():
    assert TextPart("hello").get("txt") is None
    assert TextPart("hello").get("txt", 5) == 5


def test_a_method_is_no_key():
    assert "keys" not in TextPart("hello")
    assert TextPart("hello").get("keys") is None


def test_bytes_are_shown_by_their_number_wherever_they_are():
    item = MessageItem("user", (AudioPart(b"secret", "hi"), ImagePart(b"pixels")))
    options = Options(vendor={"raw": [bytearray(b"secret")]})
    assert repr(item.content[0]) == "AudioPart(audio=<6 bytes>, transcript='hi')"
    assert "secret" not in repr(item)
    assert "pixels" not in repr(item)
    assert repr(options) == "Options(vendor={'raw': [<6 bytes>]})"


def test_what_is_not_set_is_not_shown():
    assert repr(Options(voice="alloy", max_tokens=None)) == "Options(voice='alloy', max_tokens=None)"


def test_a_payload_cannot_be_changed():
    with pytest.raises(AttributeError):
        TextPart("hello").text = "bye"


# ------------------------------------------------------------------ options and items


def test_changes_are_the_options_that_are_set():
    assert Options().changes() == {}
    assert Options(voice="alloy", turn_detection=None).changes() == {"voice": "alloy", "turn_detection": None}


settings = st.builds(
    Options,
    voice=st.sampled_from([UNSET, "alloy", "verse"]),
    max_tokens=st.sampled_from([UNSET, None, 5]),
    turn_detection=st.sampled_from([UNSET, None, TurnDetection()]),
)


@given(settings, settings, settings)
def test_merging_options_is_associative_and_the_later_one_wins(first, second, third):
    assert first.merged(second).merged(third) == first.merged(second.merged(third))
    assert first.merged(second).changes() == first.changes() | second.changes()
    assert first.merged(Options()) == first


def test_a_vendors_own_options_are_merged_mapping_by_mapping():
    first = Options(vendor={"audio": {"output": {"speed": 1.2}}, "store": True})
    second = Options(vendor={"audio": {"output": {"speed": 1.0}, "input": None}})
    assert first.merged(second).vendor == {"audio": {"output": {"speed": 1.0}, "input": None}, "store": True}
    assert first.vendor == {"audio": {"output": {"speed": 1.2}}, "store": True}


def test_the_text_of_an_item_is_its_words_written_or_spoken():
    content = (
        TextPart("a "),
        AudioPart(b"", "b "),
        AudioPart(b""),
        ImagePart(b""),
        TextPart("c", spoken=True),
    )
    assert MessageItem("user", content).text == "a b c"


def test_text_a_picture_and_a_result_are_items_with_all_that_was_said_of_them():
    assert text_item("Hello", "system") == ItemCreate(MessageItem("system", (TextPart("Hello"),)))
    part = ImagePart(b"jpeg", "image/jpeg", "low")
    assert image_item(Image(b"jpeg", "image/jpeg", "low"), "it") == ItemCreate(
        MessageItem("user", (part,), id="it")
    )
    assert result_item(ToolResult("call", "none", is_error=True)) == ToolResultItem(
        "call", "none", is_error=True
    )


# ------------------------------------------------------------------ the table of commands


def test_every_message_type_has_its_command_but_the_two_that_only_arrive():
    assert set(MessageType) - set(COMMANDS) == {MessageType.TEXT_CHUNK, MessageType.AUDIO_CHUNK}
    assert set(COMMANDS.values()) == set(get_args(Command))
    assert {MESSAGE_TYPES[kind]: kind for kind in MESSAGE_TYPES} == COMMANDS


@pytest.mark.parametrize(("message_type", "kind"), COMMANDS.items())
def test_the_tag_of_a_command_is_the_value_of_its_message_type(message_type, kind):
    assert kind.__struct_config__.tag == message_type.value == message_type.name.lower()


SAMPLES = [
    SessionCreate(Options(tools=(Tool("f"),), input_audio_format=AudioFormat("pcm16", 16_000))),
    SessionCreate(
        Options(),
        (
            MessageItem("user", (TextPart("hi"), AudioPart(b"\0\1", "x"), ImagePart(b"\2"))),
            ToolCallItem("c", "f", "{}"),
            ToolResultItem("c", "1"),
        ),
    ),
    SessionUpdate(Options(vendor={"deep": {"list": [1, None, 2.5]}}, turn_detection=None)),
    ItemCreate(MessageItem("user", (TextPart("hi"),)), "root"),
    AudioAppend(b"\0\1"),
    ResponseCreate(modalities=("text",), metadata={"a": "b"}, input=(ToolCallItem("c", "f", "{}"),)),
    ItemTruncate("item", 120.5),
    ToolResult("c", "1"),
    ActivityEnd(),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_command_comes_through_the_check_equal_as_struct_and_as_mapping(sample):
    kind = MESSAGE_TYPES[type(sample)]
    plain = msgspec.to_builtins(sample, builtin_types=(bytes,))
    assert command(kind, sample) == sample
    assert command(kind.value, plain) == sample
    assert command(kind, MappingProxyType(dict(sample))) == sample


def test_audio_comes_through_the_check_without_a_copy():
    audio = bytes(960)
    assert command(MessageType.AUDIO_APPEND, {"audio": audio}).audio is audio
    assert command(MessageType.AUDIO_APPEND, AudioAppend(audio)).audio is audio


def test_a_session_update_takes_its_options_flat_as_well():
    nested = command(MessageType.SESSION_UPDATE, {"options": {"voice": "alloy"}})
    assert command(MessageType.SESSION_UPDATE, {"voice": "alloy"}) == nested
    assert nested == SessionUpdate(Options(voice="alloy"))


# ------------------------------------------------------------------ what does not fit


def test_an_unknown_message_type_is_refused():
    error = refused("shout", {})
    assert (error.field, error.cure) == ("message_type", "use a member of MessageType")
    assert "'shout'" in str(error)


@pytest.mark.parametrize("kind", [MessageType.TEXT_CHUNK, MessageType.AUDIO_CHUNK])
def test_the_two_chunk_types_cannot_be_sent(kind):
    error = refused(kind, {"text": "hi"})
    assert error.field == "message_type"
    assert "only ever arrives" in str(error)


@pytest.mark.parametrize("data", [None, "text", b"", 5, [], TextPart("hi"), ToolResult("c", "1")])
def test_data_that_is_neither_the_struct_nor_a_mapping_is_refused(data):
    error = refused(MessageType.AUDIO_APPEND, data)
    assert error.field == "data"
    assert "AudioAppend was expected for AUDIO_APPEND" in str(error)


UPDATE, ITEM = MessageType.SESSION_UPDATE, MessageType.ITEM_CREATE


def message(content):
    return {"item": {"type": "message", "role": "user", "content": content}}


MISFITS = [
    (UPDATE, {"options": {"vioce": "a"}}, "options.vioce", "no such field (did you mean voice?)"),
    (UPDATE, {"vioce": "a"}, "vioce", "no such field (did you mean voice?): Options has model, voice"),
    (UPDATE, {"zzz": "a"}, "zzz", "no such field: Options has model, voice"),
    (UPDATE, {"temperature": 1}, "temperature", "a vendor's own options go under vendor"),
    (UPDATE, {"voice": 5}, "voice", "Expected `str`, got `int`"),
    (UPDATE, {"options": {"voice": 5}}, "options.voice", "Expected `str`, got `int`"),
    (UPDATE, SessionUpdate(Options(voice=5)), "options.voice", "Expected `str`, got `int`"),
    (UPDATE, {"options": Options(voice=5)}, "options.voice", "Expected `str`"),
    (UPDATE, {"modalities": "audio"}, "modalities", "Expected `array`, got `str`"),
    (UPDATE, {"modalities": ["video"]}, "modalities[0]", "'video': use one of text, audio"),
    (UPDATE, {"tools": [{"name": "f"}, {"name": 5}]}, "tools[1].name", "Tool has name, description"),
    (UPDATE, {"tools": [{"name": "f"}, {"nam": "g"}]}, "tools[1].nam", "did you mean name?"),
    (UPDATE, {"tools": [{}]}, "tools[0].name", "it is required: Tool has name"),
    (UPDATE, {"turn_detection": {"treshold": 1}}, "turn_detection.treshold", "did you mean threshold?"),
    (
        UPDATE,
        {"turn_detection": {"mode": "vad"}},
        "turn_detection.mode",
        "use one of server_vad, semantic_vad",
    ),
    (UPDATE, {"turn_detection": {"threshold": 1.5}}, "turn_detection.threshold", "<= 1"),
    (UPDATE, {"turn_detection": {"silence_duration_ms": -1}}, "turn_detection.silence_duration_ms", ">= 0"),
    (UPDATE, {"max_tokens": 0}, "max_tokens", ">= 1"),
    (
        UPDATE,
        {"input_audio_format": {"encoding": "mp3"}},
        "input_audio_format.encoding",
        "use one of pcm16, g711",
    ),
    (
        UPDATE,
        {"input_audio_format": {"sample_rate": -1}},
        "input_audio_format",
        "sample_rate is -1: use a whole",
    ),
    (ITEM, {}, "item", "it is required: ItemCreate has item, previous_item_id"),
    (ITEM, {"item": {"type": "mesage"}}, "item.type", "use one of message, tool_call, tool_result"),
    (
        ITEM,
        {"item": {"type": "tool_call", "name": "f"}},
        "item.call_id",
        "required: ToolCallItem has call_id",
    ),
    (
        ITEM,
        {"item": {"type": "message", "role": "bot", "content": []}},
        "item.role",
        "use one of user, assistant",
    ),
    (
        ITEM,
        message([{"type": "text", "txt": "hi"}]),
        "item.content[0].txt",
        "did you mean text?): TextPart has text",
    ),
    (ITEM, message([TextPart("a"), TextPart(5)]), "item.content[1].text", "Expected `str`"),
    (ITEM, message("hi"), "item.content", "MessageItem has role, content"),
    (MessageType.AUDIO_APPEND, {"audio": "AAAA"}, "audio", "Expected `bytes`, got `str`"),
    (MessageType.AUDIO_APPEND, {"audio": None}, "audio", "Expected `bytes`, got `null`"),
    (MessageType.ITEM_TRUNCATE, {"item_id": "i", "heard_ms": float("nan")}, "heard_ms", ">= 0"),
    (MessageType.ITEM_TRUNCATE, {"item_id": "i", "heard_ms": -1}, "heard_ms", ">= 0"),
    (MessageType.ITEM_TRUNCATE, {"type": "image"}, "type", "use one of item_truncate"),
    (MessageType.RESPONSE_CREATE, {"metadata": {"a": 5}}, "metadata", "Expected `str`, got `int`"),
    (MessageType.RESPONSE_CREATE, {"metadata": {5: "a"}}, "metadata", "Expected `str`"),
    (MessageType.ACTIVITY_END, {"now": True}, "now", "ActivityEnd has no fields"),
    (MessageType.AUDIO_APPEND, {5: 6}, None, "AudioAppend has audio"),
]


@pytest.mark.parametrize(("kind", "data", "field", "says"), MISFITS)
def test_what_does_not_fit_is_told_by_its_whole_path_with_a_cure(kind, data, field, says):
    error = refused(kind, data)
    assert error.field == field
    assert says in str(error)
    assert str(error).startswith(f"{kind.name}{f', field {field}' if field else ''}: ")


def test_convert_refuses_what_is_no_mapping_at_all():
    with pytest.raises(MessageError, match="config: Expected `object`, got `int`: Options has model"):
        convert(5, Options, what="config")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    [*OPTIONS, "type", "item", "content", "role", "options", "audio", "item_id"]
) | st.text(max_size=3)


@given(
    st.sampled_from(list(COMMANDS)), st.dictionaries(keys, json_values | st.dictionaries(keys, json_values))
)
def test_any_mapping_converts_or_is_refused_with_one_typed_error(kind, data):
    try:
        checked = command(kind, data)
    except MessageError:
        return
    assert command(kind, checked) == checked
