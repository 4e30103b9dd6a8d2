"""What the mock is told to do, and what it remembers: replies, the turn a reply answers, records, configuration.

Pure: no task, no clock, and no chance but the seeded one.
"""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.errors import MessageError
from voicechatengine.events import ErrorInfo, Event, Usage
from voicechatengine.messages import COMMANDS, Item, Options, ResponseCreate, ToolResultItem, TurnDetection
from voicechatengine.provider import ProviderConfig

CHARS_PER_S: Final = 15.0  # how fast people speak
OPERATIONS: Final = frozenset({"*", "connect", "response", *(str(kind) for kind in COMMANDS)})
"""The keys of `MockConfig.latency`, `jitter` and `error_rate`; ``*`` stands for all that have no key of their own."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MockCall:
    """A tool call that the mock makes. `arguments` as a mapping, or as the text that a model would write."""

    name: str
    arguments: Mapping[str, Any] | str = dataclasses.field(default_factory=dict[str, Any])
    call_id: str | None = None

    def text(self) -> str:
        """The arguments as JSON text."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(dict(self.arguments))


@dataclasses.dataclass(frozen=True)
class MockReply:
    """One reply, set ahead.

    `text` is what is said: the words of the audio, or written words in a session that answers in text. With `spoken` given,
    `spoken` is the words of the audio and `text` is written beside it. `audio` is bytes in the session's output format,
    seconds of a tone, or None for a tone as long as the words take to say. `calls` are made after the words.

    Before the reply begins, `events` come as they are (speech, rate limits, a vendor's own). The first chunk comes `delay_s`
    after the reply has begun; chunks of `chunk_ms` follow `pace` times faster than they play, all at once with a pace of 0.

    `error`, `drop` and `barge_in` end the reply at `at` (0..1 of its chunks): the vendor fails (an error that is not
    recoverable ends the session too); the connection is lost, and comes back after `outage_s` (``reconnect``) or does not
    (``fail``); the vendor hears the user speak. `status` and `reason` are how a reply ends that nothing cut short, `usage`
    what it cost, None meaning an estimate.
    """

    text: str = ""
    _: dataclasses.KW_ONLY
    spoken: str | None = None
    audio: bytes | float | None = None
    calls: Sequence[MockCall] = ()
    events: Sequence[Event] = ()
    delay_s: float = 0.0
    chunk_ms: float = 100.0
    pace: float = 8.0
    error: ErrorInfo | None = None
    drop: Literal["reconnect", "fail"] | None = None
    barge_in: bool = False
    at: float = 0.5
    outage_s: float = 0.5
    status: Literal["completed", "failed", "incomplete"] = "completed"
    reason: str | None = None
    usage: Usage | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("at", self.at, 0, 1),
            ("pace", self.pace, 0, float("inf")),
            ("delay_s", self.delay_s, 0, float("inf")),
            ("outage_s", self.outage_s, 0, float("inf")),
            ("chunk_ms", self.chunk_ms, 1, float("inf")),
        ):
            if not low <= value <= high:
                raise MessageError(
                    f"MockReply, field {name}: {value!r} is not in {low}..{high}",
                    field=name,
                    cure="give a number in that range",
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MockTurn:
    """What a reply answers: what came from the user since the reply before it.

    `texts` are the written words, `transcripts` those of the speech, `audio` the committed speech in `audio_format` (of
    very long turns the end), `audio_ms` how long it was, `images` how many pictures were shown. `request` is what asked for
    the reply, `options` are the session's, `history` is the whole conversation.
    """

    texts: tuple[str, ...] = ()
    transcripts: tuple[str, ...] = ()
    audio: bytes = dataclasses.field(default=b"", repr=False)
    audio_ms: float = 0.0
    audio_format: AudioFormat = AudioFormat()
    images: int = 0
    tool_results: tuple[ToolResultItem, ...] = ()
    request: ResponseCreate = ResponseCreate()
    options: Options = Options()
    history: tuple[Item, ...] = ()


class MockRecord(NamedTuple):
    """One interaction: when (Unix seconds), who spoke, the message or event type (or ``connect``, ``disconnect``), with what.

    `refused` is the text of the error that was raised instead of sending.
    """

    time: float
    direction: Literal["sent", "received"]
    type: str
    payload: object
    refused: str | None = None


def default_reply(turn: MockTurn) -> MockReply:
    """The answer where none was set ahead: it says what it got."""
    if turn.tool_results:
        return MockReply(f"The result is {turn.tool_results[-1].output}.")
    words = " ".join((*turn.transcripts, *turn.texts)).strip()
    if words:
        return MockReply(f"You said: {words}")
    if turn.images:
        return MockReply("I see the picture.")
    return MockReply("Hello, this is the mock provider.")


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class MockConfig(ProviderConfig):
    """How the mock behaves; nothing is random but by `seed`.

    Replies come from `script` in order, then from `respond`, else they say what was heard. `transcripts` is what the user's
    speech is taken to say, in order, or a function of the audio and its format; else its length is named. `latency` and
    `jitter` (seconds, of which a random part is added) and `error_rate` (0..1) are by operation: ``connect``, ``response``,
    a message type such as ``audio_append``, or ``*`` for the others. A failing connect raises, a failing message is
    answered with an `error` event, and a failing response is ``failed``.

    Like a vendor without turn detection it waits to be asked for a reply. With `detect_turns` it has ``server_vad``, by
    the energy of the audio, switched on (``update_session(turn_detection=None)`` before connect switches it off). `name`
    tells several mocks apart. Of the recording the last `recorded` records and `recorded_bytes` of audio are kept.
    """

    turn_detection: TurnDetection | None = None
    seed: int = 0
    name: str = "mock"
    script: Sequence[MockReply] = ()
    respond: Callable[[MockTurn], MockReply] | None = None
    transcripts: Sequence[str] | Callable[[bytes, AudioFormat], str] = ()
    latency: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    jitter: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    error_rate: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    detect_turns: bool = False
    recorded: int = 100_000
    recorded_bytes: int = 64_000_000

    def __post_init__(self) -> None:
        if self.detect_turns and self.turn_detection is None:
            object.__setattr__(self, "turn_detection", TurnDetection())
        if self.turn_detection is not None and not self.detect_turns:
            raise MessageError(
                "MockConfig, field turn_detection: this mock has no turn detection",
                field="turn_detection",
                cure="set detect_turns=True",
            )
        for name, high in (("latency", float("inf")), ("jitter", float("inf")), ("error_rate", 1.0)):
            for operation, value in getattr(self, name).items():
                if operation not in OPERATIONS or not 0 <= value <= high:
                    raise MessageError(
                        f"MockConfig, field {name}: {operation!r}: {value!r} is no operation or out of range",
                        field=name,
                        cure=f"use 0..{high} for one of {', '.join(sorted(OPERATIONS))}",
                    )
        super().__post_init__()


class Delta(NamedTuple):
    """One step of a reply: these words and this audio (either may be empty), `at_ms` of playing time after its beginning."""

    at_ms: float
    words: str
    audio: bytes


def deltas(words: str, audio: bytes | float | None, form: AudioFormat, chunk_ms: float) -> list[Delta]:
    """A spoken reply in steps of `chunk_ms`, its words spread over its audio."""
    if audio is None:
        audio = len(words) / CHARS_PER_S
    if not isinstance(audio, bytes):
        audio = tone(form, audio * 1000)
    form.check(audio)
    step = max(form.block_bytes, form.size_of(chunk_ms))
    chunks = [audio[start : start + step] for start in range(0, len(audio), step)] or [b""] * bool(words)
    spread = spread_words(words, len(chunks))
    return [
        Delta(index * form.duration_ms(step), *pair)
        for index, pair in enumerate(zip(spread, chunks, strict=True))
    ]


def written(words: str, chunk_ms: float) -> list[Delta]:
    """A written reply in steps, at the pace of speech."""
    count = max(1, round(len(words) / CHARS_PER_S * 1000 / chunk_ms))
    return [
        Delta(index * chunk_ms, part, b"") for index, part in enumerate(spread_words(words, count)) if part
    ]


def spread_words(words: str, count: int) -> list[str]:
    """Whole words in `count` parts of about the same length, some perhaps empty."""
    parts = [""] * count
    position = 0
    for word in re.findall(r"\S*\s+|\S+", words):
        parts[position * count // len(words)] += word
        position += len(word)
    return parts


class Script:
    """Where replies and transcripts come from; it goes on through all sessions of one provider."""

    def __init__(self, config: MockConfig) -> None:
        self._replies = deque(config.script)
        self._respond = config.respond or default_reply
        self._transcripts = config.transcripts
        self._heard = 0

    def reply(self, turn: MockTurn) -> MockReply:
        """The answer to a turn."""
        return self._replies.popleft() if self._replies else self._respond(turn)

    def transcript(self, audio: bytes, form: AudioFormat) -> str:
        """What a stretch of speech is taken to say."""
        if callable(self._transcripts):
            return self._transcripts(audio, form)
        self._heard += 1
        if self._heard <= len(self._transcripts):
            return self._transcripts[self._heard - 1]
        return f"({form.duration_ms(len(audio)) / 1000:.1f} s of speech)"


class Luck:
    """Everything about the mock that is left to chance, from its seed."""

    def __init__(self, config: MockConfig) -> None:
        self._config = config
        self._random = random.Random(f"{config.seed} {config.name}")

    def id(self, kind: str) -> str:
        """A fresh id that begins with this word."""
        return f"{kind}_{self._random.getrandbits(64):016x}"

    def delay(self, operation: str) -> float:
        """The seconds that an operation takes this time."""
        jitter = _of(self._config.jitter, operation)
        return _of(self._config.latency, operation) + (jitter * self._random.random() if jitter else 0.0)

    def fails(self, operation: str) -> bool:
        """Whether an operation fails this time."""
        rate = _of(self._config.error_rate, operation)
        return rate > 0 and self._random.random() < rate


def _of(table: Mapping[str, float], operation: str) -> float:
    return table.get(operation, table.get("*", 0.0))
