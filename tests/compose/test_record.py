"""`Recorded`: it changes nothing for the application, and the file holds all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from recordings import QUESTION, Watcher, encoded, spoken_conversation, talkative, written_conversation

from voicechatengine import (
    AudioError,
    AudioFormat,
    ConnectionError,
    MessageError,
    MessageType,
    MockConfig,
    MockProvider,
    OpenAIConfig,
    OpenAIProvider,
    ProviderEvent,
)
from voicechatengine.compose.record import Recorded
from voicechatengine.compose.replay import Replayed
from voicechatengine.compose.tape import Call, Heard, Outcome, Session, Tape, read
from voicechatengine.messages import AudioAppend, ResponseCancel
from voicechatengine.providers.mock import MockReply
from voicechatengine.simulators.memory import memory_connector
from voicechatengine.simulators.service import Simulator
from voicechatengine.simulators.vendors import vendor

KEY = "sk-proj-abcdefghijklmnop123456"


def openai(simulator: Simulator) -> OpenAIProvider:
    return OpenAIProvider(OpenAIConfig(api_key=KEY), connector=memory_connector(simulator))


def kinds(events: list[ProviderEvent]) -> list[str]:
    return [event.type for event in events]


async def test_a_recorded_conversation_is_the_conversation(tmp_path):
    """The same events in the same order, whoever wraps; and all of them are in the file."""
    bare = await spoken_conversation(talkative())
    recorded = await spoken_conversation(Recorded(talkative(), tmp_path / "a.jsonl"))
    assert kinds(recorded) == kinds(bare)
    assert [event.data for event in recorded] == [event.data for event in bare]
    lines = list(read(tmp_path / "a.jsonl"))
    assert encoded([line.event() for line in lines if isinstance(line, Heard)]) == encoded(recorded)
    calls = [line for line in lines if isinstance(line, Call)]
    assert [call.number for call in calls] == list(range(1, len(calls) + 1))
    assert sum(len(c.message.audio) for c in calls if isinstance(c.message, AudioAppend)) > 100_000


async def test_recordings_nest(tmp_path):
    """A recorded provider is a provider: both files hold the same events."""
    inner = Recorded(MockProvider(), tmp_path / "inner.jsonl")
    events = await written_conversation(Recorded(inner, tmp_path / "outer.jsonl"))
    for name in ("inner", "outer"):
        lines = read(tmp_path / f"{name}.jsonl")
        assert encoded([line.event() for line in lines if isinstance(line, Heard)]) == encoded(events)


async def test_a_vendor_is_recorded_like_the_mock(tmp_path):
    """OpenAI's dialect against its simulator in memory, keys never in the file."""
    simulator = Simulator(vendor("openai"))
    path = tmp_path / "a.jsonl"
    events = await written_conversation(Recorded(openai(simulator), path))
    assert {"response_completed", "text_chunk", "audio_chunk"} <= set(kinds(events))
    for speed in (0.0, 1.0):
        assert encoded(await written_conversation(Replayed(path, speed=speed, check=True))) == encoded(events)
    assert KEY not in path.read_text()
    await simulator.stop()


async def test_nothing_is_stolen_from_who_comes_late(tmp_path):
    """What arrives while nobody subscribes is kept for the first subscriber, as by any provider."""
    provider = Recorded(MockProvider(), tmp_path / "a.jsonl")
    await provider.connect()
    await provider.send_text("Hi")
    await provider.create_response()
    await asyncio.sleep(10)
    await provider.disconnect()
    found = [event.type async for event in provider.events()]
    assert found[:2] == ["state_changed", "state_changed"]
    assert found[-2:] == ["response_completed", "state_changed"]


async def test_what_connecting_told_is_there_when_connect_returns(tmp_path):
    """Without another turn of the loop, however deep it is wrapped."""
    provider = Recorded(Recorded(MockProvider(), tmp_path / "a.jsonl"), tmp_path / "b.jsonl")
    events = provider.events()
    await provider.connect()
    heard = [(await anext(events)).type for _ in range(3)]
    assert heard == ["state_changed", "state_changed", "session_created"]
    assert provider.is_connected()
    assert await provider.connect()
    await provider.disconnect()


