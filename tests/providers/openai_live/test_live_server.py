"""The service's side of OpenAI Live: what it refuses, how it paces its one output, and what a provider behind it says."""

from __future__ import annotations

import base64
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from live_oracle import CLIENT, SERVER_MODELS
from live_script import counted_ids, strange

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Event,
    InputTranscript,
    Interrupted,
    ItemAdded,
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
    ItemCreate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
)
from voicechatengine.providers.openai_live import server_checks
from voicechatengine.providers.openai_live.encode import DELEGATE_TOOL
from voicechatengine.providers.openai_live.server import OpenAILiveServer
from voicechatengine.session.dialect import Close, Frame, Restore
from voicechatengine.session.handshake import Handshake

PCM = AudioFormat()
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
RESPONSES = {"type": "responses", "responses": {"model": "gpt-x", "tools": [FUNCTION]}}


class Service:
    """A server's dialect: what a client says, what the provider tells, what time brings. Each message is of the vendor's types."""

    def __init__(self, *, start: bool = True, detects_turns: bool = False, **fields: Any) -> None:
        options = {name: fields.pop(name) for name in ("expires_after_s", "rate_limited") if name in fields}
        self.server = OpenAILiveServer(counted_ids(), detects_turns=detects_turns, **options)
        self.now = 1000.0
        self.commands: list[Command] = []
        self.closes: list[Close] = []
        assert self.server.opened(self.now) == ()
        if start:
            session = {"model": "gpt-live-1", **fields}
            (self.started,) = self.say("session.start", session=session)
            self.options = self.commands.pop(0)

    def say(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return self.raw(json.dumps({"type": kind, **fields}))

    def raw(self, frame: bytes | str) -> list[dict[str, Any]]:
        return self._take(self.server.receive(frame, self.now))

    def tell(self, *events: Event) -> list[dict[str, Any]]:
        return [frame for event in events for frame in self._take(self.server.send(event, self.now))]

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        end, frames = self.now + seconds, list[dict[str, Any]]()
        while (due := self.server.deadline()) is not None and due <= end + 1e-9:
            self.now = due
            frames += self._take(self.server.expired(due))
        self.now = end
        return frames

    def hear(self, audio: bytes) -> list[dict[str, Any]]:
        return self.say("session.input_audio.append", audio=base64.b64encode(audio).decode())

    def asked(self) -> list[Command]:
        asked, self.commands = self.commands, []
        return asked

    def _take(self, outputs: Any) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for out in outputs:
            if isinstance(out, Frame):
                frame = json.loads(out.data)
                assert strange(SERVER_MODELS[frame["type"]].model_validate(frame)) == []
                frames.append(frame)
            elif isinstance(out, Close):
                self.closes.append(out)
            else:
                self.commands.append(out)
        return frames


def types(frames: list[dict[str, Any]]) -> list[str]:
    return [kind for frame in frames if (kind := frame["type"]) != "session.output_audio.delta"]


def error(frames: list[dict[str, Any]]) -> tuple[Any, Any]:
    (frame,) = frames
    assert frame["type"] == "error"
    return frame["error"]["code"], frame["error"].get("param")


def output(frames: list[dict[str, Any]]) -> bytes:
    return b"".join(
        base64.b64decode(frame["delta"]) for frame in frames if frame["type"] == "session.output_audio.delta"
    )


def reply(*chunks: Event, response: str = "r1") -> tuple[Event, ...]:
    return (ResponseStarted(response), *chunks, ResponseCompleted(response, usage=Usage(3, 4, 7)))


# ------------------------------------------------------------------ the start


def test_nothing_comes_before_the_start():
    service = Service(start=False)
    assert service.wait(100) == []
    assert service.tell(TextChunk("x", response_id="r")) == []
    assert error(service.say("session.close")) == ("session_not_started", "type")
    assert service.server.snapshot() == Restore()


def test_the_session_is_started_with_what_was_resolved():
    service = Service(start=False)
    (frame,) = service.say(
        "session.start", event_id="mine", session={"model": "gpt-live-1", "instructions": "Be kind."}
    )
    assert frame["client_event_id"] == "mine"
    assert frame["session"] == {
        "id": "live_1",
        "expires_at": 4600,
        "status": "active",
        "store": False,
        "delegation": {"type": "client"},
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
        "model": "gpt-live-1",
        "instructions": "Be kind.",
    }
    (update,) = service.asked()
    assert isinstance(update, SessionUpdate)
    assert (update.options.instructions, update.options.tools) == ("Be kind.", (DELEGATE_TOOL,))
    assert error(service.say("session.start", session={"model": "gpt-live-1"})) == (
        "session_already_started",
        "type",
    )


def test_the_history_goes_to_the_provider():
    text = [{"type": "input_text", "text": "Hi"}]
    service = Service(
        input=[
            {"role": "developer", "content": text},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
        ]
    )
    assert service.asked() == [
        ItemCreate(MessageItem("system", (TextPart("Hi"),))),
        ItemCreate(MessageItem("assistant", (TextPart("Hello"),))),
    ]


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.model"),
        ({"model": "gpt-9"}, "model_not_found", "session.model"),
        ({"model": "gpt-live-1", "temperature": 1}, "unknown_parameter", "session.temperature"),
        ({"model": 7}, "invalid_type", "session.model"),
        (
            {"model": "gpt-live-1", "audio": {"format": {"type": "audio/pcm", "rate": 8000}}},
            "invalid_value",
            "session.audio.format.rate",
        ),
        (
            {"model": "gpt-live-1", "audio": {"format": {"type": "opus"}}},
            "invalid_value",
            "session.audio.format.type",
        ),
        (
            {"model": "gpt-live-1", "delegation": {"type": "responses", "responses": {}}},
            "missing_required_parameter",
            "session.delegation.responses.model",
        ),
        (
            {"model": "gpt-live-1", "input": [{"role": "user", "content": []}]},
            "invalid_type",
            "session.input[0].content",
        ),
        (
            {"model": "gpt-live-1", "delegation": {"type": "decisions", "decisions": {}}},
            "not_simulated",
            "type",
        ),
        ({"model": "gpt-live-1", "triggers": [{}]}, "not_simulated", "type"),
        (
            {"model": "gpt-live-1", "audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
    ],
)
def test_a_session_that_does_not_fit_is_refused_by_its_parameter(session, code, param):
    service = Service(start=False)
    assert error(service.say("session.start", session=session)) == (code, param)
    assert service.server.deadline() is None


def test_nulls_say_no_more_than_what_is_left_out():
    service = Service(audio={"format": None, "output": {"voice": None}}, delegation=None, instructions=None)
    assert service.started["session"]["audio"]["output"] == {"voice": "marin"}
    assert service.started["session"]["delegation"] == {"type": "client"}


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        (b"\xff", "invalid_json", None),
        ("{", "invalid_json", None),
        ("[]", "invalid_type", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type":"response.cancel"}', "invalid_value", "type"),
        ('{"type":"session.close","why":1}', "unknown_parameter", "why"),
        ('{"type":"session.commentary.append","content":"x"}', "missing_required_parameter", "delegation_id"),
        (
            '{"type":"session.commentary.append","content":" ","delegation_id":null}',
            "invalid_value",
            "content",
        ),
        (
            '{"type":"session.thinking.append","content":"x","delegation_id":"d"}',
            "invalid_value",
            "delegation_id",
        ),
        ('{"type":"session.input_audio.append","audio":"*"}', "invalid_value", "audio"),
        ('{"type":"session.input_audio.append","audio":"AA=="}', "invalid_value", "audio"),
        ('{"type":"response.create"}', "invalid_value", "type"),
        ('{"type":"response.item.create","item":{}}', "invalid_value", "type"),
        ('{"type":"decision.create","event_id":"e"}', "not_simulated", "type"),
        ('{"type":"decision.item.delete","item_id":"i"}', "not_simulated", "type"),
        ('{"type":"session.update","session":{"model":"x"}}', "unknown_parameter", "session.model"),
        (
            '{"type":"session.update","session":{"instructions":"x"}}',
            "unknown_parameter",
            "session.instructions",
        ),
        ('{"type":"session.update","session":{"triggers":[{}]}}', "not_simulated", "type"),
        (
            '{"type":"session.update","session":{"delegation":{"type":"responses"}}}',
            "invalid_value",
            "session.delegation.type",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_the_session_goes_on(frame, code, param):
    service = Service()
    assert error(service.raw(frame)) == (code, param)
    assert types(service.say("session.input_audio.mute")) == ["session.input_audio.muted"]


def test_an_error_names_the_message_that_caused_it():
    (frame,) = Service().say("response.create", event_id="mine")
    assert (frame["client_event_id"], frame["error"]["client_event_id"]) == ("mine", "mine")
    (frame,) = Service().say("session.close", event_id="mine", now=1)
    assert frame["error"]["client_event_id"] == "mine"


def test_too_much_context_is_refused():
    assert error(Service().say("session.thinking.append", content="x" * 2001, delegation_id=None)) == (
        "invalid_value",
        "content",
    )


def test_the_first_requests_to_speak_are_refused_on_request():
    service = Service(rate_limited=1)
    ask = {"content": "Greet the user.", "delegation_id": None}
    assert error(service.say("session.instructions.append", **ask)) == ("rate_limit_exceeded", None)
    assert types(service.say("session.instructions.append", **ask)) == ["session.instructions.appended"]


# ------------------------------------------------------------------ the output


def test_the_output_never_stops_and_is_silent_where_nothing_is_said():
    service = Service()
    frames = service.wait(1.6)
    assert types(frames) == []
    assert output(frames) == PCM.silence(1600)


def test_what_the_provider_says_is_paced_with_its_words_on_the_timeline():
    service = Service()
    service.wait(0.8)
    sound = tone(PCM, 400)
    assert service.tell(*reply(TextChunk("Hello", True, "r1"), AudioChunk(sound, None, "r1"))) == []
    service.tell(TextChunk(" there", True, "r1"))
    frames = service.wait(0.8)
    assert output(frames) == sound + PCM.silence(400)
    words = [frame for frame in frames if frame["type"] == "session.output_transcript.delta"]
    assert [(each["delta"], each["start_ms"], each["end_ms"]) for each in words] == [
        ("Hello", 800, 1200),
        (" there", 1200, 1560),
    ]


def test_two_replies_have_a_breath_between_them():
    service = Service()
    sound = tone(PCM, 80)
    service.tell(*reply(AudioChunk(sound, None, "r1")), *reply(AudioChunk(sound, None, "r2"), response="r2"))
    assert output(service.wait(1.28)) == sound + PCM.silence(1000) + sound + PCM.silence(120)


def test_audio_of_another_format_is_made_the_sessions():
    service = Service(audio={"format": {"type": "audio/pcmu", "rate": 8000}})
    eight = AudioFormat("g711_ulaw", 8000)
    service.tell(AudioChunk(eight.silence(80), eight, "r1"), AudioChunk(tone(PCM, 80), None, "r1"))
    sound = output(service.wait(0.16))
    assert len(sound) == 1280
    assert sound[:640] == eight.silence(80)


def test_an_interrupted_reply_falls_silent():
    service = Service()
    service.tell(AudioChunk(tone(PCM, 800), None, "r1"), Interrupted("r1"))
    assert output(service.wait(0.8)) == PCM.silence(800)


def test_a_loop_that_was_late_does_not_make_up_for_all_of_it():
    service = Service()
    service.now += 100
    assert len(output(service._take(service.server.expired(service.now)))) == len(PCM.silence(13 * 80))


def test_a_fixture_is_played_alone():
    service = Service()
    service.tell(AudioChunk(tone(PCM, 800), None, "r1"))
    sound = tone(PCM, 160)
    (playing,) = service.say(
        "session.output_audio.fixture.play", audio=base64.b64encode(sound).decode(), event_id="f"
    )
    assert (playing["type"], playing["client_event_id"]) == ("session.output_audio.fixture.playing", "f")
    assert service.asked() == [ResponseCancel()]
    play = {"audio": base64.b64encode(sound).decode()}
    assert error(service.say("session.output_audio.fixture.play", **play))[0] == "fixture_active"
    assert (
        error(service.say("session.thinking.append", content="x", delegation_id=None))[0] == "fixture_active"
    )
    service.tell(AudioChunk(tone(PCM, 80), None, "r1"))
    service.hear(tone(PCM, 900))
    assert service.asked() == []
    frames = service.wait(0.24)
    assert output(frames) == sound + PCM.silence(80)
    (played,) = [frame for frame in frames if frame["type"].endswith("played")]
    assert played["client_event_id"] == "f"
    too_long = base64.b64encode(PCM.silence(30_001)).decode()
    assert error(service.say("session.output_audio.fixture.play", audio=too_long)) == (
        "invalid_value",
        "audio",
    )


# ------------------------------------------------------------------ listening


def test_speech_is_found_handed_over_and_answered():
    service = Service()
    service.wait(2)
    service.hear(PCM.silence(500) + tone(PCM, 600) + PCM.silence(900))
    asked = service.asked()
    assert [type(command) for command in asked[-2:]] == [AudioCommit, ResponseCreate]
    heard = b"".join(command.audio for command in asked if isinstance(command, AudioAppend))
    assert 900 <= PCM.duration_ms(len(heard)) <= 1600
    (words,) = service.tell(InputTranscript("Hello there", final=True, item_id="i"))
    assert (words["delta"], words["start_ms"]) == ("Hello there", 500)
    assert words["end_ms"] == pytest.approx(1100, abs=60)
    assert service.tell(InputTranscript("Hello there", final=True, item_id="i")) != []


def test_words_that_come_piece_by_piece_are_told_as_what_is_new():
    service = Service(detects_turns=True)
    service.wait(1)
    service.tell(SpeechStarted(0.0, "i"))
    service.wait(1)
    (first,) = service.tell(InputTranscript("Hel", item_id="i"))
    service.tell(SpeechStopped(1000.0, "i"))
    (second,) = service.tell(InputTranscript("Hello", final=True, item_id="i"))
    assert (first["delta"], first["start_ms"], first["end_ms"]) == ("Hel", 1000, 2000)
    assert (second["delta"], second["start_ms"]) == ("lo", 2000)


def test_the_model_falls_silent_when_the_user_begins_to_speak():
    service = Service()
    service.tell(AudioChunk(tone(PCM, 3000), None, "r1"))
    service.hear(tone(PCM, 300))
    assert ResponseCancel() in service.asked()
    assert output(service.wait(0.8)) == PCM.silence(800)
    quiet = Service()
    quiet.hear(tone(PCM, 300))
    assert ResponseCancel() not in quiet.asked()


def test_a_provider_that_finds_turns_itself_hears_everything():
    service = Service(detects_turns=True)
    service.hear(PCM.silence(200))
    assert service.asked() == [AudioAppend(PCM.silence(200))]
    service.tell(AudioChunk(tone(PCM, 800), None, "r1"), SpeechStarted(0.0, "i"))
    assert output(service.wait(0.08)) == PCM.silence(80)


def test_a_muted_session_hears_silence():
    service = Service(detects_turns=True)
    (muted,) = service.say("session.input_audio.mute", event_id="m")
    assert muted["client_event_id"] == "m"
    service.hear(tone(PCM, 200))
    service.say("session.input_audio.unmute")
    service.hear(tone(PCM, 200))
    assert service.asked() == [AudioAppend(PCM.silence(200)), AudioAppend(tone(PCM, 200))]


# ------------------------------------------------------------------ context


@pytest.mark.parametrize(
    ("kind", "content", "commands"),
    [
        ("thinking", "The user wrote: Hi", [ItemCreate(MessageItem("user", (TextPart("Hi"),)))]),
        ("thinking", "You said: Hi", [ItemCreate(MessageItem("assistant", (TextPart("Hi"),)))]),
        ("thinking", "Say nothing", [ItemCreate(MessageItem("system", (TextPart("Say nothing"),)))]),
        ("instructions", "Be formal.", [ItemCreate(MessageItem("system", (TextPart("Be formal."),)))]),
        (
            "instructions",
            "Greet her.",
            [ItemCreate(MessageItem("system", (TextPart("Greet her."),))), ResponseCreate()],
        ),
        (
            "commentary",
            "It rains.",
            [ItemCreate(MessageItem("system", (TextPart("Tell the user: It rains."),))), ResponseCreate()],
        ),
    ],
)
def test_context_is_acknowledged_and_speaks_by_its_kind(kind, content, commands):
    service = Service()
    service.wait(0.16)
    (frame,) = service.say(f"session.{kind}.append", content=content, delegation_id=None, event_id="mine")
    assert frame["type"] == f"session.{kind}.appended"
    assert (frame["start_ms"], frame["end_ms"], frame["client_event_id"]) == (160, 160, "mine")
    assert service.asked() == commands


# ------------------------------------------------------------------ delegated work


def test_a_call_is_a_delegation_where_the_client_does_the_work():
    service = Service()
    (frame,) = service.tell(ToolCall("c1", "delegate", "{}", response_id="r1"))
    delegation = frame["delegation"]
    assert (delegation["target"], delegation["type"]) == ("client", "delegation")
    said = {"delegation_id": delegation["id"]}
    service.say("session.thinking.append", content="Looking", **said)
    service.asked()
    service.say("session.commentary.append", content="Found.", **said)
    assert service.asked() == [ToolResult("c1", "Found."), ResponseCreate()]
    service.say("session.commentary.append", content="And more.", **said)
    assert isinstance(service.asked()[0], ItemCreate), "a second one is commentary as any"


def test_calls_are_those_of_a_backend_where_there_is_one():
    service = Service(delegation=RESPONSES)
    assert isinstance(service.options, SessionUpdate)
    assert [tool.name for tool in service.options.options.tools] == ["f"]
    frames = service.tell(
        ResponseStarted("r1"),
        ToolCall("c1", "f", "{}", response_id="r1"),
        ToolCall("c2", "f", "{}", response_id="r1"),
        ResponseCompleted("r1", usage=Usage(3, 4, 7)),
    )
    assert types(frames) == ["session.delegation.created", *["response.event"] * 4]
    assert frames[0]["delegation"]["target"] == "responses"
    kinds = [frame["event"]["type"] for frame in frames[1:]]
    assert kinds == ["response.created", *["response.output_item.done"] * 2, "response.completed"]
    assert frames[-1]["event"]["response"]["usage"] == {
        "input_tokens": 3,
        "output_tokens": 4,
        "total_tokens": 7,
    }
    assert error(service.say("response.create"))[0] == "missing_tool_output"
    item = {"type": "function_call_output", "call_id": "c1", "output": "42"}
    service.say("response.item.create", item=item)
    assert error(service.say("response.item.create", item=item)) == ("invalid_value", "item.call_id")
    assert error(service.say("response.item.create", item=item | {"call_id": "c2", "output": 7})) == (
        "invalid_type",
        "item.output",
    )
    service.say("response.item.create", item=item | {"call_id": "c2"})
    service.say("response.create")
    assert service.asked() == [ToolResult("c1", "42"), ToolResult("c2", "42"), ResponseCreate()]
    assert service.tell(ResponseStarted("r2"), ResponseCompleted("r2")) == []


def test_a_backend_takes_text_of_a_user_and_nothing_that_is_not_known():
    service = Service(delegation=RESPONSES)
    service.say("response.item.create", item={"role": "user", "content": "Hi"})
    assert service.asked() == [ItemCreate(MessageItem("user", (TextPart("Hi"),)))]
    assert error(service.say("response.item.create", item={"type": "reasoning"})) == (
        "invalid_value",
        "item.type",
    )
    said = {"content": "x", "delegation_id": "d"}
    assert error(service.say("session.commentary.append", **said)) == ("invalid_value", "delegation_id")


def test_the_backend_changes_in_mid_session():
    service = Service(delegation=RESPONSES)
    change = {"delegation": {"type": "responses", "responses": {"tools": [], "tool_choice": "none"}}}
    (frame,) = service.say("session.update", session=change)
    assert frame["session"]["delegation"]["responses"] == {
        "model": "gpt-x",
        "tools": [],
        "tool_choice": "none",
    }
    (update,) = service.asked()
    assert isinstance(update, SessionUpdate)
    assert (update.options.tools, update.options.tool_choice) == ((), "none")
    choice = {"tool_choice": {"type": "function", "name": "f"}}
    service.say("session.update", session={"delegation": {"type": "responses", "responses": choice}})
    assert service.asked()[0].options.tool_choice == "f"
    assert types(service.say("session.update", session={})) == ["session.updated"]
    assert service.asked() == []


# ------------------------------------------------------------------ usage and the end


def test_usage_is_told_every_so_often():
    frames = Service().wait(31)
    told = [frame["usage"]["seconds"] for frame in frames if frame["type"] == "session.usage.updated"]
    assert told == [15.0, 30.0]


def test_a_session_closes_on_request_with_its_usage():
    service = Service()
    service.wait(4)
    (closed,) = service.say("session.close", event_id="bye")
    assert (closed["reason"], closed["usage"], closed["client_event_id"]) == (
        "close_requested",
        {"seconds": 4.0},
        "bye",
    )
    assert closed["session"]["id"] == service.started["session"]["id"]
    assert service.closes == [Close(1000)]
    assert (
        service.say("session.close") == service.wait(9) == service.tell(TextChunk("x", response_id="r")) == []
    )


def test_a_session_expires():
    service = Service(expires_after_s=5)
    assert service.started["session"]["expires_at"] == 1005
    assert service.wait(9)[-1]["reason"] == "expired"
    assert service.closes == [Close(1000)]


def test_an_error_of_the_provider_is_one_of_the_service():
    service = Service()
    (frame,) = service.tell(ErrorInfo("overloaded", "Too much."))
    assert (frame["error"]["type"], frame["error"]["code"]) == ("server_error", "overloaded")
    frames = service.tell(ErrorInfo("gone", "Gone.", recoverable=False))
    assert types(frames) == ["error", "session.closed"]
    assert frames[-1]["reason"] == "connection_lost"
    assert service.closes == [Close(1011, "server_error")]


def test_what_the_wire_has_no_word_for_is_not_passed_on():
    assert Service().tell(ItemAdded("i", "user")) == []


def test_a_client_that_is_gone_is_forgotten():
    service = Service()
    assert service.server.closed(Close(1006), service.now) == ()
    assert service.server.deadline() is None
    assert service.server.expired(service.now) == ()


# ------------------------------------------------------------------ anything

MESSAGES = st.sampled_from(sorted(CLIENT)).flatmap(lambda name: CLIENT[name]).map(json.dumps)
EVENTS = st.sampled_from(
    [
        ResponseStarted("r"),
        TextChunk("Hi", True, "r"),
        AudioChunk(tone(PCM, 200), None, "r"),
        ToolCall("c", "f", "{}", response_id="r"),
        ResponseCompleted("r"),
        InputTranscript("x", final=True, item_id="i"),
        Interrupted("r"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.one_of(MESSAGES, EVENTS, st.binary(max_size=20), st.sampled_from([0.1, 3.0])), max_size=12),
    st.sampled_from([None, RESPONSES]),
    st.booleans(),
)
def test_whatever_comes_is_answered_in_messages_of_the_vendors_types(
    steps: list[Any], delegation: Any, detects_turns: bool
):
    """`Service` checks each of them; nothing raises, and an error is all that comes of what does not fit."""
    service = Service(delegation=delegation, detects_turns=detects_turns)
    for step in steps:
        if isinstance(step, float):
            service.wait(step)
        elif isinstance(step, (str, bytes)):
            service.raw(step)
        else:
            service.tell(step)
    assert len(service.closes) <= 1


# ------------------------------------------------------------------ the handshake


@pytest.mark.parametrize(
    ("path", "query", "headers", "status"),
    [
        ("/v1/live/sessions", {}, {"authorization": "Bearer sk-1"}, None),
        ("/v1/live/sessions/", {}, {"authorization": "bearer sk-1"}, None),
        ("/openai/v1/live/sessions", {}, {"api-key": "1"}, None),
        ("/openai/v1/live/sessions", {}, {"authorization": "Bearer token"}, None),
        ("/v1/realtime", {}, {"authorization": "Bearer sk-1"}, 404),
        ("/v1/live/sessions", {"model": "gpt-live-1"}, {"authorization": "Bearer sk-1"}, 400),
        ("/v1/live/sessions", {}, {}, 401),
        ("/v1/live/sessions", {}, {"api-key": "1"}, 401),
        ("/v1/live/sessions", {}, {"authorization": "Bearer invalid"}, 401),
    ],
)
def test_a_handshake_is_accepted_with_a_key_and_without_a_query(path, query, headers, status):
    refusal = server_checks.refuse(Handshake(path, query, headers))
    assert (None if refusal is None else refusal.status) == status


def test_another_key_than_the_one_is_wrong():
    handshake = Handshake("/v1/live/sessions", {}, {"authorization": "Bearer sk-1"})
    assert server_checks.refuse(handshake, "sk-1") is None
    refusal = server_checks.refuse(handshake, "sk-2")
    assert refusal is not None
    assert b"sk-1" not in refusal.body
    assert server_checks.rate_limited(2.5).headers == {"Retry-After": "2.5"}
