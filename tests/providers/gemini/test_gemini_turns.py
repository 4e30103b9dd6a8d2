"""Turns: what is written, what is spoken, what the model answers, and what it costs."""

from __future__ import annotations

import pytest
from gemini_script import MIDDLE, MS, NEW, OLD, SPOKEN, VERTEX, Script, audio, said, user

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
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
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    TextPart,
    Tool,
)

USAGE = {
    "promptTokenCount": 10,
    "responseTokenCount": 5,
    "totalTokenCount": 15,
    "cachedContentTokenCount": 2,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}, {"modality": "VIDEO", "tokenCount": 6}],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
}
COST = Usage(10, 5, 15, 2, 4, 0, 6, 0, 5)

# ------------------------------------------------------------------ writing


def test_what_is_written_waits_for_the_request_and_goes_out_with_it():
    script = Script()
    assert script.does(said("One")).frames == []
    assert script.does(said("Two")).frames == []
    content = script.does(ResponseCreate()).frame["clientContent"]
    assert content == {"turns": [user("One"), user("Two")], "turnComplete": True}


@pytest.mark.parametrize("model", [MIDDLE, NEW])
def test_once_the_conversation_has_begun_newer_models_are_written_to_in_real_time(model):
    script = Script(model=model)
    script.asks().speaks().done()
    assert script.asks("And now?").frame == {"realtimeInput": {"text": "And now?"}}
    script.speaks().done()
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"text": " "}}


def test_older_models_take_content_at_any_time():
    script = Script(model=OLD)
    script.asks().speaks().done()
    assert script.asks("More").frame["clientContent"] == {"turns": [user("More")], "turnComplete": True}
    script.speaks().done()
    assert script.does(ResponseCreate()).frame == {"clientContent": {"turnComplete": True}}


def test_what_is_written_before_the_user_speaks_goes_out_before_the_audio_and_asks_for_nothing():
    script = Script()
    script.does(said("Context"))
    context, sound = script.does(AudioAppend(MS * 20)).frames
    assert context["clientContent"] == {"turns": [user("Context")], "turnComplete": False}
    assert sound["realtimeInput"]["audio"]["mimeType"] == "audio/pcm;rate=16000"


def test_what_is_written_to_a_newer_model_while_audio_flows_belongs_to_the_next_turn():
    script = Script()
    script.does(AudioAppend(MS * 20))
    assert script.does(said("By the way")).frames == []
    assert script.activity("START").frame == {"realtimeInput": {"text": "By the way"}}


def test_a_request_while_a_reply_runs_waits_for_its_end():
    script = Script()
    script.asks().words("So")
    assert script.does(said("Wait")).frames == []
    assert script.does(ResponseCreate()).frames == []
    assert script.client.snapshot().reply_owed == ResponseCreate()
    assert script.done().frame == {"realtimeInput": {"text": "Wait"}}


def test_what_waits_for_a_request_is_bounded():
    script = Script()
    for _ in range(255):
        assert script.does(said("x")).frames == []
    (content,) = (frame["clientContent"] for frame in script.does(said("x")).frames)
    assert (len(content["turns"]), content["turnComplete"]) == (256, False)
    script.asks().words("Hm")
    for _ in range(256):
        script.does(said("x"))
    with pytest.raises(MessageError) as refused:
        script.does(said("x"))
    assert refused.value.field == "item"


def test_a_second_request_for_the_same_reply_is_none():
    script = Script()
    script.asks()
    assert script.does(ResponseCreate()).frames == []


def test_metadata_of_a_request_comes_back():
    script = Script()
    script.does(ResponseCreate(metadata={"k": "v"}))
    assert script.words("Hi").one(ResponseStarted).metadata == {"k": "v"}
    assert script.done().one(ResponseCompleted).metadata == {"k": "v"}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ResponseCreate(instructions="Shout."), "instructions"),
        (ResponseCreate(out_of_band=True), "out_of_band"),
        (ResponseCreate(modalities=("text",)), "modalities"),
        (ResponseCreate(tools=(Tool("f"),)), "tools"),
        (ResponseCreate(max_tokens=3), "max_tokens"),
    ],
)
def test_what_a_single_reply_cannot_have_is_refused(request_, field):
    with pytest.raises(MessageError) as refused:
        Script().does(request_)
    assert refused.value.field == field


