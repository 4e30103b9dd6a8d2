"""The input audio buffer of OpenAI's service: what a client appends, where speech is in it, and what is passed on.

With turn detection, only speech is passed on (with the padding before it); without, all of it is. Pure: positions are
milliseconds of all audio appended in the session, and nothing longer than the padding is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from voicechatengine.audio.convert import to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import ONSET_MS, Vad
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.realtime.server_session import PATIENCE_MS

SLICE_MS = 20


class Speech(msgspec.Struct, frozen=True):
    """Speech began or ended at `ms`; a beginning counts the padding before it, an end the silence after it."""

    began: bool
    ms: float


class InputBuffer:
    """Audio in the session's input format, listened to as the session's turn detection says (None: not at all)."""

    def __init__(self, audio_format: AudioFormat, detection: TurnDetection | None) -> None:
        self.position_ms: float = 0.0
        self.buffered_ms: float = 0.0  # since the last commit or clear
        self._format = audio_format
        self._detection = detection
        self._padding: deque[bytes] = deque()
        self._padding_bytes = 0
        self._ended_ms = 0.0
        self._vad: Vad | None = None
        self.configure(audio_format, detection)

    @property
    def speaking(self) -> bool:
        """Whether somebody is speaking."""
        return self._vad is not None and self._vad.speaking

    def configure(self, audio_format: AudioFormat, detection: TurnDetection | None) -> None:
        """Listens in another way from here on; an utterance that has begun goes on unless the way of listening changed."""
        if self._vad is not None and audio_format == self._format and detection == self._detection:
            return
        self._format, self._detection = audio_format, detection
        self._forget()
        self._vad = None
        if detection is not None:
            threshold = 0.5 if detection.threshold is None else detection.threshold
            silence = detection.silence_duration_ms
            if detection.mode == "semantic_vad" and silence is None:
                silence = PATIENCE_MS[detection.eagerness or "auto"]
            self._vad = Vad(
                audio_format.sample_rate,
                threshold=threshold,
                silence_ms=200 if silence is None else silence,
                position_ms=self.position_ms,
            )

    def feed(self, audio: bytes) -> Iterator[bytes | Speech]:
        """The next stretch: what of it (and of the padding) is to be passed on, with the edges of speech between.

        To be read to its end; where it has given an edge, the buffer is what it was at that edge.
        """
        if self._vad is None:
            length = self._format.duration_ms(len(audio))
            self.buffered_ms += length
            self.position_ms += length
            yield audio
            return
        size = self._format.size_of(SLICE_MS)
        for start in range(0, len(audio), size):
            piece = audio[start : start + size]
            length = self._format.duration_ms(len(piece))
            self.buffered_ms += length
            self.position_ms += length
            yield from self._hear(piece, self._vad)

    def commit(self) -> bytes:
        """The buffer became an item; gives what of it was held back."""
        held = b"".join(self._padding)
        self.clear()
        return held

    def clear(self) -> None:
        """The buffer is empty again."""
        self.buffered_ms = 0.0
        self._forget()
        if self._vad is not None:
            self._vad.reset()

    def _forget(self) -> None:
        self._padding.clear()
        self._padding_bytes = 0

    def _hear(self, piece: bytes, vad: Vad) -> list[bytes | Speech]:
        before = vad.speaking
        edges = vad.feed(to_pcm16(piece, self._format))
        if not before:
            self._keep(piece)
        if not edges:
            return [piece] if before else []
        padding = self._padding_ms()
        if edges[0].speaking:
            held = b"".join(self._padding)
            self._forget()
            return [Speech(began=True, ms=max(self._ended_ms, edges[0].at_ms - padding, 0.0)), held]
        self._ended_ms = edges[0].at_ms + vad.silence_ms
        return [piece, Speech(began=False, ms=self._ended_ms)]

    def _padding_ms(self) -> float:
        padding = self._detection.prefix_padding_ms if self._detection is not None else None
        return 300 if padding is None else padding

    def _keep(self, piece: bytes) -> None:
        self._padding.append(piece)
        self._padding_bytes += len(piece)
        most = self._format.size_of(self._padding_ms() + ONSET_MS)
        while self._padding_bytes - len(self._padding[0]) >= most:
            self._padding_bytes -= len(self._padding.popleft())
