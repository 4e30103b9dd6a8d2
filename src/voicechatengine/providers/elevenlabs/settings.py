"""What can be set on ElevenLabs' two websockets: formats by their names, query parameters and voice settings with their ranges.

The configuration refuses by these tables before anything is sent, the simulator as the service does. Pure; it knows no message.

Sources, read 2026-11-22: the `elevenlabs` package 2.78.0 (`realtime/scribe.py`, `RealtimeVoiceSettings`, `AudioFormatEnum`,
`TextToSpeechOutputFormatEnum`) and https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

from voicechatengine.audio.format import AudioFormat

Kind = Literal["number", "whole", "switch", "word", "words"]

_PCM: Final = {
    f"pcm_{rate}": AudioFormat(sample_rate=rate) for rate in (8000, 16000, 22050, 24000, 44100, 48000)
}
INPUT: Final[dict[str, AudioFormat]] = {**_PCM, "ulaw_8000": AudioFormat("g711_ulaw", 8000)}
OUTPUT: Final[dict[str, AudioFormat]] = {**INPUT, "alaw_8000": AudioFormat("g711_alaw", 8000)}
"""The formats of raw audio, by the service's names. MP3 and Opus are not among them: nobody here decodes them."""

LISTEN_MODELS: Final = ("scribe_v2_realtime", "scribe_v3_live")
OTHER_SOCKET: Final = "eleven_v3"
"""How the names of models begin that are spoken by the dialogue socket alone: this one answers HTTP 400."""

MAX_IDLE_S: Final = 180
"""The longest `inactivity_timeout` of a speech socket, in seconds; the service's default is 20."""


class Setting(NamedTuple):
    """One setting: its kind, the range or the length of its value, or the words that it takes."""

    kind: Kind
    low: float = 0
    high: float = 0
    words: tuple[str, ...] = ()
    most: int = 0


LISTEN: Final[dict[str, Setting]] = {
    "vad_silence_threshold_secs": Setting("number", 0.3, 3.0),
    "vad_threshold": Setting("number", 0.1, 0.9),
    "min_speech_duration_ms": Setting("whole", 50, 2000),
    "min_silence_duration_ms": Setting("whole", 50, 2000),
    "secondary_languages": Setting("words", high=3, most=50),
    "include_timestamps": Setting("switch"),
    "include_language_detection": Setting("switch"),
    "keyterms": Setting("words", high=20, most=50),
    "no_verbatim": Setting("switch"),
    "filter_background_audio": Setting("switch"),
    "enable_logging": Setting("switch"),
}
SPEAK: Final[dict[str, Setting]] = {
    "apply_text_normalization": Setting("word", words=("auto", "on", "off")),
    "enable_ssml_parsing": Setting("switch"),
    "enable_logging": Setting("switch"),
    "seed": Setting("whole", 0, 4_294_967_295),
    "sync_alignment": Setting("switch"),
}
"""Query parameters of the two sockets that an application may choose."""

VOICE: Final[dict[str, Setting]] = {
    "stability": Setting("number", 0, 1),
    "similarity_boost": Setting("number", 0, 1),
    "style": Setting("number", 0, 1),
    "use_speaker_boost": Setting("switch"),
    "speed": Setting("number", 0.7, 1.2),
}


def name_of(form: AudioFormat, formats: Mapping[str, AudioFormat]) -> str | None:
    """The service's name for a format, None where it has none."""
    return next((name for name, known in formats.items() if known.same_sound(form)), None)


def flaws(given: Mapping[str, Any], table: Mapping[str, Setting]) -> Iterator[tuple[str, str]]:
    """Each setting that does not fit: its name, and what it takes."""
    for name, value in given.items():
        setting = table.get(name)
        if setting is None:
            yield name, f"is not known; there are {', '.join(table)}"
        elif (wanted := _misfit(value, setting)) is not None:
            yield name, f"is {value!r}: {wanted}"


def _misfit(value: Any, setting: Setting) -> str | None:
    """What the setting takes, where the value is not that."""
    low, high = setting.low, setting.high
    match setting.kind:
        case "switch":
            return None if isinstance(value, bool) else "use True or False"
        case "word":
            return None if value in setting.words else f"use one of {', '.join(setting.words)}"
        case "words":
            words = cast("list[object]", value) if isinstance(value, (list, tuple)) else []
            fits = 0 < len(words) <= setting.most and all(
                isinstance(word, str) and 0 < len(word) <= high for word in words
            )
            wanted = f"use a list of at most {setting.most} words of at most {high:g} letters"
            return None if fits else wanted
        case "number" | "whole":
            kinds = int if setting.kind == "whole" else (int, float)
            fits = isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high
            what = "whole number" if setting.kind == "whole" else "number"
            return None if fits else f"use a {what} from {low:g} to {high:g}"


def read(text: str, setting: Setting) -> Any:
    """The value in a query parameter; text that is not of the setting's kind stays text, and so is a flaw."""
    try:
        match setting.kind:
            case "number":
                return float(text)
            case "whole":
                return int(text)
            case "switch":
                return {"true": True, "false": False}.get(text.lower(), text)
            case "words":
                return [text]
            case "word":
                return text
    except ValueError:
        return text


def written(value: Any) -> str:
    """A value as a query parameter."""
    return str(value).lower() if isinstance(value, bool) else str(value)
