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
    ProviderEvent,
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
    # A provider tells its name with its first event; the state before is told of the provider that was given.
    assert [event.provider for event in heard[1][:3]] == ["MockProvider", "MockProvider", "same"]
    assert {event.provider for event in heard[1][2:]} == {"same"}


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


class Wrapped:
    """A provider with some members of its own."""

    def __init__(self, inner, **own):
        self.inner = inner
        self.__dict__.update(own)

    def __getattr__(self, name):
        return getattr(self.inner, name)


async def test_what_was_not_heard_of_an_earlier_providers_words_is_taken_from_the_later_one():
    first, second = mock("a", MockReply("One two three four five six")), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await ask(relay, heard, "Count")
        item = next(chunk.item_id for chunk in heard.all(AudioChunk))
        await relay.move_to(second)
        await relay.send_message(MessageType.ITEM_TRUNCATE, {"item_id": item, "heard_ms": 500})
        assert told(second.history) == ["user: Count", "assistant: One two"]
        await relay.send_message(MessageType.ITEM_DELETE, {"item_id": item})
        assert told(second.history) == ["user: Count"]
    assert heard.all(ErrorInfo) == []


async def test_a_refused_command_is_not_carried_over():
    def refuse(kind, data):
        raise MessageError("not here", field=kind)

    async def send(kind, data):
        refuse(kind, data)

    async def respond(modalities):
        refuse("response_create", modalities)

    inner = mock("a")
    first = Wrapped(inner, send_message=send, create_response=respond)
    second = mock("b")
    relay = Relay(first)
    async with Listener(relay):
        await relay.connect()
        await speak(relay, marked(1, 501))
        for kind, data in (
            (MessageType.ITEM_CREATE, {"item": {"type": "message", "role": "user", "content": ()}}),
            (MessageType.ACTIVITY_END, {}),
            (MessageType.AUDIO_CLEAR, {}),
            (MessageType.RESPONSE_CREATE, {}),
        ):
            if kind is not MessageType.AUDIO_CLEAR:
                with pytest.raises(MessageError, match="not here"):
                    await relay.send_message(kind, data)
        await relay.move_to(second)
        assert second.history == ()
    assert "response_create" not in sent(second)
    assert marks(given(second)) == list(range(1, 501))


async def test_pictures_are_carried_over():
    first, second = mock("a"), mock("b")
    relay = Relay(first)
    async with Listener(relay):
        await relay.connect()
        await relay.send_message(MessageType.IMAGE, {"image": b"png"})
        await relay.move_to(second)
        (item,) = second.history
    assert item.content[0].image == b"png"
    assert sent(first)[1] == "image"


async def test_options_and_history_given_before_connect_are_the_first_providers_and_the_next_ones():
    first, second = mock("a"), mock("b")
    relay = Relay(first)
    history = {
        "history": [
            {"type": "message", "role": "user", "content": [{"type": "text", "text": "Hi"}], "id": "i"}
        ]
    }
    with pytest.raises(ConnectionError, match="disconnected"):
        await relay.send_text("too early")
    await relay.send_message(
        MessageType.SESSION_CREATE, {**history, "options": {"input_audio_format": {"sample_rate": 16_000}}}
    )
    assert relay.get_audio_format() == WIDE
    async with Listener(relay):
        await relay.connect()
        with pytest.raises(MessageError, match="session is open"):
            await relay.send_message(MessageType.SESSION_CREATE, history)
        await relay.move_to(second)
        assert told(second.history) == ["user: Hi"]
        assert relay.get_audio_format() == WIDE
        assert second.get_audio_format() == FORMAT


async def test_the_audio_format_can_change_in_mid_session():
    first, second = mock("a"), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(input_audio_format=WIDE)
        assert relay.get_audio_format() == WIDE
        await relay.create_response()
        assert (await heard.next(AudioChunk)).format is None
        await heard.next(ResponseCompleted, 0)
        await relay.move_to(second)
        await relay.update_session(input_audio_format=FORMAT)
        assert relay.get_audio_format() == second.get_audio_format() == FORMAT
        await relay.create_response()
        await heard.next(ResponseCompleted, 1)
    assert sent(second).count("session_update") == 0


