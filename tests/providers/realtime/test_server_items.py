"""The server's side of OpenAI's wire: items of the conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from server_talk import Talk, error, only, tone, types, user

from voicechatengine.events import (
    AudioChunk,
    ResponseCompleted,
    TextChunk,
)
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)


def test_an_item_keeps_the_clients_id_and_its_place():
    talk = Talk()
    frames = talk.say("conversation.item.create", item=user("one", id="mine-1"))
    assert types(frames) == ["conversation.item.added", "conversation.item.done"]
    assert (frames[0]["item"]["id"], frames[0]["previous_item_id"]) == ("mine-1", None)
    frames = talk.say("conversation.item.create", item=user("two", id="mine-2"))
    assert frames[0]["previous_item_id"] == "mine-1"
    frames = talk.say("conversation.item.create", item=user("zero"), previous_item_id="root")
    assert (frames[0]["previous_item_id"], frames[0]["item"]["id"][:5]) == (None, "item_")
    frames = talk.say("conversation.item.create", item=user("half"), previous_item_id="mine-1")
    assert frames[0]["previous_item_id"] == "mine-1"
    asked = talk.asked()
    assert asked[0] == ItemCreate(MessageItem("user", (TextPart("one"),), "mine-1"))
    assert [one.previous_item_id for one in asked if isinstance(one, ItemCreate)] == [
        None,
        None,
        "root",
        "mine-1",
    ]


def test_every_kind_of_item_reaches_the_provider():
    talk = Talk()
    pixel = base64.b64encode(b"picture").decode()
    sound = base64.b64encode(tone(20)).decode()
    for item in (
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": f"data:image/png;base64,{pixel}"},
                {"type": "input_audio", "audio": sound, "transcript": "words"},
            ],
        },
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "done"},
        {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True},
    ):
        assert types(talk.say("conversation.item.create", item=item)) == [
            "conversation.item.added",
            "conversation.item.done",
        ]
    items = [one.item for one in talk.asked() if isinstance(one, ItemCreate)]
    assert [type(item) for item in items] == [
        MessageItem,
        MessageItem,
        MessageItem,
        ToolCallItem,
        ToolResultItem,
    ]
    assert isinstance(items[2], MessageItem)
    assert items[2].content == (ImagePart(b"picture"), AudioPart(tone(20), "words"))


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "poem"}, "invalid_value", "item.type"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "robot", "content": []}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user", "content": "hi"}, "invalid_type", "item.content"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "output_audio", "audio": ""}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "http://x"}],
            },
            "invalid_value",
            "item.content[0].image_url",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "%"}]},
            "invalid_value",
            "item.content[0].audio",
        ),
        (user("x", id="i" * 33), "string_above_max_length", "item.id"),
        (user("x", id="there"), "item_create_duplicate_item_id", None),
        ({"type": "function_call", "name": "f"}, "missing_required_parameter", "item.arguments"),
        (
            {"type": "function_call_output", "call_id": "c", "output": ""},
            "invalid_tool_call_id",
            "item.call_id",
        ),
    ],
)
def test_an_item_that_the_service_would_not_take_is_refused(
    item: dict[str, Any], code: str, param: str | None
):
    talk = Talk()
    talk.say("conversation.item.create", item=user("x", id="there"))
    talk.asked()
    assert error(talk.say("conversation.item.create", item=item)) == (code, param)
    assert talk.asked() == []


def test_what_does_not_exist_cannot_be_pointed_at():
    talk = Talk()
    for kind, code in (
        ("retrieve", "item_retrieve_invalid_item_id"),
        ("delete", "item_delete_invalid_item_id"),
        ("truncate", "item_truncate_invalid_item_id"),
    ):
        frames = talk.say(f"conversation.item.{kind}", item_id="x", content_index=0, audio_end_ms=1)
        assert error(frames) == (code, None)
    message = talk.say("conversation.item.delete", item_id="x")[0]["error"]["message"]
    assert message == "Error deleting item: the item with id 'x' does not exist."
    frames = talk.say("conversation.item.create", item=user("a"), previous_item_id="x")
    assert error(frames) == ("item_create_invalid_previous_item_id", None)


def test_an_item_is_shown_and_deleted_and_the_chain_closes_behind_it():
    talk = Talk()
    talk.say("conversation.item.create", item=user("one", id="a"))
    talk.say("conversation.item.create", item=user("two", id="b"))
    (frame,) = talk.say("conversation.item.retrieve", item_id="b")
    assert (frame["type"], frame["item"]["content"][0]["text"]) == ("conversation.item.retrieved", "two")
    assert types(talk.say("conversation.item.delete", item_id="b")) == ["conversation.item.deleted"]
    assert talk.asked()[-1] == ItemDelete("b")
    assert talk.say("conversation.item.create", item=user("three"))[0]["previous_item_id"] == "a"


def test_a_spoken_item_is_cut_to_what_was_heard():
    talk = Talk()
    talk.begin()
    talk.tell(
        TextChunk("Hello", spoken=True, response_id="r1", item_id="p"),
        AudioChunk(bytes(48_000), response_id="r1", item_id="p"),
    )
    frames = talk.tell(ResponseCompleted("r1"))
    item_id = only(frames, "response.output_item.done")["item"]["id"]
    talk.asked()

    def truncate(end: int, index: int = 0) -> list[dict[str, Any]]:
        return talk.say("conversation.item.truncate", item_id=item_id, content_index=index, audio_end_ms=end)

    long = truncate(1500)
    assert error(long) == ("invalid_value", "audio_end_ms")
    assert long[0]["error"]["message"] == "Audio content of 1000ms is already shorter than 1500ms"
    assert error(truncate(0))[0] == "unsupported_content_type"
    assert error(truncate(100, index=1)) == ("invalid_value", "content_index")
    (frame,) = truncate(400)
    assert {k: v for k, v in frame.items() if k != "event_id"} == {
        "type": "conversation.item.truncated",
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": 400,
    }
    assert talk.asked() == [ItemTruncate("p", 400)]
    assert (
        "transcript" not in talk.say("conversation.item.retrieve", item_id=item_id)[0]["item"]["content"][0]
    )
    assert error(truncate(500)) == ("invalid_value", "audio_end_ms")


def test_only_what_the_model_spoke_can_be_truncated():
    talk = Talk()
    talk.say("conversation.item.create", item=user("one", id="a"))
    frames = talk.say("conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=10)
    assert frames[0]["error"]["message"] == "Only model output audio messages can be truncated"
