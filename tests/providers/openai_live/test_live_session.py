"""The session: how it starts, what can change, what it tells of itself, and how it ends."""

from __future__ import annotations

import pytest
from live_script import Script, counted_ids

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.events import (
    ErrorInfo,
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    AudioPart,
    Image,
    ImagePart,
    ItemDelete,
    ItemTruncate,
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
from voicechatengine.providers.openai_live import encode
from voicechatengine.providers.openai_live.client import OpenAILiveClient
from voicechatengine.session.dialect import Close, Restore

WEATHER = Tool("get_weather", "The weather", {"type": "object"})


def said(role, text, **fields):
    return MessageItem(role, (TextPart(text),), **fields)


# ------------------------------------------------------------------ starting


def test_the_first_message_starts_the_session_and_nothing_else_is_said():
    script = Script(Options(instructions="Be brief.", voice="quartz"), started=False)
    assert script.start == [
        {
            "type": "session.start",
            "session": {
                "model": "gpt-live-1",
                "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "quartz"}},
                "instructions": "Be brief.",
            },
            "event_id": "event_1",
        }
    ]
    assert script.client.deadline() is None


def test_the_session_that_was_started_is_told_with_what_it_resolved():
    audio = {"format": {"type": "audio/pcm", "rate": 16000}, "output": {"voice": {"id": "voice_1"}}}
    responses = {
        "tools": [{"type": "function", "name": "f", "description": None}, {"type": "web_search"}, 7],
        "tool_choice": {"type": "function", "name": "f"},
    }
    script = Script(started=False)
    script.says(
        "session.started",
        session={
            "id": "live_1",
            "model": "gpt-live-1",
            "instructions": 7,
            "audio": audio,
            "delegation": {"type": "responses", "responses": responses},
        },
    )
    form = AudioFormat(sample_rate=16_000)
    assert script.events == [
        SessionCreated(
            "live_1",
            applied=Options(
                model="gpt-live-1",
                voice="voice_1",
                tools=(Tool("f"),),
                tool_choice="f",
                input_audio_format=form,
                output_audio_format=form,
            ),
        )
    ]
    assert isinstance(script.says("session.started", session={"id": "live_1"}).events[0], SessionUpdated)


def test_a_session_without_an_id_gets_one():
    script = Script(started=False)
    assert script.says("session.started", session={"delegation": {"responses": {"tools": 7}}}).only(
        SessionCreated
    )
    assert script.events[0].session_id == "sess_2"


@pytest.mark.parametrize(
    ("form", "wire"),
    [
        (AudioFormat(), {"type": "audio/pcm", "rate": 24000}),
        (AudioFormat(sample_rate=16_000, frame_size=160), {"type": "audio/pcm", "rate": 16000}),
        (AudioFormat("g711_ulaw", 8000), {"type": "audio/pcmu", "rate": 8000}),
        (AudioFormat("g711_alaw", 8000), {"type": "audio/pcma", "rate": 8000}),
    ],
)
def test_each_format_of_the_service_is_for_both_directions(form, wire):
    for options in (Options(input_audio_format=form), Options(output_audio_format=form)):
        assert Script(options, started=False).start[0]["session"]["audio"]["format"] == wire


def test_tools_make_a_responses_backend_and_the_vendors_options_are_merged_into_it():
    options = Options(
        tools=(WEATHER,),
        tool_choice="get_weather",
        vendor={
            "delegation": {"responses": {"model": "gpt-x", "reasoning": {"effort": "low"}}},
            "store": True,
        },
    )
    session = Script(options).start[0]["session"]
    assert session["store"] is True
    assert session["delegation"] == {
        "type": "responses",
        "responses": {
            "model": "gpt-x",
            "tools": [
                {
                    "type": "function",
                    "name": "get_weather",
                    "description": "The weather",
                    "parameters": {"type": "object"},
                }
            ],
            "tool_choice": {"type": "function", "name": "get_weather"},
            "reasoning": {"effort": "low"},
        },
    }


def test_the_tool_delegate_alone_delegates_to_the_client():
    delegation = Script(Options(tools=(encode.DELEGATE_TOOL,))).start[0]["session"]["delegation"]
    assert delegation == {"type": "client"}
    assert "delegation" not in Script().start[0]["session"]


# ------------------------------------------------------------------ what the service does not have

REFUSED = [
    (Options(language="de"), "language"),
    (Options(modalities=("text",)), "modalities"),
    (Options(turn_detection=TurnDetection()), "turn_detection"),
    (Options(turn_detection=None), "turn_detection"),
    (Options(transcription=None), "transcription"),
    (Options(transcription=Transcription(model="whisper-1")), "transcription"),
    (Options(max_tokens=100), "max_tokens"),
    (Options(tool_choice="required"), "tool_choice"),
    (Options(tools=(WEATHER, encode.DELEGATE_TOOL)), "tools"),
    (Options(tools=(WEATHER,), vendor={"delegation": {"type": "client"}}), "tools"),
    (Options(input_audio_format=AudioFormat(sample_rate=8_000)), "input_audio_format"),
    (Options(output_audio_format=AudioFormat(sample_rate=48_000)), "output_audio_format"),
    (
        Options(input_audio_format=AudioFormat(), output_audio_format=AudioFormat("g711_ulaw", 8000)),
        "output_audio_format",
    ),
    (Options(vendor={"temperature": 1}), "vendor.temperature"),
    (Options(vendor={"input": []}), "vendor.input"),
    (Options(vendor={"muted": "yes"}), "vendor.muted"),
    (Options(vendor={"store": "yes"}), "vendor.store"),
    (Options(vendor={"client": {"data_channel": {}}}), "vendor.client"),
    (Options(vendor={"audio": {"format": {"type": "audio/pcm", "rate": 16000}}}), "vendor.audio.format"),
    (Options(vendor={"audio": {"output": {"speed": 2}}}), "vendor.audio.output.speed"),
    (Options(vendor={"delegation": {"type": "magic"}}), "vendor.delegation.type"),
    (Options(vendor={"delegation": 7}), "vendor.delegation"),
]


@pytest.mark.parametrize(("options", "field"), REFUSED, ids=[str(field) for _, field in REFUSED])
def test_an_option_that_the_service_lacks_is_refused_before_anything_is_sent(options, field):
    with pytest.raises(MessageError) as refused:
        OpenAILiveClient(Restore(options=options), counted_ids())
    assert refused.value.field == field
    assert refused.value.cure


COMMANDS = [
    SessionCreate(),
    AudioCommit(),
    AudioClear(),
    ActivityStart(),
    ActivityEnd(),
    Image(b"x"),
    ItemDelete("item_1"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_that_the_service_lacks_is_refused(command):
    script = Script()
    with pytest.raises(MessageError) as refused:
        script.does(command)
    assert refused.value.cure


# ------------------------------------------------------------------ changes

IMMUTABLE = [
    (Options(model="gpt-live-2"), "model"),
    (Options(instructions="Be long."), "instructions"),
    (Options(voice="ash"), "voice"),
    (Options(input_audio_format=AudioFormat(sample_rate=16_000)), "input_audio_format"),
    (Options(turn_detection=TurnDetection()), "turn_detection"),
    (Options(vendor={"store": True}), "vendor.store"),
    (Options(vendor={"safety_identifier": "me"}), "vendor.safety_identifier"),
    (Options(vendor={"audio": {"output": {"voice": "ash"}}}), "vendor.audio"),
]


@pytest.mark.parametrize(("change", "field"), IMMUTABLE, ids=[field for _, field in IMMUTABLE])
@pytest.mark.parametrize("tools", [(), (WEATHER,)])
def test_what_is_immutable_is_refused_by_its_name(change, field, tools):
    script = Script(Options(tools=tools) if tools else Options())
    with pytest.raises(MessageError) as refused:
        script.does(SessionUpdate(change))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("before", "change", "field"),
    [
        (Options(), Options(tools=(WEATHER,)), "tools"),
        (Options(), Options(tool_choice="auto"), "tool_choice"),
        (Options(tools=(WEATHER,)), Options(tools=()), "tools"),
        (Options(), Options(vendor={"delegation": {"type": "responses"}}), "vendor.delegation.type"),
    ],
)
def test_who_does_what_is_delegated_cannot_change(before, change, field):
    with pytest.raises(MessageError) as refused:
        Script(before).does(SessionUpdate(change))
    assert refused.value.field == field


def test_the_backend_and_its_tools_change_in_mid_session():
    script = Script(Options(tools=(WEATHER,)))
    script.does(SessionUpdate(Options(tools=(Tool("g"),), tool_choice="auto")))
    (frame,) = script.frames
    assert frame["type"] == "session.update"
    responses = frame["session"]["delegation"]["responses"]
    assert ([tool["name"] for tool in responses["tools"]], responses["tool_choice"]) == (["g"], "auto")
    assert script.says("session.updated", session={"model": "gpt-live-1"}).names == ["SessionUpdated"]
    assert script.client.snapshot().options.tools == (Tool("g"),)
    assert script.does(SessionUpdate(Options(tools=(Tool("g"),)))).frames == []


def test_triggers_and_the_acknowledgement_change_by_the_vendors_own_options():
    trigger = {
        "type": "decisions",
        "event_type": "session.input_transcript.delta",
        "decisions": {"questions": []},
    }
    script = Script()
    script.does(SessionUpdate(Options(vendor={"triggers": [trigger]})))
    assert script.frames[0]["session"] == {"triggers": [trigger]}
    script.does(SessionUpdate(Options(vendor={"triggers": []})))
    assert script.frames[0]["session"] == {"triggers": []}
    script = Script(Options(vendor={"delegation": {"type": "client"}}))
    script.does(SessionUpdate(Options(vendor={"delegation": {"acknowledgement_delay_ms": 900}})))
    assert script.frames[0]["session"]["delegation"] == {"type": "client", "acknowledgement_delay_ms": 900}


def test_muting_is_an_option_that_a_later_session_keeps():
    script = Script()
    assert script.does(SessionUpdate(Options(vendor={"muted": True}))).types == ["session.input_audio.mute"]
    assert script.does(SessionUpdate(Options(vendor={"muted": True}))).types == []
    assert script.says("session.input_audio.muted").only(VendorMessage).name == "session.input_audio.muted"
    restored = Script(restore=script.client.snapshot(), started=False)
    assert restored.says("session.started", session={"id": "s"}).types == ["session.input_audio.mute"]
    assert restored.does(SessionUpdate(Options(vendor={"muted": False}))).types == [
        "session.input_audio.unmute"
    ]


# ------------------------------------------------------------------ audio


def test_audio_goes_out_as_it_is_and_in_parts_that_are_not_too_long():
    script = Script()
    audio = bytes(range(256)) * 10
    assert script.does(AudioAppend(audio)).frames[0]["type"] == "session.input_audio.append"
    assert script.does(AudioAppend(b"")).frames == []
    assert len(script.does(AudioAppend(bytes(encode.APPEND_BYTES + 2))).frames) == 2
    with pytest.raises(AudioError):
        script.does(AudioAppend(b"odd"))


def test_silence_is_sent_in_the_place_of_audio_only_while_something_is_waited_for():
    script = Script()
    assert script.waits(10).frames == []
    script.does(ResponseCreate())
    script.waits(1)
    assert {frame["type"] for frame in script.frames} == {"session.input_audio.append"}
    assert len(script.frames) == 10
    script.does(AudioAppend(script.form.silence(20)))
    assert script.waits(0.2).frames == []
    script.now += 0.35
    assert len(script.waits(0).frames[0]["audio"]) == len(script.form.silence(400)) / 3 * 4, (
        "a loop that was late"
    )


# ------------------------------------------------------------------ what it tells


def test_usage_is_that_of_the_session_in_seconds():
    script = Script()
    assert script.says("session.usage.updated", usage={"seconds": 15.5}).events == [
        UsageReport(Usage(input_seconds=15.5), "session")
    ]
    script.says("session.usage.updated", usage={"seconds": 30}, context_window={"usage_ratio": 0.25})
    assert script.names == ["UsageReport", "VendorMessage"]
    assert script.only(VendorMessage).raw["context_window"] == {"usage_ratio": 0.25}
    assert script.says("session.usage.updated").events == []


def test_notices_and_new_messages_come_as_they_are():
    script = Script()
    script.says("info", code="x", message="y", later=[1])
    assert script.events == [
        VendorMessage(
            "info", {"type": "info", "event_id": "event_s", "code": "x", "message": "y", "later": [1]}
        )
    ]
    assert script.says("session.sung").only(VendorMessage).name == "session.sung"
    assert script.says("decision.event", event={}).names == ["VendorMessage"]
    assert script.says("session.instructions.appended", start_ms=0, end_ms=0).events == []


def test_an_error_names_the_command_that_it_refuses():
    script = Script()
    script.does(ResponseCreate())
    event_id = script.frames[0]["event_id"]
    error = {
        "type": "invalid_request_error",
        "code": "unknown_parameter",
        "message": "No.",
        "param": "content",
    }
    script.says("error", error=error | {"client_event_id": event_id})
    assert script.events == [ErrorInfo("unknown_parameter", "No. (at content)", command="response_create")]
    assert script.says("error", error={"type": "server_error"}).events == [
        ErrorInfo("server_error", "server_error")
    ]
    assert script.says("error").events == [ErrorInfo("error", "error")]
    fatal = script.says("error", error={"code": "insufficient_quota", "message": "m"}).only(ErrorInfo)
    assert not fatal.recoverable


def test_a_session_that_is_refused_ends_the_connection():
    script = Script(started=False)
    error = {"type": "invalid_request_error", "code": "model_not_found", "message": "No such model."}
    script.says("error", error=error, client_event_id="event_1")
    assert script.events == [
        ErrorInfo("model_not_found", "No such model.", recoverable=False, command="session_create")
    ]
    assert script.closes == [Close(1000)]
    later = Script(started=False).says("error", error={"type": "server_error", "message": "busy"})
    assert later.only(ErrorInfo).recoverable


def test_the_end_of_a_session_is_announced():
    script = Script(started=False)
    script.says("session.started", session={"id": "s", "expires_at": 1100})
    assert script.waits(39).events == []
    assert script.waits(2).events == [SessionExpiring(60.0)]
    assert script.waits(100).events == []
    assert Script(expires_at=10).client.deadline() is None, "another clock's"


@pytest.mark.parametrize(
    ("reason", "code", "goes_on"),
    [
        ("expired", "session_expired", True),
        ("content", "content_filter", False),
        ("remote_hangup", "remote_hangup", False),
        ("connection_lost", "connection_lost", True),
        ("boredom", "session_ended_boredom", True),
    ],
)
def test_a_session_is_closed_for_a_reason(reason, code, goes_on):
    script = Script()
    script.says("session.closed", reason=reason, usage={"seconds": 3})
    assert script.names == ["UsageReport", "ErrorInfo"]
    assert (script.only(ErrorInfo).code, script.only(ErrorInfo).recoverable) == (code, goes_on)
    assert script.closes == [Close(1000)]


def test_a_session_that_was_asked_to_close_has_no_error():
    script = Script()
    assert script.says("session.closed", reason="close_requested").events == []
    assert script.closes == [Close(1000)]


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [
        (1006, "", None),
        (1000, "bye", None),
        (1008, "", ErrorInfo("closed_1008", "the service closed the connection with 1008")),
        (
            3000,
            "invalid_request_error.invalid_api_key",
            ErrorInfo("invalid_api_key", "invalid_request_error.invalid_api_key", recoverable=False),
        ),
        (4001, "too_slow", ErrorInfo("too_slow", "too_slow")),
    ],
)
def test_a_close_that_means_something_is_told(code, reason, told):
    assert Script().ends(code, reason).events == ([] if told is None else [told])


def test_broken_messages_are_told_and_what_they_end_is_ended():
    script = Script(started=False)
    script.says("session.started", session={"id": "s"}, event_id=7)
    assert script.names == ["ErrorInfo", "SessionCreated"]
    assert script.says("session.output_audio.delta", delta="***").only(ErrorInfo).code == "invalid_audio"
    assert script.says("session.output_audio.delta", delta=7).only(ErrorInfo).code == "invalid_message"
    for frame in ("7", "{", b"\xff", '{"a":1}', '{"type":1}'):
        assert script.raw(frame).only(ErrorInfo).code == "invalid_message"
    script.says("session.closed", reason="expired", usage=7)
    assert script.closes == [Close(1000)]
    refused = Script(started=False).says("error", error=7)
    assert refused.closes == [Close(1000)]


def test_correcting_what_was_heard_is_taken_and_sends_nothing():
    assert Script().does(ItemTruncate("item_1", 100.0)).frames == []


# ------------------------------------------------------------------ history


def test_a_history_is_the_input_of_the_session():
    history = (
        said("system", "Be kind."),
        said("user", "What is the weather?"),
        ToolCallItem("c1", "get_weather", '{"city":"Oslo"}'),
        ToolResultItem("c1", "foggy"),
        ToolResultItem("c2", "late", is_error=True),
        said("assistant", "It is foggy."),
        MessageItem("user", (AudioPart(b"\0\0", "And tomorrow?"),)),
        said("user", "   "),
    )
    script = Script(restore=Restore(history=history))
    given = [(each["role"], each["content"][0]["text"]) for each in script.start[0]["session"]["input"]]
    assert given == [
        ("developer", "Be kind."),
        ("user", "What is the weather?"),
        ("developer", 'The tool get_weather was called with {"city":"Oslo"} and gave: foggy'),
        ("developer", 'A tool was called and gave: {"error":"late"}'),
        ("assistant", "It is foggy."),
        ("user", "And tomorrow?"),
    ]
    assert script.names == ["SessionCreated"]


def test_a_history_that_is_too_long_loses_its_oldest_and_says_so():
    history = tuple(said("user", f"message {number}") for number in range(130))
    script = Script(restore=Restore(history=history))
    given = script.start[0]["session"]["input"]
    assert (len(given), given[0]["content"][0]["text"]) == (128, "message 2")
    assert script.only(ErrorInfo).message == "the session does not know the oldest 2 of 130 messages"
    assert script.only(ErrorInfo).code == "history_item_lost"
    script = Script(restore=Restore(history=(said("user", "x" * 20_000), said("user", "y" * 20_000))))
    assert len(script.start[0]["session"]["input"]) == 1


def test_what_is_no_words_is_named_as_lost():
    history = (
        MessageItem("user", (ImagePart(b"x"), TextPart("Look"))),
        MessageItem("user", (AudioPart(b""),)),
    )
    script = Script(restore=Restore(history=history))
    assert len(script.start[0]["session"]["input"]) == 1
    assert [event.code for event in script.events[:2]] == ["history_item_lost"] * 2


def test_a_reply_that_was_owed_is_asked_for_again():
    script = Script(restore=Restore(history=(said("user", "Hello"),), reply_owed=ResponseCreate()))
    assert script.types == ["session.instructions.append"]
    assert script.client.snapshot().reply_owed == ResponseCreate()