def test_the_sessions_own_modalities_may_be_named():
    assert Script().does(ResponseCreate(modalities=("audio", "text"))).frames


def test_the_system_speaks_in_mid_session_on_vertex_only():
    with pytest.raises(MessageError) as refused:
        Script().does(said("Be kind.", role="system"))
    assert refused.value.field == "role"
    script = Script(surface=VERTEX)
    script.does(said("Be kind.", role="system"))
    (turn,) = script.does(ResponseCreate()).frame["clientContent"]["turns"]
    assert turn["role"] == "system"


def test_words_of_the_assistant_are_taken_before_the_conversation_only():
    script = Script()
    script.does(said("Hello!", role="assistant"))
    assert script.asks().frame["clientContent"]["turns"][0] == {
        "parts": [{"text": "Hello!"}],
        "role": "model",
    }
    with pytest.raises(MessageError) as refused:
        script.does(said("Again!", role="assistant"))
    assert refused.value.field == "role"


@pytest.mark.parametrize("content", [(), (AudioPart(MS),), (ImagePart(b"x", "image/png"),)])
def test_an_item_of_the_assistant_has_words(content):
    script = Script()
    with pytest.raises(MessageError) as refused:
        script.does(ItemCreate(MessageItem("assistant", content)))
    assert refused.value.field == "item.content"
    script.does(ItemCreate(MessageItem("assistant", (AudioPart(MS, "Hello!"),))))
    assert script.asks().frame["clientContent"]["turns"][0]["parts"] == [{"text": "Hello!"}]


def test_items_are_added_at_the_end_only():
    script = Script()
    script.does(said("One", "i1"))
    script.does(ItemCreate(MessageItem("user", (TextPart("Two"),)), "i1"))
    with pytest.raises(MessageError) as refused:
        script.does(ItemCreate(MessageItem("user", (TextPart("Zero"),)), "root"))
    assert refused.value.field == "previous_item_id"


def test_the_place_of_what_was_written_is_told_when_the_model_answers():
    script = Script()
    assert script.does(said("Hi", "i1")).events == []
    script.does(ResponseCreate())
    script.words("Hello")
    assert [event for event in script.events if isinstance(event, ItemAdded)] == [
        ItemAdded("i1", "user", None),
        ItemAdded("item_2", "assistant", "i1"),
    ]


def test_nothing_can_be_deleted_and_a_truncation_is_ours_alone():
    script = Script()
    assert script.does(ItemTruncate("i", 100)).frames == []
    with pytest.raises(MessageError):
        script.does(ItemDelete("i"))


# ------------------------------------------------------------------ pictures


def test_a_picture_is_part_of_the_turn_that_is_written():
    script = Script()
    script.does(Image(b"png"))
    (turn,) = script.asks("What is it?").frame["clientContent"]["turns"]
    assert turn["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "cG5n"}},
        {"text": "What is it?"},
    ]


def test_while_audio_flows_a_picture_is_a_frame_of_video():
    script = Script()
    script.does(AudioAppend(MS))
    frame = script.does(Image(b"jpg", "image/jpeg")).frame
    assert frame == {"realtimeInput": {"video": {"mimeType": "image/jpeg", "data": "anBn"}}}


def test_later_a_newer_model_is_shown_pictures_and_speech_before_the_words():
    script = Script()
    script.asks().speaks().done()
    parts = (AudioPart(MS), TextPart("This?"), ImagePart(b"png"))
    script.does(ItemCreate(MessageItem("user", parts)))
    kinds = [next(iter(frame["realtimeInput"])) for frame in script.does(ResponseCreate()).frames]
    assert kinds == ["audio", "video", "text"]


@pytest.mark.parametrize(
    ("image", "field"), [(Image(b"", "image/gif"), "mime_type"), (Image(b"", detail="low"), "detail")]
)
def test_a_picture_that_the_service_does_not_take_is_refused(image, field):
    with pytest.raises(MessageError) as refused:
        Script().does(image)
    assert refused.value.field == field


# ------------------------------------------------------------------ the model's turn