async def test_our_own_ear_can_be_set_and_turns_can_be_ended_by_hand_as_well():
    first, second = mock("a", detect_turns=True), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.move_to(second)
        await relay.update_session(
            turn_detection=TurnDetection(silence_duration_ms=200, create_response=False)
        )
        await speak(relay, speech(after=400))
        assert len(heard.all(SpeechStopped)) == 1
        assert sent(second)[-1] == "audio_commit"
        await relay.send_audio(FORMAT.silence(200))
        await relay.send_message(MessageType.ACTIVITY_END, {})
        await heard.next(ResponseCompleted)
    assert sent(second).count("audio_append") > 10


async def test_a_turn_too_short_for_the_provider_is_told_and_is_no_end():
    inner = mock("b")

    async def send(kind, data):
        if kind is MessageType.ACTIVITY_END:
            raise MessageError("too little audio")
        await inner.send_message(kind, data)

    relay = Relay(mock("a", detect_turns=True))
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.move_to(Wrapped(inner, send_message=send))
        await speak(relay, speech())
    assert [error.code for error in heard.all(ErrorInfo)] == ["turn_refused"]


async def test_a_provider_that_says_no_or_is_lost_while_it_waits_is_not_used():
    async def no():
        return False

    first = mock("a", MockReply("A long story", pace=0.5))
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        with pytest.raises(ConnectionError, match="did not connect"):
            await relay.move_to(Wrapped(mock("b"), connect=no))
        await relay.create_response()
        await heard.next(AudioChunk)
        second = mock("c")
        moving = asyncio.create_task(relay.move_to(second))
        await asyncio.sleep(0.1)
        await second.disconnect()
        with pytest.raises(ConnectionError, match="the other provider was lost"):
            await moving
        await heard.next(ResponseCompleted, 0)
        assert relay.provider is first


async def test_when_the_provider_is_lost_and_the_one_to_come_cannot_be_opened_the_session_is_in_error():
    first = mock("a", MockReply("Hello there", drop="fail"))
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        with pytest.raises(ConnectionError, match="refused"):
            await relay.move_to(mock("b", latency={"connect": 9.0}, error_rate={"connect": 1.0}))
        assert not relay.is_connected()
    assert ConnectionState.ERROR in [change.state for change in heard.all(StateChanged)]


async def test_a_provider_whose_events_end_or_break_is_lost():
    inner = mock("a")

    async def none():
        return
        yield

    async def broken():
        raise ValueError("oops")
        yield

    for stream, why in ((none, "events ended"), (broken, "oops")):
        relay = Relay(Wrapped(inner, events=stream))
        async with Listener(relay) as heard:
            await relay.connect()
            await heard.until(lambda heard: len(heard.all(StateChanged)) == 3)
        assert why in heard.all(StateChanged)[-1].reason


async def test_events_of_a_providers_own_type_pass():
    first = mock("a")
    relay = Relay(Wrapped(first, events=lambda: own(first)))
    async with Listener(relay) as heard:
        await relay.connect()
        await heard.until(lambda heard: "own" in heard.types)


async def own(provider):
    yield ProviderEvent("own", {"a": 1}, 0.0, "own")
    async for event in provider.events():
        yield event


async def test_what_is_held_is_bounded_sent_in_order_and_given_up_with_the_session():
    first = mock("a", MockReply("Hello there", drop="fail", at=0.1))
    lost: list[Exception] = []
    relay = Relay(first, on_lost=lost.append)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        await heard.next(Reconnecting)
        assert lost
        await relay.send_audio(FORMAT.silence(11_000))
        waiting = asyncio.create_task(relay.send_audio(FORMAT.silence(100)))
        await asyncio.sleep(1)
        assert not waiting.done()
        with pytest.raises(MessageError):
            await relay.send_message(MessageType.SESSION_CREATE, {})
        await relay.send_message(MessageType.ITEM_DELETE, {"item_id": "nothing"})
        second = mock("b", error_rate={})
        await relay.rescue(second, reason="test")
        await waiting
        assert FORMAT.duration_ms(len(given(second))) >= 11_100
        await relay.interrupt()
    assert sent(second)[-2:] != []


