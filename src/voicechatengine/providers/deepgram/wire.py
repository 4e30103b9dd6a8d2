"""Deepgram's sockets for speech: what they say and are told, one struct a message. No rule, no state.

Both sides use the same structs: the client writes what the simulator reads, and the other way round. A reader needs little of a
message, so what it does not look at has a default; a writer gives every field. What a decoder does not know it ignores: the
service adds messages and fields without a new version.

Sources: the `deepgram-sdk` package 7.17.0 (`listen/v2/types`, `speak/v1/types`, `speak/v2/types`), and, read 2026-11-22,
https://developers.deepgram.com/reference/speech-to-text/listen-flux, https://developers.deepgram.com/docs/flux/state,
https://developers.deepgram.com/docs/flux-tts/client-messages, https://developers.deepgram.com/docs/flux-tts/server-messages,
https://developers.deepgram.com/docs/tts-websocket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET, UnsetType

from voicechatengine.audio.format import Encoding

URL: Final = "wss://api.deepgram.com"
LISTEN: Final = "/v2/listen"
SPEAK: Final = "/v2/speak"
SPEAK_AURA: Final = "/v1/speak"

ENCODINGS: Final[dict[Encoding, str]] = {"pcm16": "linear16", "g711_ulaw": "mulaw", "g711_alaw": "alaw"}
"""Our encodings, and the service's words for them."""

SPEAK_RATES: Final = (8_000, 16_000, 24_000, 32_000, 44_100, 48_000)
G711_RATES: Final = (8_000, 16_000)
LANGUAGES: Final = ("flux-general-multi",)
"""Models that take language hints."""

THRESHOLDS: Final[dict[str, tuple[float, float]]] = {
    "eot_threshold": (0.5, 1.0),
    "eager_eot_threshold": (0.3, 0.9),
    "eot_timeout_ms": (500, 60_000),
}
"""What they may be (https://developers.deepgram.com/docs/flux/configuration)."""

EOT_THRESHOLD: Final = 0.7
EOT_TIMEOUT_MS: Final = 5_000
SPEED: Final = (0.5, 1.5)
SPEED_STEP: Final = 0.05

IGNORED: Final = (
    "NO_AUDIO_GENERATED",
    "NO_ACTIVE_SPEECH",
    "INTERRUPT_IN_PROGRESS",
    "INVALID_INTERRUPT_OFFSET",
)
"""Codes of warnings which each mean that an `Interrupt` did nothing."""


class Wire(msgspec.Struct, tag_field="type", omit_defaults=False):
    """The base of every message here."""


# ------------------------------------------------------------------ listening: to the service


class CloseStream(Wire, tag="CloseStream"):
    """The audio is over: what is left of it is transcribed, and the connection closed."""


class ForceEndTurn(Wire, tag="ForceEndTurn"):
    """Ends the turn now; without one, nothing happens (https://developers.deepgram.com/docs/flux/force-end-turn)."""


class Thresholds(msgspec.Struct):
    """What ends a turn; what is left out stays as it is."""

    eot_threshold: float | UnsetType = UNSET
    eager_eot_threshold: float | UnsetType = UNSET
    eot_timeout_ms: float | UnsetType = UNSET


class ConfigureListening(Wire, tag="Configure"):
    """Changes the options of a connection; what is left out stays as it is."""

    thresholds: Thresholds | UnsetType = UNSET
    keyterms: list[str] | str | UnsetType = UNSET
    language_hints: list[str] | UnsetType = UNSET


ToListening: TypeAlias = CloseStream | ForceEndTurn | ConfigureListening

# ------------------------------------------------------------------ listening: from the service


class ListeningConnected(Wire, tag="Connected"):
    """The connection is ready."""

    request_id: str = ""
    sequence_id: int = 0


class Word(msgspec.Struct):
    """A word of a transcript, and where in the connection's audio it is (s)."""

    word: str = ""
    confidence: float = 0.0
    start: float | None = None
    end: float | None = None