def test_speech_words_and_thoughts_are_told_apart():
    script = Script()
    script.asks()
    parts = [{"text": "Hm…", "thought": True}, audio(SPOKEN * 20), {"text": "(written)"}]
    script.content(modelTurn={"parts": parts}, outputTranscription={"text": "Hello"})
    assert script.names == [
        "VendorMessage",
        "ItemAdded",
        "ResponseStarted",
        "ItemAdded",
        "AudioChunk",
        "TextChunk",
        "TextChunk",
    ]
    assert script.events[0] == VendorMessage("thought", {"text": "Hm…"})
    chunk = script.one(AudioChunk)
    assert (chunk.audio, chunk.format) == (SPOKEN * 20, AudioFormat())
    assert [(e.text, e.spoken) for e in script.events if isinstance(e, TextChunk)] == [
        ("(written)", False),
        ("Hello", True),
    ]


def test_a_turn_ends_with_its_cost_on_whatever_message_it_comes():
    script = Script()
    script.asks()
    script.says(serverContent={"outputTranscription": {"text": "Hi"}}, usageMetadata={"promptTokenCount": 1})
    assert script.content(generationComplete=True).events == []
    done = script.done(USAGE).event
    assert (done.status, done.usage, done.reason) == ("completed", COST, None)


def test_vertex_has_another_name_for_the_tokens_of_a_reply():
    script = Script(surface=VERTEX)
    script.asks().words("Hi")
    usage = {"candidatesTokenCount": 3, "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]}
    assert script.done(usage).event.usage == Usage(output_tokens=3, output_text_tokens=3)


def test_a_cost_that_comes_late_is_told_by_itself():
    script = Script()
    assert script.says(usageMetadata=USAGE).event == UsageReport(COST, "session")
    script.asks().words("Hi")
    done = script.done().event
    assert script.says(serverContent={}, usageMetadata=USAGE).event == UsageReport(
        COST, response_id=done.response_id
    )


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("NEED_MORE_INPUT", "completed"),
        ("GENERATED_AUDIO_SAFETY", "incomplete"),
        ("MALFORMED_FUNCTION_CALL", "failed"),
    ],
)
def test_a_turn_may_end_for_a_reason(reason, status):
    script = Script()
    script.asks().words("Hm")
    script.done(turnCompleteReason=reason)
    done = script.one(ResponseCompleted)
    assert (done.status, done.reason) == (status, reason.lower())
    assert ("ErrorInfo" in script.names) is (status == "failed")


def test_a_turn_that_ends_before_it_begins_is_told_to_who_waits():
    script = Script()
    script.asks()
    assert script.done(turnCompleteReason="PROHIBITED_INPUT_CONTENT").names[1:] == [
        "ResponseStarted",
        "ResponseCompleted",
    ]
    script.asks().content(generationComplete=True)
    assert script.done().one(ResponseCompleted).status == "completed"


def test_a_turn_that_only_pauses_is_not_over():
    script = Script()
    script.asks().words("Let me think.")
    assert script.done(interactionStatus="IN_PROGRESS").events == []
    script.words("Done.")
    assert script.content(interactionStatus="IDLE").names == ["ResponseCompleted"]


def test_late_words_of_a_turn_that_is_over_begin_no_other():
    script = Script()
    script.asks().words("Hi")
    script.done()
    assert script.words(" there").event == VendorMessage("outputTranscription", {"text": " there"})


def test_half_samples_wait_for_their_rest_and_other_rates_are_named():
    script = Script()
    script.asks()
    script.content(modelTurn={"parts": [audio(b"\1\2\3")]})
    assert script.one(AudioChunk).audio == b"\1\2"
    assert script.content(modelTurn={"parts": [audio(b"\4")]}).event.audio == b"\3\4"
    assert script.content(modelTurn={"parts": [audio(b"\5")]}).events == []
    assert script.content(modelTurn={"parts": [audio(b"\6", "audio/pcm;rate=16000")]}).event.format is None
    assert script.content(modelTurn={"parts": [audio(b"\1\2", "audio/pcm")]}).event.format == AudioFormat()
    odd = script.content(modelTurn={"parts": [audio(b"\1\2", "audio/opus")]}).event
    assert (odd.name, odd.raw["parts"][0]["inlineData"]["mimeType"]) == ("modelTurn", "audio/opus")


