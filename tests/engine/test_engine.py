"""The engine in text: requests and their replies, history, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voicechatengine import (
    AudioFormat,
    ConnectionError,
    DeadlineError,
    ErrorInfo,
    MessageError,
    MessageType,
    MockConfig,
    MockProvider,
    ProviderError,
    ProviderEvent,
    RateLimitError,
    Reply,
    VoiceEngine,
)
from voicechatengine.messages import MessageItem, ResponseCreate
from voicechatengine.providers.mock import MockCall, MockReply


def now() -> float:
    return asyncio.get_running_loop().time()


def mock(*script: MockReply, **options: Any) -> MockProvider:
    return MockProvider(MockConfig(script=script, **options))


def sent(provider: MockProvider) -> list[str]:
    return [record.type for record in provider.recording if record.direction == "sent"]


def words(engine: VoiceEngine) -> list[tuple[str, str]]:
    return [(item.role, item.text) for item in engine.history if isinstance(item, MessageItem)]


async def test_ask_gives_the_reply_with_words_sound_cost_and_times():
    provider = mock(MockReply("Hello to you", audio=0.5, delay_s=0.2), latency={"response": 0.1})
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("Hello")
    assert (reply.text, reply.status, reply.tool_calls) == ("Hello to you", "completed", ())
    assert (reply.audio_ms, reply.format) == (500.0, AudioFormat())
    assert any(reply.audio)
    assert reply.usage is not None
    assert reply.first_audio_ms == pytest.approx(300)
    assert reply.first_text_ms == pytest.approx(300)


async def test_a_provider_may_answer_in_another_format_than_it_listens():
    provider = mock(MockReply("Hi"), output_audio_format=AudioFormat("g711_ulaw", 8000))
    async with VoiceEngine(provider) as engine:
        assert (await engine.ask("Hello")).format == AudioFormat("g711_ulaw", 8000)


async def test_history_and_metrics_stay_readable_after_the_end():
    provider = mock(MockReply("Hello to you"))
    async with VoiceEngine(provider) as engine:
        assert engine.provider is provider
        await engine.send_text("Be polite.", "system")
        await engine.ask("Hello")
    assert words(engine) == [("system", "Be polite."), ("user", "Hello"), ("assistant", "Hello to you")]
    assert len(engine.metrics.turns) == 1
    assert engine.metrics.turns[0].status == "completed"


async def test_history_is_up_to_date_when_the_reply_is_there():
    async with VoiceEngine(mock(MockReply("Hello to you"))) as engine:
        await engine.ask("Hello")
        assert words(engine)[-1] == ("assistant", "Hello to you")


async def test_requests_at_once_wait_for_each_other():
    async with VoiceEngine(mock(latency={"response": 1.0})) as engine:
        replies = await asyncio.gather(*(engine.ask(name) for name in ("one", "two", "three")))
    assert [reply.text for reply in replies] == ["You said: one", "You said: two", "You said: three"]


async def test_a_reply_that_only_calls_tools_comes_back_with_them():
    provider = mock(MockReply(calls=[MockCall(name="look_up", arguments={"city": "Paris"})]))
    async with VoiceEngine(provider) as engine:
        reply = await engine.ask("How warm is it in Paris?")
    assert (reply.text, reply.audio, reply.first_audio_ms) == ("", b"", None)
    assert [(call.name, call.parsed) for call in reply.tool_calls] == [("look_up", {"city": "Paris"})]


async def test_a_failed_reply_raises_the_vendors_error():
    failing = MockReply("Hello", error=ErrorInfo("rate_limit_exceeded", "too fast", retry_after=3.0))
    async with VoiceEngine(mock(failing)) as engine:
        with pytest.raises(RateLimitError, match="too fast") as caught:
            await engine.ask("Hello")
        assert (caught.value.code, caught.value.retry_after) == ("rate_limit_exceeded", 3.0)
        assert (await engine.ask("Again")).text == "You said: Again"


@pytest.mark.parametrize("command", ["item_create", "response_create"])
async def test_a_refused_request_raises_instead_of_hanging(command: str):
    async with VoiceEngine(mock(error_rate={command: 1.0})) as engine:
        with pytest.raises(MessageError, match="refused"):
            await engine.ask("Hello")
        assert now() < 1


async def test_the_end_of_the_session_ends_the_request_with_its_reason():
    async with VoiceEngine(mock(MockReply("Hello", drop="fail"))) as engine:
        with pytest.raises(ConnectionError) as caught:
            await engine.ask("Hello")
        assert caught.value.code == "connection_lost"
        with pytest.raises(ConnectionError, match="cut the connection"):
            await engine.ask("Are you there?")


async def test_a_request_can_follow_a_connection_that_came_back():
    async with VoiceEngine(mock(MockReply("Hello", drop="reconnect"))) as engine:
        with pytest.raises(ProviderError, match="connection_lost"):
            await engine.ask("Hello")
        assert (await engine.ask("Again")).text.endswith("Again")


async def test_disconnecting_ends_the_request():
    async with VoiceEngine(mock(MockReply("Hello", delay_s=5))) as engine:
        asking = asyncio.create_task(engine.ask("Hello"))
        await asyncio.sleep(1)
        await engine.provider.disconnect()
        with pytest.raises(ProviderError):
            await asking


async def test_no_reply_in_time_is_an_error_and_the_reply_is_stopped():
    async with VoiceEngine(provider := mock(MockReply("Late", delay_s=100))) as engine:
        with pytest.raises(DeadlineError, match="no whole reply within 2 s"):
            await engine.ask("Hello", timeout=2)
        assert now() == 2
        assert sent(provider)[-1] == "response_cancel"
        assert (await engine.ask("Again")).text.endswith("Again")


async def test_a_providers_own_deadline_is_not_taken_for_ours():
    class Slow(MockProvider):
        async def create_response(self, modalities: Any = None) -> None:
            raise DeadlineError("the vendor is slow")

    async with VoiceEngine(Slow()) as engine:
        with pytest.raises(DeadlineError, match="the vendor is slow"):
            await engine.ask("Hello")


@pytest.mark.parametrize("moment", [0.05, 0.5, 1.5])
async def test_a_cancelled_request_is_not_taken_for_the_next_one(moment: float):
    """Cancelled while sending, before the reply began, and in its midst."""
    provider = mock(
        MockReply("One two three", delay_s=0.1, pace=0.5),
        MockReply("Second"),
        latency={"item_create": 0.1, "response": 1.0},
    )
    async with VoiceEngine(provider) as engine:
        asking = asyncio.create_task(engine.ask("Hello"))
        await asyncio.sleep(moment)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        reply = await engine.ask("Again")
    assert reply.status == "completed"
    assert reply.text


async def test_a_request_cancelled_on_a_lost_connection_is_just_cancelled():
    class Deaf(MockProvider):
        async def interrupt(self) -> None:
            raise ConnectionError("gone")

    async with VoiceEngine(Deaf(MockConfig(script=[MockReply("Late", delay_s=9)]))) as engine:
        asking = asyncio.create_task(engine.ask("Hello"))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_an_interrupted_reply_comes_back_as_far_as_it_came():
    async with VoiceEngine(mock(MockReply("One two three four", audio=4.0, pace=1))) as engine:
        asking = asyncio.create_task(engine.ask("Count"))
        await asyncio.sleep(2)
        await engine.interrupt()
        reply = await asking
    assert reply.status == "interrupted"
    assert reply.text.startswith("One")
    assert not reply.text.endswith("four")


async def test_a_reply_beside_the_conversation_is_not_taken_for_ours():
    async with VoiceEngine(provider := mock(latency={"response": 1.0})) as engine:
        await provider.send_message(MessageType.RESPONSE_CREATE, ResponseCreate(out_of_band=True))
        reply = await engine.ask("Hello")
    assert reply.text == "You said: Hello"


async def test_say_instructs_the_model_to_speak_the_text():
    async with VoiceEngine(provider := mock(MockReply("Welcome!"))) as engine:
        reply = await engine.say("Welcome!")
        assert words(engine) == [("assistant", "Welcome!")]
    assert isinstance(reply, Reply)
    request = next(r.payload for r in provider.recording if r.type == "response_create")
    assert isinstance(request, ResponseCreate)
    assert "\nWelcome!\n" in (request.instructions or "")


async def test_texts_stand_in_the_history_where_the_provider_has_them():
    async with VoiceEngine(provider := mock()) as engine:
        for text in ("One", "Two", "Three"):
            await engine.ask(text)
        said = [text for each in ("One", "Two", "Three") for text in (each, f"You said: {each}")]
        assert [text for _, text in words(engine)] == said
        assert [item.id for item in engine.history[::2]] == [item.id for item in provider.history[::2]]


async def test_text_that_was_not_sent_is_not_in_the_history():
    class Refusing(MockProvider):
        async def send_message(self, message_type: Any, data: Any) -> None:
            raise MessageError("no")

    async with VoiceEngine(Refusing()) as engine:
        with pytest.raises(MessageError):
            await engine.send_text("Hello")
        assert engine.history == ()


async def test_audio_can_be_sent_by_the_application_and_a_turn_ended_by_hand():
    async with VoiceEngine(provider := mock(transcripts=["Good morning"])) as engine:
        replied = asyncio.Event()
        engine.on_event("response_completed", lambda _: replied.set())
        await engine.start_turn()
        await engine.send_audio(AudioFormat().silence(500))
        await engine.end_turn()
        await replied.wait()
    assert sent(provider)[1:4] == ["activity_start", "audio_append", "activity_end"]
    assert words(engine) == [("user", "Good morning"), ("assistant", "You said: Good morning")]
    assert engine.metrics.audio_in_s == 0.5
    assert engine.metrics.turns[0].first_audio_ms == 0


async def test_a_subscription_of_its_own_sees_what_comes_from_then_on():
    async with VoiceEngine(mock()) as engine:
        events = engine.events()
        await engine.ask("Hello")
    seen = [event.type async for event in events]
    assert seen[0] == "item_added"
    assert "response_completed" in seen


async def test_the_engine_has_to_be_entered():
    with pytest.raises(ConnectionError, match="async with"):
        await VoiceEngine(mock()).ask("Hello")


async def test_a_provider_that_cannot_connect_raises_and_leaves_nothing():
    with pytest.raises(ConnectionError, match="refused to connect"):
        async with VoiceEngine(mock(error_rate={"connect": 1.0})):
            pass


async def test_a_provider_that_says_it_did_not_connect_is_an_error():
    class Shy(MockProvider):
        async def connect(self) -> bool:
            return False

    with pytest.raises(ConnectionError, match="did not connect"):
        await VoiceEngine(Shy()).__aenter__()


async def test_an_engine_can_be_entered_again():
    engine = VoiceEngine(mock())
    for _ in range(2):
        async with engine:
            assert (await engine.ask("Hello")).text == "You said: Hello"


async def test_leaving_without_entering_does_no_harm():
    await VoiceEngine(mock()).__aexit__(None, None, None)


async def test_a_provider_whose_events_never_end_is_left_after_a_second():
    class Endless(MockProvider):
        async def _more(self) -> AsyncIterator[ProviderEvent]:
            await asyncio.Event().wait()
            yield ProviderEvent("never", {}, 0.0, "endless")

        def events(self) -> AsyncIterator[ProviderEvent]:
            return self._more()

    async with VoiceEngine(Endless()):
        pass
    assert now() == 1


@pytest.mark.parametrize(
    ("failure", "message"), [(ValueError("oops"), "oops"), (ConnectionError("torn"), "torn")]
)
async def test_events_that_raise_end_what_waits_for_them(failure: Exception, message: str):
    class Torn(MockProvider):
        async def _torn(self) -> AsyncIterator[ProviderEvent]:
            await asyncio.sleep(1)
            raise failure
            yield

        def events(self) -> AsyncIterator[ProviderEvent]:
            return self._torn()

    async with VoiceEngine(Torn()) as engine:
        with pytest.raises(ProviderError, match=message):
            await engine.ask("Hello")


async def test_events_without_a_close_of_their_own_and_of_a_custom_type_are_read():
    class Plain:
        """An iterator and no more."""

        def __init__(self) -> None:
            self.left = [ProviderEvent("mine", {"x": 1}, 0.0, "plain")]

        def __aiter__(self) -> AsyncIterator[ProviderEvent]:
            return self

        async def __anext__(self) -> ProviderEvent:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    class Custom(MockProvider):
        def events(self) -> AsyncIterator[ProviderEvent]:
            return Plain()

    async with VoiceEngine(Custom()) as engine:
        with pytest.raises(ConnectionError, match="events ended"):
            await engine.ask("Hello")
