"""What of the user's audio the vendor has not taken as a turn yet: after a cut, it is said again to the next session.

A pure fold over one connection's audio, commands and events. Speech that the vendor committed is never kept. While nobody
speaks, only a short tail is: speech may have begun that the vendor has not reported.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import Event, ItemAdded, SpeechStarted, SpeechStopped
from voicechatengine.messages import ActivityEnd, AudioAppend, AudioClear, AudioCommit, Command

TAIL_MS: Final = (
    2_000.0  # kept while no speech is reported: prefix padding, detection and the way there and back
)
LONGEST_MS: Final = 120_000.0  # kept of one utterance at most


class Utterance:
    """Audio since the last committed turn. `manual`: the application ends turns, so all of it may be speech."""

    __slots__ = (
        "_boundaries",
        "_chunks",
        "_end",
        "_format",
        "_limit",
        "_longest",
        "_shorten_at",
        "_speaking",
        "_start",
        "_tail",
        "item_id",
        "manual",
        "trimmed_ms",
    )

    def __init__(self, form: AudioFormat, *, manual: bool) -> None:
        self._format = form
        self.manual: bool = manual
        self._chunks: deque[bytes] = deque()
        self._start = 0  # bytes of this connection's audio before the first chunk kept
        self._end = 0
        self._speaking = False
        self.item_id: str | None = None  # the item that speech not yet committed was to become
        self._boundaries: deque[int] = deque()  # where the turns end that are being committed
        self._tail = self._limit = form.size_of(TAIL_MS)
        self._longest = form.size_of(LONGEST_MS)
        self._shorten_at = 0  # once `_end` is beyond
        self.trimmed_ms: float = 0.0

    @property
    def commit_due(self) -> bool:
        """Whether the application ended the turn, and the vendor has not confirmed it."""
        return self.manual and bool(self._boundaries)

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks: no speech is reported, and by hand no turn has begun."""
        return not self._speaking and self.item_id is None and not (self.manual and self._chunks)

    def audio(self) -> bytes:
        """The audio to say again; empty where all was committed."""
        self._shorten()
        return b"".join(self._chunks)

    def turns(self) -> tuple[int, ...]:
        """Where in `audio` the turns end that the application ended and the vendor has not confirmed, in bytes."""
        if not self.manual:
            return ()
        self._shorten()
        return tuple(end - self._start for end in self._boundaries if end > self._start)

    def append(self, audio: bytes) -> None:
        """Audio was sent."""
        self._chunks.append(audio)
        self._end += len(audio)
        if self._end > self._shorten_at:
            self._shorten()

    def sent(self, command: Command) -> None:
        """A command was sent."""
        if isinstance(command, AudioAppend):
            self.append(command.audio)
        elif isinstance(command, AudioClear):
            self._forget(self._end)
            self._boundaries.clear()
            self._speaking, self.item_id, self._shorten_at = False, None, 0
        elif isinstance(command, (AudioCommit, ActivityEnd)) and self._end not in self._boundaries:
            self._boundaries.append(self._end)

    def sent_late(self, command: Command) -> None:
        """A command was sent that is older than the session: with others, so that speech in them cannot be reported yet."""
        if isinstance(command, AudioAppend):
            self._limit = min(self._limit + len(command.audio), self._longest)
        self.sent(command)

    def received(self, event: Event) -> None:
        """An event came."""
        if isinstance(event, SpeechStarted):
            self._shorten()  # from now on more is kept
            self._speaking = True
            self._limit = self._tail
            self.item_id = event.item_id
            if event.position_ms is not None:
                self._forget(self._format.size_of(event.position_ms))
        elif isinstance(event, SpeechStopped):
            self._speaking, self._shorten_at = False, 0
            if event.position_ms is not None:
                self._boundaries = deque([min(self._format.size_of(event.position_ms), self._end)])
        elif isinstance(event, ItemAdded) and event.kind == "speech":
            self._forget(self._boundaries.popleft() if self._boundaries else self._end)
            self.item_id = None

    def _shorten(self) -> None:
        """Keeps no more than is to be kept now; comes again when a quarter more is there."""
        limit = self._longest if self.manual or self._speaking else self._limit
        if self._end - self._start > limit:
            start = self._start
            self._forget(self._end - limit)
            if limit == self._longest:
                self.trimmed_ms += self._format.duration_ms(self._start - start)
        self._shorten_at = self._start + limit * 5 // 4

    def _forget(self, until: int) -> None:
        while self._chunks and self._start < until:
            first = self._chunks.popleft()
            if self._start + len(first) > until:
                self._chunks.appendleft(first[until - self._start :])
                self._start = until
                return
            self._start += len(first)
