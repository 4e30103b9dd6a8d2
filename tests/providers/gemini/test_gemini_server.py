"""Gemini's service as the simulator plays it: what it refuses and with which words, turns, tools, handles, and its leave."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gemini_script import MIDDLE, NEW, OLD, audio, counted_ids, user

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    Command,
    Image,
    ItemCreate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.gemini.server import GeminiServer
from voicechatengine.providers.gemini.server_handshake import on_vertex, rate_limited, refuse
from voicechatengine.providers.gemini.server_sessions import KEPT, Sessions
from voicechatengine.session.dialect import Close, Frame
from voicechatengine.session.handshake import Handshake

PCM = AudioFormat(sample_rate=16_000)
FUNCTION = {"name": "f", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}}
OWN = {
    "audio",
    "vertex",
    "detects_turns",
    "sets_formats",
    "rate_limited",
}  # options that are no fields of a set-up
MANUAL = {"automaticActivityDetection": {"disabled": True}}


class Talk:
    """One connection to the service. `frames` and `commands` hold what the last step gave, `ended` how it was closed."""

    def __init__(
        self, model: str = NEW, *, opened: bool = True, sessions: Sessions | None = None, **options: Any
    ):
        given = {name: options.pop(name) for name in list(options) if name not in OWN}
        self.server = GeminiServer(counted_ids(), sessions=sessions or Sessions(), **options)
        self.now = 100.0
        self.frames: list[dict[str, Any]] = []
        self.commands: list[Command] = []
        self.ended: Close | None = None
        assert not self.server.opened(self.now)
        if opened:
            self.says(setup={"model": f"models/{model}", **given})

    def _take(self, outputs) -> Talk:
        self.frames, self.commands = [], []
        for output in outputs:
            if isinstance(output, Frame):
                self.frames.append(json.loads(output.data))
            elif isinstance(output, Close):
                self.ended = output
            else:
                self.commands.append(output)
        return self

    def says(self, **message: Any) -> Talk:
        """The client sends a message."""
        return self.raw(json.dumps(message))

    def raw(self, frame: bytes | str) -> Talk:
        return self._take(self.server.receive(frame, self.now))

    def tells(self, *events: Event) -> Talk:
        """The provider behind tells events: the outputs of all."""
        return self._take([output for event in events for output in self.server.send(event, self.now)])

    def waits(self) -> Talk:
        due = self.server.deadline()
        assert due is not None
        self.now = due
        return self._take(self.server.expired(self.now))

    def asks(self, text: str = "Hi", response: str = "r") -> Talk:
        """A turn in writing, which the provider begins to answer."""
        self.says(clientContent={"turns": [user(text)], "turnComplete": True})
        return self.tells(ResponseStarted(response))

    @property
    def contents(self) -> list[dict[str, Any]]:
        return [frame["serverContent"] for frame in self.frames if "serverContent" in frame]

    @property
    def kinds(self) -> list[str]:
        """What each frame of the last step holds."""
        return [
            next(iter(frame["serverContent"])) if "serverContent" in frame else next(iter(frame))
            for frame in self.frames
        ]

    def refusal(self) -> tuple[int, str]:
        assert self.ended is not None
        assert self.frames == []
        return self.ended.code, self.ended.reason


# ------------------------------------------------------------------ set-up


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"model": "models/gemini-pro"}, 1008, "not supported for bidiGenerateContent"),
        ({}, 1008, "models/ is not found"),
        ({"model": f"models/{NEW}", "colour": 1}, 1007, "Unknown name \"colour\" at 'setup'"),
        (
            {"model": NEW, "generationConfig": {"speechConfig": {"speed": 2}}},
            1007,
            "Unknown name \"speed\" at 'setup.generation_config.speech_config'",
        ),
        ({"model": NEW, "sessionResumption": 7}, 1007, "Invalid value at 'setup.session_resumption'"),
        ({"model": NEW, "sessionResumption": {"transparent": True}}, 1007, "Transparent"),
        ({"model": OLD, "historyConfig": {"initialHistoryInClientContent": True}}, 1007, "invalid argument"),
        (
            {"model": NEW, "tools": [{"functionDeclarations": [{"name": "f", "strict": True}]}]},
            1007,
            '"strict"',
        ),
        (
            {"model": NEW, "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]},
            1007,
            "invalid",
        ),
        (
            {
                "model": MIDDLE,
                "tools": [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}],
            },
            1007,
            "NON_BLOCKING functions are not supported",
        ),
        (
            {
                "model": NEW,
                "realtimeInputConfig": {"automaticActivityDetection": {"startOfSpeechSensitivity": "X"}},
            },
            1007,
            "setup.start_of_speech_sensitivity",
        ),
        ({"model": NEW, "sessionResumption": {"handle": "no"}}, 1008, "session not found"),
    ],
)
def test_a_set_up_is_refused_with_the_services_words(given, code, words):
    talk = Talk(opened=False).says(setup=given)
    assert talk.refusal()[0] == code
    assert words in talk.refusal()[1]
    assert talk.says(setup={"model": NEW}).frames == []


def test_a_set_up_says_what_the_provider_is_to_be():
    declared = {
        **FUNCTION,
        "parameters": {
            "type": "OBJECT",
            "properties": {
                "list": {"type": "ARRAY", "items": {"type": "STRING", "nullable": True}},
                "either": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
            },
            "propertyOrdering": ["list", "either"],
        },
    }
    talk = Talk(
        tools=[
            {"googleSearch": {}},
            {"functionDeclarations": [declared, {"name": "g", "parametersJsonSchema": {"a": 1}}]},
        ],
        systemInstruction={"parts": [{"text": "Be"}, {"text": "brief."}]},
        realtimeInputConfig={
            "automaticActivityDetection": {"startOfSpeechSensitivity": "START_SENSITIVITY_LOW"}
        },
        detects_turns=True,
        sets_formats=True,
    )
    (update,) = talk.commands
    assert isinstance(update, SessionUpdate)
    options = update.options
    assert options.instructions == "Be\nbrief."
    assert options.tools
    assert options.tools[0].parameters == {
        "type": "object",
        "properties": {
            "list": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
        },
    }
    assert options.tools[1].parameters == {"a": 1}
    assert options.turn_detection
    assert options.turn_detection.threshold == 0.6
    assert (options.input_audio_format, options.output_audio_format) == (PCM, AudioFormat())
    assert talk.frames == [{"setupComplete": {"sessionId": "session_1"}}]
    assert talk.server.snapshot().options.instructions == "Be\nbrief."
    assert Talk(opened=False).server.snapshot().options.changes() == {}


@pytest.mark.parametrize(
    "frame",
    ["{", "[]", b"\xff", '{"setup":{},"clientContent":{}}', "{}", '{"clientContent":{}}', '{"other":{}}'],
)
def test_the_set_up_comes_first_and_each_message_says_one_thing(frame):
    assert Talk(opened=False).raw(frame).refusal()[0] == 1007
    assert Talk().says(setup={"model": NEW}).refusal() == (
        1007,
        "setup must be the first message and only the first",
    )


# ------------------------------------------------------------------ what the client says


def test_either_spelling_is_read():
    talk = Talk()
    talk.says(client_content={"turns": [user("Hi")], "turn_complete": True})
    assert [type(command) for command in talk.commands] == [ItemCreate, ResponseCreate]
    talk.says(realtime_input={"audio": {"mime_type": "audio/pcm;rate=16000", "data": "AAAAAA=="}})
    assert talk.ended is None


def test_a_newer_model_takes_content_before_the_conversation_only():
    talk = Talk()
    talk.asks()
    talk.tells(ResponseCompleted("r"))
    assert talk.says(clientContent={"turns": [user("More")]}).refusal()[0] == 1007
    old = Talk(OLD)
    old.asks()
    assert old.says(clientContent={"turns": [user("More")]}).kinds == ["interrupted", "turnComplete"]
    assert old.commands[0] == ResponseCancel("r")


def test_an_announced_history_asks_for_nothing():
    talk = Talk(historyConfig={"initialHistoryInClientContent": True})
    assert Talk(historyConfig={"initialHistoryInClientContent": True}).says(realtimeInput={"text": "?"}).ended
    call = {"functionCall": {"id": "c", "name": "f", "args": {"n": 1}}}
    result = {"functionResponse": {"id": "c", "name": "f", "response": {"sum": 1}}}
    turns = [
        user("Hi"),
        {"role": "model", "parts": [{"text": "Yes?"}, call]},
        {"role": "user", "parts": [result]},
    ]
    talk.says(clientContent={"turns": turns, "turnComplete": True})
    items = [command.item for command in talk.commands if isinstance(command, ItemCreate)]
    assert [item.role for item in items if isinstance(item, MessageItem)] == ["user", "assistant"]
    assert [type(item) for item in items[2:]] == [ToolCallItem, ToolResultItem]
    assert items[3].output == '{"sum":1}'  # type: ignore[union-attr]
    assert ResponseCreate() not in talk.commands
    assert ResponseCreate() in talk.says(realtimeInput={"text": "Go"}).commands


@pytest.mark.parametrize(
    "message",
    [
        {"realtimeInput": {}},
        {"realtimeInput": {"text": "a", "audioStreamEnd": True}},
        {"realtimeInput": {"audio": {"mimeType": "audio/opus", "data": ""}}},
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "***"}}},
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AA=="}}},
        {"realtimeInput": {"activityStart": {}}},
        {"clientContent": {"turns": [{"role": "system", "parts": [{"text": "x"}]}]}},
        {"clientContent": {"turns": [{"parts": [audio(b"", "audio/pcm")]}]}},
        {"toolResponse": {}},
    ],
)
def test_what_makes_no_sense_ends_the_connection(message):
    assert Talk().says(**message).refusal()[0] == 1007


def test_the_system_speaks_on_vertex():
    talk = Talk(vertex=True)
    talk.says(clientContent={"turns": [{"role": "system", "parts": [{"text": "Be kind."}]}]})
    assert talk.commands[0].item.role == "system"  # type: ignore[union-attr]
    assert talk.says(realtimeInput={"audioStreamEnd": True}).refusal()[0] == 1007


def test_pictures_are_taken_in_real_time_also_in_the_old_form():
    talk = Talk()
    talk.says(realtimeInput={"mediaChunks": [{"mimeType": "image/jpeg", "data": "anBn"}]})
    assert talk.commands == [Image(b"jpg", "image/jpeg")]


def test_instructions_and_tools_change_where_the_model_knows_that():
    talk = Talk()
    talk.says(contextUpdate={"systemInstruction": {"parts": [{"text": "New."}]}, "tools": {"tools": []}})
    (update,) = talk.commands
    assert isinstance(update, SessionUpdate)
    assert update.options.changes() == {"instructions": "New.", "tools": ()}
    assert talk.says(contextUpdate={}).commands == []
    assert Talk(MIDDLE).says(contextUpdate={}).refusal()[0] == 1007


def test_a_result_while_a_reply_is_on_its_way_asks_for_no_second_one():
    free = [{"functionDeclarations": [{"name": "f"}]}]
    talk = Talk(tools=free).asks()
    talk.tells(ToolCall("c1", "f", "{}", {}, "r"), ResponseCompleted("r", tool_calls=1))
    assert (
        len(
            [
                each
                for each in talk.says(realtimeInput={"text": "And?"}).commands
                if isinstance(each, ResponseCreate)
            ]
        )
        == 1
    )
    result = {"id": "c1", "name": "f", "response": {"output": "42"}}
    assert talk.says(toolResponse={"functionResponses": [result]}).commands == [ToolResult("c1", "42")]
    assert (
        talk.tells(ResponseStarted("r2"), AudioChunk(b"\0\0", None, "r", "i")).frames == []
    )  # of the reply before


# ------------------------------------------------------------------ speech


def sound(ms: float, *, loud: bool = True) -> dict[str, Any]:
    data = tone(PCM, ms) if loud else PCM.silence(ms)
    return {"audio": audio(data, "audio/pcm;rate=16000")["inlineData"]}


def test_speech_is_found_passed_on_and_answered():
    talk = Talk()
    assert talk.says(realtimeInput=sound(500, loud=False)).commands == []
    talk.says(realtimeInput=sound(400))
    assert talk.frames == [{"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.5s"}}]
    passed = sum(len(each.audio) for each in talk.commands if isinstance(each, AudioAppend))
    assert PCM.duration_ms(passed) == pytest.approx(700, abs=60)
    talk.says(realtimeInput=sound(700, loud=False))
    assert talk.frames == [{"voiceActivity": {"type": "ACTIVITY_END", "audioOffset": "0.9s"}}]
    assert [type(each) for each in talk.commands[-2:]] == [AudioCommit, ResponseCreate]


def test_older_models_do_not_tell_of_speech():
    talk = Talk(OLD)
    talk.says(realtimeInput=sound(400))
    assert talk.frames == []
    assert talk.commands


def test_a_microphone_that_is_switched_off_ends_the_turn():
    talk = Talk()
    talk.says(realtimeInput=sound(400))
    talk.says(realtimeInput={"audioStreamEnd": True})
    assert [type(each) for each in talk.commands] == [AudioCommit, ResponseCreate]
    assert talk.says(realtimeInput={"audioStreamEnd": True}).commands == []


def test_speech_interrupts_unless_it_may_not():
    talk = Talk()
    talk.asks()
    talk.says(realtimeInput=sound(400))
    assert talk.kinds == ["voiceActivity", "interrupted", "turnComplete"]
    assert talk.commands[0] == ResponseCancel("r")
    assert talk.tells(TextChunk("late", response_id="r"), ResponseCompleted("r", "interrupted")).frames == []
    polite = Talk(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"})
    polite.asks()
    assert polite.says(realtimeInput=sound(400)).kinds == ["voiceActivity"]
    polite.says(realtimeInput=sound(700, loud=False))
    assert ResponseCreate() not in polite.commands


def test_a_reply_that_was_interrupted_before_it_began_is_not_told():
    talk = Talk()
    talk.says(clientContent={"turns": [user("Hi")], "turnComplete": True})
    assert talk.says(realtimeInput=sound(400)).commands[0] == ResponseCancel()
    talk.says(realtimeInput=sound(700, loud=False))
    assert (
        talk.tells(
            ResponseStarted("old"), TextChunk("Old", response_id="old"), ResponseCompleted("old")
        ).frames
        == []
    )
    talk.tells(ResponseStarted("new"), TextChunk("New", response_id="new"))
    assert talk.contents[0]["modelTurn"]["parts"] == [{"text": "New"}]


def test_a_provider_that_finds_turns_by_itself_is_handed_everything():
    talk = Talk(detects_turns=True)
    assert len(talk.says(realtimeInput=sound(100, loud=False)).commands) == 1
    talk.tells(SpeechStarted(), SpeechStopped(80.0))
    assert [frame["voiceActivity"]["audioOffset"] for frame in talk.frames] == ["0.1s", "0.08s"]
    talk.tells(ResponseStarted("r"), TextChunk("Yes", response_id="r"), Interrupted("r"))
    assert talk.kinds == ["modelTurn", "interrupted"]
    assert talk.tells(ResponseCompleted("r", "interrupted")).kinds == ["turnComplete"]
    beside = talk.tells(ResponseStarted("b", out_of_band=True), TextChunk("Hm", response_id="b"))
    assert beside.frames == []


def test_a_tool_round_is_interrupted_by_speech_that_the_provider_finds():
    talk = Talk(MIDDLE, detects_turns=True, tools=[{"functionDeclarations": [FUNCTION]}])
    talk.asks()
    talk.tells(ToolCall("c", "f", "{}", {}, "r"), ResponseCompleted("r", tool_calls=1))
    talk.tells(SpeechStarted(10.0))
    assert talk.kinds == ["voiceActivity", "toolCallCancellation", "interrupted", "turnComplete"]
    assert talk.commands == [ToolResult("c", "cancelled", is_error=True)]


def test_a_client_that_marks_its_turns_is_heard_between_the_marks():
    talk = Talk(realtimeInputConfig=MANUAL)
    assert talk.says(realtimeInput=sound(100)).commands == []
    talk.says(realtimeInput={"activityStart": {}})
    assert isinstance(talk.says(realtimeInput=sound(100)).commands[0], AudioAppend)
    assert talk.says(realtimeInput={"text": "Look"}).commands[0].item.text == "Look"  # type: ignore[union-attr]
    assert talk.says(realtimeInput={"activityEnd": {}}).commands == [AudioCommit(), ResponseCreate()]
    assert talk.says(realtimeInput={"activityEnd": {}}).refusal()[0] == 1007


def test_the_users_words_are_told_where_they_are_wanted():
    words = (InputTranscript("Good", item_id="i"), InputTranscript("Good day", final=True, item_id="i"))
    assert Talk().tells(*words).frames == []
    talk = Talk(inputAudioTranscription={"languageCodes": ["en"], "customVocabulary": ["Ada"]}).tells(*words)
    assert [content["inputTranscription"] for content in talk.contents] == [
        {"text": "Good"},
        {"text": " day", "finished": True},
    ]


# ------------------------------------------------------------------ the model's turn


def test_a_turn_is_told_as_the_service_does():
    talk = Talk(outputAudioTranscription={}, audio=PCM)
    talk.asks()
    talk.tells(
        TextChunk("Yes", spoken=True, response_id="r"),
        AudioChunk(PCM.silence(100), None, "r"),
        AudioChunk(AudioFormat().silence(100), AudioFormat(), "r"),
        ResponseCompleted("r", usage=Usage(3, 4, 7, 1, 3, 0, 0, 4)),
    )
    assert talk.kinds == [
        "outputTranscription",
        "modelTurn",
        "modelTurn",
        "generationComplete",
        "turnComplete",
    ]
    parts = [content["modelTurn"]["parts"][0]["inlineData"] for content in talk.contents[1:3]]
    assert {part["mimeType"] for part in parts} == {"audio/pcm;rate=24000"}
    assert len({len(part["data"]) // 100 for part in parts}) == 1
    assert talk.contents[-1]["interactionStatus"] == "IDLE"
    assert talk.frames[-1]["usageMetadata"] == {
        "promptTokenCount": 3,
        "cachedContentTokenCount": 1,
        "responseTokenCount": 4,
        "totalTokenCount": 7,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
        "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
    }
    assert Talk().asks().tells(TextChunk("Yes", spoken=True, response_id="r")).frames == []


def test_a_tool_round_is_one_turn():
    talk = Talk(MIDDLE, tools=[{"functionDeclarations": [FUNCTION]}])
    talk.asks()
    talk.tells(ToolCall("c1", "f", '{"n":1}', {"n": 1}, "r"), ToolCall("c2", "f", "{bad", None, "r"))
    assert talk.frames == []
    talk.tells(ResponseCompleted("r", tool_calls=2))
    (calls,) = talk.frames
    assert [call["args"] for call in calls["toolCall"]["functionCalls"]] == [{"n": 1}, "{bad"]
    talk.says(toolResponse={"functionResponses": [{"id": "c1", "response": {"output": {"a": 1}}}]})
    assert talk.commands == [ToolResult("c1", '{"a":1}', is_error=False)]
    talk.says(toolResponse={"functionResponses": [{"name": "f", "response": {"error": "no"}}]})
    assert talk.commands == [ToolResult("c2", "no", is_error=True), ResponseCreate()]
    assert talk.says(toolResponse={"functionResponses": [{"id": "c1"}]}).refusal()[0] == 1008


@pytest.mark.parametrize(
    ("scheduling", "answered"), [("SILENT", False), ("WHEN_IDLE", True), ("INTERRUPT", True)]
)
def test_a_tool_that_does_not_block_is_answered_as_its_result_says(scheduling, answered):
    talk = Talk(tools=[{"functionDeclarations": [FUNCTION]}])
    talk.asks()
    talk.tells(ToolCall("c", "f", "{}", {}, "r"), ResponseCompleted("r", tool_calls=1))
    assert talk.kinds == ["toolCall", "generationComplete", "turnComplete"]
    talk.says(toolResponse={"functionResponses": [{"id": "c", "response": {}, "scheduling": scheduling}]})
    assert (ResponseCreate() in talk.commands) is answered


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("failed", "quota", "RESPONSE_REJECTED"),
        ("incomplete", None, "GENERATED_OTHER"),
        ("incomplete", "blocklist", "BLOCKLIST"),
    ],
)
def test_a_turn_that_ends_badly_says_why(status, reason, told):
    talk = Talk()
    talk.asks()
    talk.tells(ResponseCompleted("r", status, reason))
    assert talk.contents == [{"turnComplete": True, "turnCompleteReason": told, "interactionStatus": "IDLE"}]


def test_an_error_of_the_provider_closes_the_connection():
    assert Talk().tells(ErrorInfo("x", "y", recoverable=False)).refusal() == (
        1011,
        "Internal error occurred.",
    )
    assert "y" in Talk().tells(ErrorInfo("x", "y", command="image")).refusal()[1]
    assert Talk().tells(ErrorInfo("x", "y")).ended is None


def test_replies_can_be_refused_for_want_of_quota():
    talk = Talk(rate_limited=1)
    talk.says(clientContent={"turns": [user("Hi")], "turnComplete": True})
    assert talk.refusal()[0] == 1011
    assert talk.tells(ResponseStarted("r")).frames == []


# ------------------------------------------------------------------ handles, and the end


def test_a_session_goes_on_by_its_handle():
    sessions = Sessions()
    talk = Talk(MIDDLE, sessions=sessions, sessionResumption={}, tools=[{"functionDeclarations": [FUNCTION]}])
    talk.asks()
    talk.tells(ToolCall("c", "f", "{}", {}, "r"), ResponseCompleted("r", tool_calls=1))
    talk.says(toolResponse={"functionResponses": [{"id": "c", "response": {"output": "1"}}]})
    talk.tells(
        ResponseStarted("r2"), TextChunk("One.", response_id="r2", item_id="i"), ResponseCompleted("r2")
    )
    update = talk.frames[-1]["sessionResumptionUpdate"]
    assert update["resumable"]
    assert "lastConsumedClientMessageIndex" not in update
    again = Talk(sessions=sessions, sessionResumption={"handle": update["newHandle"]})
    items = [command.item for command in again.commands if isinstance(command, ItemCreate)]
    assert [type(item).__name__ for item in items] == [
        "MessageItem",
        "ToolCallItem",
        "ToolResultItem",
        "MessageItem",
    ]
    assert len({item.id for item in items}) == 4
    assert (
        again.says(clientContent={"turns": [user("More")]}).refusal()[0] == 1007
    )  # the conversation has begun


def test_in_transparent_mode_a_handle_says_what_it_holds():
    talk = Talk(vertex=True, sessionResumption={"transparent": True})
    talk.asks()
    talk.tells(ResponseCompleted("r", usage=Usage(1, 2, 3)))
    assert talk.frames[1]["usageMetadata"]["candidatesTokenCount"] == 2
    assert talk.frames[-1]["sessionResumptionUpdate"]["lastConsumedClientMessageIndex"] == 2


def test_only_so_many_sessions_are_kept():
    sessions = Sessions()
    for number in range(KEPT + 1):
        sessions.save(str(number), ())
    assert sessions.find("0") is None
    assert sessions.find(str(KEPT)) == ()


def test_a_connection_is_left_with_notice():
    talk = Talk()
    assert talk.waits().frames == [{"goAway": {"timeLeft": "60s"}}]
    assert talk.now == 640.0
    assert talk.waits().refusal() == (1008, "The operation was aborted.")
    assert talk.server.deadline() is None
    silent = Talk(opened=False)
    assert silent.waits().frames == []
    gone = Talk()
    gone.server.closed(Close(1000), gone.now)
    assert gone.server.deadline() is None
    assert gone.says(clientContent={}).commands == []


# ------------------------------------------------------------------ the handshake

DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
ON_VERTEX = "//ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize(
    ("path", "query", "headers", "status"),
    [
        (DEVELOPER, {}, {"x-goog-api-key": "right"}, None),
        (DEVELOPER, {"key": "right"}, {}, None),
        (f"{DEVELOPER}Constrained", {"access_token": "right"}, {}, None),
        (ON_VERTEX, {}, {"authorization": "Bearer right"}, None),
        (DEVELOPER, {}, {}, 403),
        (DEVELOPER, {"key": "wrong"}, {}, 401),
        (DEVELOPER, {"key": "invalid"}, {}, 401),
        ("/v1/realtime", {"key": "right"}, {}, 404),
    ],
)
def test_a_handshake_needs_the_right_path_and_key(path, query, headers, status):
    refusal = refuse(Handshake(path, query, headers), "right")
    assert (None if refusal is None else refusal.status) == status
    if refusal is not None:
        assert json.loads(refusal.body)["error"]["code"] == status
    assert on_vertex(Handshake(path)) is (path == ON_VERTEX)


def test_too_many_handshakes_are_told_to_wait():
    refusal = rate_limited(2.5)
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": "2.5"})
