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
    ProtocolError,
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


async def opened(far: FarEnd, **config: Any) -> tuple[Any, Any]:
    """A provider with a session, and the events after that began."""
    provider = toy(far, **config)
    events = provider.events()
    await provider.connect()
    await until(events, "session_created")
    return provider, events


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
    far = FarEnd(greet=False)
    with pytest.raises(DeadlineError, match="no session within 10 s"):
        await toy(far).connect()
    assert (await far.calls[0].ended()).code == 1002


async def test_an_error_before_the_session_is_raised_by_connect():
    far = FarEnd(greet=False)
    provider = toy(far)
    connecting = asyncio.create_task(provider.connect())
    call = await far.call(1)
    await call.say("error", code="model_not_found", message="no model x", recoverable=False)
    with pytest.raises(ConnectionError, match="no model x") as caught:
        await connecting
    assert caught.value.code == "model_not_found"


async def test_a_disconnect_right_behind_connect_ends_it():
    """The task of the session has not had its first turn then, and cannot tell anybody that it was cancelled."""
    provider = toy(FarEnd())
    connecting = asyncio.create_task(provider.connect())
    await asyncio.sleep(0)
    await provider.disconnect()
    with pytest.raises(ConnectionError, match="disconnected"):
        await connecting
    assert not provider.is_connected()
    assert await provider.connect()
    await provider.disconnect()


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


async def test_two_tasks_that_connect_share_one_outcome():
    far = FarEnd(greet=False)
    provider = toy(far)
    both = [asyncio.create_task(provider.connect()) for _ in range(2)]
    await (await far.call(1)).say("created", id="s")
    assert await asyncio.gather(*both) == [True, True]
    assert len(far.calls) == 1
    await provider.disconnect()

    far = FarEnd(greet=False)
    provider = toy(far)
    both = [asyncio.create_task(provider.connect()) for _ in range(2)]
    (await far.call(1)).near.cut()
    for outcome in await asyncio.gather(*both, return_exceptions=True):
        assert isinstance(outcome, ConnectionError)


async def test_a_server_that_hangs_up_before_a_session_is_a_protocol_error_with_its_reason():
    far = FarEnd(greet=False)
    provider = toy(far)
    connecting = asyncio.create_task(provider.connect())
    await (await far.call(1)).far.close(Close(4004, "no such model"))
    with pytest.raises(ProtocolError, match=r"4004 \(no such model\)"):
        await connecting


async def test_a_fatal_error_ends_the_session_with_that_one_error():
    far = FarEnd()
    provider = toy(far)
    await provider.connect()
    await far.calls[0].say("error", code="insufficient_quota", message="pay key-1 first", recoverable=False)
    seen = [event async for event in provider.events()]
    assert [event.data["code"] for event in seen if event.type == "error"] == ["insufficient_quota"]
    assert seen[-1].data["state"] is ConnectionState.ERROR
    with pytest.raises(RateLimitError, match="pay"):
        await provider.send_text("hello?")
    await provider.disconnect()


async def test_an_error_says_nothing_of_the_key():
    far = FarEnd()
    provider = toy(far, api_key="my-own-secret")
    events = provider.events()
    await provider.connect()
    await far.calls[0].say("error", code="x", message="key my-own-secret is odd", recoverable=True)
    seen = await until(events, "error")
    assert "my-own-secret" not in repr(seen)
    await provider.disconnect()


async def test_while_reconnecting_an_interrupt_takes_back_the_request_and_a_wrong_option_is_refused_at_once():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    await provider.create_response()
    await provider.interrupt()
    with pytest.raises(MessageError):
        await provider.update_session(voice="none")
    await provider.update_session(voice="alloy")
    await until(events, "reconnected")
    frames = await (await far.call(2)).heard(lambda frames: len(frames) == 2)
    assert [frame.get("type") for frame in frames] == [None, "session_update"]
    await provider.disconnect()
    await provider.interrupt()  # harmless


async def test_audio_held_while_reconnecting_is_bounded_and_told_when_the_session_is_given_up():
    far = FarEnd()
    provider = toy(far, retry=Retry(attempts=2))
    events = provider.events()
    await provider.connect()
    far.refuse = [ConnectionError("down")] * 9
    far.calls[0].near.cut()
    await until(events, "reconnecting")

    async def pour() -> None:
        for _ in range(30):
            await provider.send_audio(SECOND)

    with pytest.raises(ConnectionError):
        await pour()
    seen = await until(events, "error")
    assert "11 held messages were not sent" in seen[-1].data["message"]
    await provider.disconnect()


