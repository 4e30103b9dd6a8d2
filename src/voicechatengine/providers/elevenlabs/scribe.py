"""The client's side of Scribe realtime: utterances to segments, transcripts back. One object is one connection's state.

The service has no ids: it answers each commit with one transcript, in their order. Some of what it does is in no document and
is absorbed here (measured by others on 2026-09-24, see docs/providers/elevenlabs.md): a commit of less than 0.3 s of audio ends the
session, 15 s without audio do so too, after 36 s it commits by itself, and after a transcript it repeats it as a partial one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import pybase64
from msgspec import UNSET

from voicechatengine.audio.convert import audioop, to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import ConnectionError
from voicechatengine.events import ErrorInfo, InputTranscript, VendorMessage
from voicechatengine.messages import AudioAppend, AudioClear, AudioCommit
from voicechatengine.providers.elevenlabs import wire
from voicechatengine.providers.elevenlabs.failures import SCRIBE, failed
from voicechatengine.session.dialect import Close, Frame, Outgoing, Ready, Restore

CHUNK_MS: Final = 100  # what the service recommends at least; a second at most
LARGEST_MS: Final = 1000
LEAST_COMMIT_MS: Final = 350  # 300 by the service's word
KEEP_ALIVE_S: Final = 5.0  # it hangs up after 15
KEEP_ALIVE_MS: Final = 20
SPLIT_AFTER_MS: Final = 20_000  # at the first quiet piece; the service recommends commits every 20 to 30 s
SPLIT_BY_MS: Final = 30_000
QUIET: Final = 200  # root mean square of PCM16

ToScribe: TypeAlias = AudioAppend | AudioCommit | AudioClear
"""More of an utterance; its end (a final transcript answers it); it is not wanted any more (nothing does)."""

FromScribe: TypeAlias = InputTranscript | VendorMessage | ErrorInfo | Ready | ConnectionError
Answer: TypeAlias = Literal["part", "final", "unwanted"]


class ScribeClient:
    """A `Dialect` of one connection that takes audio in `form`; `prompt` goes along with its first audio."""

    def __init__(self, form: AudioFormat, prompt: str | None = None) -> None:
        self._form = form
        self._previous_text = prompt
        self._buffer = bytearray()
        self._uncommitted_ms = 0.0  # sent since the last commit, silence too
        self._spoken = False  # some of the utterance was sent, or waits in the buffer, since then
        self._said = ""  # the utterance's words in segments that are over
        self._awaited: deque[Answer] = deque()
        self._repeated: str | None = None  # what the next partial transcript may repeat
        self._next: float | None = None

    def opened(self, now: float, /) -> Sequence[FromScribe | Outgoing]:
        """See `Dialect.opened`. The service speaks first."""
        return ()

    def send(self, message: ToScribe, now: float, /) -> Sequence[FromScribe | Outgoing]:
        """See `Dialect.send`. Raises `AudioError` for bytes that are not of the format."""
        match message:
            case AudioAppend(audio=audio):
                self._form.check(audio)
                return self._append(audio, now)
            case AudioCommit():
                return self._finish(now)
            case AudioClear():
                return self._forget(now)

    def receive(self, frame: bytes | str, now: float, /) -> Sequence[FromScribe | Outgoing]:
        """See `Dialect.receive`."""
        try:
            message = wire.decode_scribe(frame)
        except (ValueError, RecursionError):  # no JSON, or not of that form
            return [_other(frame)]
        match message:
            case wire.SessionStarted():
                self._next = now + KEEP_ALIVE_S
                return [Ready()]
            case wire.PartialTranscript(text=text):
                return self._heard(text)
            case wire.CommittedTranscript(text=text):
                return self._committed(text)

    def closed(self, close: Close, now: float, /) -> Sequence[FromScribe | Outgoing]:
        """See `Dialect.closed`."""
        self._next = None
        return ()

    def deadline(self) -> float | None:
        """See `Dialect.deadline`."""
        return self._next

    def expired(self, now: float, /) -> Sequence[FromScribe | Outgoing]:
        """See `Dialect.expired`: a little silence keeps the connection."""
        return [self._chunk(bytes(self._take()) + self._form.silence(KEEP_ALIVE_MS), now)]

    def snapshot(self) -> Restore:
        """See `Dialect.snapshot`: a connection leaves nothing to the next one."""
        return Restore()

    # -- to the service

    def _append(self, audio: bytes, now: float) -> list[FromScribe | Outgoing]:
        self._buffer += audio
        self._spoken = self._spoken or bool(audio)
        frames: list[FromScribe | Outgoing] = []
        most = self._form.size_of(LARGEST_MS)
        while len(self._buffer) >= self._form.size_of(CHUNK_MS):
            piece = bytes(self._buffer[:most])
            del self._buffer[:most]
            frames.append(self._chunk(piece, now))
            if self._uncommitted_ms >= SPLIT_BY_MS or (
                self._uncommitted_ms >= SPLIT_AFTER_MS and self._quiet(piece)
            ):
                frames.append(self._commit("part", now))
        return frames

    def _finish(self, now: float) -> list[FromScribe | Outgoing]:
        if not self._spoken:
            if "part" in self._awaited:  # all of it was split off already: its last words are on their way
                self._awaited[-1] = "final"
                return []
            said, self._said = self._said, ""
            return [InputTranscript(said, final=True)]
        return [self._commit("final", now)]

    def _forget(self, now: float) -> list[FromScribe | Outgoing]:
        self._said = ""
        self._awaited = deque("unwanted" for _ in self._awaited)
        if not self._spoken:
            return []
        return [self._commit("unwanted", now)]

    def _commit(self, answer: Answer, now: float) -> Frame:
        rest = self._take()
        lacking = LEAST_COMMIT_MS - self._uncommitted_ms - self._form.duration_ms(len(rest))
        frame = self._chunk(bytes(rest) + self._form.silence(max(0.0, lacking)), now, commit=True)
        self._awaited.append(answer)
        self._uncommitted_ms, self._spoken = 0.0, False
        return frame

    def _take(self) -> bytearray:
        taken, self._buffer = self._buffer, bytearray()
        return taken

    def _chunk(self, audio: bytes, now: float, *, commit: bool = False) -> Frame:
        told, self._previous_text = self._previous_text, None
        self._uncommitted_ms += self._form.duration_ms(len(audio))
        self._next = now + KEEP_ALIVE_S
        message = wire.InputAudioChunk(
            pybase64.b64encode_as_string(audio), commit, self._form.sample_rate, told or UNSET
        )
        return Frame(wire.encode(message))

    def _quiet(self, piece: bytes) -> bool:
        return audioop.rms(to_pcm16(piece, self._form), 2) < QUIET

    # -- from the service

    def _heard(self, text: str) -> list[FromScribe | Outgoing]:
        """Words of the segment that is not yet answered: the first that is awaited, else the open one."""
        repeated, self._repeated = self._repeated, None
        unwanted = bool(self._awaited) and self._awaited[0] == "unwanted"
        nobodys = not self._awaited and not self._spoken
        if text == repeated or unwanted or nobodys:
            return []
        return [InputTranscript(_joined(self._said, text))]

    def _committed(self, text: str) -> list[FromScribe | Outgoing]:
        self._repeated = text or None
        answer: Answer = self._awaited.popleft() if self._awaited else "part"
        if answer == "unwanted":
            return []
        said = _joined(self._said, text)
        self._said = "" if answer == "final" else said
        return [InputTranscript(said, final=answer == "final")]


def _joined(said: str, more: str) -> str:
    return f"{said} {more.strip()}".strip()


def _other(frame: bytes | str) -> VendorMessage | ErrorInfo | ConnectionError:
    """What is none of the three messages: an error of the service, something new, or nonsense."""
    try:
        told = wire.decode_unnamed(frame)
        raw = wire.decode_object(frame)
    except (ValueError, RecursionError):  # no JSON, or not of that form
        return ErrorInfo("protocol_error", "ElevenLabs sent what cannot be read")
    if told.error is not None:
        return failed(SCRIBE, told.message_type or "error", told.error)
    return VendorMessage(told.message_type or "unnamed", raw)
