"""Both sides of a wire without a wire: a client's dialect, where there is one a server's, and the frames between them.

Pure: time is a number that a law moves. Frames to the client can be held back, as a network does.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias, TypeVar

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    Event,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    TextChunk,
    ToolCall,
)
from voicechatengine.messages import Command, ItemCreate, MessageItem, Options, ResponseCreate, TextPart
from voicechatengine.session.dialect import (
    ClientDialect,
    Close,
    Frame,
    Ids,
    Outgoing,
    Restore,
    ServerDialect,
)
from voicechatengine.session.grammar import Grammar
from voicechatengine.testing.laws.table import NotApplicable, Violation
from voicechatengine.testing.virtual import EPOCH

T = TypeVar("T")

MakeClient: TypeAlias = Callable[[Restore, Ids], ClientDialect]
MakeServer: TypeAlias = Callable[[Ids], ServerDialect]

KEPT: Final = 300  # lines
WIDTH: Final = 160


def counted() -> Ids:
    """Ids that are the same in each run."""
    numbers = itertools.count(1)
    return lambda word: f"{word}_{next(numbers)}"


class Lines:
    """What was said, by whom and when."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, sign: str, text: str, now: float) -> None:
        """A line."""
        line = f"{now - EPOCH:9.3f} {sign} {text}"
        self._lines.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…")
        if len(self._lines) > KEPT:
            del self._lines[KEPT // 4]

    def __str__(self) -> str:
        return "\n".join(self._lines)


class Wire:
    """One connection. `events` is what the client told, `commands` what the server understood, `frames` what went to whom."""

    def __init__(
        self,
        client: ClientDialect,
        server: ServerDialect | None,
        audio: AudioFormat,
        lines: Lines,
        *,
        output: AudioFormat | None = None,
    ) -> None:
        self.client: ClientDialect = client
        self.now: float = EPOCH
        self.audio: AudioFormat = audio
        self.output: AudioFormat | None = output
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.to_client: list[bytes] = []
        self.to_server: list[bytes] = []
        self.closing: list[Close] = []
        self.grammar: Grammar = Grammar()
        self.problem: str | None = None
        self.held: bool = False
        self._server = server
        self._lines = lines
        self._coming: deque[bytes] = deque()
        self._going: deque[bytes] = deque()

    # -- what a law does

    def demand(self, holds: object, expected: str, came: object) -> None:
        """A `Violation` unless it holds."""
        if not holds:
            raise Violation(expected, came if isinstance(came, str) else repr(came), str(self._lines))

    def needs_server(self) -> None:
        """`NotApplicable` where nobody speaks for the vendor."""
        if self._server is None:
            raise NotApplicable("there is no server dialect that could speak for the vendor")

    def open(self) -> Wire:
        """Both sides open, and what they say to each other at once is said."""
        self._take(self.client.opened(self.now))
        if self._server is not None:
            self._told(self._server.opened(self.now))
            self.settle()
        return self

    def does(self, command: Command) -> None:
        """The application says something. Raises what the dialect raises."""
        self._lines.add("→", repr(command), self.now)
        self._take(self.client.send(command, self.now))
        self.settle()

    def says(self, *events: Event) -> None:
        """The vendor says something."""
        self.needs_server()
        assert self._server is not None
        for event in events:
            self._told(self._server.send(event, self.now))
        self.settle()

    def comes(self, frame: bytes | str) -> Sequence[Event | Outgoing]:
        """A frame comes, whatever it holds; gives what the client makes of it."""
        self._lines.add("<", repr(frame), self.now)
        try:
            outputs = self.client.receive(frame, self.now)
        except Exception as error:
            raise Violation(
                "receive() to take any frame, and never to raise",
                f"{type(error).__name__}: {error}, for {frame[:200]!r}",
                str(self._lines),
            ) from error
        self._take(outputs)
        return outputs

    def settle(self) -> None:
        """Delivers what is on its way, in both directions; nothing to the client while `held`."""
        for _ in range(10_000):
            if self._going and self._server is not None:
                self._told(self._server.receive(self._going.popleft(), self.now))
            elif self._coming and not self.held:
                self.comes(self._coming.popleft())
            else:
                return
        raise Violation("two sides that come to rest", "they talk for ever", str(self._lines))

    def release(self) -> None:
        """What was held back comes now."""
        self.held = False
        self.settle()

    def passes(self, seconds: float) -> None:
        """Time passes, and deadlines with it."""
        until = self.now + seconds
        for _ in range(1_000):
            due = self.client.deadline()
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self._take(self.client.expired(self.now))
            self.settle()
        raise Violation(
            "a deadline that expired() moves on or takes back",
            f"deadline() stays {self.client.deadline()}",
            str(self._lines),
        )

    def ends(self, code: int = 1006) -> None:
        """The connection is over."""
        self._take(self.client.closed(Close(code), self.now))

    # -- a conversation

    def created(self) -> SessionCreated:
        """The session; a `Violation` if none began."""
        found = self.of(SessionCreated)
        self.demand(found, "session_created when the connection is open", self.events)
        return found[0]

    def reply(self, number: int, *, words: int = 5, end: bool = True) -> str:
        """The vendor's reply, of so many chunks of 100 ms, to a request that the application makes now; gives its id."""
        before = len(self.of(ResponseStarted))
        self.does(ItemCreate(MessageItem("user", (TextPart("Speak."),), id=f"kit_{number}")))
        self.does(ResponseCreate())
        response, item = f"resp_kit{number}", f"item_kit{number}"
        self.says(ResponseStarted(response), ItemAdded(item, "assistant", f"kit_{number}"))
        for word in range(words):
            self.says(
                TextChunk(f"word{word} ", spoken=True, response_id=response, item_id=item),
                AudioChunk(self.sound(word), self.output, response, item),
            )
            self.now += 0.1
        if end:
            self.says(ResponseCompleted(response))
        begun = self.of(ResponseStarted)
        self.demand(len(begun) == before + 1, "one response_started for the reply", begun[before:])
        return begun[before].response_id

    def call(self, number: int) -> ToolCall:
        """The vendor calls a tool."""
        response = f"resp_call{number}"
        self.does(ResponseCreate())
        self.says(
            ResponseStarted(response),
            ItemAdded(f"item_call{number}", "assistant", None, "tool_call"),
            ToolCall(f"call_{number}", "add", '{"a":1}', {"a": 1}, response, f"item_call{number}"),
            ResponseCompleted(response, tool_calls=1),
        )
        calls = self.of(ToolCall)
        self.demand(len(calls) == number, f"{number} tool calls", calls)
        return calls[-1]

    def sound(self, number: int) -> bytes:
        """100 ms of audio that tells its number."""
        size = self.audio.size_of(100)
        return bytes([number % 120 + 1]) * size

    def of(self, kind: type[T]) -> list[T]:
        """The client's events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def understood(self, kind: type[T]) -> list[T]:
        """The commands of one kind that reached the vendor."""
        return [command for command in self.commands if isinstance(command, kind)]

    # -- outputs

    def _take(self, outputs: Sequence[Event | Outgoing]) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                self.to_server.append(output.data)
                self._going.append(output.data)
            elif isinstance(output, Close):
                self.closing.append(output)
            else:
                self._lines.add("←", repr(output), self.now)
                self.events.append(output)
                self.problem = self.problem or self.grammar.check(output)

    def _told(self, outputs: Sequence[Command | Outgoing]) -> None:
        for output in outputs:
            if isinstance(output, Frame):
                self.to_client.append(output.data)
                self._coming.append(output.data)
            elif isinstance(output, Close):
                self.closing.append(output)
            else:
                self.commands.append(output)


class DialectSubject:
    """What the laws of dialects are held against: `client` makes the client's side, and `server` the vendor's, if there is one.

    `options` are those that a session begins with, `audio` is the format of its audio, `output` that of the vendor's where it is
    another, `frames` are some that the vendor really sends, in their order: they are played and varied. Everything is pure, so nothing here is live.
    """

    def __init__(
        self,
        client: MakeClient,
        server: MakeServer | None = None,
        *,
        options: Options = Options(),  # noqa: B008 - a frozen struct
        audio: AudioFormat = AudioFormat(),  # noqa: B008 - a frozen struct
        output: AudioFormat | None = None,
        frames: Sequence[bytes | str] = (),
    ) -> None:
        self.client: MakeClient = client
        self.server: MakeServer | None = server
        self.options: Options = options
        self.audio: AudioFormat = audio
        self.output: AudioFormat | None = output
        self.frames: Sequence[bytes | str] = frames
        self.exchange: Lines = Lines()

    @property
    def live(self) -> bool:
        """Never."""
        return False

    def fresh(self) -> DialectSubject:
        """The same, with nothing said yet."""
        return DialectSubject(
            self.client,
            self.server,
            options=self.options,
            audio=self.audio,
            output=self.output,
            frames=self.frames,
        )

    def wire(self, restore: Restore | None = None, *, alone: bool = False) -> Wire:
        """A connection that is not open yet; `alone`: the client's side only."""
        start = msgspec.structs.replace(restore or Restore(), options=self.options)
        made = None if alone or self.server is None else self.server(counted())
        return Wire(self.client(start, counted()), made, self.audio, self.exchange, output=self.output)

    def talk(self, restore: Restore | None = None) -> Wire:
        """An open connection to the vendor's side; `NotApplicable` where there is none."""
        wire = self.wire(restore)
        wire.needs_server()
        return wire.open()

    def corpus(self) -> list[bytes | str]:
        """Frames that the vendor sends: those that were given, and those of a conversation with the server's side."""
        frames = list(self.frames)
        if self.server is not None:
            wire = self.talk()
            wire.reply(1)
            wire.reply(2, end=False)
            wire.says(ResponseCompleted("resp_kit2", "failed", "quota"))
            wire.call(1)
            frames += wire.to_client
        if not frames:
            raise NotApplicable("there is no server dialect and there are no frames of the vendor")
        return frames
