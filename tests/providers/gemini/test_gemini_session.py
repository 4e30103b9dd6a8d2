"""The session: how it is set up, resumed, told what it does not know, and what its end means."""

from __future__ import annotations

import json

import pytest
from gemini_script import MIDDLE, MS, NEW, OLD, SPOKEN, TOOL, VAD, VERTEX, Script, said, user

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.events import ErrorInfo, SessionCreated, SessionExpiring, VendorMessage
from voicechatengine.messages import (
    AudioAppend,
    AudioPart,
    Image,
    ImagePart,
    MessageItem,
    Options,
    ResponseCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.gemini.resume import Memo, read
from voicechatengine.session.dialect import Restore

HISTORY = (
    MessageItem("system", (TextPart("Be kind."),), "i0"),
    MessageItem("user", (TextPart("Hi"),), "i1"),
    MessageItem("assistant", (TextPart("Hello.", spoken=True),), "i2"),
    ToolCallItem("c1", "f", '{"n": 1}', "i3"),
    ToolResultItem("c1", "42", "i4"),
    MessageItem("assistant", (AudioPart(MS),), "i5"),
    MessageItem("user", (AudioPart(MS, "And?"),), "i6"),
)


def restored(model: str = NEW, history=HISTORY, **given) -> Restore:
    return Restore(options=Options(model=model, turn_detection=VAD), history=tuple(history), **given)


# ------------------------------------------------------------------ set-up


def test_a_session_says_all_that_it_wants_in_its_first_message():
    options = Options(
        model=NEW,
        voice="Puck",
        language="de-DE",
        instructions="Be brief.",
        tools=(TOOL,),
        modalities=("audio",),
        max_tokens=100,
        turn_detection=TurnDetection(
            threshold=0.2, prefix_padding_ms=100, silence_duration_ms=300, interrupt_response=False
        ),
        transcription=Transcription(language="de", prompt="Ada, Lovelace,"),
        vendor={
            "generationConfig": {"temperature": 0.4, "thinkingConfig": {"thinkingBudget": 0}},
            "proactivity": {"proactiveAudio": True},
            "contextWindowCompression": {"triggerTokens": 1000},
            "toolBehavior": "BLOCKING",
        },
    )
    setup = Script(options).setup
    assert setup.pop("tools")[0]["functionDeclarations"][0]["name"] == "f"
    assert setup == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {
                "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}},
                "languageCode": "de-DE",
            },
            "maxOutputTokens": 100,
            "temperature": 0.4,
            "thinkingConfig": {"thinkingBudget": 0},
        },
        "systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"},
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH",
                "prefixPaddingMs": 100,
                "silenceDurationMs": 300,
            },
            "activityHandling": "NO_INTERRUPTION",
        },
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}, "triggerTokens": 1000},
        "inputAudioTranscription": {"languageCodes": ["de"], "customVocabulary": ["Ada", "Lovelace"]},
        "outputAudioTranscription": {},
        "proactivity": {"proactiveAudio": True},
    }


def test_a_session_in_writing_has_no_voice_and_what_is_switched_off_is_left_out():
    vendor = {"contextWindowCompression": None, "sessionResumption": None}
    setup = Script(
        modalities=("text",),
        voice="Puck",
        transcription=None,
        turn_detection=TurnDetection(threshold=0.9),
        vendor=vendor,
    ).setup
    assert setup == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["TEXT"]},
        "realtimeInputConfig": {
            "automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_LOW"}
        },
    }


