"""The mock: a provider that does what it is told, in the grammar of events, and remembers it."""

from __future__ import annotations

import asyncio
import audioop
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicechatengine import (
    AudioChunk,
    AudioError,
    AudioFormat,
    ConnectionError,
    ConnectionState,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ItemAdded,
    MessageError,
    MessageType,
    Options,
    Provider,
    ProviderEvent,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
    TurnDetection,
    Usage,
)
from voicechatengine.audio.tone import tone
from voicechatengine.messages import (
    AudioPart,
    Command,
    Image,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    ResponseCancel,
    ResponseCreate,
    SessionCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.mock import MockCall, MockConfig, MockProvider, MockReply, MockTurn
from voicechatengine.session.grammar import Grammar
from voicechatengine.testing import run_virtual

T = TypeVar("T")
PCM = AudioFormat()
STORY = "Once upon a time there was a mock that spoke of nothing in particular for a rather long while."
Send = MessageType


class Listener:
    """Reads everything that a provider says, and holds it against the grammar."""

    def __init__(self, provider: Provider) -> None:
        self.events: list[ProviderEvent] = []
        self._grammar = Grammar()
        self._stream = provider.events()
        self._news = asyncio.Condition()

    async def read(self) -> None:
        async for event in self._stream:
            assert self._grammar.check(event.data) is None
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def all(self, kind: type[T]) -> list[T]:
        return [event.data for event in self.events if isinstance(event.data, kind)]

    def when(self, kind: type) -> list[float]:
        return [event.timestamp for event in self.events if isinstance(event.data, kind)]

    def words(self) -> str:
        return "".join(chunk.text for chunk in self.all(TextChunk))

    def audio(self) -> bytes:
        return b"".join(chunk.audio for chunk in self.all(AudioChunk))

    async def until(self, kind: type, count: int = 1) -> None:
        async with self._news, asyncio.timeout(3600):
            await self._news.wait_for(lambda: len(self.all(kind)) >= count)


@asynccontextmanager
async def talking(config: MockConfig) -> AsyncIterator[tuple[MockProvider, Listener]]:
    """A connected mock and somebody who listens to the end."""
    provider = MockProvider(config)
    listener = Listener(provider)
    reading = asyncio.create_task(listener.read())
    try:
        await provider.connect()
        yield provider, listener
    finally:
        await provider.disconnect()
        await reading


async def asked(config: MockConfig, text: str = "hi") -> Listener:
    """One reply, from its question to its end."""
    async with talking(config) as (provider, listener):
        await provider.send_text(text)
        await provider.create_response()
        await listener.until(ResponseCompleted)
    return listener


# ------------------------------------------------------------------ a session


def test_it_is_a_provider() -> None:
    made: Callable[[MockConfig], Provider] = MockProvider
    assert made(MockConfig()).get_audio_format() == PCM


async def test_a_session_opens_and_closes_in_order() -> None:
    async with talking(MockConfig()) as (provider, listener):
        assert provider.is_connected()
        assert await provider.connect() is True
    await provider.disconnect()
    assert [(change.previous, change.state) for change in listener.all(StateChanged)] == [
        (ConnectionState.DISCONNECTED, ConnectionState.CONNECTING),
        (ConnectionState.CONNECTING, ConnectionState.CONNECTED),
        (ConnectionState.CONNECTED, ConnectionState.DISCONNECTED),
    ]
    assert listener.types[2] == "session_created"
    assert not provider.is_connected()
    assert {event.session_id for event in listener.events[2:]} == {listener.all(SessionCreated)[0].session_id}


async def test_several_connects_at_once_open_one_session() -> None:
    provider = MockProvider(MockConfig(latency={"connect": 1.0}))
    assert await asyncio.gather(provider.connect(), provider.connect()) == [True, True]
    await provider.disconnect()
    assert [event.type async for event in provider.events()].count("session_created") == 1


async def test_a_connect_that_fails_raises_and_can_be_tried_again() -> None:
    provider = MockProvider(MockConfig(error_rate={"connect": 0.5}, seed=2))
    outcomes: list[bool] = []
    for _ in range(20):
        try:
            outcomes.append(await provider.connect())
        except ConnectionError:
            outcomes.append(provider.is_connected())
        await provider.disconnect()
    assert set(outcomes) == {True, False}


async def test_a_cancelled_connect_leaves_nothing_open() -> None:
    provider = MockProvider(MockConfig(latency={"connect": 5.0}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await provider.connect()
    assert not provider.is_connected()
    changes = [event.data.state async for event in provider.events() if isinstance(event.data, StateChanged)]
    assert changes == [ConnectionState.CONNECTING, ConnectionState.DISCONNECTED]
    assert await provider.connect()
    await provider.disconnect()


async def test_a_disconnect_ends_a_connect_that_is_under_way() -> None:
    provider = MockProvider(MockConfig(latency={"connect": 5.0}))
    connecting = asyncio.create_task(provider.connect())
    sending = asyncio.create_task(provider.send_text("hi"))
    await asyncio.sleep(1)
    await provider.disconnect()
    with pytest.raises(ConnectionError, match="disconnected while connecting"):
        await connecting
    with pytest.raises(ConnectionError):
        await sending
    assert not provider.is_connected()


async def test_without_a_session_only_its_definition_can_be_sent() -> None:
    provider = MockProvider()
    for attempt in (
        provider.send_text("hi"),
        provider.send_audio(b"ab"),
        provider.create_response(),
        provider.send_message(Send.AUDIO_COMMIT, {}),
    ):
        with pytest.raises(ConnectionError, match="connect"):
            await attempt
    await provider.interrupt()
    await provider.update_session(voice="calm", input_audio_format=AudioFormat(sample_rate=16_000))
    assert provider.get_audio_format().sample_rate == 16_000
    history: tuple[Item, ...] = (
        MessageItem("user", (TextPart("What time is it?"),)),
        ToolCallItem("c1", "clock", "{}"),
        ToolResultItem("c1", "noon"),
        ToolCallItem("c2", "clock", "{}"),
    )
    await provider.send_message(
        Send.SESSION_CREATE, SessionCreate(Options(instructions="Be brief."), history)
    )
    listener = Listener(provider)
    reading = asyncio.create_task(listener.read())
    await provider.connect()
    await provider.send_message(Send.TOOL_RESULT, ToolResult("c2", "one o'clock", is_error=True))
    with pytest.raises(MessageError, match="open already"):
        await provider.send_message(Send.SESSION_CREATE, SessionCreate())
    await provider.disconnect()
    await reading
    applied = listener.all(SessionCreated)[0].applied
    assert (applied.voice, applied.instructions) == ("calm", "Be brief.")
    kinds = [added.kind for added in listener.all(ItemAdded)]
    assert kinds == ["message", "tool_call", "tool_result", "tool_call", "tool_result"]
    assert len(provider.history) == 5
    last = provider.history[-1]
    assert isinstance(last, ToolResultItem)
    assert (last.call_id, last.is_error) == ("c2", True)


async def test_history_stays_after_disconnect_and_a_new_session_begins_without() -> None:
    provider = MockProvider(MockConfig())
    await provider.connect()
    await provider.send_text("hi")
    await provider.disconnect()
    assert [item.text for item in provider.history if isinstance(item, MessageItem)] == ["hi"]
    await provider.connect()
    assert provider.history == ()
    await provider.disconnect()


async def test_handlers_hear_what_subscribers_read() -> None:
    heard: list[str] = []
    provider = MockProvider(MockConfig())
    provider.on_event("session_created", lambda event: heard.append(event.type))
    await provider.connect()
    await provider.disconnect()
    assert heard == ["session_created"]


# ------------------------------------------------------------------ replies


async def test_a_scripted_reply_has_words_and_sound_of_matching_length() -> None:
    listener = await asked(MockConfig(script=[MockReply(STORY)]))
    assert listener.words() == STORY
    assert PCM.duration_ms(len(listener.audio())) == pytest.approx(len(STORY) / 15 * 1000, abs=1)
    assert audioop.rms(listener.audio(), 2) > 1000
    assert all(chunk.spoken for chunk in listener.all(TextChunk))
    first_word, last_word = (
        listener.types.index("text_chunk"),
        len(listener.types) - listener.types[::-1].index("text_chunk"),
    )
    assert "audio_chunk" in listener.types[first_word:last_word], "words and sound come together"
    done = listener.all(ResponseCompleted)[0]
    assert done.status == "completed"
    assert done.usage is not None
    assert done.usage.output_audio_tokens > 0
    assert {chunk.response_id for chunk in listener.all(AudioChunk)} == {done.response_id}


async def test_items_stand_in_the_order_of_the_conversation() -> None:
    listener = await asked(MockConfig(script=[MockReply("yes", calls=[MockCall(name="f")])]))
    added = listener.all(ItemAdded)
    assert [(item.role, item.kind) for item in added] == [
        ("user", "message"),
        ("assistant", "message"),
        ("assistant", "tool_call"),
    ]
    assert [item.previous_item_id for item in added] == [None, added[0].item_id, added[1].item_id]


@pytest.mark.parametrize("audio", [tone(PCM, 700), 0.7])
async def test_audio_can_be_given_as_samples_or_seconds(audio: bytes | float) -> None:
    listener = await asked(MockConfig(script=[MockReply("ok", audio=audio)]))
    assert listener.audio() == tone(PCM, 700)


async def test_a_session_that_answers_in_text_has_no_audio() -> None:
    listener = await asked(MockConfig(script=[MockReply(STORY)], modalities=("text",)))
    assert (listener.words(), listener.audio()) == (STORY, b"")
    assert len(listener.all(TextChunk)) > 3
    assert not any(chunk.spoken for chunk in listener.all(TextChunk))


async def test_one_request_can_ask_for_text() -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.create_response(["text"])
        await listener.until(ResponseCompleted)
    assert listener.audio() == b""
    assert listener.words() == "Hello, this is the mock provider."


async def test_words_can_be_written_beside_the_spoken_ones() -> None:
    listener = await asked(MockConfig(script=[MockReply("See: example.org", spoken="Look at the link.")]))
    chunks = listener.all(TextChunk)
    assert (chunks[0].text, chunks[0].spoken) == ("See: example.org", False)
    assert "".join(chunk.text for chunk in chunks if chunk.spoken) == "Look at the link."


async def test_the_output_format_travels_on_the_audio_where_it_differs() -> None:
    ulaw = AudioFormat("g711_ulaw", 8000)
    listener = await asked(MockConfig(script=[MockReply("yes", audio=1.0)], output_audio_format=ulaw))
    assert {chunk.format for chunk in listener.all(AudioChunk)} == {ulaw}
    assert len(listener.audio()) == 8000
    same = await asked(MockConfig(input_audio_format=ulaw))
    assert {chunk.format for chunk in same.all(AudioChunk)} == {None}


async def test_tool_calls_come_whole_after_the_words_and_their_results_come_back() -> None:
    turns: list[MockTurn] = []

    def respond(turn: MockTurn) -> MockReply:
        turns.append(turn)
        return MockReply("Done.")

    calls = [
        MockCall(name="add", arguments={"a": 1}, call_id="c1"),
        MockCall(name="odd", arguments="{not json"),
    ]
    config = MockConfig(script=[MockReply("One moment.", calls=calls)], respond=respond)
    async with talking(config) as (provider, listener):
        await provider.create_response()
        await listener.until(ResponseCompleted)
        made = listener.all(ToolCall)
        for call in made:
            await provider.send_message(Send.TOOL_RESULT, ToolResult(call.call_id, "2"))
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    assert [(call.call_id == "c1", call.arguments, call.parsed) for call in made] == [
        (True, '{"a": 1}', {"a": 1}),
        (False, "{not json", None),
    ]
    assert listener.all(ResponseCompleted)[0].tool_calls == 2
    assert [result.output for result in turns[0].tool_results] == ["2", "2"]


async def test_a_result_for_no_call_is_an_error_and_changes_nothing() -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.send_message(Send.TOOL_RESULT, ToolResult("c9", "2"))
        await listener.until(ErrorInfo)
    assert (listener.all(ErrorInfo)[0].code, provider.history) == ("unknown_call_id", ())


@pytest.mark.parametrize(
    ("send", "answer"),
    [
        ([], "Hello, this is the mock provider."),
        ([ItemCreate(MessageItem("user", (TextPart("good day"),)))], "You said: good day"),
        ([Image(b"png")], "I see the picture."),
        ([ItemCreate(MessageItem("user", (AudioPart(b"abcd", "spoken"),)))], "You said: spoken"),
        (
            [ItemCreate(ToolCallItem("c", "f", "{}")), ItemCreate(ToolResultItem("c", "42"))],
            "The result is 42.",
        ),
        ([ItemCreate(MessageItem("system", (TextPart("be nice"),)))], "Hello, this is the mock provider."),
    ],
)
async def test_without_a_script_it_says_what_it_got(send: Sequence[Command], answer: str) -> None:
    async with talking(MockConfig()) as (provider, listener):
        for message in send:
            await provider.send_message(MessageType(str(message.__struct_config__.tag)), message)
        await provider.create_response()
        await listener.until(ResponseCompleted)
    assert listener.words() == answer


async def test_a_responder_sees_the_turn() -> None:
    turns: list[MockTurn] = []

    def respond(turn: MockTurn) -> MockReply:
        turns.append(turn)
        return MockReply(f"reply {len(turns)}")

    config = MockConfig(respond=respond, transcripts=["first words"])
    async with talking(config) as (provider, listener):
        await provider.send_text("one")
        await provider.send_text("two")
        await provider.send_audio(tone(PCM, 300))
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await provider.send_message(Send.IMAGE, Image(b"png"))
        await provider.update_session(instructions="Be brief.")
        await provider.send_message(Send.RESPONSE_CREATE, ResponseCreate(metadata={"k": "v"}))
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    first, second = turns
    assert (first.texts, first.transcripts, first.images) == (("one", "two"), ("first words",), 1)
    assert (first.audio, first.audio_ms, first.audio_format) == (tone(PCM, 300), 300, PCM)
    assert (first.request.metadata, first.options.instructions) == ({"k": "v"}, "Be brief.")
    assert len(first.history) == 4
    assert (second.texts, second.audio_ms) == ((), 0), "a turn is answered once"
    assert listener.all(ResponseStarted)[0].metadata == {"k": "v"}


@pytest.mark.parametrize("error", [ValueError("no idea"), AudioError("no sound")])
async def test_a_responder_that_raises_fails_the_reply_and_not_the_session(error: Exception) -> None:
    def respond(_: MockTurn) -> MockReply:
        raise error

    listener = await asked(MockConfig(respond=respond))
    assert listener.all(ResponseCompleted)[0].status == "failed"
    assert str(error) in listener.all(ErrorInfo)[0].message


async def test_audio_that_cannot_be_of_the_format_fails_the_reply() -> None:
    listener = await asked(MockConfig(script=[MockReply("odd", audio=b"abc")]))
    assert listener.all(ErrorInfo)[0].code == "reply_failed"


async def test_a_reply_keeps_its_pace() -> None:
    for pace, seconds in ((1.0, 1.9), (10.0, 0.19), (0.0, 0.0)):
        listener = await asked(MockConfig(script=[MockReply("yes", audio=2.0, pace=pace, delay_s=0.5)]))
        times = listener.when(AudioChunk)
        assert times[-1] - times[0] == pytest.approx(seconds, abs=1e-6)
        assert times[0] - listener.when(ResponseStarted)[0] == pytest.approx(0.5, abs=1e-6)


async def test_a_scripted_end_and_cost_are_told() -> None:
    reply = MockReply(
        "I may not", status="incomplete", reason="content_filter", usage=Usage(total_tokens=7), chunk_ms=40
    )
    listener = await asked(MockConfig(script=[reply]))
    done = listener.all(ResponseCompleted)[0]
    assert (done.status, done.reason, done.usage) == ("incomplete", "content_filter", Usage(total_tokens=7))
    assert {len(chunk.audio) for chunk in listener.all(AudioChunk)[:-1]} == {PCM.size_of(40)}


async def test_max_tokens_cut_a_reply() -> None:
    listener = await asked(MockConfig(script=[MockReply(STORY)], max_tokens=5))
    done = listener.all(ResponseCompleted)[0]
    assert (done.status, done.reason) == ("incomplete", "max_tokens")
    assert 0 < len(listener.words()) <= 30


async def test_events_set_ahead_come_before_the_reply() -> None:
    listener = await asked(MockConfig(script=[MockReply("yes", events=[SpeechStopped(10), RateLimits(())])]))
    begins = listener.types.index("response_started")
    assert listener.types[begins - 2 : begins] == ["speech_stopped", "rate_limits"]


async def test_a_request_while_a_reply_runs_waits_for_its_end() -> None:
    async with talking(MockConfig(script=[MockReply("one"), MockReply("two")])) as (provider, listener):
        await provider.create_response()
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    order = [kind for kind in listener.types if kind.startswith("response_")]
    assert order == ["response_started", "response_completed"] * 2


async def test_a_reply_out_of_band_runs_beside_and_is_no_part_of_the_conversation() -> None:
    config = MockConfig(script=[MockReply(STORY)])
    async with talking(config) as (provider, listener):
        await provider.create_response()
        await listener.until(AudioChunk)
        question = MessageItem("user", (TextPart("aside"),))
        request = ResponseCreate(out_of_band=True, input=(question,), modalities=("text",))
        await provider.send_message(Send.RESPONSE_CREATE, request)
        await listener.until(ResponseCompleted, 2)
    first, second = listener.all(ResponseStarted)
    assert (first.out_of_band, second.out_of_band) == (False, True)
    assert listener.all(ResponseCompleted)[0].response_id == second.response_id
    said = [chunk.text for chunk in listener.all(TextChunk) if chunk.response_id == second.response_id]
    assert "".join(said) == "You said: aside"
    assert [item.text for item in provider.history if isinstance(item, MessageItem)] == [STORY]


async def test_replies_out_of_band_are_bounded_and_can_be_cancelled() -> None:
    call = MockReply("slow", delay_s=60, calls=[MockCall(name="f")])
    async with talking(MockConfig(script=[call] * 9)) as (provider, listener):
        for _ in range(9):
            await provider.send_message(Send.RESPONSE_CREATE, ResponseCreate(out_of_band=True))
        await listener.until(ResponseStarted, 8)
        some = listener.all(ResponseStarted)[3].response_id
        await provider.send_message(Send.RESPONSE_CANCEL, ResponseCancel(some))
        await provider.send_message(Send.RESPONSE_CANCEL, ResponseCancel("resp_unknown"))
        await listener.until(ResponseCompleted)
        await provider.interrupt()
        await listener.until(ResponseCompleted, 8)
    assert [error.code for error in listener.all(ErrorInfo)] == ["too_many_responses"]
    assert listener.all(ResponseCompleted)[0].response_id == some


async def test_a_tool_call_out_of_band_adds_no_item() -> None:
    async with talking(MockConfig(script=[MockReply(calls=[MockCall(name="f")])])) as (provider, listener):
        await provider.send_message(Send.RESPONSE_CREATE, ResponseCreate(out_of_band=True))
        await listener.until(ResponseCompleted)
    assert (len(listener.all(ToolCall)), listener.all(ItemAdded), provider.history) == (1, [], ())


# ------------------------------------------------------------------ interruption


async def test_an_interrupted_reply_stops_at_once_and_says_what_was_made() -> None:
    async with talking(MockConfig(script=[MockReply(STORY, pace=1)])) as (provider, listener):
        await provider.create_response()
        await listener.until(AudioChunk, 12)
        await provider.interrupt()
        await provider.interrupt()
        await asyncio.sleep(60)
    end = listener.types.index("interrupted")
    assert listener.types[end : end + 2] == ["interrupted", "response_completed"]
    assert not {"text_chunk", "audio_chunk"} & set(listener.types[end:])
    cut = listener.all(Interrupted)
    assert [cut[0].generated_ms] == [PCM.duration_ms(len(listener.audio()))]
    assert len(cut) == 1
    assert cut[0].item_id == listener.all(AudioChunk)[0].item_id
    assert listener.all(ResponseCompleted)[0].status == "interrupted"


async def test_an_interrupt_before_the_first_chunk_still_ends_the_reply() -> None:
    async with talking(MockConfig(latency={"response": 5.0})) as (provider, listener):
        await provider.create_response()
        await provider.interrupt()
        await listener.until(ResponseCompleted)
    assert listener.types[-4:-1] == ["response_started", "interrupted", "response_completed"]


async def test_an_interrupt_while_idle_is_harmless() -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.interrupt()
    assert "interrupted" not in listener.types


async def test_a_waiting_request_is_answered_after_an_interruption() -> None:
    async with talking(MockConfig(script=[MockReply(STORY), MockReply("two")])) as (provider, listener):
        await provider.create_response()
        await listener.until(AudioChunk)
        await provider.create_response()
        await provider.interrupt()
        await listener.until(ResponseCompleted, 2)
    assert [done.status for done in listener.all(ResponseCompleted)] == ["interrupted", "completed"]


async def test_truncation_leaves_in_the_history_what_was_heard() -> None:
    async with talking(MockConfig(script=[MockReply(STORY)])) as (provider, listener):
        await provider.create_response()
        await listener.until(ResponseCompleted)
        item = listener.all(ItemAdded)[0].item_id
        await provider.send_message(Send.ITEM_TRUNCATE, ItemTruncate(item, 1000))
        (heard,) = provider.history
        await provider.send_message(Send.ITEM_TRUNCATE, ItemTruncate(item, 0))
    assert isinstance(heard, MessageItem)
    assert heard.interrupted
    assert STORY.startswith(heard.text)
    assert 8 <= len(heard.text) <= 15
    assert provider.history == ()


async def test_items_can_be_placed_and_deleted() -> None:
    async with talking(MockConfig()) as (provider, listener):
        for key, behind in (("a", None), ("c", None), ("b", "a"), ("first", "root")):
            item = MessageItem("user", (TextPart(key),), id=key)
            await provider.send_message(Send.ITEM_CREATE, ItemCreate(item, behind))
        await provider.send_message(Send.ITEM_DELETE, ItemDelete("c"))
    assert [item.id for item in provider.history] == ["first", "a", "b"]
    assert [added.previous_item_id for added in listener.all(ItemAdded)] == [None, "a", "a", None]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (ItemDelete("none"), "item_not_found"),
        (ItemTruncate("none", 10), "item_not_found"),
        (ItemCreate(MessageItem("user", (TextPart("x"),)), "none"), "item_not_found"),
        (ItemCreate(MessageItem("user", (TextPart("x"),), id="here")), "item_exists"),
    ],
)
async def test_what_the_conversation_does_not_hold_is_refused_by_an_event(
    message: Command, code: str
) -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.send_message(
            Send.ITEM_CREATE, ItemCreate(MessageItem("user", (TextPart("x"),), id="here"))
        )
        kind = MessageType(str(message.__struct_config__.tag))
        await provider.send_message(kind, message)
        await listener.until(ErrorInfo)
    assert (listener.all(ErrorInfo)[0].code, listener.all(ErrorInfo)[0].command) == (code, str(kind))
    assert len(provider.history) == 1


# ------------------------------------------------------------------ listening


async def test_push_to_talk_commits_what_was_said_and_asks() -> None:
    async with talking(MockConfig(transcripts=["what time is it"])) as (provider, listener):
        await provider.send_message(Send.ACTIVITY_START, {})
        await provider.send_audio(tone(PCM, 1200))
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    (added, _), (words,) = listener.all(ItemAdded), listener.all(InputTranscript)
    assert (added.kind, added.role, words.item_id) == ("speech", "user", added.item_id)
    assert words.final
    assert listener.words() == "You said: what time is it"
    first = provider.history[0]
    assert isinstance(first, MessageItem)
    assert first.text == "what time is it"


async def test_a_turn_without_audio_asks_all_the_same() -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.send_text("written")
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    assert listener.words() == "You said: written"


async def test_a_commit_asks_for_nothing_and_needs_audio() -> None:
    async with talking(MockConfig()) as (provider, listener):
        await provider.send_audio(tone(PCM, 100))
        await provider.send_message(Send.AUDIO_CLEAR, {})
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await provider.send_audio(tone(PCM, 1500))
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await asyncio.sleep(10)
    assert [error.code for error in listener.all(ErrorInfo)] == ["audio_commit_empty"]
    assert [words.text for words in listener.all(InputTranscript)] == ["(1.5 s of speech)"]
    assert "response_started" not in listener.types


async def test_a_function_can_transcribe() -> None:
    def transcribe(audio: bytes, form: AudioFormat) -> str:
        return f"{form.duration_ms(len(audio)):.0f} ms"

    async with talking(MockConfig(transcripts=transcribe)) as (provider, listener):
        await provider.send_audio(tone(PCM, 100))
        await provider.send_message(Send.AUDIO_COMMIT, {})
    assert listener.all(InputTranscript)[0].text == "100 ms"


async def test_transcription_can_be_switched_off() -> None:
    async with talking(MockConfig(transcription=None)) as (provider, listener):
        await provider.send_audio(tone(PCM, 100))
        await provider.send_message(Send.AUDIO_COMMIT, {})
    assert "input_transcript" not in listener.types


async def spoken(provider: MockProvider, ms: float) -> None:
    """So much sound in chunks of 20 ms, in real time, and a second of silence."""
    form = provider.get_audio_format()
    audio = tone(form, ms) + form.silence(1000)
    for start in range(0, len(audio), form.frame_bytes):
        await provider.send_audio(audio[start : start + form.frame_bytes])
        await asyncio.sleep(form.frame_ms / 1000)


@pytest.mark.parametrize(
    "form", [PCM, AudioFormat("g711_ulaw", 8000), AudioFormat("float32", 16_000, 2)], ids=str
)
async def test_with_turn_detection_speech_is_found_and_answered(form: AudioFormat) -> None:
    turns: list[MockTurn] = []

    def respond(turn: MockTurn) -> MockReply:
        turns.append(turn)
        return MockReply("I see.")

    config = MockConfig(detect_turns=True, respond=respond, input_audio_format=form)
    async with talking(config) as (provider, listener):
        assert provider.get_capabilities()["turn_detection"] == ("server_vad",)
        await provider.send_audio(form.silence(2000))
        await spoken(provider, 900)
        await spoken(provider, 900)
        await listener.until(ResponseCompleted, 2)
    started, stopped = listener.all(SpeechStarted), listener.all(SpeechStopped)
    assert [mark.position_ms for mark in started] == pytest.approx([2000, 3900], abs=60)
    assert [mark.position_ms for mark in stopped] == pytest.approx([2900, 4800], abs=60)
    ids = [mark.item_id for mark in started]
    assert [mark.item_id for mark in stopped] == ids
    assert [added.item_id for added in listener.all(ItemAdded) if added.kind == "speech"] == ids
    # 300 ms from before the speech, the speech, and the 500 ms of silence that ended it
    assert [turn.audio_ms for turn in turns] == pytest.approx([1700, 1700], abs=80)


@given(st.lists(st.integers(0, 150_000), max_size=4))
@settings(max_examples=25, deadline=None)
def test_it_does_not_matter_in_what_pieces_audio_comes(cuts: list[int]) -> None:
    audio = (tone(PCM, 700) + PCM.silence(800)) * 2
    edges = sorted({0, *(2 * min(cut, len(audio) // 2) for cut in cuts), len(audio)})

    async def play() -> tuple[list[float | None], list[str]]:
        async with talking(MockConfig(detect_turns=True)) as (provider, listener):
            for start, end in pairwise(edges):
                await provider.send_audio(audio[start:end])
            await asyncio.sleep(60)
        return [mark.position_ms for mark in listener.all(SpeechStarted)], [
            words.text for words in listener.all(InputTranscript)
        ]

    marks, words = run_virtual(play())
    assert marks == pytest.approx([0, 1500], abs=40)
    assert words == ["(1.2 s of speech)", "(1.5 s of speech)"]


async def test_speech_interrupts_a_running_reply_and_drops_what_waits() -> None:
    script = [MockReply(STORY, pace=0.5), MockReply("yes?")]
    async with talking(MockConfig(detect_turns=True, script=script)) as (provider, listener):
        await provider.create_response()
        await listener.until(AudioChunk)
        await provider.create_response()
        await spoken(provider, 500)
        await listener.until(ResponseCompleted, 2)
    assert listener.types.index("speech_started") < listener.types.index("interrupted")
    assert [(done.status, done.reason) for done in listener.all(ResponseCompleted)] == [
        ("interrupted", "turn_detected"),
        ("completed", None),
    ]


async def test_turn_detection_that_only_marks_speech() -> None:
    detection = TurnDetection(
        create_response=False,
        interrupt_response=False,
        threshold=0.1,
        silence_duration_ms=200,
        prefix_padding_ms=0,
    )
    config = MockConfig(detect_turns=True, turn_detection=detection, script=[MockReply(STORY, pace=0.5)])
    async with talking(config) as (provider, listener):
        await provider.create_response()
        await spoken(provider, 500)
        await listener.until(ResponseCompleted)
    assert listener.types.count("response_started") == 1
    assert listener.all(ResponseCompleted)[0].status == "completed"
    assert [mark.position_ms for mark in listener.all(SpeechStopped)] == pytest.approx([500], abs=60)


async def test_turn_detection_can_be_switched_off_and_cleared() -> None:
    async with talking(MockConfig(detect_turns=True)) as (provider, listener):
        await provider.send_audio(tone(PCM, 300))
        await provider.send_message(Send.AUDIO_CLEAR, {})
        await provider.send_audio(PCM.silence(1000))
        await provider.send_audio(tone(PCM, 300))
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await provider.update_session(turn_detection=None)
        await spoken(provider, 500)
    assert listener.types.count("speech_started") == 2
    assert "speech_stopped" not in listener.types
    speech = [added.item_id for added in listener.all(ItemAdded)]
    assert speech == [listener.all(SpeechStarted)[1].item_id]


# ------------------------------------------------------------------ options and bad input


async def test_options_change_in_mid_session_and_are_told() -> None:
    async with talking(MockConfig(voice="calm")) as (provider, listener):
        await provider.update_session(instructions="Sing.", vendor={"temperature": 0.8})
        await provider.send_message(Send.SESSION_UPDATE, cast("dict[str, Any]", {"language": "de"}))
    applied = listener.all(SessionUpdated)[-1].applied
    assert (applied.voice, applied.instructions, applied.language) == ("calm", "Sing.", "de")
    assert applied.vendor == {"temperature": 0.8}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"volume": 11}, "volume"),
        ({"turn_detection": TurnDetection()}, "turn_detection"),
        ({"input_audio_format": AudioFormat(sample_rate=11_025)}, "input_audio_format"),
        ({"output_audio_format": AudioFormat(channels=7)}, "output_audio_format"),
        ({"modalities": ()}, "modalities"),
    ],
)
async def test_options_that_it_does_not_have_are_refused_before_and_after_connect(
    options: dict[str, Any], field: str
) -> None:
    provider = MockProvider()
    for _ in range(2):
        with pytest.raises(MessageError) as caught:
            await provider.update_session(**options)
        assert caught.value.field == field
        await provider.connect()
    await provider.disconnect()


@pytest.mark.parametrize(
    ("detection", "field"),
    [
        (TurnDetection(mode="semantic_vad"), "turn_detection"),
        (TurnDetection(idle_timeout_ms=100), "idle_timeout_ms"),
        (TurnDetection(eagerness="low"), "eagerness"),
    ],
)
async def test_turn_detection_that_it_cannot_do_is_refused(detection: TurnDetection, field: str) -> None:
    provider = MockProvider(MockConfig(detect_turns=True))
    with pytest.raises(MessageError) as caught:
        await provider.update_session(turn_detection=detection)
    assert caught.value.field == field
    with pytest.raises(MessageError):
        MockProvider(MockConfig(detect_turns=True, turn_detection=detection))


async def test_what_does_not_fit_raises_and_nothing_is_sent() -> None:
    async with talking(MockConfig()) as (provider, listener):
        with pytest.raises(AudioError, match="3 bytes"):
            await provider.send_audio(b"abc")
        part = AudioPart(b"abc")
        with pytest.raises(AudioError, match="3 bytes"):
            await provider.send_message(Send.ITEM_CREATE, ItemCreate(MessageItem("user", (part,))))
        with pytest.raises(MessageError, match="arrives"):
            await provider.send_message(Send.TEXT_CHUNK, {})
        with pytest.raises(MessageError, match="modalities"):
            await provider.create_response([])
        with pytest.raises(MessageError):
            await provider.send_message(Send.TOOL_RESULT, {"call_id": 1})
    assert listener.types == ["state_changed", "state_changed", "session_created", "state_changed"]
    refused = [record for record in provider.recording if record.refused]
    assert [record.type for record in refused] == [
        "audio_append",
        "item_create",
        "text_chunk",
        "response_create",
        "tool_result",
    ]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"latency": {"teleport": 1.0}}, "latency"),
        ({"jitter": {"connect": -1.0}}, "jitter"),
        ({"error_rate": {"*": 1.5}}, "error_rate"),
        ({"turn_detection": TurnDetection()}, "turn_detection"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(MessageError) as caught:
        MockConfig(**options)
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["at", "pace", "delay_s", "outage_s", "chunk_ms"])
def test_a_reply_that_does_not_fit_is_refused(field: str) -> None:
    with pytest.raises(MessageError) as caught:
        MockReply("no", **cast("Any", {field: -1.0}))
    assert caught.value.field == field


