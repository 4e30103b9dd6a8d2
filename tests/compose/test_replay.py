"""`Replayed`: the same events byte for byte, in their time, and an application held to what was recorded."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from recordings import Watcher, encoded, spoken_conversation, talkative, written_conversation

from voicechatengine import (
    AudioError,
    ConnectionError,
    MessageError,
    MessageType,
    MockConfig,
    MockProvider,
    ProviderEvent,
    Timeouts,
)
from voicechatengine.compose.record import Recorded
from voicechatengine.compose.replay import Replayed
from voicechatengine.compose.tape import Heard, RawFrame, Tape, read
from voicechatengine.messages import (
    AudioCommit,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    TextPart,
    Tool,
)
from voicechatengine.session.grammar import Grammar

HERE = Path(__file__).parent
FILES = Path("/proc/self/fd")


def is_open(path: Path) -> bool:
    return any(os.path.realpath(each) == str(path) for each in FILES.iterdir())


def recorded_events(path: Path) -> list[ProviderEvent]:
    return [line.event() for line in read(path) if isinstance(line, Heard)]


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 10.0])
async def test_recording_then_replaying_gives_the_same_events_byte_for_byte(tmp_path, speed):
    """An interruption, a tool call and an outage included, with the application checked."""
    path = tmp_path / "a.jsonl"
    events = await spoken_conversation(Recorded(talkative(), path))
    replay = Replayed(path, speed=speed, check=True)
    assert encoded(await spoken_conversation(replay)) == encoded(events)
    assert replay.difference is None
    assert not replay.is_connected()


@pytest.mark.parametrize(("speed", "factor"), [(1.0, 1.0), (4.0, 0.25), (0.5, 2.0), (0.0, 0.0)])
async def test_events_come_at_their_times_without_the_application(tmp_path, speed, factor):
    """Who only watches sees the conversation in real, scaled or no time; the session ends by itself."""
    path = tmp_path / "a.jsonl"
    await spoken_conversation(Recorded(talkative(), path))
    lines = [line for line in read(path) if isinstance(line, Heard)]
    replay = Replayed(path, speed=speed)
    loop = asyncio.get_running_loop()
    began = loop.time()
    events = replay.events()
    await replay.connect()
    assert replay.is_connected()
    seen = [(loop.time() - began, event) async for event in events]
    assert encoded([event for _, event in seen]) == encoded([line.event() for line in lines])
    for (time, _), line in zip(seen, lines, strict=True):
        assert time == pytest.approx((line.at - lines[0].at) * factor, abs=1e-3)
    assert not replay.is_connected()
    await replay.disconnect()


async def test_who_leaves_in_the_midst_of_a_reply_is_told_its_end(tmp_path):
    """Also where the recorded one stayed to the end; nothing is told behind it of what was never begun."""
    path = tmp_path / "a.jsonl"
    await written_conversation(Recorded(MockProvider(), path))
    replay = Replayed(path)
    watcher, grammar = Watcher(replay), Grammar()
    await replay.connect()
    await watcher.until("text_chunk", 1)
    await replay.disconnect()
    events = await watcher.end()
    assert [grammar.check(event.data) for event in events] == [None] * len(events)
    assert grammar.open_responses == ()
    assert [event.data["reason"] for event in events if event.type == "response_completed"][
        -1
    ] == "disconnected"


async def test_capabilities_are_the_callers_own(tmp_path):
    """Nobody changes what the next one is told."""
    await written_conversation(Recorded(MockProvider(), tmp_path / "a.jsonl"))
    replay = Replayed(tmp_path / "a.jsonl")
    replay.get_capabilities().clear()
    assert replay.get_capabilities()["text_input"]


async def test_a_replay_can_be_recorded(tmp_path):
    """It is a provider."""
    events = await written_conversation(Recorded(MockProvider(), tmp_path / "a.jsonl"))
    again = Recorded(Replayed(tmp_path / "a.jsonl", check=True), tmp_path / "b.jsonl")
    assert encoded(await written_conversation(again)) == encoded(events)
    assert encoded(recorded_events(tmp_path / "b.jsonl")) == encoded(events)


async def test_several_sessions_each_need_a_connect(tmp_path):
    """Calls between them are checked as well; behind the last there is none."""

    async def two(provider) -> list[ProviderEvent]:
        first = await written_conversation(provider)
        await provider.send_message(
            MessageType.SESSION_CREATE,
            SessionCreate(Options(voice="alloy"), (MessageItem("user", (TextPart("Hello"),)),)),
        )
        return first + await written_conversation(provider)

    events = await two(Recorded(MockProvider(), tmp_path / "a.jsonl"))
    for check in (True, False):
        replay = Replayed(tmp_path / "a.jsonl", speed=0, check=check)
        assert encoded(await two(replay)) == encoded(events)
    with pytest.raises(ConnectionError, match="no further session"):
        await replay.connect()


async def test_leaving_early_skips_what_was_not_seen(tmp_path):
    """Without check: what is left but the farewell never happened, and nothing waits for it."""
    await spoken_conversation(Recorded(talkative(), tmp_path / "a.jsonl"))
    replay = Replayed(tmp_path / "a.jsonl")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await replay.connect()
    await asyncio.sleep(1)
    await replay.disconnect()
    assert loop.time() - began < 1.1
    events = [event async for event in replay.events()]
    assert len(events) < 10
    assert (events[-1].type, events[-1].data["state"]) == ("state_changed", "disconnected")
    await replay.disconnect()


async def test_state_rules(tmp_path):
    """As by any provider: what can be said when, and what cannot."""
    await written_conversation(Recorded(MockProvider(), tmp_path / "a.jsonl"))
    replay = Replayed(tmp_path / "a.jsonl")
    await replay.update_session(voice="alloy")
    await replay.interrupt()
    for call in (replay.send_text("Hi"), replay.create_response(), replay.send_audio(b"\0\0")):
        with pytest.raises(ConnectionError, match="not connected"):
            await call
    assert await replay.connect()
    assert await replay.connect()
    await replay.send_text("Hi")
    for wrong, error in (
        (replay.send_audio(b"\0"), AudioError),
        (replay.send_message(MessageType.SESSION_CREATE, {}), MessageError),
        (replay.send_message(MessageType.TEXT_CHUNK, {}), MessageError),
        (replay.update_session(colour="red"), MessageError),
    ):
        with pytest.raises(error):
            await wrong
    await replay.disconnect()
    with pytest.raises(ConnectionError):
        await replay.send_text("Hi")


async def test_a_cancelled_connect_leaves_nothing(tmp_path):
    """And two that connect at once share one outcome."""
    inner = MockProvider(MockConfig(latency={"connect": 3.0}, timeouts=Timeouts(connect=9.0)))
    await written_conversation(Recorded(inner, tmp_path / "a.jsonl"))
    replay = Replayed(tmp_path / "a.jsonl")
    task = asyncio.create_task(replay.connect())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not replay.is_connected()
    other = Replayed(tmp_path / "a.jsonl")
    assert await asyncio.gather(other.connect(), other.connect()) == [True, True]
    await other.disconnect()
    third = Replayed(tmp_path / "a.jsonl")
    both = [asyncio.create_task(third.connect()) for _ in range(2)]
    await asyncio.sleep(1)
    await third.disconnect()
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError]


# ------------------------------------------------------------------ checking


async def script(provider, *calls) -> None:
    await provider.connect()
    for call in calls:
        await call(provider)
    await provider.disconnect()


def say(text: str, role="user"):
    return lambda provider: provider.send_text(text, role)


def audio(*chunks: bytes):
    async def send(provider) -> None:
        for chunk in chunks:
            await provider.send_audio(chunk)

    return send


def message(kind: MessageType, data):
    return lambda provider: provider.send_message(kind, data)


def item(name: str):
    return message(MessageType.ITEM_CREATE, ItemCreate(MessageItem("user", (TextPart("x"),), id=name)))


COMMIT = message(MessageType.AUDIO_COMMIT, AudioCommit())


def delete(name: str):
    return message(MessageType.ITEM_DELETE, ItemDelete(name))


def tools(*found: Tool):
    return lambda provider: provider.update_session(tools=found)


@pytest.mark.parametrize(
    ("recorded", "sent"),
    [
        ([say("Hi")], [say("Hi")]),
        ([audio(b"abcd", b"efgh")], [audio(b"ab", b"cdefgh")]),
        ([audio(b"abcd"), COMMIT], [audio(b"ab", b"cd"), COMMIT]),
        ([audio(b"abcd")], [audio(b"abcdefgh")]),
        ([item("one"), delete("one")], [item("uno"), delete("uno")]),
        ([item("one"), delete("other")], [item("uno"), delete("other")]),
        ([tools(Tool("f", "does f"))], [tools(Tool("f", "does f"))]),
        (
            [message(MessageType.ITEM_TRUNCATE, ItemTruncate("i", 500.0))],
            [message(MessageType.ITEM_TRUNCATE, {"item_id": "i", "heard_ms": 520})],
        ),
        ([say("sk-proj-abcdefghijklmnop123456")], [say("sk-proj-abcdefghijklmnop123456")]),
    ],
)
async def test_what_means_the_same_is_the_same(tmp_path, recorded, sent):
    """Chunks cut elsewhere, ids of the application's own, a playback position a little later, hidden keys."""
    await script(Recorded(MockProvider(), tmp_path / "a.jsonl"), *recorded)
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    await script(replay, *sent)
    assert replay.difference is None


