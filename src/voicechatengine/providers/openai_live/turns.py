"""Turns where the wire has none: the replies and the user's turns, derived from sound, words and time. Pure; it sends nothing.

The service's output is one continuous stream, silence included, and its transcripts are fragments with times and without ends.
What is told of them obeys the grammar of responses all the same:

- **A reply begins** with the first sound (a mean level of `SOUND` or more), the first words, or a call of a tool, whichever comes
  first. Silence between replies is not told.
- **A reply ends** after `GAP_MS` of silence, counted in the output's own time; pauses that are shorter belong to it. Where no
  output comes at all, one with sound ends after `STALL_S` (that is a stalled line, not a pause), one without after `GAP_MS`.
  It waits for calls that are still being made (`hold`). Where there is no sound at all, words that begin `GAP_MS` after the
  last ones ended belong to the next reply. It is told as completed: why a model stopped speaking the wire does not say.
- **A reply that is interrupted** is told as interrupted and ended at once. What still comes of it is dropped until the model has
  been silent for `GAP_MS`; or for `ANSWER_MS`, once the user has said something since, or another reply was asked for: then it is
  the answer to that.
- **A user's turn begins** with the first words of it, at the time that the transcript gives, and **ends** when none came for
  `GAP_MS`, when the next ones begin `GAP_MS` after the last ended, or when a reply begins after them. Then its words are final.
  Words that come later but were said before the reply began are added to it, final again: they are no new turn, and interrupt
  nothing.

The gap is the one that others use for this service (livekit-agents 1.8.9), and the level is below what they take for silence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from voicechatengine.audio.convert import audioop, to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import (
    AudioChunk,
    Event,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    Usage,
)
from voicechatengine.messages import Role
from voicechatengine.session.dialect import Ids, Outgoing

Output: TypeAlias = Event | Outgoing
Kind = Literal["message", "tool_call", "tool_result"]
Status = Literal["completed", "interrupted", "failed", "incomplete"]

GAP_MS: Final = 800.0
ANSWER_MS: Final = 300.0
STALL_S: Final = 2.0
UNWANTED_S: Final = 5.0  # in which a reply begins that was not wanted any more before it did
SOUND: Final = 20  # root mean square of PCM16: 0.0006 of full scale
ENERGY: Final = SOUND * SOUND
SLICE_MS: Final = 100.0  # a longer stretch of output is looked at in such pieces
PROBE: Final = 120  # bytes of PCM16

_S: Final = 1000.0


class Reply(msgspec.Struct):
    """A reply that runs. `begun_ms` is where in the output it began; `due` when it ends if nothing more comes of it."""

    id: str
    item_id: str
    begun_ms: float
    due: float
    size: int = 0  # bytes of audio that were told
    sound: bool = False
    said: bool = False  # it has words
    announced: bool = False  # its item is told
    words_end: float | None = None
    calls: int = 0
    holds: set[str] = msgspec.field(default_factory=set[str])
    usage: Usage | None = None


class Turn(msgspec.Struct):
    """A turn of the user's. `previous` is the item before it, `end_ms` where its last words end."""

    item_id: str
    previous: str | None
    text: str = ""
    end_ms: float = 0.0
    due: float = 0.0