async def test_audio_that_waited_for_the_reconnection_goes_out_after_it():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    far.calls[0].near.cut()
    await until(events, "reconnecting")

    async def pour() -> None:
        for _ in range(30):
            await provider.send_audio(SECOND)

    pouring = asyncio.create_task(pour())
    call = await far.call(2)
    await call.heard(lambda frames: len(frames) == 31)
    await pouring
    await provider.disconnect()


async def test_messages_held_are_bounded_by_their_number():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    far.refuse = [ConnectionError("down")] * 3
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    for _ in range(1000):
        await provider.send_text("x")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(provider.send_text("one too many"), 0.01)
    await provider.disconnect()


async def test_a_held_message_that_the_new_session_refuses_is_told():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    await provider.send_message(MessageType.ITEM_DELETE, {"item_id": "refuse me"})
    seen = await until(events, "error")
    assert seen[-1].data["code"] == "not_sent"
    assert seen[-1].data["command"] == "item_delete"
    await provider.disconnect()


async def test_a_session_lost_before_what_was_owed_could_be_said_again_owes_it_still():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    await provider.send_audio(SECOND)
    await far.calls[0].say("speech_started", position_ms=0, item_id="u1")
    await until(events, "speech_started")
    far.greet = False
    far.calls[0].near.cut()
    second = await far.call(2)
    await second.say("created", id="s2")
    second.far.cut()  # at once: the session is there, and gone
    far.greet = True
    frames = await (await far.call(3)).heard(lambda frames: len(frames) == 2)
    assert base64.b64decode(frames[1]["audio"]) == SECOND
    await provider.disconnect()


async def test_a_defect_in_a_dialect_ends_the_session_and_is_told():
    far = FarEnd()
    provider = toy(far)
    await provider.connect()
    await far.calls[0].far.send(b"this is no JSON, and the toy raises", False)
    seen = [event async for event in provider.events()]
    assert "JSONDecodeError" in seen[-1].data["reason"]
    assert [(event.data.code, event.data.recoverable) for event in seen if event.type == "error"] == [
        ("internal", False)
    ]
    assert not provider.is_connected()
    with pytest.raises(ConnectionError, match="JSONDecodeError"):
        await provider.send_text("hello")
    await provider.disconnect()


async def test_after_an_error_connect_goes_on_with_the_history_and_after_disconnect_it_begins():
    far = FarEnd()
    provider = toy(far, retry=Retry(attempts=0))
    await provider.connect()
    await provider.send_text("one")
    far.calls[0].near.cut()
    assert [event async for event in provider.events()][-1].data["state"] is ConnectionState.ERROR
    for expected in (1, 0):
        await provider.connect()
        call = far.calls[-1]
        assert len((await call.heard(lambda frames: frames))[0]["hello"]) == expected
        await provider.disconnect()


async def test_a_change_of_the_session_is_kept_for_the_next_connection():
    far = FarEnd()
    provider = toy(far)
    events = provider.events()
    await provider.connect()
    await provider.update_session(turn_detection=None)
    await provider.send_audio(SECOND * 5)
    far.calls[0].near.cut()
    await until(events, "reconnected")
    frames = await (await far.call(2)).heard(lambda frames: len(frames) == 2)
    assert len(base64.b64decode(frames[1]["audio"])) == 5 * len(
        SECOND
    )  # push to talk: all of it may be speech
    assert provider.get_capabilities() == {"text_input": True, "item_deletion": True}
    await provider.disconnect()


async def test_a_cancelled_disconnect_has_closed():
    far = FarEnd()
    provider = toy(far)
    await provider.connect()
    leaving = asyncio.create_task(provider.disconnect())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert not provider.is_connected()
    await far.calls[0].ended()


async def test_a_handler_may_disconnect():
    far = FarEnd()
    provider = toy(far)
    done = asyncio.Event()

    async def leave(event: ProviderEvent) -> None:
        await provider.disconnect()
        done.set()

    provider.on_event("session_created", leave)
    await provider.connect()
    await done.wait()
    assert not provider.is_connected()