@pytest.mark.parametrize(
    ("recorded", "sent", "field", "text"),
    [
        ([say("Hi")], [say("Ho")], "item.content[0].text", "recorded 'Hi', sent 'Ho'"),
        ([say("Hi")], [say("Hi", "system")], "item.role", "recorded 'user', sent 'system'"),
        ([say("Hi")], [lambda p: p.create_response()], "message_type", "recorded item_create, sent response_create"),
        ([say("Hi")], [say("Hi"), say("Hi")], "message_type", "recorded disconnect, sent item_create"),
        ([audio(b"abcd")], [audio(b"abxd")], "audio", "differs from the recorded one at byte 2"),
        ([audio(b"abcd"), COMMIT], [audio(b"ab"), COMMIT], "audio", "recorded behind 4 bytes of audio, sent behind 2"),
        ([item("one"), delete("one")], [item("uno"), delete("one!")], "item_id", "sent 'one!'"),
        ([tools(Tool("f"))], [tools(Tool("f"), Tool("g"))], "options.tools", "recorded 1 entries, sent 2"),
        ([tools(Tool("f"))], [lambda p: p.update_session(voice="alloy")], "options.tools", "not sent"),
        ([lambda p: p.update_session()], [lambda p: p.update_session(voice="al")], "options.voice", "not recorded"),
        (
            [message(MessageType.ITEM_TRUNCATE, ItemTruncate("i", 500.0))],
            [message(MessageType.ITEM_TRUNCATE, ItemTruncate("i", 700.0))],
            "heard_ms",
            "recorded 500.0, sent 700.0",
        ),
        ([say("x" * 500)], [say("y" * 500)], "item.content[0].text", "xxx…, sent 'yyy"),
        (
            [message(MessageType.RESPONSE_CREATE, ResponseCreate(max_tokens=5))],
            [message(MessageType.RESPONSE_CREATE, ResponseCreate())],
            "max_tokens",
            "recorded 5, sent None",
        ),
    ],
)  # fmt: skip
async def test_the_first_difference_is_named(tmp_path, recorded, sent, field, text):
    """By the call's number and the field, raised, told as an event, and kept; the session is over."""
    await script(Recorded(MockProvider(), tmp_path / "a.jsonl"), *recorded)
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    with pytest.raises(MessageError) as caught:
        await script(replay, *sent)
    assert text in str(caught.value)
    assert (caught.value.field, replay.difference) == (field, caught.value)
    errors = [event.data async for event in replay.events() if event.type == "error"]
    assert [(error.code, error.recoverable) for error in errors] == [("replay_mismatch", False)]
    with pytest.raises(ConnectionError):
        await replay.send_text("on and on")
    await replay.disconnect()