def test_vertex_wants_the_whole_name_of_a_model():
    path = "projects/p/locations/europe-west4/publishers/google/models/gemini-3.8-live"
    assert Script(surface=VERTEX).setup["model"] == path
    assert Script(model="models/gemini-3.8-live").setup["model"] == "models/gemini-3.8-live"
    transparent = Script(surface=VERTEX, vendor={"sessionResumption": {"transparent": True}})
    assert transparent.setup["sessionResumption"] == {"transparent": True}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"modalities": ()}, "modalities"),
        ({"modalities": ("text",), "model": OLD}, "modalities"),
        ({"turn_detection": TurnDetection("semantic_vad")}, "turn_detection.mode"),
        ({"turn_detection": TurnDetection(idle_timeout_ms=1)}, "turn_detection.idle_timeout_ms"),
        ({"turn_detection": TurnDetection(eagerness="low")}, "turn_detection.eagerness"),
        ({"turn_detection": TurnDetection(create_response=False)}, "turn_detection.create_response"),
        ({"transcription": Transcription(model="whisper")}, "transcription.model"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"input_audio_format": AudioFormat("g711_ulaw", 8_000)}, "input_audio_format"),
        ({"output_audio_format": AudioFormat(sample_rate=16_000)}, "output_audio_format"),
        ({"vendor": {"temperature": 1}}, "vendor.temperature"),
        ({"vendor": {"generationConfig": 1}}, "vendor.generationConfig"),
        ({"vendor": {"explicitVadSignal": True}}, "vendor.explicitVadSignal"),
        ({"vendor": {"sessionResumption": {"transparent": True}}}, "vendor.sessionResumption.transparent"),
        ({"vendor": {"labels": {}}, "surface": VERTEX}, "vendor.labels"),
    ],
)
def test_what_the_service_does_not_have_is_refused_before_a_byte_leaves(given, field):
    with pytest.raises(MessageError) as refused:
        Script(**given)
    assert refused.value.field == field


def test_nothing_is_told_before_the_session_is_there_and_only_once():
    script = Script(opened=False)
    assert script.says(setupComplete={"sessionId": "s1"}).event == SessionCreated("s1")
    assert script.says(setupComplete={}).events == []
    assert Script(opened=False).says(setupComplete={}).event == SessionCreated("sess_1")


# ------------------------------------------------------------------ history


def test_a_history_is_announced_and_sent_and_what_was_written_last_waits():
    script = Script(restore=restored(), opened=False)
    assert script.setup["historyConfig"] == {"initialHistoryInClientContent": True}
    assert script.setup["systemInstruction"]["parts"] == [{"text": "Be kind."}]
    script.says(setupComplete={})
    assert script.frame["clientContent"] == {
        "turns": [
            user("Hi"),
            {
                "parts": [{"text": "Hello."}, {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}}],
                "role": "model",
            },
            {
                "parts": [{"functionResponse": {"id": "c1", "name": "f", "response": {"output": "42"}}}],
                "role": "user",
            },
        ],
        "turnComplete": True,
    }
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"text": "And?"}}


@pytest.mark.parametrize(("model", "surface"), [(OLD, None), (NEW, VERTEX)])
def test_where_a_history_cannot_be_announced_it_is_content(model, surface):
    script = Script(restore=restored(model), surface=surface, opened=False)
    assert "historyConfig" not in script.setup
    script.says(setupComplete={})
    assert script.frame["clientContent"]["turnComplete"] is False
    content = script.does(ResponseCreate()).frame["clientContent"]
    assert content == {"turns": [user("And?")], "turnComplete": True}


def test_the_system_speaks_as_itself_on_vertex():
    script = Script(restore=restored(), surface=VERTEX, opened=False)
    assert "systemInstruction" not in script.setup
    script.says(setupComplete={})
    assert script.frame["clientContent"]["turns"][0] == {"parts": [{"text": "Be kind."}], "role": "system"}


def test_a_call_of_the_history_can_be_answered():
    history = (MessageItem("user", (TextPart("n?"),), "i1"), ToolCallItem("c1", "f", "{}", "i2"))
    script = Script(restore=restored(OLD, history))
    assert script.does(ToolResult("c1", "42")).frames == []
    (turn,) = script.does(ResponseCreate()).frame["clientContent"]["turns"]
    assert turn["parts"][0]["functionResponse"]["response"] == {"output": "42"}
    newer = Script(restore=restored(NEW, history))
    newer.does(ToolResult("c1", "42"))
    assert [next(iter(frame)) for frame in newer.does(ResponseCreate()).frames] == [
        "toolResponse",
        "realtimeInput",
    ]


def test_what_of_a_history_cannot_be_told_is_named():
    history = (MessageItem("user", (ImagePart(b"", "image/gif"),)), ToolResultItem("c9", "42"), *HISTORY[1:3])
    script = Script(restore=restored(history=history), opened=False)
    script.says(setupComplete={})
    assert [e.code for e in script.events if isinstance(e, ErrorInfo)] == ["history_item_lost"] * 2
    assert script.one(SessionCreated)