async def test_an_interruption_while_nobody_is_there_takes_the_request_back():
    relay = Relay(mock("a", MockReply("Hello there", drop="fail", at=0.1)), on_lost=lambda _: None)
    second = mock("b")
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        await heard.next(Reconnecting)
        await relay.create_response()
        await relay.interrupt()
        await relay.rescue(second, reason="test")
    assert "response_create" not in sent(second)


async def test_a_message_that_the_next_provider_refuses_is_told():
    inner = mock("b")

    async def send(kind, data):
        if kind is MessageType.ITEM_DELETE:
            raise MessageError("not here")
        await inner.send_message(kind, data)

    relay = Relay(mock("a", MockReply("Hello there", drop="fail", at=0.1)), on_lost=lambda _: None)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        await heard.next(Reconnecting)
        await relay.send_message(MessageType.ITEM_DELETE, {"item_id": "x"})
        await relay.rescue(Wrapped(inner, send_message=send), reason="test")
        await heard.until(lambda heard: "not_sent" in [error.code for error in heard.all(ErrorInfo)])


async def test_a_provider_that_reconnects_by_itself_stays_in_use():
    """Also when audio was under way: it says it again itself, and so does the one after it."""
    first = mock("a", MockReply("Hello to you all", drop="reconnect", outage_s=0.5))
    second = mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        await speak(relay, marked(1, 1501))
        await heard.until(lambda heard: "reconnected" in heard.types)
        await speak(relay, marked(1501, 2001))
        await relay.move_to(second, at="now")
    assert marks(given(second)) == list(range(1, 2001))
    assert [change.state for change in heard.all(StateChanged)].count(ConnectionState.RECONNECTING) == 2


async def test_settings_of_turn_detection_that_are_refused_are_left_out():
    inner = mock("b", detect_turns=True)
    able = {**inner.get_capabilities(), "turn_detection": ("server_vad", "semantic_vad")}
    relay = Relay(Wrapped(mock("a"), get_capabilities=lambda: able, update_session=accept))
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.update_session(turn_detection=TurnDetection(idle_timeout_ms=5000))
        await relay.move_to(Wrapped(inner, get_capabilities=lambda: able))
        back = heard.all(Reconnected)[-1]
        assert back == Reconnected(1, False, ("settings of turn detection",))


async def test_a_refusal_that_is_about_no_option_is_raised():
    async def refuse(kind, data):
        raise MessageError("not like this", field="history")

    first = mock("a")
    relay = Relay(first)
    async with Listener(relay):
        await relay.connect()
        await relay.send_text("Hello")
        with pytest.raises(MessageError, match="not like this"):
            await relay.move_to(Wrapped(mock("b"), send_message=refuse))
        assert relay.provider is first


async def accept(**options):
    """Whatever it is."""


async def test_speech_as_an_item_is_converted_for_a_provider_at_another_rate():
    second = mock("b", input_audio_format=WIDE)
    relay = Relay(mock("a"))
    spoken = {
        "type": "message",
        "role": "user",
        "content": [{"type": "audio", "audio": FORMAT.silence(1000), "transcript": "hm"}],
    }
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.send_message(MessageType.ITEM_CREATE, {"item": spoken})
        await relay.move_to(second)
        await relay.send_message(MessageType.ITEM_CREATE, {"item": spoken})
        sizes = [len(item.content[0].audio) for item in second.history]
    assert sizes == [WIDE.size_of(1000)] * 2
    assert heard.all(ErrorInfo) == []


