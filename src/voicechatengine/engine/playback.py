"""What of which item was generated, handed to the sink and heard: the bookkeeping behind a truthful interruption.

Pure: positions come in as samples, nothing is played here and no clock is read. Audio waits here, not in the sink, so that
an interruption finds it. Late audio of an interrupted response is dropped by the response's id.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError

MAX_QUEUED_MS = (
    600_000.0  # ten minutes of answer nobody hears: the sink is broken, and memory must stay bounded
)
MAX_BEHIND_MS = 1000.0  # handed to the sink, until it is asked how far it is
MAX_DROPPED = 256  # interrupted responses that are remembered after their end


@dataclass(frozen=True)
class Heard:
    """How much of an item was heard when playback was cut: `heard_ms` of the `generated_ms` that came."""

    response_id: str | None
    item_id: str | None
    heard_ms: float
    generated_ms: float


class _Track:
    """One item's audio on its way."""

    __slots__ = ("generated_ms", "heard", "item_id", "pending", "response_id")

    def __init__(self, response_id: str | None, item_id: str | None) -> None:
        self.response_id = response_id
        self.item_id = item_id
        self.generated_ms = 0.0
        self.heard = 0  # samples
        self.pending = 0  # samples that wait here or in the sink


class Playback:
    """The audio of replies between a provider and one sink.

    `audio_format` is the sink's, `position` what the sink has played so far, in samples of one channel. A sink's position counts
    what was heard only: not silence, not what was flushed.
    """

    def __init__(self, audio_format: AudioFormat, position: int = 0) -> None:
        self._rate = audio_format.sample_rate
        self._block = audio_format.block_bytes
        self._most = MAX_QUEUED_MS * audio_format.sample_rate / 1000  # samples
        self._most_behind = MAX_BEHIND_MS * audio_format.sample_rate / 1000
        self._queue: deque[tuple[_Track, bytes]] = deque()
        self._sunk: deque[tuple[_Track, bytes]] = deque()  # handed to the sink, and not heard yet
        self._position = position
        self._tracks: dict[tuple[str | None, str | None], _Track] = {}
        self._open: dict[str, None] = {}
        self._dropped: dict[str, None] = {}
        self._queued = self._handed = 0  # samples in `_queue`, and in `_sunk`
        self._held = False

    # -- what the provider says

    def started(self, response_id: str) -> None:
        """A response began."""
        self._open[response_id] = None

    def completed(self, response_id: str) -> None:
        """A response is whole: nothing of it will come any more."""
        self._open.pop(response_id, None)
        self._prune()

    def takes(self, response_id: str | None) -> bool:
        """Whether audio of this response is to be played: False once it was cut."""
        return response_id not in self._dropped

    def add(
        self, response_id: str | None, item_id: str | None, audio: bytes, generated_ms: float = 0.0
    ) -> None:
        """More audio of an item, in the sink's format; `generated_ms` is its length as it came (a resampler holds some back).

        Ignored for a response that was cut. Raises `AudioError` when ten minutes wait: the sink does not play.
        """
        if response_id in self._dropped:
            return
        key = (response_id, item_id)
        track = self._tracks.get(key)
        if track is None:
            self._prune()
            track = self._tracks[key] = _Track(response_id, item_id)
        track.generated_ms += generated_ms
        samples = len(audio) // self._block
        if not samples:
            return
        track.pending += samples
        self._queued += samples
        self._queue.append((track, audio))
        if self._queued > self._most:
            raise AudioError(
                f"more than {MAX_QUEUED_MS / 60_000:.0f} minutes of answer wait to be played",
                cure="check that the sink plays: its position has to move, and its write() to return",
            )

    # -- what the sink says

    def take(self) -> bytes | None:
        """The next audio for the sink, which counts as handed over; None while there is none, or it is held."""
        if not self._queue or self._held:
            return None
        track, audio = self._queue.popleft()
        samples = len(audio) // self._block
        self._queued -= samples
        self._handed += samples
        self._sunk.append((track, audio))
        return audio

    def played(self, position: int) -> None:
        """The sink has played up to here."""
        fresh = position - self._position
        self._position = position
        while fresh > 0 and self._sunk:
            track, audio = self._sunk.popleft()
            heard = min(len(audio) // self._block, fresh)
            fresh -= heard
            self._handed -= heard
            track.heard += heard
            track.pending -= heard
            rest = audio[heard * self._block :]
            if rest:
                self._sunk.appendleft((track, rest))
        self._prune()

    @property
    def behind(self) -> bool:
        """Whether so much was handed to the sink that `played` should be told, lest what was heard long ago piles up."""
        return self._handed > self._most_behind

    @property
    def queued(self) -> bool:
        """Whether audio waits for the sink."""
        return bool(self._queue)

    @property
    def busy(self) -> bool:
        """Whether something is still to be heard, by the last `played`."""
        return bool(self._queue or self._sunk)

    @property
    def held(self) -> bool:
        """Whether what is still to be heard has to wait."""
        return self._held

    @property
    def open_responses(self) -> tuple[str, ...]:
        """The responses that have begun and are not whole."""
        return tuple(self._open)

    def hold(self, position: int) -> None:
        """The sink was flushed at `position`, for now: what was not heard is kept, and nothing is handed over until `release`."""
        self.played(position)
        self._held = True
        while self._sunk:
            track, audio = self._sunk.pop()
            self._queue.appendleft((track, audio))
        self._queued += self._handed
        self._handed = 0

    def release(self) -> None:
        """Goes on where it was held."""
        self._held = False

    def cut(self, position: int) -> tuple[Heard, ...]:
        """Playback was stopped and the sink flushed at `position`: forgets what was not heard, and says what was.

        Names each item that was not heard to its end, and those of open responses: more of them may be on its way, which
        will be dropped. In the order in which they were to be heard.
        """
        self.played(position)
        heard: list[Heard] = []
        for track in self._tracks.values():
            if not track.pending and track.response_id not in self._open:
                continue
            # Whole samples and a resampler's delay can put the count a hair past the end.
            ms = min(track.heard * 1000 / self._rate, track.generated_ms)
            heard.append(Heard(track.response_id, track.item_id, ms, track.generated_ms))
        for response_id in (*self._open, *(entry.response_id for entry in heard)):
            if response_id is not None:
                self._dropped[response_id] = None
        while len(self._dropped) > MAX_DROPPED:
            del self._dropped[next(iter(self._dropped))]
        self._queue.clear()
        self._sunk.clear()
        self._tracks.clear()
        self._open.clear()
        self._queued = self._handed = 0
        self._held = False
        return tuple(heard)

    def _prune(self) -> None:
        """Forgets items that are whole and heard, so that an endless session stays small."""
        # An item of no response has no end that anybody tells: it is over when another one comes.
        latest = next(reversed(self._tracks), None)
        for key, track in list(self._tracks.items()):
            if not track.pending and track.response_id not in self._open:
                if track.response_id is None and key == latest:
                    continue
                del self._tracks[key]