async def test_every_call_is_written_with_its_type(tmp_path):
    """The named methods as their messages; what does not fit raises and is no call."""
    provider = Recorded(MockProvider(), tmp_path / "a.jsonl")
    await provider.update_session(voice="alloy")
    await provider.connect()
    await provider.send_text("Hi", "system")
    await provider.send_audio(b"\0\0")
    await provider.send_message(MessageType.AUDIO_COMMIT, {})
    await provider.create_response(["text"])
    await provider.interrupt()
    for wrong in (
        provider.send_audio(b"\0"),
        provider.send_message(MessageType.AUDIO_APPEND, {"sound": b""}),
        provider.update_session(colour="red"),
        provider.create_response(["smell"]),
        provider.send_text("Hi", "robot"),
    ):
        with pytest.raises((MessageError, AudioError)):
            await wrong
    with pytest.raises(MessageError, match="modalities is empty"):
        await provider.create_response([])
    await provider.disconnect()
    calls = [line for line in read(tmp_path / "a.jsonl") if isinstance(line, Call)]
    sent = [str(call.message.__struct_config__.tag) if call.message else call.call for call in calls]
    assert sent == [
        "session_update", "connect", "item_create", "audio_append", "audio_commit", "response_create", "response_cancel",
        "response_create", "disconnect",
    ]  # fmt: skip
    failed = [line for line in read(tmp_path / "a.jsonl") if isinstance(line, Outcome) and line.failure]
    assert [(line.number, line.failure.error, line.failure.field) for line in failed] == [
        (8, "MessageError", "modalities")
    ]


async def test_a_change_of_format_is_written(tmp_path):
    """What `get_audio_format` says at each place."""
    provider = Recorded(MockProvider(), tmp_path / "a.jsonl")
    await provider.connect()
    await provider.update_session(input_audio_format=AudioFormat(sample_rate=16_000))
    await provider.disconnect()
    rates = [
        line.audio_format.sample_rate for line in read(tmp_path / "a.jsonl") if isinstance(line, Session)
    ]
    assert rates == [24_000, 16_000]
    replay = Replayed(tmp_path / "a.jsonl", speed=0)
    assert replay.get_audio_format().sample_rate == 24_000
    assert replay.get_capabilities() == provider.get_capabilities()
    await replay.connect()
    await replay.disconnect()


async def test_a_failed_connect_is_written_and_can_be_tried_again(tmp_path):
    """Its error, its events; then a session in the same file."""
    inner = MockProvider(MockConfig(error_rate={"connect": 0.7}, seed=4))
    provider = Recorded(inner, tmp_path / "a.jsonl")
    failures = 0
    while True:
        try:
            await provider.connect()
        except ConnectionError:
            failures += 1
            assert not provider.is_connected()
        else:
            break
    await provider.disconnect()
    await provider.disconnect()
    assert failures > 0
    outcomes = [line for line in read(tmp_path / "a.jsonl") if isinstance(line, Outcome)]
    assert [line.failure.error for line in outcomes[:-2]] == ["ConnectionError"] * failures
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    for _ in range(failures):
        with pytest.raises(ConnectionError, match="the mock refused to connect"):
            await replay.connect()
    assert await replay.connect()
    await replay.disconnect()
    with pytest.raises(MessageError, match="nothing more was recorded"):
        await replay.connect()


async def lost_session(provider) -> list[ProviderEvent]:
    """The session fails by itself; the application then disconnects."""
    await provider.connect()
    watcher = Watcher(provider)
    await provider.send_text("Hi")
    await provider.create_response()
    await watcher.end()
    late = Watcher(provider)
    assert not provider.is_connected()
    await asyncio.sleep(3)
    await provider.disconnect()
    return watcher.events + await late.end()


async def test_a_session_that_fails_ends_its_subscriptions(tmp_path):
    """As without the recording, and again in the replay; what disconnect says then is not lost."""

    def failing() -> MockProvider:
        return MockProvider(MockConfig(script=[MockReply("Oh no, there it goes", drop="error")]))

    bare = await lost_session(failing())
    recorded = await lost_session(Recorded(failing(), tmp_path / "a.jsonl"))
    assert kinds(recorded) == kinds(bare)
    assert kinds(recorded)[-1] == "state_changed"
    replayed = await lost_session(Replayed(tmp_path / "a.jsonl", check=True))
    assert encoded(replayed) == encoded(recorded)


async def test_a_cancelled_connect_leaves_nothing(tmp_path):
    """No task, no session."""
    provider = Recorded(MockProvider(MockConfig(latency={"connect": 5.0})), tmp_path / "a.jsonl")
    task = asyncio.create_task(provider.connect())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not provider.is_connected()
    assert await provider.connect()
    await provider.disconnect()


async def test_connect_while_reconnecting_waits_for_the_same_session(tmp_path):
    """It is no second session in the file."""
    script = [MockReply("Wait for me please", drop="reconnect", outage_s=2.0)]
    provider = Recorded(MockProvider(MockConfig(script=script)), tmp_path / "a.jsonl")

    async def conversation(provider) -> list[ProviderEvent]:
        await provider.connect()
        watcher = Watcher(provider)
        await provider.send_text("Hi")
        await provider.create_response()
        await watcher.until("reconnecting", 1)
        assert not provider.is_connected()
        assert await provider.connect()
        await watcher.until("reconnected", 1)
        await provider.disconnect()
        return await watcher.end()

    events = await conversation(provider)
    assert encoded(await conversation(Replayed(tmp_path / "a.jsonl", check=True))) == encoded(events)


