"""Hypothesis strategies for everything that passes through a provider: commands, events, audio, frames, faults, schedules.

With `machine` this is the only module of the kit that imports hypothesis (extra ``testing``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import hypothesis.strategies as st
import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    ConnectionState,
    ErrorInfo,
    Event,
    InputTranscript,
    Interrupted,
    ItemAdded,
    RateLimit,
    RateLimits,
    Reconnected,
    Reconnecting,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionExpiring,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    Image,
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    Role,
    SessionUpdate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.mock import MockCall, MockReply
from voicechatengine.simulators import Faults

Strategy: TypeAlias = st.SearchStrategy[Any]

PCM: Final = AudioFormat()
ROLES: Final[tuple[Role, ...]] = ("user", "assistant", "system")


def words(max_size: int = 5) -> st.SearchStrategy[str]:
    """A few words, with what is not ASCII among them."""
    word = st.sampled_from(("yes", "no", "Ünïcode", "日本", "42", "never", "odd", "even", "🙂"))
    return st.lists(word, min_size=1, max_size=max_size).map(" ".join)


def ids(word: str, count: int = 3) -> st.SearchStrategy[str]:
    """Ids of which there are few, so that messages meet: ``item_1`` to ``item_3``."""
    return st.sampled_from([f"{word}_{number}" for number in range(1, count + 1)])


def audio(form: AudioFormat = PCM, *, max_ms: float = 100.0) -> st.SearchStrategy[bytes]:
    """Whole samples of a format, up to so many milliseconds."""
    blocks = form.size_of(max_ms) // form.block_bytes

    def sound(drawn: tuple[int, int]) -> bytes:
        size, value = drawn
        return bytes([value]) * (size * form.block_bytes)

    return st.tuples(st.integers(0, blocks), st.integers(0, 100)).map(sound)


def cuts(size: int, *, block: int = 2) -> st.SearchStrategy[list[int]]:
    """Places at which so many bytes can be cut, in their order."""
    return st.lists(st.integers(1, max(1, size // block - 1)), max_size=8, unique=True).map(
        lambda places: [place * block for place in sorted(places)]
    )


def items() -> st.SearchStrategy[Item]:
    """What a conversation is made of."""
    message = st.builds(
        MessageItem, st.sampled_from(ROLES), words().map(lambda text: (TextPart(text),)), ids("item")
    )
    call = st.builds(ToolCallItem, ids("call"), st.just("add"), st.just('{"a": 1}'), ids("item"))
    return message | call | st.builds(ToolResultItem, ids("call"), words(), ids("item"))


def options() -> st.SearchStrategy[Options]:
    """Changes of a session that every vendor with these options takes."""
    tool = Tool("add", "Adds numbers.")
    return st.sampled_from(
        [
            Options(instructions="Be brief."),
            Options(tools=(tool,)),
            Options(tools=()),
            Options(max_tokens=100),
        ]
    )


def commands(form: AudioFormat = PCM) -> st.SearchStrategy[Command]:
    """What an application may say in an open session, with ids of which there are few."""
    return st.one_of(
        audio(form).map(AudioAppend),
        items().map(ItemCreate),
        options().map(SessionUpdate),
        st.builds(ResponseCreate, out_of_band=st.booleans(), instructions=st.none() | words()),
        st.builds(ResponseCancel, st.none() | ids("resp")),
        st.builds(ItemTruncate, ids("item"), st.floats(0, 5_000)),
        st.builds(ItemDelete, ids("item")),
        st.builds(ToolResult, ids("call"), words()),
        st.sampled_from([AudioCommit(), AudioClear(), ActivityStart(), ActivityEnd(), Image(b"\x89PNG")]),
    )


def events(form: AudioFormat = PCM) -> st.SearchStrategy[Event]:
    """What a provider may tell, one by one and in no order, with ids of which there are few."""
    response, item = ids("resp"), ids("item")
    states = st.sampled_from(tuple(ConnectionState))
    return st.one_of(
        st.builds(SessionCreated, ids("sess")),
        st.builds(SessionUpdated, ids("sess")),
        st.builds(StateChanged, states, states),
        st.builds(SpeechStarted, st.none() | st.floats(0, 9_000), st.none() | item),
        st.builds(SpeechStopped, st.none() | st.floats(0, 9_000), st.none() | item),
        st.builds(InputTranscript, words(), st.booleans(), item),
        st.builds(ItemAdded, item, st.sampled_from(ROLES), st.none() | item),
        st.builds(ResponseStarted, response),
        st.builds(TextChunk, words(), st.booleans(), response, item),
        st.builds(AudioChunk, audio(form), st.none(), response, item),
        st.builds(
            ToolCall, ids("call"), st.just("add"), st.just('{"a":1}'), st.just({"a": 1}), response, item
        ),
        st.builds(ToolCallCancelled, st.tuples(ids("call"))),
        st.builds(Interrupted, response, item, st.floats(0, 9_000)),
        st.builds(
            ResponseCompleted, response, st.sampled_from(("completed", "interrupted", "failed", "incomplete"))
        ),
        st.builds(UsageReport, st.builds(Usage, st.integers(0, 99), st.integers(0, 99))),
        st.just(RateLimits((RateLimit("requests", 10.0, 9.0, 1.0),))),
        st.builds(SessionExpiring, st.floats(0, 60)),
        st.builds(Reconnecting, st.integers(1, 6), st.floats(0, 8), words()),
        st.builds(Reconnected, st.integers(1, 6), st.booleans()),
        st.builds(ErrorInfo, st.just("vendor_error"), words(), st.booleans()),
        st.builds(VendorMessage, st.just("unknown"), st.just({"type": "unknown"})),
    )


def replies() -> st.SearchStrategy[MockReply]:
    """What a far end may be told to say: words at any pace, calls, failures."""
    calls = st.lists(st.just(MockCall(name="add", arguments={"a": 1})), max_size=2)
    return st.builds(
        MockReply,
        words(20),
        calls=calls,
        delay_s=st.sampled_from((0.0, 0.05, 0.5)),
        chunk_ms=st.sampled_from((20.0, 100.0)),
        pace=st.sampled_from((0.0, 1.0, 8.0)),
        status=st.sampled_from(("completed", "completed", "completed", "failed", "incomplete")),
    )


def json_values() -> Strategy:
    """Any JSON, small."""
    plain = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=5)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        max_leaves=4,
    )


def garbage() -> st.SearchStrategy[bytes | str]:
    """Frames that are no message of any vendor."""
    typed = st.dictionaries(st.text(max_size=5) | st.just("type"), json_values(), max_size=3)
    return st.one_of(st.binary(max_size=64), st.text(max_size=32), typed.map(json.dumps))


@st.composite
def vendor_messages(draw: st.DrawFn, frames: Sequence[bytes | str]) -> bytes | str:
    """One of these frames of a vendor, as it is, or with one of its values changed or gone."""
    frame = draw(st.sampled_from(frames))
    if draw(st.booleans()):
        return frame
    try:
        message: dict[str, Any] = msgspec.json.decode(frame, type=dict[str, Any])
    except msgspec.DecodeError:
        return frame
    if message:
        key = draw(st.sampled_from(sorted(message)))
        if draw(st.booleans()):
            message[key] = draw(json_values())
        else:
            del message[key]
    return json.dumps(message)


def faults() -> st.SearchStrategy[Faults]:
    """What can go wrong on a line to a simulated vendor; the first connection only, so that the next one works."""
    return st.builds(
        Faults,
        drop_after_sent=st.none() | st.integers(1, 30),
        drop_after_received=st.none() | st.integers(1, 30),
        close_after_sent=st.none() | st.integers(1, 30),
        delay_ms=st.sampled_from((0.0, 0.0, 5.0, 200.0)),
        garbage_every=st.none() | st.integers(1, 10),
        rate_limit=st.integers(0, 1),
        connections=st.just(1),
    )


def schedules(max_size: int = 10) -> st.SearchStrategy[list[float]]:
    """How long to wait between steps, in seconds: not at all, hardly, or for long."""
    return st.lists(st.sampled_from((0.0, 0.0, 0.001, 0.02, 0.1, 0.5, 3.0, 40.0)), max_size=max_size)


__all__ = [
    "audio",
    "commands",
    "cuts",
    "events",
    "faults",
    "garbage",
    "ids",
    "items",
    "json_values",
    "options",
    "replies",
    "schedules",
    "vendor_messages",
    "words",
]
