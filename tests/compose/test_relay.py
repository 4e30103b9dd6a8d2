"""A relay: one conversation through several providers."""

from __future__ import annotations

import asyncio

import pytest
from relaying import FORMAT, WIDE, Listener, given, marked, marks, mock, sent, speak, speech, told

from voicechatengine import (
    AudioChunk,
    AudioFormat,
    ConnectionError,
    ConnectionState,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    MessageError,
    MessageType,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    Tool,
    ToolCall,
    TurnDetection,
)
from voicechatengine.compose.relay import Relay
from voicechatengine.providers.mock import MockCall, MockReply


async def ask(relay: Relay, heard: Listener, text: str) -> str:
    """A whole turn in writing; the words of the answer."""
    await relay.send_text(text)
    await relay.create_response()
    done = await heard.next(ResponseCompleted)
    return "".join(chunk.text for chunk in heard.all(TextChunk) if chunk.response_id == done.response_id)


async def test_a_relay_alone_is_the_provider_it_is_made_of():
    """Every event of one turn comes out as it went in."""
    alone, inner = mock("same", MockReply("Hello")), mock("same", MockReply("Hello"))
    heard = []
    for provider in (alone, Relay(inner)):
        async with Listener(provider) as listener:
            await provider.connect()
            assert provider.is_connected()
            await provider.send_text("Hi")
            await provider.create_response()
            await listener.next(ResponseCompleted)
        heard.append(listener.events)
    kinds = [[event.type for event in events] for events in heard]
    assert kinds[0] == kinds[1]
    assert {event.provider for event in heard[1]} == {"same", "relay"}


async def test_a_move_at_a_pause_carries_options_and_history_and_keeps_ids_apart():
    first, second = mock("m", MockReply("One")), mock("m", MockReply("Two"))  # the same seed: the same ids
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(instructions="Be brief.", voice="ash")
        assert await ask(relay, heard, "Say one") == "One"
        await relay.move_to(second)
        assert relay.provider is second
        assert not first.is_connected()
        assert told(second.history) == ["user: Say one", "assistant: One"]
        assert await ask(relay, heard, "Say two") == "Two"
    updated = heard.all(SessionUpdated)[-1].applied
    assert (updated.instructions, updated.voice) == ("Be brief.", "ash")
    assert heard.all(Reconnected) == [Reconnected(1, True)]
    assert len({done.response_id for done in heard.all(ResponseCompleted)}) == 2
    states = [change.state for change in heard.all(StateChanged)]
    assert states == [
        ConnectionState.CONNECTING,
        ConnectionState.CONNECTED,
        ConnectionState.RECONNECTING,
        ConnectionState.CONNECTED,
        ConnectionState.DISCONNECTED,
    ]


async def test_a_move_at_a_pause_waits_for_the_reply_and_one_at_once_interrupts_it():
    for at in ("pause", "now"):
        first, second = mock("a", MockReply("A long story", pace=1.0)), mock("b")
        relay = Relay(first)
        async with Listener(relay) as heard:
            await relay.connect()
            await relay.send_text("Tell")
            await relay.create_response()
            await heard.next(AudioChunk)
            await relay.move_to(second, at=at)
            done = heard.all(ResponseCompleted)
            assert [each.status for each in done] == ["completed" if at == "pause" else "interrupted"]
            assert len(heard.all(Interrupted)) == (at == "now")
        assert sent(second) == ["session_create", "connect", "item_create", "disconnect"]


async def test_what_the_next_provider_cannot_have_is_left_out_and_named():
    first, second = mock("a", detect_turns=True), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(output_audio_format=AudioFormat(sample_rate=48_000))

        class Mute:
            """A provider that can do less."""

            def __getattr__(self, name):
                return getattr(second, name)

            def get_capabilities(self):
                return {**second.get_capabilities(), "session_update": ("instructions",), "history": False}

        await relay.send_text("Hello")
        await relay.move_to(Mute())
    (back,) = heard.all(Reconnected)
    assert back == Reconnected(1, False, ("the option output_audio_format", "the conversation so far"))