async def test_a_turn_that_was_ended_and_not_confirmed_is_ended_again():
    """The provider takes its time over everything but audio."""
    first, second = mock("a", latency={"activity_end": 5.0}), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await speak(relay, marked(1, 1001))
        ending = asyncio.create_task(relay.send_message(MessageType.ACTIVITY_END, {}))
        await asyncio.sleep(1)
        await relay.move_to(second, at="now")
        await ending
        await heard.next(ResponseCompleted, 0)
    assert marks(given(second)) == list(range(1, 1001))
    assert [kind for kind in sent(second) if kind.startswith(("audio_c", "resp"))] == [
        "audio_commit",
        "response_create",
    ]


async def test_what_is_owed_is_told_to_a_third_provider_where_the_second_was_too_slow_to_be_told():
    """Audio and the reply to it, once each."""
    first, slow, third = (
        mock("a", latency={"activity_end": 5.0}),
        mock("b", latency={"audio_append": 60.0}),
        mock("c"),
    )
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await speak(relay, marked(1, 1001))
        ending = asyncio.create_task(relay.send_message(MessageType.ACTIVITY_END, {}))
        await asyncio.sleep(1)
        moving = asyncio.create_task(relay.move_to(slow, at="now"))
        await asyncio.sleep(1)
        await relay.move_to(third, at="now")
        await asyncio.gather(moving, ending)
        await heard.next(ResponseCompleted, 0)
    assert marks(given(third)) == list(range(1, 1001))
    assert [kind for kind in sent(third) if kind.startswith(("audio_c", "resp"))] == [
        "audio_commit",
        "response_create",
    ]


async def test_what_was_on_its_way_when_the_move_came_is_told_to_the_next():
    """A command that history does not hold is sent again; one that it holds is not."""
    first = mock("a", latency={"session_update": 5.0, "item_create": 5.0, "response_create": 5.0})
    second = mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        sending = [
            asyncio.create_task(relay.update_session(instructions="Be brief.")),
            asyncio.create_task(relay.send_text("Hello")),
            asyncio.create_task(relay.create_response()),
        ]
        await asyncio.sleep(1)
        await relay.move_to(second, at="now")
        await asyncio.gather(*sending)
        await heard.next(ResponseCompleted, 0)
    assert sorted(sent(second)) == sorted(
        ["session_create", "connect", "response_create", "session_update", "disconnect"]
    )
    assert told(second.history)[0] == "user: Hello"


async def test_a_disconnect_ends_those_who_wait_for_room():
    relay = Relay(mock("a", MockReply("Hello there", drop="fail", at=0.1)), on_lost=lambda _: None)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.create_response()
        await heard.next(Reconnecting)
        await relay.send_audio(FORMAT.silence(11_000))
        waiting = asyncio.create_task(relay.send_audio(FORMAT.silence(100)))
        await asyncio.sleep(1)
        await relay.disconnect()
        with pytest.raises(ConnectionError, match="disconnected"):
            await waiting


async def test_a_pause_is_not_waited_for_for_ever():
    """A reply that is owed and never comes holds a move up for some seconds only."""
    first, second = mock("a", latency={"response": 3600.0}), mock("b")
    relay = Relay(first)
    async with Listener(relay) as heard:
        await relay.connect()
        await relay.send_text("Hello")
        await relay.create_response()
        await relay.move_to(second)
        assert asyncio.get_running_loop().time() < 10
        await heard.next(ResponseCompleted, 0)
    assert sent(second).count("response_create") == 1


async def test_several_may_connect_at_once_and_one_that_is_cancelled_closes():
    first = mock("a", latency={"connect": 1.0})
    relay = Relay(first)
    async with Listener(relay):
        assert await asyncio.gather(relay.connect(), relay.connect()) == [True, True]
    assert sent(first).count("connect") == 1


async def test_a_first_provider_whose_ids_look_like_those_of_a_later_one_is_told_apart():
    inner, outer = Relay(mock("m")), None
    outer = Relay(inner)
    async with Listener(outer) as heard:
        await outer.connect()
        await inner.move_to(mock("m"))
        await ask(outer, heard, "One")
        await outer.move_to(mock("m"))
        await ask(outer, heard, "Two")
    ids = [done.response_id for done in heard.all(ResponseCompleted)]
    assert [response.split("resp")[0] for response in ids] == ["1.2.", "2."]