class Turns:
    """The turns of one connection. `timed` makes of a time on the session's timeline one in the user's audio, both in ms; None
    where it cannot be told.
    """

    def __init__(self, ids: Ids, form: AudioFormat, timed: Callable[[float], float | None]) -> None:
        self._ids = ids
        self._form = form
        self._timed = timed
        self._block = form.block_bytes
        self._rate = form.sample_rate * form.block_bytes  # bytes of a second
        self._slice = form.size_of(SLICE_MS)
        self._most = 2 * self._slice  # bytes that are looked at as one
        self._is_pcm16 = form.encoding == "pcm16"
        self._carry = b""
        self._last_item: str | None = None
        self.reply: Reply | None = None
        self._position = 0.0  # ms of output that came
        self._quiet = 0.0  # ms of silence at its end
        self._reply_begun: float | None = None  # where the last reply began
        self._muted: float | None = None  # what comes is not told; when that ends if nothing comes
        self._spoken_since = False  # there is something to answer since then
        self._unwanted: float | None = None  # the next reply is not wanted; until when that holds
        self._turn: Turn | None = None
        self._last_turn: Turn | None = None

    @property
    def listening(self) -> bool:
        """Whether the user is saying something."""
        return self._turn is not None

    @property
    def said(self) -> str:
        """The user's last words: of the turn that runs, or of the last one."""
        turn = self._turn or self._last_turn
        return "" if turn is None else turn.text.strip()

    # -- the model

    def more(self, audio: bytes, now: float) -> AudioChunk | None:
        """The fast way of `audio`: more sound of a reply that is heard. None, and nothing done, where it is not just that."""
        reply, size = self.reply, len(audio)
        if (
            reply is None
            or not reply.sound  # it is not muted either: a reply that was heard ends with that
            or self._carry
            or size % self._block
            or size > self._most
            or not self._is_loud(audio)
        ):
            return None
        self._position += size * _S / self._rate
        self._quiet = 0.0
        reply.due = now + STALL_S
        reply.size += size
        return AudioChunk(audio, None, reply.id, reply.item_id)

    def audio(self, audio: bytes, now: float, out: list[Output]) -> None:
        """More output, in order; a part of a sample waits for its rest."""
        if self._carry or len(audio) % self._block:
            audio = self._carry + audio
            whole = len(audio) - len(audio) % self._block
            audio, self._carry = audio[:whole], audio[whole:]
        if len(audio) > self._most:
            self._long(audio, now, out)
        elif audio:
            self._hear(audio, now, out, self._is_loud(audio))

    def _long(self, audio: bytes, now: float, out: list[Output]) -> None:
        """A stretch that may be both sound and silence."""
        size = self._slice
        slices = [audio[start : start + size] for start in range(0, len(audio), size)]
        loud = [self._is_loud(each) for each in slices]
        if all(loud):
            self._hear(audio, now, out, True)
            return
        for each, is_loud in zip(slices, loud, strict=True):
            self._hear(each, now, out, is_loud)

    def _is_loud(self, audio: bytes) -> bool:
        """Whether this is sound. Where its beginning alone has as much of it as all must have, the rest need not be looked at."""
        if not self._is_pcm16:
            audio = to_pcm16(audio, self._form)
        beginning = audio[:PROBE]
        level = audioop.rms(beginning, 2)
        return level * level * len(beginning) >= ENERGY * len(audio) or audioop.rms(audio, 2) >= SOUND

    def _hear(self, audio: bytes, now: float, out: list[Output], is_loud: bool) -> None:
        size = len(audio)
        begun = self._position
        length = size * _S / self._rate
        self._position = begun + length
        if not is_loud:
            self._quiet += length
            self._silence(audio, now, out)
            return
        self._quiet = 0.0
        if self._muted is not None:
            self._muted = now + STALL_S
            return
        reply = self.reply
        if reply is None or not reply.sound:
            reply = reply or self._begin(begun, now, out)
            if reply is None:
                return
            self._speak_up(reply, out)
            reply.sound = True
        reply.due = now + STALL_S
        reply.size += size
        out.append(AudioChunk(audio, None, reply.id, reply.item_id))

    def _silence(self, audio: bytes, now: float, out: list[Output]) -> None:
        if self._muted is not None:
            enough = ANSWER_MS if self._spoken_since else GAP_MS
            self._muted = None if self._quiet >= enough else now + STALL_S
        reply = self.reply
        if reply is None or not reply.sound:
            return
        if self._quiet < GAP_MS:
            reply.size += len(audio)
            out.append(AudioChunk(audio, None, reply.id, reply.item_id))
        elif reply.holds:
            reply.due = now
        else:
            self.end(out)

    def words(
        self, delta: str, start_ms: float | None, end_ms: float | None, now: float, out: list[Output]
    ) -> None:
        """More of the model's words."""
        if not delta:
            return
        if self._muted is not None:
            self._muted = now + STALL_S
            return
        reply = self.reply
        if (
            reply is not None
            and not reply.sound
            and not reply.holds
            and start_ms is not None
            and reply.words_end is not None
            and start_ms - reply.words_end >= GAP_MS
        ):
            self.end(out)
            reply = None
        reply = reply or self._begin(self._position if start_ms is None else start_ms, now, out)
        if reply is None:
            return
        self._speak_up(reply, out)
        reply.said = True
        reply.words_end = end_ms if end_ms is not None else reply.words_end
        reply.due = now + (STALL_S if reply.sound else GAP_MS / _S)
        start = None if start_ms is None else max(0.0, start_ms - reply.begun_ms)
        out.append(TextChunk(delta, True, reply.id, reply.item_id, start))

    def call(self, call: ToolCall, now: float, out: list[Output], *, hold: str | None = None) -> None:
        """The model calls a tool, in the reply that runs or in one of its own; `hold` keeps that open until `whole`."""
        reply = self.reply or self._open(self._position, now, out)
        reply.calls += 1
        reply.due = now + GAP_MS / _S
        if hold is not None:
            reply.holds.add(hold)
        self.announce(call.item_id or call.call_id, "assistant", out, "tool_call")
        out.append(msgspec.structs.replace(call, response_id=reply.id))

    def whole(self, hold: str, usage: Usage | None) -> bool:
        """All calls of this name are made, at this cost; whether a reply takes it over."""
        reply = self.reply
        if reply is None or hold not in reply.holds:
            return False
        reply.holds.discard(hold)
        if usage is not None:
            reply.usage = usage if reply.usage is None else reply.usage + usage
        return True

    def answered(self, out: list[Output]) -> None:
        """Results go to the model: what comes of them is another reply than one that did nothing but call."""
        reply = self.reply
        if reply is not None and reply.calls and not (reply.sound or reply.said or reply.holds):
            self.end(out)

    def interrupt(self, now: float, out: list[Output], *, awaited: bool) -> bool:
        """Stops the reply that runs, for the listener; where one is only `awaited`, it is stopped when it begins. Whether anything
        was.
        """
        reply = self.reply
        if reply is None:
            if awaited:
                self._unwanted = now + UNWANTED_S
            return awaited
        if reply.sound or reply.said:
            self._mute(now)
        self._cut(reply, out, "client_cancelled")
        return True

    def wanted(self) -> None:
        """A reply is wanted again: what comes after a short silence is that."""
        self._unwanted = None
        self._spoken_since = True

    def _mute(self, now: float) -> None:
        self._muted = now + STALL_S
        self._spoken_since = self.listening  # then what comes next answers that

    def _cut(self, reply: Reply, out: list[Output], reason: str) -> None:
        out.append(
            Interrupted(
                reply.id, reply.item_id if reply.announced else None, self._form.duration_ms(reply.size)
            )
        )
        self.end(out, "interrupted", reason)

    def _begin(self, begun_ms: float, now: float, out: list[Output]) -> Reply | None:
        """The model begins to speak. None if nobody wants to hear it any more."""
        unwanted, self._unwanted = self._unwanted, None
        reply = self._open(begun_ms, now, out)
        if unwanted is not None and now < unwanted:
            self._mute(now)
            self._cut(reply, out, "client_cancelled")
            return None
        return reply

    def _open(self, begun_ms: float, now: float, out: list[Output]) -> Reply:
        turn = self._turn
        if turn is not None and turn.end_ms <= begun_ms:
            self._finish(turn, out)
        reply = self.reply = Reply(self._ids("resp"), self._ids("item"), begun_ms, now + GAP_MS / _S)
        self._reply_begun = begun_ms
        out.append(ResponseStarted(reply.id))
        return reply

    def _speak_up(self, reply: Reply, out: list[Output]) -> None:
        """The reply has an item: one that does nothing but call has none."""
        if not reply.announced:
            reply.announced = True
            self.announce(reply.item_id, "assistant", out)

    def end(self, out: list[Output], status: Status = "completed", reason: str | None = None) -> None:
        """The reply is over."""
        reply, self.reply = self.reply, None
        if reply is not None:
            out.append(ResponseCompleted(reply.id, status, reason, usage=reply.usage, tool_calls=reply.calls))

    def announce(self, item_id: str, role: Role, out: list[Output], kind: Kind = "message") -> None:
        """An item takes its place behind the last one."""
        out.append(self.place(item_id, role, kind))

    def place(self, item_id: str, role: Role, kind: Kind = "message") -> ItemAdded:
        """The same, to be told later."""
        previous, self._last_item = self._last_item, item_id
        return ItemAdded(item_id, role, previous, kind)

    # -- the user

    def heard(
        self, delta: str, start_ms: float | None, end_ms: float | None, now: float, out: list[Output]
    ) -> None:
        """More of the user's words."""
        if not delta:
            return
        self._spoken_since = True
        self._unwanted = None
        turn = self._turn
        start = (0.0 if turn is None else turn.end_ms) if start_ms is None else start_ms
        if turn is not None and start - turn.end_ms >= GAP_MS:
            self._finish(turn, out)
            turn = None
        if turn is None and self._is_late(start_ms):
            assert self._last_turn is not None
            last = self._last_turn
            last.text += delta
            last.end_ms = max(last.end_ms, end_ms or 0.0)
            out.append(InputTranscript(last.text.strip(), final=True, item_id=last.item_id))
            return
        if turn is None:
            turn = self._turn = Turn(self._ids("item"), self._last_item)
            self._last_item = turn.item_id
            out.append(SpeechStarted(None if start_ms is None else self._timed(start_ms), turn.item_id))
        turn.text += delta
        turn.end_ms = max(turn.end_ms, start, end_ms or 0.0)
        turn.due = now + GAP_MS / _S
        out.append(InputTranscript(turn.text.lstrip(), final=False, item_id=turn.item_id))

    def _is_late(self, start_ms: float | None) -> bool:
        """Whether words that come now were said before the reply that followed the last turn."""
        return (
            start_ms is not None
            and self._last_turn is not None
            and self._reply_begun is not None
            and self._last_turn.end_ms <= self._reply_begun
            and start_ms < min(self._reply_begun, self._last_turn.end_ms + GAP_MS)
        )

    def _finish(self, turn: Turn, out: list[Output]) -> None:
        self._turn, self._last_turn = None, turn
        out.append(SpeechStopped(self._timed(turn.end_ms), turn.item_id))
        out.append(ItemAdded(turn.item_id, "user", turn.previous, "speech"))
        out.append(InputTranscript(turn.text.strip(), final=True, item_id=turn.item_id))

    # -- time

    def deadline(self) -> float | None:
        """When `expired` is to be called."""
        times = [self._muted, self._turn.due if self._turn is not None else None]
        if self.reply is not None and not self.reply.holds:
            times.append(self.reply.due)
        return min((each for each in times if each is not None), default=None)

    def expired(self, now: float, out: list[Output]) -> None:
        """Time has passed, and nothing came."""
        if self._muted is not None and self._muted <= now:
            self._muted = None
        if self._turn is not None and self._turn.due <= now:
            self._finish(self._turn, out)
        if self.reply is not None and not self.reply.holds and self.reply.due <= now:
            self.end(out)

    def close(self, out: list[Output]) -> None:
        """The connection is over."""
        self.end(out, "failed", "connection_lost")
