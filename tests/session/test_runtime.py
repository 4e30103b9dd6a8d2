"""The runtime against a far end that the test speaks for, in virtual time."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from toy import FORMAT, FarEnd, toy

from voicechatengine import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    ConnectionState,
    DeadlineError,
    MessageError,
    MessageType,
    ProviderEvent,
    RateLimitError,
    Retry,
)
from voicechatengine.session.dialect import Close
from voicechatengine.session.grammar import Grammar

SECOND = FORMAT.silence(1000)


async def until(events: Any, kind: str) -> list[ProviderEvent]:
    """The events up to and including the first of a type."""
    seen: list[ProviderEvent] = []
    async for event in events:
        seen.append(event)
        if event.type == kind:
            return seen
    raise AssertionError(f"no {kind} came, only {[event.type for event in seen]}")


async def rest(events: Any) -> list[str]:
    return [event.type async for event in events]


def in_grammar(events: list[ProviderEvent]) -> None:
    grammar = Grammar()
    assert [wrong for event in events if (wrong := grammar.check(event.data))] == []


async def test_connect_opens_a_session_and_disconnect_ends_every_subscription():
    far = FarEnd()
    provider = toy(far)
    assert await provider.connect() is True
    assert provider.is_connected()
    assert await provider.connect() is True  # a no-op
    assert len(far.calls) == 1
    await provider.disconnect()
    await provider.disconnect()
    assert not provider.is_connected()
    events = [event async for event in provider.events()]
    assert [event.type for event in events] == [
        "state_changed",
        "state_changed",
        "session_created",
        "state_changed",
    ]
    in_grammar(events)
    assert await far.calls[0].ended() == Close(1000)


async def test_a_refused_connection_raises_and_can_be_tried_again():
    far = FarEnd(AuthenticationError("no", code="invalid_api_key", status=401))
    provider = toy(far)
    with pytest.raises(AuthenticationError) as caught:
        await provider.connect()
    assert caught.value.status == 401
    assert await provider.connect()
    await provider.disconnect()


async def test_a_dial_that_takes_too_long_is_a_deadline_error():
    async def never(endpoint: object) -> Any:
        await asyncio.Event().wait()

    provider = toy(never)
    with pytest.raises(DeadlineError, match="10 s"):
        await provider.connect()


async def test_a_server_that_says_nothing_is_a_deadline_error():
    provider = toy(FarEnd(greet=False))
    with pytest.raises(DeadlineError, match="no session within 10 s"):
        await provider.connect()


async def test_an_error_before_the_session_is_raised_by_connect():
    far = FarEnd(greet=False)
    provider = toy(far)
    connecting = asyncio.create_task(provider.connect())
    call = await far.call(1)
    await call.say("error", code="model_not_found", message="no model x", recoverable=False)
    with pytest.raises(ConnectionError, match="no model x") as caught:
        await connecting
    assert caught.value.code == "model_not_found"


async def test_a_cancelled_connect_leaves_nothing_open():
    far = FarEnd(greet=False)
    provider = toy(far)
    connecting = asyncio.create_task(provider.connect())
    call = await far.call(1)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert not provider.is_connected()
    await call.ended()


async def test_after_a_cut_the_history_options_and_held_messages_reach_the_next_session_in_order():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    await provider.send_text("one")
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    await provider.send_text("two")
    await provider.create_response()
    seen = await until(events, "reconnected")
    assert seen[-1].data["state_restored"] is True
    call = await far.call(2)
    frames = await call.heard(lambda frames: len(frames) == 3)
    assert len(frames[0]["hello"]) == 1
    assert frames[1]["item"]["content"][0]["text"] == "two"
    assert frames[2]["type"] == "response_create"
    await provider.disconnect()


async def test_a_reply_that_had_begun_fails_with_the_connection_and_is_not_asked_for_again():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    await provider.create_response()
    await far.calls[0].say("started", response_id="r1")
    await until(events, "response_started")
    far.calls[0].near.cut()
    seen = await until(events, "reconnected")
    assert seen[0].data["status"] == "failed"
    assert seen[0].data["reason"] == "connection_lost"
    await provider.send_text("next")
    frames = await (await far.call(2)).heard(lambda frames: len(frames) == 2)
    assert [frame.get("type") for frame in frames] == [None, "item_create"]
    await provider.disconnect()


async def test_a_reply_that_had_not_begun_is_asked_for_again():
    far = FarEnd()
    provider = toy(far)
    await provider.connect()
    await provider.create_response()
    far.calls[0].near.cut()
    frames = await (await far.call(2)).heard(lambda frames: len(frames) == 2)
    assert frames[1]["type"] == "response_create"
    await provider.disconnect()


async def test_an_utterance_not_yet_committed_is_said_again_whole_and_committed_speech_never():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    call = far.calls[0]
    for n in range(8):
        await provider.send_audio(bytes([n, 0]) * 4000)  # half a second each
    await call.say("speech_started", position_ms=500, item_id="u1")
    await call.say("speech_stopped", position_ms=1500, item_id="u1")
    await call.say("added", item_id="u1", role="user", kind="speech")
    await call.say("speech_started", position_ms=3000, item_id="u2")
    await until(events, "item_added")
    await until(events, "speech_started")
    call.near.cut()
    seen = await until(events, "reconnected")
    assert seen[-1].data["missing"] == ("the words of u1",)
    assert seen[-1].data["state_restored"] is False
    frames = await (await far.call(2)).heard(lambda frames: len(frames) == 2)
    assert base64.b64decode(frames[1]["audio"]) == bytes([6, 0]) * 4000 + bytes([7, 0]) * 4000
    await provider.disconnect()


async def test_it_gives_up_after_the_budget_with_one_clear_error_and_every_subscription_ends():
    far = FarEnd()
    provider = toy(far, retry=Retry(attempts=3))
    events = provider.events()
    await provider.connect()
    far.refuse = [ConnectionError("down")] * 9
    far.calls[0].near.cut()
    seen = [event async for event in events]
    in_grammar(seen)
    errors = [event for event in seen if event.type == "error"]
    assert len(errors) == 1
    assert "gave up after 3 attempts" in errors[0].data["message"]
    assert seen[-1].data["state"] is ConnectionState.ERROR
    with pytest.raises(ConnectionError):
        await provider.send_text("anybody?")
    await provider.disconnect()


async def test_connections_that_keep_dropping_are_not_renewed_for_ever():
    far = FarEnd()
    provider = toy(far, retry=Retry(drops=3))
    events = provider.events()
    await provider.connect()
    for n in range(1, 5):
        (await far.call(n)).near.cut()
        await until(events, "reconnected" if n < 4 else "error")
    assert "state_changed" in await rest(events)
    assert not provider.is_connected()
    await provider.disconnect()


async def test_a_rate_limit_on_the_way_back_is_waited_for():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    far.refuse = [RateLimitError("slow down", retry_after=30)]
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    seen = await until(events, "reconnected")
    assert [event.data["delay_s"] for event in seen if event.type == "reconnecting"] == [30]
    await provider.disconnect()


async def test_sending_when_disconnected_or_what_does_not_fit_raises_and_sends_nothing():
    far = FarEnd()
    provider = toy(far)
    with pytest.raises(ConnectionError, match="connect"):
        await provider.send_text("hello")
    await provider.connect()
    with pytest.raises(AudioError):
        await provider.send_audio(b"odd")
    with pytest.raises(MessageError):
        await provider.send_message(MessageType.ITEM_CREATE, {"item": {"type": "nonsense"}})
    with pytest.raises(MessageError):
        await provider.send_message(MessageType.TEXT_CHUNK, {"text": "x"})
    with pytest.raises(MessageError, match="open"):
        await provider.send_message(MessageType.SESSION_CREATE, {})
    with pytest.raises(MessageError):
        await provider.update_session(voice="none")
    frames = await far.calls[0].heard(lambda frames: len(frames) == 1)
    assert frames == [{"hello": []}]
    await provider.disconnect()
    with pytest.raises(ConnectionError, match="connect"):
        await provider.send_audio(SECOND)


async def test_before_connect_options_and_history_define_the_session():
    far = FarEnd()
    provider = toy(far)
    await provider.update_session(voice="alloy", turn_detection=None)
    with pytest.raises(MessageError):
        await provider.update_session(voice="none")
    history = [{"type": "message", "role": "user", "content": [{"type": "text", "text": "hi"}], "id": "h1"}]
    await provider.send_message(MessageType.SESSION_CREATE, {"history": history})
    await provider.connect()
    frames = await far.calls[0].heard(lambda frames: frames)
    assert frames[0] == {"hello": ["h1"]}
    await provider.disconnect()


async def test_audio_waits_while_too_much_is_unsent_and_a_cancelled_send_is_whole_or_unsent():
    far = FarEnd(window=2)
    provider = toy(far)
    await provider.connect()

    async def pour() -> None:
        for _ in range(100):
            await provider.send_audio(SECOND)

    pouring = [asyncio.create_task(pour()) for _ in range(2)]
    _, pending = await asyncio.wait(pouring, timeout=60)
    assert len(pending) == 2  # nobody reads at the far end
    pouring[0].cancel()
    await asyncio.wait([pouring[0]])
    frames = await far.calls[0].heard(lambda frames: len(frames) >= 101)
    await pouring[1]
    assert all(len(frame["audio"]) == len(frames[1]["audio"]) for frame in frames[1:])
    await provider.disconnect()


async def test_a_dialects_deadline_rings_at_its_time():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    await until(events, "session_created")
    begun = asyncio.get_running_loop().time()
    await far.calls[0].say("alarm", after=42.0)
    seen = await until(events, "error")
    assert seen[-1].data["code"] == "alarm"
    assert asyncio.get_running_loop().time() - begun == pytest.approx(42, abs=0.01)
    await provider.disconnect()