def test_a_reply_that_is_owed_is_asked_for():
    script = Script(restore=restored(reply_owed=ResponseCreate()), opened=False)
    assert script.says(setupComplete={}).frames[-1] == {"realtimeInput": {"text": "And?"}}


# ------------------------------------------------------------------ resumption


def handle(script: Script) -> Memo:
    memo = read(script.client.snapshot().handle)
    assert memo is not None
    return memo


def test_a_handle_and_what_it_does_not_hold_are_kept():
    script = Script()
    assert script.client.snapshot().handle is None
    script.asks().speaks()
    script.done()
    update = {"newHandle": "h1", "resumable": True}
    assert script.says(sessionResumptionUpdate=update).event == VendorMessage(
        "sessionResumptionUpdate", update
    )
    assert handle(script) == Memo("h1")
    script.does(said("More", "i9"))
    script.does(ResponseCreate())
    script.speaks()
    script.says(sessionResumptionUpdate={"resumable": False})
    script.ends()
    assert handle(script) == Memo("h1", ("i9", "item_5"))


@pytest.mark.parametrize("model", [OLD, NEW])
def test_what_waits_for_a_request_is_in_no_handle_until_it_is_sent(model):
    script = Script(model=model).asks()
    script.does(said("And this", "i9")).does(Image(b"x", "image/png"))  # while the reply is on its way
    script.words("Hello.").done().says(sessionResumptionUpdate={"newHandle": "h1", "resumable": True})
    (written, shown) = handle(script).unseen
    assert written == "i9"
    script.does(ResponseCreate())
    assert handle(script) == Memo("h1", ("i9", shown))  # the handle is older than they are
    script.words("Yes.").done().says(sessionResumptionUpdate={"newHandle": "h2", "resumable": True})
    assert handle(script) == Memo("h2")


def test_in_transparent_mode_the_service_says_how_much_it_has_taken():
    script = Script(surface=VERTEX, vendor={"sessionResumption": {"transparent": True}})
    script.asks().speaks()
    script.done()
    script.says(
        sessionResumptionUpdate={"newHandle": "h1", "resumable": True, "lastConsumedClientMessageIndex": "2"}
    )
    script.does(AudioAppend(MS))  # the third message
    script.activity("START")
    script.activity("END")
    speech = handle(script).unseen
    assert len(speech) == 1
    script.says(
        sessionResumptionUpdate={"newHandle": "h2", "resumable": True, "lastConsumedClientMessageIndex": "2"}
    )
    assert handle(script) == Memo("h2", speech)
    script.says(
        sessionResumptionUpdate={"newHandle": "h3", "resumable": True, "lastConsumedClientMessageIndex": 3}
    )
    assert handle(script) == Memo("h3")


def resumed(unseen: tuple[str, ...] = (), model: str = NEW, **given) -> Script:
    memo = json.dumps({"handle": "h1", "unseen": unseen})
    script = Script(restore=restored(model, handle=memo, reconnect=True, **given), opened=False)
    assert script.setup["sessionResumption"] == {"handle": "h1"}
    assert "historyConfig" not in script.setup
    return script.says(setupComplete={"sessionId": "s2"})


def test_a_resumed_session_is_told_nothing_that_it_knows():
    script = resumed()
    assert (script.frames, script.event) == ([], SessionCreated("s2", resumed=True))


def test_a_resumed_session_is_told_what_came_after_its_handle():
    script = resumed(("i6",))
    assert script.one(SessionCreated).resumed
    assert script.does(ResponseCreate()).frame == {"realtimeInput": {"text": "And?"}}
    old = resumed(("i2", "call c1", "result c1", "i6"), OLD)
    assert old.frames == []
    turns = old.does(ResponseCreate()).frame["clientContent"]["turns"]
    assert [turn["role"] for turn in turns] == ["model", "user", "user"]
    assert [next(iter(part)) for turn in turns for part in turn["parts"]] == [
        "text",
        "functionCall",
        "functionResponse",
        "text",
    ]


def test_a_session_that_cannot_be_told_what_came_after_its_handle_begins_anew():
    memo = json.dumps({"handle": "h1", "unseen": ["i2"]})
    script = Script(restore=restored(handle=memo, reconnect=True), opened=False)
    assert script.setup["sessionResumption"] == {}
    assert script.says(setupComplete={}).frame["clientContent"]["turnComplete"]
    assert not script.one(SessionCreated).resumed


