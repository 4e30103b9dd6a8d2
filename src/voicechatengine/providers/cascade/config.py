"""How a cascade is set up, and what it can do: both follow from the parts that it has. Pure, and knows no part's kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError
from voicechatengine.messages import OPTIONS, Modality, Options, Transcription, TurnDetection
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.cascade.together import Parts

RATES: Final = (8_000, 16_000, 24_000, 48_000)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class CascadeConfig(ProviderConfig):
    """How a cascade behaves; `name` is what its events say. Model and keys are the parts' own.

    Without `modalities` it speaks if it has a part for that, and else writes; turn detection and transcription are on where
    there are parts for them. `images`: the language model takes pictures. Each stage has its time limit in seconds:
    `timeouts.response` for the model's next output, `recognition_s` for the words after speech has ended, `speech_s` for the next
    piece of sound.
    """

    name: str = "cascade"
    modalities: Sequence[Modality] = ()
    images: bool = False
    recognition_s: float = 15.0
    speech_s: float = 15.0

    def __post_init__(self) -> None:
        for name in ("recognition_s", "speech_s"):
            if not getattr(self, name) > 0:
                raise MessageError(
                    f"{type(self).__name__}, field {name}: {getattr(self, name)!r} is no time",
                    field=name,
                    cure="give seconds, more than 0",
                )
        super().__post_init__()


def first_options(config: ProviderConfig, parts: Parts) -> Options:
    """The session's first options: those of the configuration, with what the parts cannot do left out where it is the default."""
    options = config.options()
    if not options.modalities:
        modalities: tuple[Modality, ...] = ("text",) if parts.tts is None else ("audio",)
        options = options.merged(Options(modalities=modalities))
    if parts.turns is None and options.turn_detection == TurnDetection():
        options = options.merged(Options(turn_detection=None))
    if parts.stt is None and options.transcription == Transcription():
        options = options.merged(Options(transcription=None))
    check_options(options, parts)
    return options


def input_format(options: Options, parts: Parts) -> AudioFormat:
    """What the session takes: the recogniser's own format, unless another was asked for."""
    own = parts.stt or parts.turns
    return options.input_audio_format or (AudioFormat() if own is None else own.format)


def output_format(options: Options, parts: Parts) -> AudioFormat:
    """What the session gives: the speech's own format, unless another was asked for."""
    return options.output_audio_format or (AudioFormat() if parts.tts is None else parts.tts.format)


def capabilities(parts: Parts, *, images: bool) -> Capabilities:
    """What these parts can do together."""
    hears, speaks = parts.stt is not None, parts.tts is not None
    without = {"model"}
    without |= set() if hears else {"transcription", "input_audio_format", "turn_detection"}
    without |= set() if speaks else {"voice", "output_audio_format"}
    without |= set() if hears or speaks else {"language"}
    can: Capabilities = {
        "text_input": True, "text_output": True, "audio_input": hears, "audio_output": speaks, "image_input": images,
        "turn_detection": () if parts.turns is None else ("server_vad",), "manual_turns": hears,
        "input_transcription": hears, "output_transcription": speaks, "interruption": True, "truncation": True,
        "item_deletion": True, "tools": True, "out_of_band": True, "history": True, "usage": True,
        "session_update": tuple(name for name in OPTIONS if name not in without),
    }  # fmt: skip
    if parts.stt is not None:
        own = {parts.stt.format.sample_rate, (parts.turns or parts.stt).format.sample_rate}
        can["input_formats"] = _formats(own, parts.stt.format)
    if parts.tts is not None:
        can["output_formats"] = _formats({parts.tts.format.sample_rate}, parts.tts.format)
    return can


def _formats(rates: set[int], first: AudioFormat) -> tuple[AudioFormat, ...]:
    """Every format that can be made of these rates here; another rate takes a package."""
    if find_spec("soxr") is not None:
        rates = rates | set(RATES)
    elif len(rates) > 1:
        rates = {first.sample_rate}
    return (
        first,
        *(
            form
            for encoding in ("pcm16", "g711_ulaw", "g711_alaw", "float32")
            for rate in sorted(rates)
            for channels in (1, 2)
            if not (form := AudioFormat(encoding, rate, channels)).same_sound(first)
        ),
    )


def check_options(options: Options, parts: Parts) -> None:
    """Raises `MessageError` naming an option that these parts cannot do."""
    can = capabilities(parts, images=False)
    for name, value in options.changes().items():
        if value is not None and value != () and name not in can.get("session_update", ()):
            raise _refused(name, "no part of this cascade takes it", _CURES.get(name, "leave it out"))
    modalities = options.modalities
    if modalities == ():
        raise _refused("modalities", "it is empty", "give text or audio")
    check_modalities(modalities or (), parts)
    for name, known, formats in (
        ("input_audio_format", "input_formats", can.get("input_formats", ())),
        ("output_audio_format", "output_formats", can.get("output_formats", ())),
    ):
        form = options[name]
        if isinstance(form, AudioFormat) and not any(form.same_sound(other) for other in formats):
            raise _refused(
                name, f"{form} cannot be made of the parts' own", f"see {known} of get_capabilities()"
            )
    if isinstance(options.transcription, Transcription) and options.transcription.model is not None:
        raise _refused("transcription.model", "the recogniser is a part", _CURES["model"])
    if isinstance(options.turn_detection, TurnDetection):
        _check_detection(options.turn_detection, parts)


def check_modalities(modalities: Sequence[Modality], parts: Parts) -> None:
    """Raises `MessageError` where speech is asked for and no part speaks."""
    if "audio" in modalities and parts.tts is None:
        raise _refused(
            "modalities", "this cascade has no text to speech", "give the part tts, or ask for text"
        )


def _check_detection(detection: TurnDetection, parts: Parts) -> None:
    if parts.turns is None:
        raise _refused("turn_detection", "this cascade has no turn detector", _CURES["turn_detection"])
    if detection.mode != "server_vad":
        raise _refused("turn_detection.mode", f"no part does {detection.mode}", "use server_vad, or None")
    for name in ("threshold", "silence_duration_ms", "idle_timeout_ms", "eagerness"):
        if detection[name] is not None and name not in parts.turns.settings:
            raise _refused(f"turn_detection.{name}", "the turn detector does not take it", "leave it out")


def _refused(field: str, why: str, cure: str) -> MessageError:
    return MessageError(f"{field}: {why}", field=field, cure=cure)


_CURES: Final = {
    "model": "choose the model where the part is made",
    "voice": "give the part tts",
    "output_audio_format": "give the part tts",
    "input_audio_format": "give the part stt",
    "transcription": "give the part stt",
    "turn_detection": "give the parts turns and stt, or set it to None",
    "language": "give the part stt or tts",
}