# ------------------------------------------------------------------ things that go wrong


async def test_latency_and_jitter_are_by_operation() -> None:
    config = MockConfig(
        latency={"connect": 2.0, "*": 0.25, "response": 1.0}, jitter={"item_create": 0.5}, seed=3
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with talking(config) as (provider, listener):
        assert loop.time() - began == 2.0
        await provider.send_text("hi")
        assert 2.25 < loop.time() - began < 2.75
        asked_at = loop.time()
        await provider.create_response()
        assert loop.time() - asked_at == 0.25
        await listener.until(ResponseStarted)
        assert loop.time() - asked_at == 1.25


async def test_a_cancelled_send_has_sent_nothing_and_the_order_is_kept() -> None:
    async with talking(MockConfig(latency={"item_create": 1.0})) as (provider, _):
        sends = [asyncio.create_task(provider.send_text(word)) for word in ("one", "two", "three")]
        await asyncio.sleep(1.5)
        sends[1].cancel()
        await asyncio.gather(*sends, return_exceptions=True)
    assert [item.text for item in provider.history if isinstance(item, MessageItem)] == ["one", "three"]


async def test_a_message_that_fails_is_told_by_an_event_and_changes_nothing() -> None:
    async with talking(MockConfig(error_rate={"item_create": 1.0})) as (provider, listener):
        await provider.send_text("hi")
        await listener.until(ErrorInfo)
    error = listener.all(ErrorInfo)[0]
    assert (error.code, error.command, error.recoverable) == ("mock_error", "item_create", True)
    assert provider.history == ()


async def test_a_response_that_fails_ends_as_failed() -> None:
    listener = await asked(MockConfig(error_rate={"response": 1.0}))
    assert listener.all(ResponseCompleted)[0].status == "failed"
    assert "audio_chunk" not in listener.types


async def test_a_scripted_error_ends_the_reply_in_its_middle_and_the_session_goes_on() -> None:
    error = ErrorInfo("overloaded", "try again", retry_after=2.0)
    async with talking(MockConfig(script=[MockReply(STORY, error=error, at=0.25)])) as (provider, listener):
        await provider.create_response()
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    done = listener.all(ResponseCompleted)
    assert [(end.status, end.reason) for end in done] == [("failed", "overloaded"), ("completed", None)]
    said = "".join(
        chunk.text for chunk in listener.all(TextChunk) if chunk.response_id == done[0].response_id
    )
    assert len(STORY) * 0.1 < len(said) < len(STORY) * 0.4


async def test_an_error_that_is_not_recoverable_ends_the_session() -> None:
    fatal = ErrorInfo("banned", "no more", recoverable=False)
    provider = MockProvider(MockConfig(script=[MockReply("x", error=fatal)]))
    await provider.connect()
    await provider.create_response()
    types = [event.type async for event in provider.events()]
    assert types[-3:] == ["error", "response_completed", "state_changed"]
    assert not provider.is_connected()
    with pytest.raises(ConnectionError):
        await provider.send_text("hello?")
    await provider.disconnect()


async def test_a_dropped_connection_comes_back_and_what_was_said_meanwhile_goes_out() -> None:
    script = [MockReply(STORY, drop="reconnect", outage_s=3.0), MockReply("two")]
    async with talking(MockConfig(script=script)) as (provider, listener):
        await provider.create_response()
        await listener.until(Reconnecting)
        assert not provider.is_connected()
        await asyncio.gather(provider.connect(), provider.send_text("still there?"))
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    assert [(done.status, done.reason) for done in listener.all(ResponseCompleted)] == [
        ("failed", "connection_lost"),
        ("completed", None),
    ]
    assert [change.state for change in listener.all(StateChanged)[2:4]] == ["reconnecting", "connected"]
    assert listener.all(Reconnected) == [Reconnected(1, state_restored=True)]
    assert listener.when(Reconnected)[0] - listener.when(Reconnecting)[0] == pytest.approx(3.0)
    assert [created.resumed for created in listener.all(SessionCreated)] == [False, True]


async def test_a_request_that_waited_is_answered_after_the_outage_unless_interrupted() -> None:
    for interrupted in (False, True):
        script = [MockReply(STORY, drop="reconnect", outage_s=3.0)]
        async with talking(MockConfig(script=script)) as (provider, listener):
            await provider.create_response()
            await provider.create_response()
            await listener.until(Reconnecting)
            if interrupted:
                await provider.interrupt()
            await listener.until(Reconnected)
            await asyncio.sleep(60)
        assert len(listener.all(ResponseStarted)) == (1 if interrupted else 2)


async def test_a_connection_that_does_not_come_back_ends_in_error_and_connect_goes_on() -> None:
    provider = MockProvider(MockConfig(script=[MockReply("I was saying something", drop="fail", at=1.0)]))
    await provider.connect()
    await provider.create_response()
    events = [event async for event in provider.events()]
    last = events[-1].data
    assert isinstance(last, StateChanged)
    assert last.state is ConnectionState.ERROR
    assert [event.data.recoverable for event in events if isinstance(event.data, ErrorInfo)] == [False]
    said = provider.history
    assert await provider.connect()
    assert [item.id for item in provider.history] == [item.id for item in said]
    await provider.disconnect()


async def test_disconnecting_in_error_or_during_an_outage_leaves_nothing() -> None:
    for drop in ("fail", "reconnect"):
        provider = MockProvider(MockConfig(script=[MockReply("x", drop=cast("Any", drop), outage_s=60)]))
        await provider.connect()
        await provider.create_response()
        await asyncio.sleep(5)
        waiting = asyncio.create_task(provider.send_text("hello?"))
        await asyncio.sleep(1)
        await provider.disconnect()
        with pytest.raises(ConnectionError):
            await waiting
        await provider.connect()
        assert provider.history == ()
        await provider.disconnect()


async def test_speech_heard_by_the_vendor_cuts_a_reply_short() -> None:
    listener = await asked(MockConfig(script=[MockReply(STORY, barge_in=True, at=0.5)]))
    tail = listener.types[-5:-1]
    assert tail == ["audio_chunk", "speech_started", "interrupted", "response_completed"]
    assert listener.all(ResponseCompleted)[0].reason == "turn_detected"


async def test_a_disconnect_ends_what_runs() -> None:
    async with talking(MockConfig(script=[MockReply(STORY, pace=1)])) as (provider, listener):
        await provider.create_response()
        await provider.create_response()
        await listener.until(AudioChunk, 3)
    assert listener.types[-2:] == ["response_completed", "state_changed"]
    assert listener.all(ResponseCompleted)[0].reason == "disconnected"
    assert len(listener.all(ResponseCompleted)) == 1


# ------------------------------------------------------------------ memory and repetition


async def test_every_interaction_is_recorded_with_its_time() -> None:
    provider = MockProvider(MockConfig(latency={"connect": 1.0}), clock=asyncio.get_running_loop().time)
    await provider.connect()
    await provider.send_audio(b"abcd")
    await provider.disconnect()
    records = [(record.time, record.direction, record.type) for record in provider.recording]
    assert records == [
        (0.0, "sent", "connect"),
        (0.0, "received", "state_changed"),
        (1.0, "received", "state_changed"),
        (1.0, "received", "session_created"),
        (1.0, "sent", "audio_append"),
        (1.0, "sent", "disconnect"),
        (1.0, "received", "state_changed"),
    ]
    assert cast("Any", provider.recording[4].payload).audio == b"abcd"


async def test_the_recording_is_bounded_by_number_and_by_audio() -> None:
    provider = MockProvider(MockConfig(recorded=50, recorded_bytes=10_000))
    await provider.connect()
    for _ in range(30):
        await provider.send_audio(bytes(1000))
    assert [record.type for record in provider.recording] == ["audio_append"] * 10
    for _ in range(100):
        await provider.send_text("hi")
    assert len(provider.recording) == 50
    await provider.disconnect()


async def test_a_mock_need_not_record_anything() -> None:
    provider = MockProvider(MockConfig(recorded=0))
    await provider.connect()
    await provider.send_audio(bytes(1000))
    assert provider.recording == ()
    await provider.disconnect()


async def test_unread_audio_of_hours_does_not_pile_up() -> None:
    """Ten minutes of a turn are kept for the reply, less than a second while a detector hears silence."""
    seen: list[float] = []

    def respond(turn: MockTurn) -> MockReply:
        seen.append(turn.audio_ms)
        return MockReply("ok")

    form = AudioFormat("g711_ulaw", 8000)
    config = MockConfig(respond=respond, detect_turns=True, input_audio_format=form)
    async with talking(config) as (provider, listener):
        await provider.send_audio(form.silence(60_000))
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
        await provider.update_session(turn_detection=None)
        for _ in range(15):
            await provider.send_audio(form.silence(60_000))
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted, 2)
    assert seen[0] < 1000
    assert seen[1] == 600_000