async def test_leaving_too_soon_is_a_difference(tmp_path):
    """`disconnect` never raises; the event and `difference` tell."""
    await script(Recorded(MockProvider(), tmp_path / "a.jsonl"), say("Hi"))
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    await script(replay)
    assert "recorded item_create, sent disconnect" in str(replay.difference)


@pytest.mark.parametrize(
    ("call", "text"), [(say("Hi"), "call 2, item_create"), (audio(b"abcd"), "4 bytes of audio")]
)
async def test_a_call_that_does_not_come_is_told_and_no_hang(tmp_path, call, text):
    """After the time that it took when it was recorded, and some patience."""

    async def slowly(provider) -> None:
        await asyncio.sleep(30)
        await call(provider)

    await script(Recorded(MockProvider(), tmp_path / "a.jsonl"), slowly)
    replay = Replayed(tmp_path / "a.jsonl", speed=0, check=True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await replay.connect()
    events = [event async for event in replay.events()]
    assert events[-1].data["code"] == "replay_mismatch"
    assert text in events[-1].data["message"]
    assert loop.time() - began == pytest.approx(40, abs=1)
    await replay.disconnect()


async def test_a_session_may_stay_open_for_longer(tmp_path):
    """Only the disconnect is missing: that has no time limit."""
    await script(Recorded(MockProvider(), tmp_path / "a.jsonl"), say("Hi"))
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    await replay.connect()
    await replay.send_text("Hi")
    await asyncio.sleep(3600)
    assert replay.is_connected()
    await replay.disconnect()
    assert replay.difference is None


async def test_an_early_connect_that_differs_says_so(tmp_path):
    """The recorded application defined its session first."""
    provider = Recorded(MockProvider(), tmp_path / "a.jsonl")
    await provider.update_session(voice="alloy")
    await script(provider)
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    with pytest.raises(MessageError, match="recorded session_update, sent connect"):
        await replay.connect()
    assert [event.type async for event in replay.events()] == ["error"]


# ------------------------------------------------------------------ files


async def test_a_recording_cut_in_mid_session_ends_the_session(tmp_path):
    """At every event: those before it come, then subscriptions end, and connect() does not hang."""
    path = tmp_path / "a.jsonl"
    await written_conversation(Recorded(MockProvider(), path))
    lines = path.read_bytes().splitlines(keepends=True)
    for keep in range(3, len(lines)):
        path.write_bytes(b"".join(lines[:keep]) + lines[keep][:10])
        replay = Replayed(path, speed=0)
        events = replay.events()
        outcome = await asyncio.gather(replay.connect(), return_exceptions=True)
        assert outcome == [True] or "the recording ends before" in str(outcome)
        assert encoded([event async for event in events]) == encoded(recorded_events(path))


async def test_damage_behind_a_session_is_told_by_the_connect_that_comes_to_it(tmp_path):
    path = tmp_path / "a.jsonl"
    provider = Recorded(MockProvider(), path)
    events = await written_conversation(provider)
    end = len(path.read_bytes().splitlines())
    await written_conversation(provider)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:end], b"{}\n", *lines[end:]]))
    replay = Replayed(path, speed=0)
    assert encoded(await written_conversation(replay)) == encoded(events)
    with pytest.raises(MessageError, match=f"damaged in line {end + 1}"):
        await replay.connect()


