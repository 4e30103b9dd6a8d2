"""Failover: what counts as a failure, who is next, when to give up, when to come back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from relaying import DIES, FORMAT, WIDE, Listener, given, marked, marks, mock, sent, speak, speech, told

from voicechatengine import (
    ConnectionError,
    ConnectionState,
    ErrorInfo,
    MessageError,
    MessageType,
    MockProvider,
    Provider,
    Reconnected,
    ResponseCompleted,
    StateChanged,
    TextChunk,
    Tool,
    ToolCall,
)
from voicechatengine.compose.failover import Failover
from voicechatengine.providers.mock import MockCall, MockReply

REFUSES: dict[str, Any] = {"error_rate": {"connect": 1.0}}


async def ask(provider: Provider, heard: Listener, text: str) -> str:
    """Asks in writing; the words of the reply that is whole in the end."""
    await provider.send_text(text)
    await provider.create_response()
    count = len([done for done in heard.all(ResponseCompleted) if done.status == "completed"])

    def whole(heard: Listener) -> bool:
        return len([done for done in heard.all(ResponseCompleted) if done.status == "completed"]) > count

    await heard.until(whole)
    last = heard.all(ResponseCompleted)[-1].response_id
    return "".join(chunk.text for chunk in heard.all(TextChunk) if chunk.response_id == last)


async def test_a_provider_that_dies_in_mid_sentence_is_followed_by_one_with_the_history():
    """A tool round first, then a sentence that is cut: the next provider knows all of it and answers."""
    weather = Tool("weather")
    first = mock("a", MockReply(calls=[MockCall(name="weather")]), DIES)
    second = mock("b", MockReply("As I said: rain"))
    together = Failover([first, second])
    async with Listener(together) as heard:
        await together.update_session(tools=[weather])
        await together.connect()
        await together.send_text("How is the weather?")
        await together.create_response()
        call = await heard.next(ToolCall)
        await together.send_message(MessageType.TOOL_RESULT, {"call_id": call.call_id, "output": "rain"})
        assert await ask(together, heard, "So?") == "As I said: rain"
        assert together.provider is second
    assert [done.status for done in heard.all(ResponseCompleted)] == ["completed", "failed", "completed"]
    before = told(second.history)
    assert before[:4] == ["user: How is the weather?", "call weather", "result rain", "user: So?"]
    assert before[4].startswith("assistant: It will")
    assert all(error.recoverable for error in heard.all(ErrorInfo))
    assert heard.all(Reconnected) == [Reconnected(1, True)]


async def test_the_first_that_can_be_connected_is_used():
    providers = [mock("a", **REFUSES), mock("b", **REFUSES), mock("c")]
    together = Failover(providers)
    async with Listener(together) as heard:
        assert await together.connect()
        assert await together.connect()
        assert await ask(together, heard, "Hi") == "You said: Hi"
    (error,) = heard.all(ErrorInfo)
    assert error.code == "failed_over"
    assert error.message.count("refused to connect") == 2
    states = [change.state for change in heard.all(StateChanged)]
    assert states == [ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.DISCONNECTED]


async def test_when_none_can_be_connected_the_error_says_what_each_said():
    together = Failover([mock("a", **REFUSES), mock("b", **REFUSES)])
    async with Listener(together) as heard:
        with pytest.raises(ConnectionError, match=r"1\. MockProvider said: .* 2\. MockProvider said: "):
            await together.connect()
        assert not together.is_connected()
    assert [change.state for change in heard.all(StateChanged)] == ["connecting", "disconnected"]


async def test_providers_can_be_made_when_they_are_needed():
    made: list[MockProvider] = []

    def make() -> MockProvider:
        made.append(mock(f"made {len(made)}"))
        return made[-1]

    together = Failover([mock("a", DIES), make, MockProvider])
    async with Listener(together) as heard:
        await together.connect()
        assert made == []
        assert await ask(together, heard, "Hi") == "Hello, this is the mock provider."
    assert len(made) == 1


@pytest.mark.parametrize(
    "wrong", [{"providers": []}, {"drops": 0}, {"first_audio_s": 0.0}, {"recover_after_s": -1}]
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(MessageError):
        Failover(**{"providers": [MockProvider()], **wrong})


async def test_repeated_drops_move_on_even_though_the_provider_comes_back_each_time():
    drop = MockReply("Hello to all of you", drop="reconnect", outage_s=0.2)
    first, second = mock("a", drop, drop, drop), mock("b", MockReply("Hello"))
    together = Failover([first, second], drops=3, window_s=30)
    async with Listener(together) as heard:
        await together.connect()
        for _ in range(3):
            await together.create_response()
            await heard.next(ResponseCompleted)
            await asyncio.sleep(1)
        await heard.until(lambda _: together.provider is second)
        await asyncio.sleep(1)
    assert not first.is_connected()
    assert [done.status for done in heard.all(ResponseCompleted)] == [
        "failed",
        "failed",
        "failed",
        "completed",
    ]


async def test_drops_far_apart_are_no_reason_to_move():
    drop = MockReply("Hello to all of you", drop="reconnect", outage_s=0.2)
    first = mock("a", *[drop] * 4)
    together = Failover([first, mock("b")], drops=2, window_s=10)
    async with Listener(together) as heard:
        await together.connect()
        for _ in range(4):
            await together.create_response()
            await heard.next(ResponseCompleted)
            await asyncio.sleep(20)
        assert together.provider is first


async def test_a_reply_whose_first_audio_does_not_come_is_asked_of_the_next():
    first, second = mock("a", MockReply("Too late", delay_s=30.0)), mock("b", MockReply("In time"))
    together = Failover([first, second], first_audio_s=2.0)
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "Hi") == "In time"
        assert asyncio.get_running_loop().time() < 4
    assert [done.status for done in heard.all(ResponseCompleted)] == ["failed", "completed"]


async def test_speech_that_is_not_answered_in_time_moves_on_too():
    first = mock("a", MockReply("Too late", delay_s=30.0), detect_turns=True)
    second = mock("b", input_audio_format=WIDE)
    together = Failover([first, second], first_audio_s=2.0)
    async with Listener(together) as heard:
        await together.connect()
        await speak(together, speech(after=5000))
        await heard.until(
            lambda heard: any(done.status == "completed" for done in heard.all(ResponseCompleted))
        )
        assert together.get_audio_format() == FORMAT
        assert together.get_capabilities()["turn_detection"] == ("server_vad",)
    assert told(second.history)[0].startswith("user: (")


async def test_where_no_other_can_be_had_the_one_in_use_stays():
    first = mock("a", MockReply("Late", delay_s=5.0))
    together = Failover([first, mock("b", **REFUSES)], first_audio_s=2.0)
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "Hi") == "Late"
    (error,) = heard.all(ErrorInfo)
    assert error.code == "failover_failed"
    assert "no audio of a reply came within 2 s" in error.message
    assert "refused to connect" in error.message


async def test_when_all_have_failed_it_gives_up_with_what_each_said():
    together = Failover([mock("a", DIES), mock("b", DIES), mock("c", **REFUSES)])
    async with Listener(together) as heard:
        await together.connect()
        await together.create_response()
        await heard.until(lambda heard: any(not error.recoverable for error in heard.all(ErrorInfo)))
        await asyncio.sleep(1)
        assert not together.is_connected()
        with pytest.raises(ConnectionError):
            await together.send_text("Is anybody there?")
    assert [change.state for change in heard.all(StateChanged)][-1] == "error"


async def test_two_that_fail_in_turns_without_saying_a_word_are_not_tried_for_ever():
    dumb = MockReply("", audio=b"", error=DIES.error)
    together = Failover([mock("a", dumb), mock("b", dumb)])
    async with Listener(together) as heard:
        await together.connect()
        await together.create_response()
        await heard.until(lambda heard: "error" in [change.state for change in heard.all(StateChanged)])
    last = heard.all(ErrorInfo)[-1]
    assert last.message.count("the server has gone") == 2
    assert not last.recoverable


async def test_after_giving_up_connect_goes_on_with_the_conversation():
    first, second = mock("a", DIES), mock("b", **REFUSES)
    together = Failover([first, second])
    async with Listener(together) as heard:
        await together.connect()
        await together.send_text("Remember me")
        await together.create_response()
        await heard.until(lambda heard: "error" in [change.state for change in heard.all(StateChanged)])
        await together.connect()
        assert told(first.history)[0] == "user: Remember me"


async def test_it_comes_back_to_the_first_when_that_one_is_healthy_at_a_pause():
    first = mock("a", DIES, MockReply("Back again"))
    second = mock("b", MockReply("I help out"), MockReply("A long tale of old", pace=1.0))
    together = Failover([first, second], recover_after_s=20.0)
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "One") == "I help out"
        await asyncio.sleep(20.5 - asyncio.get_running_loop().time())
        assert await ask(together, heard, "Two") == "A long tale of old"
        await heard.until(lambda _: together.provider is first)
        assert await ask(together, heard, "Three") == "Back again"
        history = told(first.history)
    assert history[-5:] == [
        "assistant: I help out", "user: Two", "assistant: A long tale of old", "user: Three", "assistant: Back again"
    ]  # fmt: skip


async def test_while_the_first_is_not_healthy_it_is_tried_again_and_again():
    tries = 0

    def make() -> MockProvider:
        nonlocal tries
        tries += 1
        return mock("a", DIES) if tries in (1, 4) else mock("a", **REFUSES)

    second = mock("b")
    together = Failover([make, second], recover_after_s=10.0)
    async with Listener(together) as heard:
        await together.connect()
        await ask(together, heard, "Hi")
        await asyncio.sleep(25)
        assert together.provider is second
        assert tries == 3
        await asyncio.sleep(10)
        assert together.provider is not second


async def test_failovers_nest():
    inner = Failover([mock("a", DIES), mock("b", DIES)])
    outer = Failover([inner, Failover([mock("c", **REFUSES), mock("a", MockReply("At last"))])])
    async with Listener(outer) as heard:
        await outer.connect()
        assert await ask(outer, heard, "Hi") == "At last"
    assert len({done.response_id for done in heard.all(ResponseCompleted)}) == 3


async def test_no_audio_is_lost_when_the_provider_dies_while_the_user_speaks():
    """What is said while nobody is connected is kept, and said to the next one in order."""
    second = mock("b", detect_turns=True, latency={"connect": 1.0})

    class Mortal:
        """A provider that dies when it is told."""

        def __init__(self) -> None:
            self.inner = mock("a", MockReply("never", error=DIES.error, at=0.0), detect_turns=True)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    first = Mortal()
    together = Failover([first, second])
    async with Listener(together) as heard:
        await together.connect()
        talking = asyncio.create_task(
            speak(together, FORMAT.silence(300) + marked(1, 4001) + FORMAT.silence(1500))
        )
        await asyncio.sleep(1.0)
        await first.inner.create_response()  # behind the back of all
        await talking
        await heard.until(
            lambda heard: any(done.status == "completed" for done in heard.all(ResponseCompleted))
        )
    assert marks(given(second)) == list(range(1, 4001))
    assert sent(second)[:2] == ["session_create", "connect"]


async def test_the_other_members_are_those_of_the_provider_in_use():
    first = mock("a", MockReply("A long story", pace=1.0))
    together = Failover([first])
    heard_by_handler: list[str] = []
    together.on_event("interrupted", lambda event: heard_by_handler.append(event.type))
    async with Listener(together) as heard:
        await together.update_session(instructions="Be brief.")
        await together.connect()
        await together.create_response(["audio"])
        await heard.until(lambda heard: "audio_chunk" in heard.types)
        await together.interrupt()
        await heard.next(ResponseCompleted, 0)
    assert heard_by_handler == ["interrupted"]
    assert sent(first)[0] == "session_update"


async def test_a_provider_that_dies_while_it_takes_over_is_followed_by_the_next():
    """The second one dies at the first message that it is sent."""
    inner = mock("b", MockReply("", audio=b"", error=DIES.error))
    third = mock("c", MockReply("At last"))
    together = Failover([mock("a", DIES), inner, third])
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "Hi") == "At last"
    assert told(third.history)[0] == "user: Hi"


async def test_a_failure_while_the_first_one_is_being_tried_again_stops_that():
    first = mock("a", DIES, latency={"connect": 5.0})
    second = mock("b", MockReply("Fine"), DIES)
    third = mock("c", MockReply("Here I am"))
    together = Failover([first, second, third], recover_after_s=10.0)
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "One") == "Fine"
        await asyncio.sleep(18 - asyncio.get_running_loop().time())
        assert await ask(together, heard, "Two") == "Here I am"
        assert together.provider is third


async def test_an_outage_is_over_after_a_while_without_a_failure():
    """Nobody was asked anything meanwhile; the first one may be tried again."""
    first, second = mock("a", DIES, MockReply("Back")), mock("b", DIES)
    together = Failover([first, second], first_audio_s=None)
    async with Listener(together) as heard:
        await together.connect()
        await together.create_response()
        await heard.until(lambda heard: "reconnected" in heard.types)
        await together.interrupt()
        await asyncio.sleep(60)
        assert await ask(together, heard, "Hi") == "Back"
        assert together.provider is first


class Vanishing:
    """A provider that is gone from some message on, and tells nothing of it."""

    def __init__(self, name: str, last: str) -> None:
        self.inner = mock(name)
        self.last = last
        self.up = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def is_connected(self) -> bool:
        return self.up and self.inner.is_connected()

    async def send_message(self, kind: MessageType, data: Any) -> None:
        if kind == self.last:
            self.up = False
            raise ConnectionError("vanished")
        await self.inner.send_message(kind, data)

    async def create_response(self, modalities: Any = None) -> None:
        await self.send_message(MessageType.RESPONSE_CREATE, {})


async def test_what_a_provider_did_not_take_because_it_was_gone_is_told_to_the_next():
    """The first vanishes at a result, the second while it is told what it missed."""
    third = mock("c", MockReply("At last"))
    call = {"type": "tool_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "x"}
    together = Failover([Vanishing("a", "tool_result"), Vanishing("b", "tool_result"), third])
    async with Listener(together) as heard:
        await together.connect()
        await together.send_message(MessageType.ITEM_CREATE, {"item": call})
        await together.send_message(MessageType.TOOL_RESULT, {"call_id": "c1", "output": "1"})
        await heard.until(lambda _: together.provider is third)
        await together.create_response()
        await heard.next(ResponseCompleted, 0)
    assert told(third.history) == ["call f", "result 1", "assistant: At last"]
    assert sent(third).count("tool_result") == 1


async def test_a_request_that_finds_the_provider_gone_is_made_of_the_next():
    second = mock("b", MockReply("Here"))
    together = Failover([Vanishing("a", "response_create"), second])
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "Hi") == "Here"
    assert sent(second).count("response_create") == 1


async def test_one_that_is_gone_when_it_is_told_of_the_reply_that_is_owed_is_followed_by_the_next():
    third = mock("c", MockReply("Here"))
    together = Failover([mock("a", DIES), Vanishing("b", "response_create"), third])
    async with Listener(together) as heard:
        await together.connect()
        assert await ask(together, heard, "Hi") == "Here"
    assert heard.all(ResponseCompleted)[-1].status == "completed"
