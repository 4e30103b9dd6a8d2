"""A runtime from one life to the next, and one connection's part in it: who ends it, why, and what is told of that."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from dataclasses import replace
from typing import Any

import pytest
from test_runtime import SECOND, opened, until
from toy import FORMAT, TOY, FarEnd, ToyDialect, toy

from voicechatengine import (
    AudioError,
    AuthenticationError,
    ConnectionError,
    ConnectionState,
    Limits,
    ProviderConfig,
    RateLimitError,
    Retry,
)
from voicechatengine.session.dialect import Close, Endpoint, Ids, Restore
from voicechatengine.session.runtime import Runtime
from voicechatengine.session.transport import Transport
from voicechatengine.session.vendor import Vendor


def now() -> float:
    return asyncio.get_running_loop().time()


def states(events: list[Any]) -> list[str]:
    return [str(event.data.state) for event in events if event.type == "state_changed"]


def provider_of(vendor: Vendor[ProviderConfig], far: Any, **config: Any) -> Runtime[ProviderConfig]:
    loop = asyncio.get_running_loop()
    return Runtime(ProviderConfig(**config), vendor, connector=far, clock=loop.time, rng=random.Random(1))


# ------------------------------------------------------------------ one life after the other


async def test_a_second_life_is_as_good_as_the_first():
    """Its events are heard, and it comes back after a cut; so it does after an error that ended the life before."""
    far = FarEnd()
    provider, events = await opened(far)
    await provider.disconnect()
    await provider.connect()
    events = provider.events()
    far.calls[1].near.cut()
    await until(events, "reconnected")
    await far.calls[2].say("error", code="gone", message="over", recoverable=False)
    await until(events, "error")
    assert [event.type async for event in events] == ["state_changed"]
    await provider.connect()
    events = provider.events()
    far.calls[3].near.cut()
    await until(events, "reconnected")
    assert provider.is_connected()
    await provider.disconnect()


async def test_after_an_error_a_disconnect_is_told_as_a_change_of_state():
    far = FarEnd()
    provider, events = await opened(far)
    await far.calls[0].say("error", code="gone", message="over", recoverable=False)
    seen = [event async for event in events]
    assert states(seen) == ["error"]
    assert [event.data.recoverable for event in seen if event.type == "error"] == [False]
    await provider.disconnect()
    assert states([event async for event in events]) == ["disconnected"]
    assert await far.calls[0].ended() == Close(1000)


async def test_giving_up_is_an_error_from_which_nothing_recovers():
    far = FarEnd()
    provider, events = await opened(far)
    far.refuse = [AuthenticationError("revoked")]
    far.calls[0].near.cut()
    seen = [event async for event in events]
    assert [event.data.recoverable for event in seen if event.type == "error"] == [False]
    await provider.disconnect()


async def test_a_disconnect_does_not_wait_for_a_dial_or_for_the_next_attempt():
    dialling = asyncio.Event()

    async def never(endpoint: Endpoint) -> Transport:
        dialling.set()
        await asyncio.Event().wait()
        raise AssertionError

    provider = toy(never)
    connecting = asyncio.create_task(provider.connect())
    await dialling.wait()
    await provider.disconnect()
    with pytest.raises(ConnectionError, match="disconnected"):
        await connecting
    far = FarEnd()
    provider, events = await opened(far)
    far.refuse = [RateLimitError("wait", retry_after=20), *[ConnectionError("full")] * 3]
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    await until(events, "reconnecting")
    began = now()
    await provider.disconnect()
    assert now() == began
    assert not provider.is_connected()


async def test_what_was_held_in_one_life_is_not_said_in_the_next():
    far = FarEnd()
    provider, events = await opened(far)
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    await provider.send_text("too late")
    await provider.disconnect()
    await provider.connect()
    await provider.send_text("hello")
    frames = await far.calls[1].heard(lambda frames: len(frames) >= 2)
    assert frames[1]["item"]["content"][0]["text"] == "hello"
    await provider.disconnect()


async def test_a_disconnect_waits_for_handlers_that_hear_the_last_of_it():
    far, heard = FarEnd(), list[str]()
    provider = toy(far)

    async def slowly(event: Any) -> None:
        await asyncio.sleep(0.1)
        heard.append(str(event.data.state))

    provider.on_event("state_changed", slowly)
    await provider.connect()
    await provider.disconnect()
    assert heard == ["connecting", "connected", "disconnected"]


class SlowToClose:
    """A transport that takes its time to say goodbye."""

    def __init__(self, inner: Transport) -> None:
        self.pump, self.send, self._close = inner.pump, inner.send, inner.close

    async def close(self, close: Close, /) -> None:
        await asyncio.sleep(60)
        await self._close(close)


@pytest.mark.parametrize("end", ["disconnect", "refusal", "defect"])
async def test_no_end_leaves_a_connection_that_still_says_goodbye(end: str):
    async def dial(endpoint: Endpoint) -> Transport:
        near = await far(endpoint)
        return near if len(far.calls) > 1 else SlowToClose(near)

    far = FarEnd()
    provider = toy(dial)
    events = provider.events()
    await provider.connect()
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "reconnected")
    if end == "refusal":
        far.refuse = [AuthenticationError("revoked")]
        far.calls[1].near.cut()
    elif end == "defect":
        await far.calls[1].far.send(b"this is no JSON, and the toy raises", False)
    else:
        await provider.disconnect()
    async for _ in events:
        pass
    left = [task for task in asyncio.all_tasks() if task.get_name() == "toy connection"]
    assert not left
    await provider.disconnect()


async def test_a_session_that_takes_over_is_opened_as_one_that_goes_on():
    asked: list[bool] = []

    def endpoint(config: ProviderConfig, restore: Restore) -> Endpoint:
        asked.append(restore.reconnect)
        return Endpoint("ws://toy")

    far = FarEnd()
    provider = provider_of(replace(TOY, endpoint=endpoint), far)
    events = provider.events()
    await provider.connect()
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "reconnected")
    assert asked == [False, True]
    await provider.disconnect()


async def test_a_cut_while_the_next_session_is_opened_waits_for_neither():
    far = FarEnd()
    provider, events = await opened(far)
    far.greet = False
    await far.calls[0].say("expiring", seconds_left=60)
    await far.call(2)
    far.greet = True
    began = now()
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    assert now() == began
    await until(events, "reconnected")
    await provider.disconnect()


# ------------------------------------------------------------------ what is said and heard


async def test_an_interrupt_is_said_to_the_vendor():
    far = FarEnd()
    provider, _ = await opened(far)
    await provider.interrupt()
    frames = await far.calls[0].heard(lambda frames: len(frames) == 2)
    assert frames[1]["type"] == "response_cancel"
    await provider.disconnect()


async def test_sound_is_heard_as_an_event_of_its_session():
    far = FarEnd()
    provider, events = await opened(far)
    await far.calls[0].say("started", response_id="r")
    await far.calls[0].say("audio", audio="00000100", response_id="r")
    (*_, sound) = await until(events, "audio_chunk")
    assert (sound.data.audio, sound.session_id, sound.provider) == (b"\0\0\1\0", "s1", "toy")
    await provider.disconnect()


async def test_the_format_is_the_vendors_and_what_cannot_be_audio_is_refused_while_reconnecting_too():
    far = FarEnd()
    provider, events = await opened(far)
    assert provider.get_audio_format() == FORMAT
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    with pytest.raises(AudioError):
        await provider.send_audio(b"odd")
    await until(events, "reconnected")
    await provider.disconnect()


async def test_a_sender_that_waits_for_the_reconnection_is_told_when_there_will_be_none():
    far = FarEnd()
    provider, events = await opened(far)
    far.refuse = [ConnectionError("full")] * 20
    far.calls[0].near.cut()
    await until(events, "reconnecting")

    said = 0

    async def speak() -> None:
        nonlocal said
        while True:
            said += 1
            await provider.send_audio(SECOND)

    speaking = asyncio.create_task(speak())
    await asyncio.sleep(0)
    before = said
    await provider.disconnect()
    with pytest.raises(ConnectionError):
        await speaking
    assert said == before


async def test_audio_may_be_unsent_for_just_so_long_and_after_it_was_sent_for_as_long_again():
    far = FarEnd(window=2)
    provider = toy(far, limits=Limits(unsent_audio_s=2))
    await provider.connect()
    await asyncio.sleep(1)  # "hello" leaves room for one
    sending: list[asyncio.Task[None]] = []
    for _ in range(2):
        first = asyncio.create_task(provider.send_audio(SECOND))  # writes, and waits for the far end
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(provider.send_audio(SECOND)) for _ in range(3)]
        await asyncio.sleep(1)
        assert [task.done() for task in (first, *waiting)] == [False, True, True, False]
        sending += [first, *waiting]
        reading = asyncio.create_task(far.calls[0].far.pump(lambda frame: None))
        await asyncio.gather(*sending)
        await provider.send_audio(SECOND)
        await asyncio.sleep(1)
        reading.cancel()
        await asyncio.wait([reading])
        await provider.send_audio(SECOND)  # leaves room for one again
    await provider.disconnect()


def seconds_of(frames: list[dict[str, Any]]) -> float:
    """How much audio was appended."""
    sent = [base64.b64decode(frame["audio"]) for frame in frames if frame.get("type") == "audio_append"]
    return sum(map(len, sent)) / len(SECOND)


async def test_after_a_second_cut_all_that_was_said_again_and_held_is_said_once_more():
    """Also what is longer than the tail that is kept of silence: no speech in it can have been reported yet."""
    far = FarEnd()
    provider, events = await opened(far)
    await provider.send_audio(SECOND)
    far.calls[0].near.cut()
    await until(events, "reconnecting")
    for _ in range(3):
        await provider.send_audio(SECOND)
    await until(events, "reconnected")
    far.calls[1].near.cut()
    await until(events, "reconnected")
    await asyncio.sleep(0)
    frames = await far.calls[2].heard(lambda frames: seconds_of(frames) >= 4)
    await asyncio.sleep(1)
    assert seconds_of(frames) == 4
    await provider.disconnect()


async def test_after_a_hand_over_and_a_cut_what_was_said_again_is_said_once():
    far = FarEnd()
    provider, events = await opened(far)
    await provider.send_audio(SECOND)
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "reconnected")
    far.calls[1].near.cut()
    await until(events, "reconnected")
    frames = await far.calls[2].heard(lambda frames: seconds_of(frames) >= 1)
    await asyncio.sleep(1)
    assert seconds_of(frames) == 1
    await provider.disconnect()


async def test_speech_that_was_said_again_at_a_hand_over_is_kept_whole_though_nobody_has_reported_it_yet():
    far = FarEnd()
    provider, events = await opened(far)
    await far.calls[0].say("speech_started", position_ms=0, item_id="u")
    await until(events, "speech_started")
    for _ in range(5):
        await provider.send_audio(SECOND)
    await far.calls[0].say("expiring", seconds_left=10)
    await until(events, "reconnected")
    far.calls[1].near.cut()
    await until(events, "reconnected")
    frames = await far.calls[2].heard(lambda frames: seconds_of(frames) >= 5)
    assert seconds_of(frames) == 5
    await provider.disconnect()


async def test_of_silence_only_a_tail_is_said_again_by_whichever_name_it_was_sent():
    far = FarEnd()
    provider, events = await opened(far)
    for _ in range(5):
        await provider.send_message("audio_append", {"audio": SECOND})
    far.calls[0].near.cut()
    await until(events, "reconnected")
    await asyncio.sleep(1)
    assert seconds_of(await far.calls[1].heard(lambda frames: seconds_of(frames) >= 2)) == 2
    await provider.disconnect()


async def test_how_many_attempts_it_took_is_told_and_a_hand_over_takes_none():
    far = FarEnd()
    retry = Retry(base=0.1)
    provider, events = await opened(far, retry=retry)
    far.refuse = [ConnectionError("full"), RateLimitError("full")]
    far.calls[0].near.cut()
    seen = await until(events, "reconnected")
    waits = [event.data.delay_s for event in seen if event.type == "reconnecting"]
    assert all(delay <= retry.base * 2**n for n, delay in enumerate(waits))
    assert seen[-1].data.attempts == 3
    await far.calls[1].say("expiring", seconds_left=60)
    (*_, told) = await until(events, "reconnected")
    assert told.data.attempts == 0
    await provider.disconnect()


async def test_an_item_of_this_session_is_cut_by_the_vendor_and_so_is_any_where_none_can_be_deleted():
    for capable in (True, False):
        far = FarEnd()
        vendor = replace(
            TOY, capabilities=lambda config, options, capable=capable: {"item_deletion": capable}
        )
        provider = provider_of(vendor, far)
        events = provider.events()
        await provider.connect()
        await provider.send_text("one")
        far.calls[0].near.cut()
        await until(events, "reconnected")
        call = far.calls[1]
        (name,) = (await call.heard(lambda frames: frames))[0]["hello"]
        if capable:
            await call.say("started", response_id="r")
            await call.say("text", text="Two.", response_id="r", item_id="a")
            await call.say("completed", response_id="r")
            await until(events, "response_completed")
            name = "a"
        before = len(call.frames)
        await provider.send_message("item_truncate", {"item_id": name, "heard_ms": 0})
        frames = await call.heard(lambda frames: frames and frames[-1].get("type") == "item_truncate")
        assert [frame["type"] for frame in frames[max(before, 1) :] if frame["type"] != "item_create"] == [
            "item_truncate"
        ]
        await provider.disconnect()


async def test_clock_and_chance_need_not_be_given():
    far = FarEnd()
    provider = Runtime(ProviderConfig(), TOY, connector=far)
    await provider.connect()
    await provider.send_text("hello")
    frames = await far.calls[0].heard(lambda frames: len(frames) == 2)
    assert frames[1]["item"]["id"].startswith("item_")
    await provider.disconnect()


# ------------------------------------------------------------------ why a connection ended


async def test_an_error_that_is_no_end_ends_nothing_and_explains_no_later_cut():
    far = FarEnd()
    provider, events = await opened(far)
    await far.calls[0].say("error", code="odd", message="something odd")
    await until(events, "error")
    await asyncio.sleep(1)
    assert provider.is_connected()
    far.calls[0].near.cut()
    (*_, told) = await until(events, "reconnecting")
    assert told.data.cause == "the connection ended with code 1006 (connection lost)"
    await until(events, "reconnected")
    await provider.disconnect()


async def test_an_error_before_the_session_explains_why_there_is_none():
    far = FarEnd(greet=False)
    provider = toy(far)
    connecting = asyncio.create_task(provider.connect())
    call = await far.call(1)
    await call.say("error", code="busy", message="no room")
    await asyncio.sleep(1)
    call.near.cut()
    with pytest.raises(ConnectionError, match="no room") as caught:
        await connecting
    assert caught.value.code == "busy"


async def test_what_a_connection_needs_first_is_fetched_for_each():
    asked: list[str] = []

    async def prepare(config: ProviderConfig) -> ProviderConfig:
        asked.append(config.model)
        return replace(config, model=f"{config.model}-{len(asked)}")

    def endpoint(config: ProviderConfig, restore: Restore) -> Endpoint:
        return Endpoint(f"ws://toy/{config.model}")

    urls: list[str] = []

    async def dial(endpoint: Endpoint) -> Transport:
        urls.append(endpoint.url)
        return await far(endpoint)

    far = FarEnd()
    provider = provider_of(replace(TOY, prepare=prepare, endpoint=endpoint), dial, model="m")
    events = provider.events()
    await provider.connect()
    far.calls[0].near.cut()
    await until(events, "reconnected")
    await provider.disconnect()
    assert asked == ["m", "m"]
    assert urls == ["ws://toy/m-1", "ws://toy/m-2"]


async def test_a_defect_beside_the_session_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture):
    made: list[ToyDialect] = []

    def dialect(config: ProviderConfig, restore: Restore, ids: Ids) -> ToyDialect:
        if len(made) == 1:
            made.append(made[0])
            raise KeyError("a defect")
        made.append(ToyDialect(config, restore, ids))
        return made[-1]

    far = FarEnd()
    provider = provider_of(replace(TOY, dialect=dialect), far)
    events = provider.events()
    await provider.connect()
    with caplog.at_level(logging.ERROR, "voicechatengine"):
        await far.calls[0].say("expiring", seconds_left=60)
        await until(events, "reconnected")
    assert [record.getMessage() for record in caplog.records] == ["a connection beside the session failed"]
    assert provider.is_connected()
    await provider.disconnect()
    assert ConnectionState.ERROR not in states([event async for event in events])
