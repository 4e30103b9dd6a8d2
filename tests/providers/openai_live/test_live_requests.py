"""Text in mid-session, and what asking for a reply means on a wire that has no word for it."""

from __future__ import annotations

import pytest
from live_script import Script

from voicechatengine.errors import MessageError
from voicechatengine.events import ErrorInfo, ItemAdded
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    ItemCreate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    TextPart,
    ToolCallItem,
)

ASK = "session.instructions.append"


def write(text: str, role="user", **fields) -> ItemCreate:
    return ItemCreate(MessageItem(role, (TextPart(text),), **fields))


@pytest.mark.parametrize(
    ("role", "kind", "content"),
    [
        ("user", "session.thinking.append", "The user wrote: Hello"),
        ("assistant", "session.thinking.append", "You said: Hello"),
        ("system", "session.instructions.append", "Hello"),
    ],
)
def test_text_is_added_as_context_by_its_role_and_asks_for_nothing(role, kind, content):
    script = Script()
    script.does(write("Hello", role, id="mine"))
    assert script.frames == [{"type": kind, "content": content, "delegation_id": None, "event_id": "event_2"}]
    assert script.events == []
    taken = f"{kind}ed"
    assert script.says(taken, client_event_id="event_2").events == [ItemAdded("mine", role, None)]
    assert script.says(taken, client_event_id="event_2").events == []


def test_an_item_has_the_place_that_it_was_sent_at_however_late_it_is_taken():
    script = Script()
    script.does(write("One", id="a"))
    script.does(write("Two", id="b"))
    script.speaks(100)
    later = script.says("session.thinking.appended", client_event_id="event_3").only(ItemAdded)
    assert (later.item_id, later.previous_item_id) == ("b", "a")
    assert script.only(ItemAdded)


def test_only_so_many_items_are_waited_for():
    script = Script()
    for _ in range(300):
        script.does(write("One"))
    assert script.says("session.thinking.appended", client_event_id="event_2").events == []
    assert script.says("session.thinking.appended").events == []


def test_long_text_goes_out_in_pieces_that_the_service_takes():
    script = Script()
    text = "words and words " * 100
    script.does(write(text.strip(), "system"))
    parts = [frame["content"] for frame in script.frames]
    assert len(parts) == 4
    assert all(len(part.encode()) <= 500 for part in parts)
    assert " ".join(parts) == text.strip()
    script.does(write("ü" * 600, "system"))
    assert "".join(frame["content"] for frame in script.frames) == "ü" * 600
    script.does(write("€" * 400, "system"))
    assert [len(frame["content"]) for frame in script.frames] == [166, 166, 68]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (MessageItem("user", (ImagePart(b""),)), "item.content"),
        (MessageItem("user", (AudioPart(b""),)), "item.content"),
        (MessageItem("user", (TextPart("  "),)), "item.content"),
        (MessageItem("user", ()), "item.content"),
        (ToolCallItem("c", "f", "{}"), "item"),
    ],
)
def test_what_is_no_words_is_refused(item, field):
    with pytest.raises(MessageError) as refused:
        Script().does(ItemCreate(item))
    assert refused.value.field == field


def test_there_is_no_place_but_the_last():
    with pytest.raises(MessageError) as refused:
        Script().does(ItemCreate(MessageItem("user", (TextPart("x"),)), "root"))
    assert refused.value.field == "previous_item_id"


def test_speech_with_its_words_is_added_as_them():
    script = Script()
    script.does(ItemCreate(MessageItem("user", (AudioPart(b"", "Hi"),))))
    assert script.frames[0]["content"] == "The user wrote: Hi"


def test_a_request_is_an_instruction_to_speak():
    script = Script()
    script.does(write("Hello"))
    script.does(ResponseCreate())
    assert script.frames[0] == {
        "type": ASK,
        "content": "Reply to the user now.",
        "delegation_id": None,
        "event_id": "event_4",
    }
    assert script.does(ResponseCreate()).frames == [], "one is on its way"
    assert script.does(ResponseCreate(instructions="Say hello.")).frames[0]["content"] == "Say hello."


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (ResponseCreate(modalities=("text",)), "modalities"),
        (ResponseCreate(out_of_band=True), "out_of_band"),
        (ResponseCreate(input=()), "input"),
        (ResponseCreate(tools=()), "tools"),
        (ResponseCreate(tool_choice="auto"), "tool_choice"),
        (ResponseCreate(max_tokens=1), "max_tokens"),
        (ResponseCreate(metadata={}), "metadata"),
        (ResponseCreate(vendor={}), "vendor"),
    ],
)
def test_what_one_reply_cannot_be_told_is_refused(command, field):
    with pytest.raises(MessageError) as refused:
        Script().does(command)
    assert refused.value.field == field


def test_a_request_for_nothing_new_is_met_by_the_reply_that_runs():
    script = Script()
    script.speaks(200)
    assert script.does(ResponseCreate(modalities=("audio",))).frames == []
    assert "session.instructions.append" not in script.is_silent(900).types


def test_a_request_for_something_new_waits_for_the_end_of_the_reply_that_runs():
    script = Script()
    script.speaks(200)
    script.does(write("And then?"))
    assert script.does(ResponseCreate()).types == []
    assert script.client.snapshot().reply_owed == ResponseCreate()
    assert script.is_silent(900).types == [ASK]


def test_too_many_requests_are_refused_and_an_interruption_takes_them_back():
    script = Script()
    script.speaks(200)
    for number in range(16):
        script.does(ResponseCreate(instructions=f"{number}"))
    with pytest.raises(MessageError, match="16 requests"):
        script.does(ResponseCreate(instructions="16"))
    script.does(ResponseCancel())
    assert script.client.snapshot().reply_owed is None
    assert script.is_silent(900).types == []


def test_a_request_after_speech_is_met_by_the_models_own_answer():
    script = Script()
    script.hears("Hello?", 0, 400)
    assert script.does(ResponseCreate()).types == []
    script.waits(1)
    assert script.speaks(200).names[-3:] == ["ResponseStarted", "ItemAdded", "AudioChunk"]
    assert script.is_silent(900).types == script.waits(40).types == []


def test_the_model_is_told_to_speak_if_it_does_not_answer_by_itself():
    script = Script()
    script.hears("Hello?", 0, 400)
    script.waits(1)
    assert script.client.snapshot().reply_owed == ResponseCreate(), "the answer to what was said"
    script.does(ResponseCreate())
    assert script.waits(3.9).types == []
    assert script.waits(1).types == [ASK]


def test_without_a_request_silence_after_speech_is_left_to_the_model():
    script = Script()
    script.hears("Hello?", 0, 400)
    assert script.waits(20).types == []
    assert script.client.snapshot().reply_owed is None


def test_a_reply_that_does_not_begin_in_time_is_told():
    script = Script(patience=3)
    script.does(ResponseCreate())
    assert script.waits(2.9).events == []
    assert script.waits(0.2).events == [
        ErrorInfo(
            "response_timeout",
            "no reply began in the time that was allowed for it",
            command="response_create",
        )
    ]
    assert script.client.snapshot().reply_owed is None


def test_a_request_after_an_interruption_is_answered_after_a_short_silence():
    script = Script()
    script.speaks(300)
    script.does(ResponseCancel())
    script.does(write("Something else"))
    assert script.does(ResponseCreate()).types == [ASK]
    assert script.speaks(300).events == [], "it still says the old thing"
    script.is_silent(300)
    assert script.speaks(100).names == ["ResponseStarted", "ItemAdded", "AudioChunk"]