class TurnInfo(Wire, tag="TurnInfo"):
    """Where a turn is. `event` is StartOfTurn, Update, EagerEndOfTurn, TurnResumed or EndOfTurn; times are seconds of audio;
    `transcript` is the whole turn's so far. `trigger` is on EndOfTurn only: model, manual or timeout.
    """

    event: str
    turn_index: int
    request_id: str = ""
    sequence_id: int = 0
    audio_window_start: float = 0.0
    audio_window_end: float = 0.0
    transcript: str = ""
    words: list[Word] = []
    end_of_turn_confidence: float = 0.0
    trigger: str | UnsetType = UNSET


class ConfigureSuccess(Wire, tag="ConfigureSuccess"):
    """The options that hold now."""

    request_id: str = ""
    sequence_id: int = 0
    thresholds: Thresholds = msgspec.field(default_factory=Thresholds)
    keyterms: list[str] | str = []
    language_hints: list[str] | None = None


class ConfigureFailure(Wire, tag="ConfigureFailure"):
    """Options that were refused."""

    request_id: str = ""
    sequence_id: int = 0
    code: str | None = None
    description: str | None = None


class ListeningWarning(Wire, tag="Warning"):
    """Something that the service put up with."""

    request_id: str = ""
    sequence_id: int = 0
    code: str = ""
    description: str = ""


class ListeningError(Wire, tag="Error"):
    """What ends the connection."""

    sequence_id: int = 0
    code: str = ""
    description: str = ""


FromListening: TypeAlias = (
    ListeningConnected | TurnInfo | ConfigureSuccess | ConfigureFailure | ListeningWarning | ListeningError
)

# ------------------------------------------------------------------ speaking: to the service


class Speak(Wire, tag="Speak"):
    """Text to say."""

    text: str


class Flush(Wire, tag="Flush"):
    """The text of this turn is whole."""


class Clear(Wire, tag="Clear"):
    """Aura: drops what is not said yet."""


class Offset(msgspec.Struct, tag_field="type", tag="time_ms"):
    """A position in the connection's audio (ms)."""

    value: int


class Interrupt(Wire, tag="Interrupt"):
    """Flux: stops the turn; `playback_offset` is how much of the connection's audio was played, from its beginning."""

    playback_offset: Offset | UnsetType = UNSET


class ConfigureSpeech(Wire, tag="Configure"):
    """Flux: changes the speed."""

    speed: float | UnsetType = UNSET


class CloseSpeech(Wire, tag="Close"):
    """Nothing more will be said."""


ToSpeech: TypeAlias = Speak | Flush | Interrupt | ConfigureSpeech | CloseSpeech
ToAura: TypeAlias = Speak | Flush | Clear | CloseSpeech

# ------------------------------------------------------------------ speaking: from the service


class SpeechConnected(Wire, tag="Connected"):
    """Flux: the connection is ready."""

    request_id: str = ""
    model_name: str = ""
    model_version: str = ""
    model_uuids: list[str] = []


class SpeechStarted(Wire, tag="SpeechStarted"):
    """Flux: the audio of a turn begins."""

    speech_id: str = ""


class Controls(msgspec.Struct):
    """Counts of what the text's inline controls did."""

    pronunciations_applied: int = 0
    breaks_applied: int = 0
    pronunciation_warnings: int = 0


class SpeechMetadata(Wire, tag="SpeechMetadata"):
    """Flux: the audio of a turn has all been sent."""

    speech_id: str = ""
    audio_duration_ms: int = 0
    input_character_count: int = 0
    billable_character_count: int = 0
    controls_applied: Controls = msgspec.field(default_factory=Controls)


class Interruption(msgspec.Struct):
    """What an interrupted turn was: the fields of `SpeechMetadata`."""

    speech_id: str = ""
    audio_duration_ms: int = 0
    input_character_count: int = 0
    billable_character_count: int = 0
    controls_applied: Controls = msgspec.field(default_factory=Controls)