def test_words_that_never_came_are_missed():
    assert not resumed(("speech without words",)).one(SessionCreated).resumed


def test_a_call_that_a_resumed_session_has_not_seen_is_answered_in_its_content():
    history = (*HISTORY[:2], ToolCallItem("c2", "f", "{}", "i3"))
    memo = json.dumps({"handle": "h1", "unseen": ["i1", "call c2"]})
    script = Script(restore=Restore(options=Options(model=OLD), history=history, handle=memo))
    assert script.does(ToolResult("c2", "42")).frames == []
    turns = script.does(ResponseCreate()).frame["clientContent"]["turns"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user"]


def test_calls_that_a_resumed_session_waits_for_can_be_answered():
    history = (*HISTORY[:2], ToolCallItem("c2", "f", "{}", "i3"))
    memo = Restore(options=Options(model=NEW), history=history, handle="h1", pending_calls=("c2",))
    script = Script(restore=memo)
    assert script.client.snapshot().pending_calls == ("c2",)
    assert script.does(ToolResult("c2", "42")).frame["toolResponse"]


def test_a_handle_of_another_process_can_be_given_for_the_first_connection():
    vendor = {"sessionResumption": {"handle": "h0"}}
    script = Script(vendor=vendor, opened=False)
    assert script.setup["sessionResumption"] == {"handle": "h0"}
    assert script.says(setupComplete={}).event.resumed
    options = Options(model=NEW, vendor=vendor)
    assert Script(restore=Restore(options=options, reconnect=True)).setup["sessionResumption"] == {}


def test_a_handle_that_is_refused_is_not_kept():
    script = Script(restore=restored(handle="h1"), opened=False)
    error = script.ends(1008, "BidiGenerateContent session not found").event
    assert (error.code, error.recoverable) == ("session_resumption_refused", True)
    assert script.client.snapshot().handle is None
    dropped = Script(restore=restored(handle="h1"), opened=False)
    dropped.ends(1006)
    assert handle(dropped) == Memo("h1")


# ------------------------------------------------------------------ the end


def test_the_service_says_that_it_will_leave():
    script = Script()
    assert script.says(goAway={"timeLeft": "9.5s"}).event == SessionExpiring(9.5)
    assert script.says(goAway={}).event == SessionExpiring(10.0)
    assert script.ends(1008, "The operation was aborted.").event.code == "session_expired"


@pytest.mark.parametrize(
    ("code", "reason", "begun", "found", "goes_on"),
    [
        (1007, "API key not valid. Please pass a valid API key.", False, "invalid_api_key", False),
        (1008, "models/x is not found for API version v1beta", False, "model_not_found", False),
        (1011, "You exceeded your current quota, please check your plan.", True, "quota_exceeded", False),
        (1007, "Request contains an invalid argument.", False, "invalid_argument", False),
        (1007, "Request contains an invalid argument.", True, "invalid_argument", True),
        (1007, "The input token count exceeds the token limit", True, "context_exhausted", False),
        (1008, "Requested entity was not found.", True, "policy_violation", True),
        (1011, "Internal error occurred.", False, "internal_error", True),
        (1011, "", True, "internal_error", True),
        (1011, "The service is currently unavailable.", True, "unavailable", True),
        (1008, "User location is not supported for the API use.", False, "permission_denied", False),
        (1008, "The operation was aborted.", True, "session_expired", True),
    ],
)
def test_a_close_means_what_its_code_and_its_reason_say(code, reason, begun, found, goes_on):
    error = Script(opened=begun).ends(code, reason).event
    assert (error.code, error.recoverable) == (found, goes_on)
    assert error.message


def test_a_close_that_says_nothing_is_none():
    assert Script().ends(1000).events == []
    assert Script().ends(1006, "connection lost").events == []


def test_a_refused_history_is_not_sent_again_and_again():
    script = Script(restore=restored())
    error = script.ends(1007, "Request contains an invalid argument.").event
    assert (error.code, error.recoverable) == ("history_refused", False)
    spoken = Script(restore=restored())
    spoken.does(ResponseCreate())
    spoken.content(modelTurn={"parts": [{"text": SPOKEN.decode()}]})
    assert spoken.ends(1007).events[0].recoverable


def test_models_of_the_middle_generation_are_set_up_too():
    assert Script(model=MIDDLE).setup["model"] == "models/gemini-3.1-flash-live-preview"