async def test_an_option_that_the_next_provider_refuses_is_left_out():
    first, second = mock("a"), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(modalities=("text",), voice="ash")
        send = second.send_message

        class Picky:
            def __getattr__(self, name):
                return getattr(second, name)

            async def send_message(self, kind, data):
                if "voice" in data["options"].changes():
                    raise MessageError("no such voice", field="voice")
                await send(kind, data)

        await relay.move_to(Picky())
    assert heard.all(Reconnected)[0].missing == ("the option voice",)
    assert heard.all(SessionUpdated)[-1].applied.modalities == ("text",)


async def test_a_provider_that_cannot_be_opened_leaves_the_one_in_use():
    first = mock("a")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        with pytest.raises(ConnectionError, match="refused to connect"):
            await relay.move_to(mock("b", error_rate={"connect": 1.0}))
        with pytest.raises(MessageError, match="in use"):
            await relay.move_to(first)
        with pytest.raises(MessageError, match="at is"):
            await relay.move_to(mock("c"), at="later")
        assert await ask(relay, heard, "Hi") == "You said: Hi"
    assert heard.all(Reconnecting) == []
    with pytest.raises(ConnectionError, match="disconnected"):
        await relay.move_to(mock("d"))


async def test_results_of_pending_calls_go_to_the_next_provider_that_knows_the_call():
    weather = Tool("weather")
    first = mock("a", MockReply(calls=[MockCall(name="weather")]), tools=(weather,))
    second = mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(tools=[weather])
        await relay.send_text("Weather?")
        await relay.create_response()
        call = await heard.next(ToolCall)
        await relay.move_to(second)
        await relay.send_message(MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": "rain"})
        await relay.create_response()
        await heard.next(ResponseCompleted)
    assert told(second.history) == [
        "user: Weather?", "call weather", "result rain", "assistant: The result is rain."
    ]  # fmt: skip
    assert "tool_result" not in sent(first)


async def test_calls_of_a_later_provider_get_their_results_under_its_own_ids():
    def reply():
        return MockReply(calls=[MockCall(name="weather", call_id="c1")])

    first, second = mock("a", reply()), mock("b", reply())
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        for number in (1, 2):
            await relay.create_response()
            call = await heard.next(ToolCall, number - 1)
            await relay.send_message(
                MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": f"r{number}"}
            )
            await heard.until(lambda heard, number=number: len(heard.all(ResponseCompleted)) == number)
            if number == 1:
                await relay.move_to(second)
    assert [call.call_id for call in heard.all(ToolCall)] == ["c1", "2.c1"]
    assert told(second.history) == ["call weather", "result r1", "call weather", "result r2"]
    assert heard.all(ErrorInfo) == []


async def test_no_audio_is_lost_or_sent_twice_when_the_move_comes_while_the_user_speaks():
    first, second = mock("a", detect_turns=True), mock("b", detect_turns=True)
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        talking = asyncio.create_task(
            speak(relay, FORMAT.silence(500) + marked(1, 2001) + FORMAT.silence(1500))
        )
        await asyncio.sleep(1.5)
        await relay.move_to(second, at="now")
        await talking
        await heard.next(ResponseCompleted, 0)
    got = marks(given(second))
    assert got == list(range(1, 2001))
    assert marks(given(first)) == list(range(1, len(marks(given(first))) + 1))
    assert len(heard.all(SpeechStopped)) == 1
    assert len(heard.all(ResponseStarted)) == 1
    starts = [start.position_ms for start in heard.all(SpeechStarted)]
    assert starts == pytest.approx([500, 500], abs=40)
    assert heard.all(SpeechStopped)[0].position_ms == pytest.approx(2500, abs=60)


async def test_a_move_at_a_pause_waits_until_the_user_has_spoken_and_is_answered():
    first, second = mock("a", detect_turns=True), mock("b", detect_turns=True)
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        talking = asyncio.create_task(speak(relay, speech(2000)))
        await asyncio.sleep(1.0)
        await relay.move_to(second, at="pause")
        assert len(heard.all(ResponseCompleted)) == 1
        await talking
    assert heard.all(InputTranscript)
    assert told(second.history)[0].startswith("user: (")


async def test_a_turn_that_the_application_ends_is_said_again_whole():
    first, second = mock("a"), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.send_message(MessageType.ACTIVITY_START, {})
        await speak(relay, marked(1, 3001))
        moving = asyncio.create_task(relay.move_to(second, at="pause"))
        await asyncio.sleep(1.0)
        assert not moving.done()  # the button is held down
        moving.cancel()
        await asyncio.wait([moving])
        await relay.move_to(second, at="now")
        await speak(relay, marked(3001, 4001))
        await relay.send_message(MessageType.ACTIVITY_END, {})
        await heard.next(ResponseCompleted)
    assert marks(given(second)) == list(range(1, 4001))


async def test_a_session_with_turn_detection_keeps_it_with_a_provider_that_has_none_at_another_rate():
    first = mock("a", detect_turns=True)
    second = mock("b", MockReply("a rather long answer to interrupt", pace=1.0), input_audio_format=WIDE)
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.move_to(second)
        assert relay.get_audio_format() == FORMAT
        assert relay.get_capabilities()["turn_detection"] == ("server_vad",)
        assert second.get_audio_format() == WIDE
        await speak(relay, speech(1000))
        chunk = await heard.next(AudioChunk)
        assert chunk.format == WIDE
        await speak(relay, speech(1000, before=0))
        await heard.until(lambda heard: len(heard.all(ResponseCompleted)) == 2)
    assert [done.status for done in heard.all(ResponseCompleted)] == ["interrupted", "completed"]
    assert len(heard.all(SpeechStarted)) == len(heard.all(SpeechStopped)) == 2
    sound = given(second)
    assert 2_000 < WIDE.duration_ms(len(sound)) < 4_000  # silence stays here
    assert heard.all(SessionUpdated)[-1].applied.turn_detection == TurnDetection()
    assert sent(second).count("activity_end") == 2


async def test_a_session_without_turn_detection_keeps_to_that_with_a_provider_that_has_it():
    first, second = mock("a"), mock("b", detect_turns=True)
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.move_to(second)
        await speak(relay, speech())
        await relay.send_message(MessageType.ACTIVITY_END, {})
        await heard.next(ResponseCompleted)
    assert heard.all(SpeechStarted) == []
    assert heard.all(SessionUpdated)[-1].applied.turn_detection is None


async def test_a_lost_provider_without_a_policy_is_an_error_and_connect_goes_on():
    first = mock("a", MockReply("Hello there", drop="fail"))
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.send_text("Hi")
        await relay.create_response()
        await heard.until(lambda heard: "error" in heard.types)
        await asyncio.sleep(1)
        assert not relay.is_connected()
        with pytest.raises(ConnectionError, match="cut the connection"):
            await relay.send_text("Are you there?")
        again = Listener(relay)
        await relay.connect()
        assert told(first.history)[0] == "user: Hi"
        async with again:
            pass


async def test_a_lost_provider_is_replaced_by_the_one_that_a_move_is_opening():
    first = mock("a", MockReply("Hello there", drop="fail", at=0.9))
    second = mock("b", latency={"connect": 5.0})
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.send_text("Hi")
        await relay.create_response()
        moving = asyncio.create_task(relay.move_to(second))
        await heard.next(Reconnecting)
        await relay.send_text("Held")
        await moving
        await heard.next(ResponseCompleted)
    assert told(second.history)[0::2] != []
    assert "user: Held" in told(second.history)