@pytest.mark.skipif(not FILES.is_dir(), reason="only Linux tells which files are open")
async def test_at_its_end_a_recording_is_closed(tmp_path):
    path = tmp_path / "a.jsonl"
    await written_conversation(Recorded(MockProvider(), path))
    replay = Replayed(path, speed=0)
    await replay.connect()
    assert is_open(path)
    await replay.disconnect()
    assert not is_open(path)


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none(tmp_path, speed):
    """Told at once."""
    with pytest.raises(MessageError, match="speed is"):
        Replayed(tmp_path / "a.jsonl", speed=speed)


def test_a_recording_of_frames_alone_cannot_be_played(tmp_path):
    """It has no events."""
    tape = Tape(tmp_path / "a.jsonl", clock=lambda: 0.0)
    tape.write(RawFrame(0.0, 1, "sent", "{}"))
    tape.close()
    with pytest.raises(MessageError, match="holds no session of a provider"):
        Replayed(tmp_path / "a.jsonl")


@pytest.mark.realtime
async def test_a_killed_process_leaves_a_recording_that_replays(tmp_path):
    """SIGKILL in the midst of a reply: everything that it had seen before is there."""
    path = tmp_path / "a.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "endless_talk.py"), str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    seen = [line.strip() for line in [await process.stdout.readline() for _ in range(40)]]
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    seen += [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    seen = [line.strip() for line in seen]
    replay = Replayed(path, speed=0)
    events = replay.events()
    await replay.connect()
    replayed = encoded([event async for event in events])
    assert len(seen) >= 40
    assert replayed[: len(seen)] == seen
    assert replayed == encoded(recorded_events(path))
    await replay.disconnect()


async def test_watching_beside_the_application(tmp_path):
    """Every subscription and handler gets every event."""
    events = await written_conversation(Recorded(MockProvider(), tmp_path / "a.jsonl"))
    replay = Replayed(tmp_path / "a.jsonl", speed=0)
    handled: list[ProviderEvent] = []
    replay.on_event("*", handled.append)
    watchers = [Watcher(replay), Watcher(replay)]
    await replay.connect()
    for watcher in watchers:
        assert encoded(await watcher.end()) == encoded(events)
    await replay.disconnect()
    assert encoded(handled) == encoded(events)