def test_base64_may_be_url_safe_and_unpadded_and_what_is_none_is_told():
    script = Script()
    script.asks()
    script.content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "-_-_-w"}}]})
    assert script.one(AudioChunk).audio == b"\xfb\xff\xbf\xfb"
    bad = {"inlineData": {"mimeType": "audio/pcm", "data": "***"}}
    assert script.content(modelTurn={"parts": [bad]}).event.code == "invalid_audio"


def test_a_reply_that_does_not_begin_in_time_is_told():
    script = Script(patience=7)
    script.asks()
    error = script.waits().event
    assert (error.code, error.command, script.now) == ("response_timeout", "response_create", 1007.0)
    assert script.client.snapshot().reply_owed is None


def test_empty_messages_say_nothing_and_strange_ones_are_passed_on():
    script = Script()
    assert script.content().events == []
    assert script.says().events == []
    assert script.says(newThing={"a": 1}).event == VendorMessage("newThing", {"a": 1})
    assert script.says(number=1).event == VendorMessage("number", {"number": 1})
    grounding = script.content(groundingMetadata={"x": 1}, outputTranscription={"text": "Hi"})
    assert grounding.events[0] == VendorMessage("serverContent", {"groundingMetadata": {"x": 1}})
    assert "TextChunk" in grounding.names
    code = script.content(modelTurn={"parts": [{"executableCode": {"code": "1+1"}}, {"text": "2"}]})
    assert code.events[0].raw == {"modelTurn": {"parts": [{"executableCode": {"code": "1+1"}}]}}
    assert code.events[1].text == "2"
    response = {"functionResponse": {"name": "f"}}
    assert script.content(modelTurn={"parts": [response]}).event.name == "modelTurn"


