"""The first message of a client, `setup`, as Gemini's service reads it: what it may hold, what it means, and how it is refused.

Pure. The service names an unknown field by its path and closes with 1007; the sentences are those that its users report in public
issues (read 2026-11-22), as far as they do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from voicechatengine.messages import Modality, Options, Tool, Transcription, TurnDetection
from voicechatengine.providers.gemini import models
from voicechatengine.providers.gemini.config import VOICES
from voicechatengine.providers.gemini.decode import CLOSE_INVALID, CLOSE_POLICY
from voicechatengine.session.dialect import Close

_MODEL: Final = re.compile(r"gemini-(?:[\w.]+-)*(?:live|native-audio)(?:-[\w.]+)*")
_SENSITIVE: Final = 0.4  # thresholds of our detector for what the service calls high and low
_DULL: Final = 0.6
SILENCE_MS: Final = {"END_SENSITIVITY_HIGH": 500, "END_SENSITIVITY_LOW": 1_000}

_ANY: Final = None
_WORDS: Final[dict[str, Any]] = {
    "model": _ANY,
    "generationConfig": {
        **dict.fromkeys(
            (
                "responseModalities", "temperature", "topP", "topK", "maxOutputTokens", "seed", "mediaResolution",
                "candidateCount", "frequencyPenalty", "presencePenalty", "stopSequences", "responseMimeType", "responseSchema",
                "responseJsonSchema", "enableAffectiveDialog", "translationConfig", "responseLogprobs", "logprobs",
                "routingConfig", "modelConfig", "audioTimestamp", "enableEnhancedCivicAnswers", "responseFormat",
                "audioTranscriptionConfig", "modelSelectionConfig",
            )
        ),
        "speechConfig": {
            "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": _ANY}, "replicatedVoiceConfig": _ANY, "voice": _ANY},
            "languageCode": _ANY,
            "multiSpeakerVoiceConfig": _ANY,
        },
        "thinkingConfig": {"includeThoughts": _ANY, "thinkingBudget": _ANY, "thinkingLevel": _ANY},
    },
    "systemInstruction": {"parts": _ANY, "role": _ANY},
    "tools": _ANY,
    "realtimeInputConfig": {
        "automaticActivityDetection": {
            "disabled": _ANY,
            "startOfSpeechSensitivity": _ANY,
            "endOfSpeechSensitivity": _ANY,
            "prefixPaddingMs": _ANY,
            "silenceDurationMs": _ANY,
        },
        "activityHandling": _ANY,
        "turnCoverage": _ANY,
        "interimTranscriptTimestampEnabled": _ANY,
    },
    "sessionResumption": {"handle": _ANY, "transparent": _ANY},
    "contextWindowCompression": {"triggerTokens": _ANY, "slidingWindow": {"targetTokens": _ANY}},
    "inputAudioTranscription": dict.fromkeys(
        ("languageCodes", "languageAuto", "languageHints", "customVocabulary", "adaptationPhrases", "wordTimestamp",
         "diarization", "mode", "sourceText")
    ),
    "outputAudioTranscription": _ANY,
    "proactivity": {"proactiveAudio": _ANY, "proactiveVideo": _ANY},
    "historyConfig": {"initialHistoryInClientContent": _ANY},
    "explicitVadSignal": _ANY,
    "avatarConfig": _ANY,
    "safetySettings": _ANY,
    "labels": _ANY,
}  # fmt: skip
"""The fields of `setup`, nested; `_ANY` is not looked into."""

_FUNCTION: Final = frozenset(
    (
        "name",
        "description",
        "parameters",
        "parametersJsonSchema",
        "response",
        "responseJsonSchema",
        "behavior",
    )
)


class Refused(Exception):  # noqa: N818 - it is an answer, not a defect
    """The service closes the connection so."""

    def __init__(self, reason: str, code: int = CLOSE_INVALID) -> None:
        self.close: Close = Close(code, reason)
        super().__init__(reason)


class Session(msgspec.Struct, frozen=True):
    """What a client asked for. `handle`: a session to resume; `resumable`: handles are wanted; `behaviors` of tools by name."""

    model: str
    options: Options
    traits: models.Traits
    speaks: bool = True
    manual: bool = False
    interrupts: bool = True
    threshold: float = 0.5
    silence_ms: float = 500
    padding_ms: float = 300
    hears: bool = True
    writes_input: bool = False
    writes_output: bool = False
    resumable: bool = False
    transparent: bool = False
    handle: str | None = None
    initial_history: bool = False
    behaviors: dict[str, str] = {}


def read(setup: dict[str, Any], *, vertex: bool) -> Session:
    """The session that a checked `setup` asks for. Raises `Refused`."""
    _unknown(setup, _WORDS, "setup")
    model = models.bare(str(setup.get("model") or ""))
    if not _MODEL.fullmatch(model):
        raise Refused(
            f"models/{model} is not found for API version v1beta, or is not supported for bidiGenerateContent.",
            CLOSE_POLICY,
        )
    traits = models.traits(model)
    generation = _mapping(setup.get("generationConfig"))
    speaks = _speaks(generation, model)
    listening = _mapping(setup.get("realtimeInputConfig"))
    detection = _mapping(listening.get("automaticActivityDetection"))
    resumption = _mapping(setup.get("sessionResumption"))
    if resumption.get("transparent") and not vertex:
        raise Refused("Transparent session resumption is not supported.")
    if setup.get("historyConfig") and (vertex or not traits.history_config):
        raise _invalid()
    declared, behaviors = _tools(setup.get("tools"), traits)
    start = _word(detection, "startOfSpeechSensitivity", "START_SENSITIVITY_", "HIGH", "LOW")
    end = _word(detection, "endOfSpeechSensitivity", "END_SENSITIVITY_", "HIGH", "LOW")
    handling = listening.get("activityHandling") or "START_OF_ACTIVITY_INTERRUPTS"
    manual = bool(detection.get("disabled"))
    silence = detection.get("silenceDurationMs")
    padding = detection.get("prefixPaddingMs")
    heard = setup.get("inputAudioTranscription")
    threshold = _SENSITIVE if start.endswith("HIGH") else _DULL if start.endswith("LOW") else None
    interrupts = handling != "NO_INTERRUPTION"
    turns = TurnDetection(
        "server_vad", threshold, padding, silence, interrupt_response=interrupts
    )  # as another provider would have to detect them
    return Session(
        model=model,
        options=Options(
            instructions=_text(setup.get("systemInstruction")),
            tools=declared,
            modalities=_MODALITIES[speaks],
            turn_detection=None if manual else turns,
            transcription=None if heard is None else _transcription(heard),
            max_tokens=generation.get("maxOutputTokens"),
            **_voice(generation, model),
        ),
        traits=traits,
        speaks=speaks,
        manual=manual,
        interrupts=interrupts,
        threshold=0.5 if threshold is None else threshold,
        silence_ms=SILENCE_MS.get(end, 500) if silence is None else silence,
        padding_ms=300 if padding is None else padding,
        hears=not traits.content_any_time,
        writes_input=heard is not None,
        writes_output=setup.get("outputAudioTranscription") is not None,
        resumable=setup.get("sessionResumption") is not None,
        transparent=bool(resumption.get("transparent")),
        handle=resumption.get("handle"),
        initial_history=bool(_mapping(setup.get("historyConfig")).get("initialHistoryInClientContent")),
        behaviors=behaviors,
    )


_MODALITIES: Final[dict[bool, tuple[Modality, ...]]] = {True: ("audio",), False: ("text",)}


def _invalid() -> Refused:
    return Refused("Request contains an invalid argument.")


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _unknown(value: object, known: Mapping[str, Any], path: str) -> None:
    """Refuses a field that there is not, at any depth, and a value that is no object where one stands."""
    if not isinstance(value, dict):
        raise Refused(f"Invalid value at '{_snake(path)}', expected an object.")
    for name, inner in cast("dict[str, Any]", value).items():
        if name not in known:
            place = _snake(path)
            raise Refused(
                f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."
            )
        if known[name] is not _ANY and inner is not None:
            _unknown(inner, known[name], f"{path}.{name}")


def _snake(path: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", path).lower()


def _word(given: Mapping[str, Any], name: str, prefix: str, *choices: str) -> str:
    value = given.get(name) or ""
    if value and value not in {f"{prefix}{choice}" for choice in (*choices, "UNSPECIFIED")}:
        raise Refused(f"Invalid value at 'setup.{_snake(name)}': \"{value}\"")
    return str(value)


def _speaks(generation: Mapping[str, Any], model: str) -> bool:
    wanted = generation.get("responseModalities") or ["AUDIO"]
    if wanted not in (["AUDIO"], ["TEXT"]):
        raise _invalid()
    if wanted == ["TEXT"] and not models.writes(model):
        raise Refused("Cannot extract voices from a non-audio request.")
    return wanted == ["AUDIO"]


def _voice(generation: Mapping[str, Any], model: str) -> dict[str, Any]:
    speech = _mapping(generation.get("speechConfig"))
    voice = _mapping(_mapping(speech.get("voiceConfig")).get("prebuiltVoiceConfig")).get("voiceName")
    found: dict[str, Any] = {}
    if voice is not None:
        if voice not in VOICES:
            raise Refused(f"Requested voice api_name '{voice}' is not available for model models/{model}")
        found["voice"] = voice
    if speech.get("languageCode") is not None:
        found["language"] = speech["languageCode"]
    return found


def _text(content: object) -> str:
    parts: list[Any] = _mapping(content).get("parts") or []
    return "\n".join(text for part in parts if (text := _mapping(part).get("text")))


def _transcription(given: Mapping[str, Any]) -> Transcription:
    codes, terms = given.get("languageCodes") or [None], given.get("customVocabulary")
    return Transcription(language=codes[0], prompt=", ".join(terms) if terms else None)


def _tools(given: object, traits: models.Traits) -> tuple[tuple[Tool, ...], dict[str, str]]:
    """The functions among the tools, and how each behaves; what the service does itself is none of ours."""
    found: list[Tool] = []
    behaviors: dict[str, str] = {}
    for entry in _list(given):
        for each in _list(_mapping(entry).get("functionDeclarations")):
            function = _mapping(each)
            for name in function.keys() - _FUNCTION:
                raise Refused(
                    f'Invalid JSON payload received. Unknown name "{name}" at'
                    " 'setup.tools[0].function_declarations[0]': Cannot find field."
                )
            title = function.get("name")
            if not title or title in behaviors:
                raise _invalid()
            behaviors[title] = function.get("behavior") or traits.default
            if behaviors[title] not in traits.behaviors:
                raise Refused(f"{behaviors[title]} functions are not supported by this model.")
            described = function.get("parametersJsonSchema") or _json_schema(function.get("parameters"))
            found.append(Tool(title, function.get("description") or "", described))
    return tuple(found), behaviors


def _json_schema(given: object) -> dict[str, Any]:
    """JSON Schema of a `Schema`."""
    schema = _mapping(given)
    if not schema:
        return {"type": "object", "properties": {}}
    made = {name: value for name, value in schema.items() if name not in ("nullable", "propertyOrdering")}
    if "type" in made:
        made["type"] = str(made["type"]).lower()
    if "properties" in made:
        made["properties"] = {name: _json_schema(each) for name, each in made["properties"].items()}
    if "items" in made:
        made["items"] = _json_schema(made["items"])
    if "anyOf" in made:
        made["anyOf"] = [_json_schema(each) for each in made["anyOf"]]
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def read_update(update: Any, session: Session) -> tuple[Options, dict[str, str]]:
    """What a `contextUpdate` changes, and how the tools behave then. Raises `Refused`."""
    if not session.traits.context_update:
        raise _invalid()
    behaviors = session.behaviors
    options = Options()
    if update.system_instruction is not None:
        told = "\n".join(part.text or "" for part in update.system_instruction.parts or ())
        options = options.merged(Options(instructions=told))
    if update.tools is not None:
        declared, behaviors = _tools(update.tools.get("tools") or [], session.traits)
        options = options.merged(Options(tools=declared))
    return options, behaviors


__all__ = ["Refused", "Session", "read", "read_update"]