async def conversation(config: MockConfig) -> list[tuple[float, str, object]]:
    provider = MockProvider(config, clock=asyncio.get_running_loop().time)
    try:
        await provider.connect()
    except ConnectionError:
        return [(event.timestamp, event.type, event.data) async for event in provider.events()]
    for word in ("one", "two", "three"):
        await provider.send_text(word)
        await provider.create_response()
        await asyncio.sleep(2)
    await provider.disconnect()
    return [(event.timestamp, event.type, event.data) async for event in provider.events()]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 0.5), st.floats(0, 2.0))
def test_the_same_seed_gives_the_same_conversation_in_the_grammar(
    seed: int, errors: float, jitter: float
) -> None:
    config = MockConfig(seed=seed, error_rate={"*": errors}, jitter={"*": jitter})
    events = run_virtual(conversation(config))
    assert run_virtual(conversation(config)) == events
    grammar = Grammar()
    assert [wrong for _, _, data in events if (wrong := grammar.check(cast("Any", data)))] == []
    assert grammar.open_responses == ()


def test_mocks_of_other_names_have_other_ids() -> None:
    one, other = (run_virtual(conversation(MockConfig(name=name))) for name in ("one", "other"))
    created = [data.session_id for _, _, data in (*one, *other) if isinstance(data, SessionCreated)]
    assert len(set(created)) == 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    (Send(kind), {})
                    for kind in ("audio_commit", "audio_clear", "activity_start", "activity_end")
                ),
                (Send.RESPONSE_CREATE, {}),
                (Send.RESPONSE_CREATE, {"out_of_band": True}),
                (Send.RESPONSE_CANCEL, {}),
                (Send.AUDIO_APPEND, {"audio": tone(PCM, 700)}),
                (Send.AUDIO_APPEND, {"audio": PCM.silence(700)}),
                (Send.SESSION_UPDATE, {"turn_detection": None}),
                (Send.SESSION_UPDATE, {"modalities": ("text",)}),
                (Send.TOOL_RESULT, {"call_id": "c", "output": "1"}),
                (0.05, {}),
                (1.0, {}),
            ]
        ),
        max_size=12,
    ),
    st.lists(
        st.sampled_from(
            [
                MockReply("one two three"),
                MockReply("x", drop="reconnect"),
                MockReply("x", drop="fail"),
                MockReply("y", barge_in=True),
                MockReply(calls=[MockCall(name="f", call_id="c")], pace=0),
                MockReply("z", error=ErrorInfo("e", "failed")),
            ]
        ),
        max_size=4,
    ),
)
def test_whatever_is_sent_and_answered_the_grammar_holds(
    steps: list[tuple[MessageType | float, dict[str, object]]], script: list[MockReply]
) -> None:
    async def play() -> list[ProviderEvent]:
        provider = MockProvider(MockConfig(script=script, detect_turns=True))
        await provider.connect()
        for kind, data in steps:
            if isinstance(kind, MessageType):
                try:
                    await provider.send_message(kind, data)
                except ConnectionError:
                    break
            else:
                await asyncio.sleep(kind)
        await provider.disconnect()
        return [event async for event in provider.events()]

    events, grammar = run_virtual(play()), Grammar()
    assert [wrong for event in events if (wrong := grammar.check(event.data))] == []
    assert grammar.open_responses == ()