class SpeechInterrupted(Wire, tag="SpeechInterrupted"):
    """Flux: a turn was stopped. The texts are there where the `Interrupt` had an offset, to which the service's position is set
    back; without one `audio_played_ms` is all that was generated.
    """

    audio_played_ms: int = 0
    text_spoken: str | UnsetType = UNSET
    text_remaining: str | UnsetType = UNSET
    metadata: Interruption = msgspec.field(default_factory=Interruption)


class SpeechFlushed(Wire, tag="Flushed"):
    """Flux: a `Flush` was done."""

    speech_id: str = ""


class SpeedSet(msgspec.Struct):
    """The speed, where it was set."""

    speed: float | UnsetType = UNSET


class SpeechConfigured(Wire, tag="ConfigureSuccess"):
    """Flux: the options that hold now."""

    applied: SpeedSet = msgspec.field(default_factory=SpeedSet)


class SpeechNotConfigured(Wire, tag="ConfigureFailure"):
    """Flux: an option that was refused."""

    code: str = ""
    description: str = ""
    field: Literal["speed"] | UnsetType = UNSET
    value: float | UnsetType = UNSET


class SessionMetadata(Wire, tag="SessionMetadata"):
    """Flux: what the connection came to; before it closes."""

    total_audio_duration_ms: int = 0
    total_input_character_count: int = 0
    total_billable_character_count: int = 0


class SpeechWarning(Wire, tag="Warning"):
    """Something that the service put up with."""

    code: str = ""
    description: str = ""


class SpeechError(Wire, tag="Error"):
    """Flux: what ends the connection."""

    code: str = ""
    description: str = ""


class AuraMetadata(Wire, tag="Metadata"):
    """Aura: the connection is ready."""

    request_id: str = ""
    model_name: str = ""
    model_version: str = ""
    model_uuid: str = ""


class AuraFlushed(Wire, tag="Flushed"):
    """Aura: the audio of what was flushed has all been sent."""

    sequence_id: int = 0


class AuraCleared(Wire, tag="Cleared"):
    """Aura: what was not said yet is dropped."""

    sequence_id: int = 0


FromSpeech: TypeAlias = (
    SpeechConnected
    | SpeechStarted
    | SpeechMetadata
    | SpeechInterrupted
    | SpeechFlushed
    | SpeechConfigured
    | SpeechNotConfigured
    | SessionMetadata
    | SpeechWarning
    | SpeechError
)
FromAura: TypeAlias = AuraMetadata | AuraFlushed | AuraCleared | SpeechWarning | SpeechError

# ------------------------------------------------------------------ reading and writing

encode: Final = msgspec.json.Encoder().encode


class _Kind(msgspec.Struct):
    type: str


M = TypeVar("M", bound=Wire)


class Reader(Generic[M]):
    """Reads the messages of one direction of one socket: the members of a union."""

    def __init__(self, union: Any) -> None:
        self._decode = cast("Callable[[bytes | str], M]", msgspec.json.Decoder(union).decode)
        self._kind = msgspec.json.Decoder(_Kind).decode
        self._known = {kind.__struct_config__.tag for kind in get_args(union)}

    def __call__(self, frame: bytes | str) -> M | None:
        """A message; None for one of a type that is not known here. Raises `ValueError` for what cannot be read."""
        try:
            return self._decode(frame)
        except ValueError:
            if self._kind(frame).type in self._known:
                raise
            return None


to_listening: Final[Reader[ToListening]] = Reader(ToListening)
from_listening: Final[Reader[FromListening]] = Reader(FromListening)
to_speech: Final[Reader[ToSpeech]] = Reader(ToSpeech)
from_speech: Final[Reader[FromSpeech]] = Reader(FromSpeech)
to_aura: Final[Reader[ToAura]] = Reader(ToAura)
from_aura: Final[Reader[FromAura]] = Reader(FromAura)