def test_an_error_that_some_servers_send_is_told():
    error = Script().says(error={"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}).event
    assert error == ErrorInfo("invalid_argument", "No.")
    assert Script().says(error="No.").event.message == "No."


def test_what_cannot_be_read_is_told_and_ends_what_it_ends():
    script = Script()
    assert script.raw(b"\xff").event.code == "invalid_message"
    script.asks().words("Hi")
    script.content(turnComplete=True, modelTurn={"parts": 7})
    assert script.names == ["ErrorInfo", "ResponseCompleted"]
    assert Script(opened=False).says(setupComplete={"sessionId": 7}).names == ["ErrorInfo", "SessionCreated"]


# ------------------------------------------------------------------ the user's speech


def test_speech_that_the_service_hears_is_a_turn_and_is_answered():
    script = Script()
    script.does(AudioAppend(MS * 500))
    assert script.activity("START", "0.3s").event == SpeechStarted(300.0, "item_1")
    assert script.hears(" What").event == InputTranscript("What", item_id="item_1")
    script.activity("END", "0.45s")
    assert script.events == [SpeechStopped(450.0, "item_1"), ItemAdded("item_1", "user", None, "speech")]
    assert script.client.snapshot().reply_owed == ResponseCreate()
    assert script.hears(" time?", finished=True).event == InputTranscript(
        "What time?", final=True, item_id="item_1"
    )
    assert script.words("Four.").names == ["ResponseStarted", "ItemAdded", "TextChunk"]
    assert script.client.snapshot().reply_owed is None
    assert script.done().names == ["ResponseCompleted"]
    assert script.hears(" o'clock").event.text == "What time? o'clock"


def test_speech_that_nobody_reports_is_found_by_its_words():
    script = Script(model=OLD)
    script.does(AudioAppend(MS * 500))
    script.hears("Hel")
    assert script.events == [SpeechStarted(None, "item_1"), InputTranscript("Hel", item_id="item_1")]
    script.hears("lo")
    assert script.words("Hi").names == [
        "SpeechStopped",
        "ItemAdded",
        "ResponseStarted",
        "ItemAdded",
        "TextChunk",
    ]
    script.done()
    assert script.events[1] == InputTranscript("Hello", final=True, item_id="item_1")
    script.now += 0.2
    assert script.hears("!").event.item_id == "item_1"
    script.now += 10
    assert script.hears("More").events[0] == SpeechStarted(None, "item_4")


def test_speech_that_nobody_reports_is_found_by_the_reply():
    script = Script(model=OLD, transcription=None)
    script.does(AudioAppend(MS * 500))
    script.speaks()
    assert script.names == [
        "SpeechStarted",
        "SpeechStopped",
        "ItemAdded",
        "ResponseStarted",
        "ItemAdded",
        "AudioChunk",
    ]


def test_signals_that_vertex_is_asked_for_are_read():
    script = Script(surface=VERTEX, vendor={"explicitVadSignal": True})
    script.says(voiceActivityDetectionSignal={"vadSignalType": "VAD_SIGNAL_TYPE_SOS"})
    assert script.names == ["SpeechStarted"]
    script.says(voiceActivityDetectionSignal={"vadSignalType": "VAD_SIGNAL_TYPE_EOS"})
    assert script.names == ["SpeechStopped", "ItemAdded"]
    assert script.says(voiceActivity={"voiceActivityType": "ACTIVITY_START"}).names == ["SpeechStarted"]


def test_guesses_at_what_is_being_said_are_not_kept():
    script = Script()
    script.activity("START")
    assert script.content(interimInputTranscription={"text": "What tie"}).event.text == "What tie"
    assert script.hears("What time").event.text == "What time"
    assert script.hears("").events == []


def test_a_request_while_the_user_is_answered_is_met_by_that_answer():
    script = Script()
    script.activity("START")
    script.activity("END")
    assert script.does(ResponseCreate(metadata={"k": "v"})).frames == []
    assert script.words("Yes").one(ResponseStarted).metadata == {"k": "v"}
    assert script.done().frames == []


def test_a_model_that_waits_for_more_owes_no_reply():
    script = Script()
    script.activity("START")
    script.activity("END")
    assert script.content(waitingForInput=True).event == VendorMessage(
        "serverContent", {"waitingForInput": True}
    )
    assert script.client.snapshot().reply_owed is None


def test_speech_that_is_not_answered_lets_the_request_through():
    script = Script()
    script.activity("START")
    script.activity("END")
    script.does(ResponseCreate())
    assert script.waits().frame == {"clientContent": {"turnComplete": True}}


def test_push_to_talk_marks_the_turn():
    script = Script(turn_detection=None)
    assert script.setup["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}
    assert script.does(ActivityStart()).frame == {"realtimeInput": {"activityStart": {}}}
    assert script.does(ActivityStart()).frames == []
    script.does(AudioAppend(MS * 200))
    assert script.does(ActivityEnd()).frame == {"realtimeInput": {"activityEnd": {}}}
    assert script.hears("Hello").event == InputTranscript("Hello", item_id="item_1")
    assert script.words("Hi").names == ["ItemAdded", "ResponseStarted", "ItemAdded", "TextChunk"]


def test_push_to_talk_begins_with_the_first_audio_and_may_be_ended_in_two_steps():
    script = Script(turn_detection=None)
    script.does(said("Context"))
    kinds = [next(iter(frame)) for frame in script.does(AudioAppend(MS)).frames]
    assert kinds == ["clientContent", "realtimeInput", "realtimeInput"]
    assert script.does(AudioCommit()).frames == []
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"activityEnd": {}}}
    with pytest.raises(MessageError):
        script.does(ActivityEnd())
    with pytest.raises(MessageError):
        script.does(AudioCommit())


def test_what_is_written_in_push_to_talk_is_part_of_the_turn():
    script = Script(turn_detection=None)
    script.asks().words("Hi")
    script.done()
    script.does(ActivityStart())
    script.does(said("It is red."))
    assert [next(iter(f["realtimeInput"])) for f in script.does(ActivityEnd()).frames] == [
        "text",
        "activityEnd",
    ]


def test_the_microphone_pauses():
    assert Script().does(ActivityEnd()).frame == {"realtimeInput": {"audioStreamEnd": True}}
    assert Script().does(AudioCommit()).frame == {"realtimeInput": {"audioStreamEnd": True}}
    with pytest.raises(MessageError) as refused:
        Script(surface=VERTEX).does(ActivityEnd())
    assert refused.value.field == "turn_detection"


def test_audio_that_was_sent_cannot_be_taken_back():
    script = Script()
    assert script.does(AudioClear()).frames == []
    script.does(AudioAppend(MS))
    with pytest.raises(MessageError):
        script.does(AudioClear())


def test_audio_is_checked_and_cut_to_messages_of_a_size():
    script = Script(input_audio_format=AudioFormat(sample_rate=8_000))
    assert script.does(AudioAppend(b"")).frames == []
    assert len(script.does(AudioAppend(bytes(7 << 20))).frames) == 3
    assert script.frames[0]["realtimeInput"]["audio"]["mimeType"] == "audio/pcm;rate=8000"
    with pytest.raises(AudioError):
        script.does(AudioAppend(b"\1"))


# ------------------------------------------------------------------ interruption


def test_the_service_interrupts_and_drops_what_comes_late():
    script = Script()
    script.asks().speaks(100)
    reply = script.one(ResponseStarted).response_id
    assert script.content(interrupted=True).event == Interrupted(reply, "item_3", 100.0)
    assert script.speaks().events == []
    assert script.words("late").events == []
    done = script.done(USAGE).event
    assert (done.status, done.reason, done.usage) == ("interrupted", "turn_detected", COST)
    assert script.activity("START").names == ["SpeechStarted"]


def test_a_turn_that_is_interrupted_and_never_ended_ends_all_the_same():
    script = Script()
    script.asks().speaks(100)
    script.content(interrupted=True)
    assert script.waits().event.status == "interrupted"
    assert "ResponseStarted" in script.speaks().names


def test_an_interruption_tells_that_the_user_speaks_where_nothing_else_does():
    script = Script(model=OLD)
    script.asks().speaks(100)
    script.does(AudioAppend(MS * 300))
    assert script.content(interrupted=True).names == ["SpeechStarted", "Interrupted"]
    script.done()
    assert script.hears("Stop").event.item_id == "item_4"
    assert script.words("OK").names[:3] == ["SpeechStopped", "ItemAdded", "ResponseStarted"]


def test_the_application_interrupts_at_once_and_twice_equals_once():
    script = Script()
    script.asks().speaks(40)
    script.does(ResponseCancel())
    assert script.names == ["Interrupted", "ResponseCompleted"]
    assert (script.frames, script.events[1].reason) == ([], "client_cancelled")
    assert script.does(ResponseCancel()).events == []
    assert script.speaks().events == []
    assert script.content(interrupted=True).events == []
    assert script.content(generationComplete=True).events == []
    assert script.done(USAGE).event == UsageReport(COST, response_id="resp_2")
    assert script.asks("Again").frame == {"realtimeInput": {"text": "Again"}}
    assert "ResponseStarted" in script.speaks().names


def test_interrupting_another_reply_than_the_one_that_runs_does_nothing():
    script = Script()
    script.asks().speaks()
    assert script.does(ResponseCancel("resp_9")).events == []
    assert script.does(ResponseCancel("resp_2")).names == ["Interrupted", "ResponseCompleted"]


def test_a_reply_that_is_interrupted_before_it_begins_is_told_as_such():
    script = Script()
    script.asks()
    assert script.does(ResponseCancel()).events == []
    script.speaks()
    assert script.names == ["ItemAdded", "ResponseStarted", "Interrupted", "ResponseCompleted"]
    assert script.speaks().events == []
    assert script.done().events == []
    assert "AudioChunk" in script.asks("And?").speaks().names


def test_a_reply_that_was_not_wanted_and_does_not_come_is_forgotten():
    script = Script()
    script.asks()
    script.does(ResponseCancel())
    assert script.waits().events == []
    assert "AudioChunk" in script.speaks().names


def test_what_is_interrupted_before_it_began_is_told_to_who_waits():
    script = Script()
    script.asks()
    assert script.content(interrupted=True).names == ["ItemAdded", "ResponseStarted", "Interrupted"]
    assert script.done().one(ResponseCompleted).status == "interrupted"
    assert Script().content(interrupted=True).events == []


def test_a_connection_that_ends_ends_its_reply():
    script = Script()
    script.asks().speaks()
    done = script.ends().event
    assert (done.status, done.reason) == ("failed", "connection_lost")