async def test_handlers_hear_everything(tmp_path):
    """By type and by star, in order."""
    provider = Recorded(MockProvider(), tmp_path / "a.jsonl")
    heard: list[str] = []
    provider.on_event("*", lambda event: heard.append(event.type))
    events = await written_conversation(provider)
    assert heard == kinds(events)


class ShortTape(Tape):
    """A tape on a disk that fills up."""

    def __init__(self, path, *, lines: int) -> None:
        super().__init__(path)
        self._left = lines

    def write(self, line) -> None:
        self._left -= 1
        if self._left == 0:
            self.failure = OSError(28, "No space left on device")
        super().write(line)


async def test_a_full_disk_ends_the_recording_and_not_the_session(tmp_path):
    """One error event says so; the conversation goes on, and what was written can be read."""
    provider = Recorded(MockProvider(), ShortTape(tmp_path / "a.jsonl", lines=12))
    events = await written_conversation(provider)
    told = [event.data for event in events if event.type == "error"]
    assert [(error.code, error.recoverable) for error in told] == [("recording_failed", True)]
    assert "No space left" in told[0].message
    assert kinds(events).count("response_completed") == 2
    assert len(list(read(tmp_path / "a.jsonl"))) == 12


class Foreign:
    """A provider of somebody else's: an async generator of events of its own type, no subscription that ends."""

    def __init__(self, *, fails: bool = False, connects: bool = True) -> None:
        self.fails = fails
        self.connects = connects
        self.open = False

    async def connect(self) -> bool:
        self.open = self.connects
        return self.connects

    async def disconnect(self) -> None:
        self.open = False

    def is_connected(self) -> bool:
        return self.open

    async def send_message(self, message_type, data) -> None:
        raise KeyError(f"own defect with {KEY}")

    async def send_audio(self, audio_data) -> None: ...

    async def send_text(self, text, role="user") -> None: ...

    async def create_response(self, modalities=None) -> None: ...

    async def interrupt(self) -> None: ...

    async def update_session(self, **options) -> None: ...

    def get_audio_format(self) -> AudioFormat:
        return AudioFormat()

    def get_capabilities(self):
        return {"tools": True}

    async def events(self) -> AsyncIterator[ProviderEvent]:
        yield ProviderEvent("own", {"pair": (1, b"x"), "n": 2}, 5.0, "foreign", "s-1", "careful")
        if self.fails:
            raise RuntimeError(f"broken with {KEY}")
        await asyncio.get_running_loop().create_future()

    def on_event(self, event_type, handler) -> None: ...


async def test_a_custom_provider_with_events_of_its_own(tmp_path):
    """Its mapping comes back as it was; its endless stream leaves no task; its own exceptions pass."""
    provider = Recorded(Foreign(), tmp_path / "a.jsonl")
    await provider.connect()
    watcher = Watcher(provider)
    await watcher.until("own", 1)
    with pytest.raises(KeyError):
        await provider.send_message(MessageType.RESPONSE_CANCEL, ResponseCancel())
    await provider.disconnect()
    recorded = await watcher.end()
    replay = Replayed(tmp_path / "a.jsonl", speed=0)
    assert replay.get_capabilities() == {"tools": True}
    await replay.connect()
    assert [event async for event in replay.events()] == recorded
    assert KEY not in (tmp_path / "a.jsonl").read_text()


async def test_a_provider_whose_events_raise_is_told(tmp_path):
    """No reader dies in silence."""
    provider = Recorded(Foreign(fails=True), tmp_path / "a.jsonl")
    await provider.connect()
    events = [event async for event in provider.events()]
    assert (events[-1].type, events[-1].data["code"]) == ("error", "events_failed")
    assert KEY not in str(events)
    await provider.disconnect()


class Hesitant(Foreign):
    """A provider that takes a moment before its session begins; whoever subscribes earlier gets nothing."""

    async def connect(self) -> bool:
        await asyncio.sleep(1)
        return await super().connect()

    async def events(self) -> AsyncIterator[ProviderEvent]:
        if self.open:
            async for event in super().events():
                yield event


async def test_a_provider_that_begins_late_is_recorded(tmp_path):
    """The recorder asks again."""
    provider = Recorded(Hesitant(), tmp_path / "a.jsonl")
    await provider.connect()
    watcher = Watcher(provider)
    await watcher.until("own", 1)
    await provider.disconnect()
    await watcher.end()


async def test_a_connect_that_says_no(tmp_path):
    """Not an error, but no session either."""
    provider = Recorded(Foreign(connects=False), tmp_path / "a.jsonl")
    assert not await provider.connect()
    replay = Replayed(tmp_path / "a.jsonl", speed=0)
    assert not await replay.connect()
    await replay.disconnect()
    await provider.disconnect()


def test_the_question_is_there():
    """The recordings speak it."""
    assert QUESTION.is_file()
