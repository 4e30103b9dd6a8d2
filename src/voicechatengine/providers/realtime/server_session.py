"""The session of OpenAI's service as the service keeps it: what it begins with, what a client may change, what that means.

A `session.update` is checked against strict structs, and a mistake gets the service's own error code. It knows no message but
this one, and no connection.

Sources, read 2026-11-22: https://platform.openai.com/docs/api-reference/realtime-client-events/session/update, the types of
the `openai` package 3.54.0; defaults and order from recorded sessions of 2026-07.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from voicechatengine.audio.format import AudioFormat
from voicechatengine.messages import Modality, Options, Tool, Transcription, TurnDetection
from voicechatengine.providers.realtime.differences import Differences, Fields

SERVER_VAD: Final[dict[str, Any]] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SETTINGS: Final[dict[str, Any]] = {"eagerness": "auto", **SERVER_VAD}
"""What each setting of turn detection is where a client does not say it."""

REPLACED: Final = {"format", "voice", "tool_choice", "tracing", "truncation", "prompt", "reasoning"}
"""Members that are taken as a whole: half of an old one and half of a new one mean nothing."""

MAX_PADDING_MS: Final = 10_000  # a bound of ours: so much audio is kept
NULLABLE: Final = {
    "turn_detection", "transcription", "noise_reduction", "tracing", "prompt", "reasoning", "include", "metadata",
    "idle_timeout_ms",
}  # fmt: skip
"""Members for which null is a value: switched off."""

NESTED: Final = {"audio", "input", "output", "format", "turn_detection", "transcription"}

PATIENCE_MS: Final = {"low": 1_500, "medium": 800, "high": 400, "auto": 800}
"""How much silence ends a turn under semantic_vad, where only energy is there to judge by."""

INSTRUCTIONS: Final = "You are a helpful voice assistant."


class Refused(Exception):  # noqa: N818 - what the service does, not what went wrong here
    """The service answers a client's message with an `error` of this code, message and parameter."""

    def __init__(self, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


# ------------------------------------------------------------------ what a client may write


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Format(_Strict, frozen=True):
    type: str
    rate: int | UnsetType = UNSET


class _Transcription(_Strict, frozen=True):
    model: str | None | UnsetType = UNSET
    language: str | None | UnsetType = UNSET
    prompt: str | None | UnsetType = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None | UnsetType = UNSET
    languages: list[str] | None | UnsetType = UNSET
    keywords: list[str] | None | UnsetType = UNSET


class _NoiseReduction(_Strict, frozen=True):
    type: Literal["near_field", "far_field"]
    strength: float | UnsetType = UNSET


class _TurnDetection(_Strict, frozen=True):
    type: str
    threshold: Annotated[float, Meta(ge=0, le=1)] | None | UnsetType = UNSET
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=MAX_PADDING_MS)] | None | UnsetType = UNSET
    silence_duration_ms: Annotated[int, Meta(ge=0)] | None | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=0)] | None | UnsetType = UNSET
    eagerness: Literal["low", "medium", "high", "auto"] | None | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class _AudioInput(_Strict, frozen=True):
    format: _Format | UnsetType = UNSET
    transcription: _Transcription | None | UnsetType = UNSET
    noise_reduction: _NoiseReduction | None | UnsetType = UNSET
    turn_detection: _TurnDetection | None | UnsetType = UNSET


class _CustomVoice(_Strict, frozen=True):
    id: str


class _AudioOutput(_Strict, frozen=True):
    format: _Format | UnsetType = UNSET
    voice: str | _CustomVoice | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | UnsetType = UNSET


class _Audio(_Strict, frozen=True):
    input: _AudioInput | UnsetType = UNSET
    output: _AudioOutput | UnsetType = UNSET


class _FunctionTool(_Strict, tag="function", frozen=True):
    name: str
    description: str | None | UnsetType = UNSET
    parameters: dict[str, Any] | None | UnsetType = UNSET


class _McpTool(msgspec.Struct, tag="mcp", frozen=True):  # its many fields are the MCP server's business
    server_label: str


class _FunctionChoice(_Strict, tag="function", frozen=True):
    name: str


class _McpChoice(_Strict, tag="mcp", frozen=True):
    server_label: str
    name: str | None | UnsetType = UNSET


_Choice = Literal["none", "auto", "required"] | _FunctionChoice | _McpChoice
_MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]


class _Session(_Strict, frozen=True):
    type: Literal["realtime"]
    model: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    output_modalities: list[str] | UnsetType = UNSET
    audio: _Audio | UnsetType = UNSET
    tools: list[dict[str, Any]] | UnsetType = UNSET
    tool_choice: _Choice | UnsetType = UNSET
    max_output_tokens: _MaxTokens | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: dict[str, Any] | None | UnsetType = UNSET
    tracing: Literal["auto"] | dict[str, Any] | None | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | dict[str, Any] | UnsetType = UNSET
    prompt: dict[str, Any] | None | UnsetType = UNSET
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None | UnsetType = UNSET


class _ResponseOutput(_Strict, frozen=True):
    format: _Format | UnsetType = UNSET
    voice: str | _CustomVoice | UnsetType = UNSET


class _ResponseAudio(_Strict, frozen=True):
    output: _ResponseOutput | UnsetType = UNSET


class _Response(_Strict, frozen=True):
    conversation: Literal["auto", "none"] | UnsetType = UNSET
    output_modalities: list[str] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    audio: _ResponseAudio | UnsetType = UNSET
    tools: list[dict[str, Any]] | UnsetType = UNSET
    tool_choice: _Choice | UnsetType = UNSET
    max_output_tokens: _MaxTokens | UnsetType = UNSET
    input: list[dict[str, Any]] | UnsetType = UNSET
    metadata: dict[str, Annotated[str, Meta(max_length=512)]] | None | UnsetType = UNSET
    prompt: dict[str, Any] | None | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    reasoning: dict[str, Any] | None | UnsetType = UNSET


def given(data: dict[str, Any]) -> dict[str, Any]:
    """What a client means by a session or a response: null where null means nothing is as if it were not there."""
    return {
        name: given(cast("dict[str, Any]", value)) if name in NESTED and isinstance(value, dict) else value
        for name, value in data.items()
        if value is not None or name in NULLABLE
    }


def check_shape(said: dict[str, Any], differences: Differences, root: str) -> None:
    """Raises `Refused` for what has not the shape that the vendor gives it, in its own words; `root` is what it is."""
    shape = differences.shapes.get(root)
    if shape is not None:
        _check(said, shape, root)


def check_session(change: dict[str, Any], differences: Differences) -> None:
    """Raises `Refused` for the session of a `session.update` that the service would not take."""
    _check(_without(change, differences.extras), _Session, "session")
    _check_modalities(change, "session")
    _check_tools(change, "session")
    audio: dict[str, Any] = change.get("audio", {})
    _check_turns(audio.get("input", {}).get("turn_detection"), differences)
    _check_format(audio.get("input", {}), differences.input_formats, "session.audio.input.format")
    _check_output(audio.get("output", {}), differences, "session.audio.output")


def check_response(params: dict[str, Any], differences: Differences) -> None:
    """Raises `Refused` for the parameters of a `response.create` that the service would not take."""
    _check(_without(params, differences.extras), _Response, "response")
    _check_modalities(params, "response")
    _check_tools(params, "response")
    _check_output(params.get("audio", {}).get("output", {}), differences, "response.audio.output")


def _without(fields: dict[str, Any], extras: Collection[str]) -> dict[str, Any]:
    """The fields that OpenAI has too."""
    return {
        name: _without(cast("dict[str, Any]", value), extras) if isinstance(value, dict) else value
        for name, value in fields.items()
        if name not in extras
    }


def _check_output(output: dict[str, Any], differences: Differences, root: str) -> None:
    _check_format(output, differences.output_formats, f"{root}.format")
    voice = output.get("voice")
    free = not differences.voices or "voice" in differences.extras
    if isinstance(voice, str) and not free and voice not in differences.voices:
        raise Refused("invalid_value", f"Invalid value: {voice!r}.", f"{root}.voice")


def _check_format(where: dict[str, Any], formats: Mapping[AudioFormat, Fields], root: str) -> None:
    given: dict[str, Any] | None = where.get("format")
    if given is None or known_format(given, formats) is not None:
        return
    kinds = {value["type"] for value in formats.values()}
    wrong = "type" if given["type"] not in kinds else "rate"
    raise Refused("invalid_value", f"Invalid value: {given.get(wrong)!r}.", f"{root}.{wrong}")


def known_format(given: dict[str, Any], formats: Mapping[AudioFormat, Fields]) -> AudioFormat | None:
    """The format that is meant; one without a rate is the first of its type."""
    return next(
        (known for known, value in formats.items() if given == value or given == {"type": value["type"]}),
        None,
    )


def _check_turns(given: dict[str, Any] | None, differences: Differences) -> None:
    if given is None:
        return
    root, mode = "session.audio.input.turn_detection", given["type"]
    if mode not in differences.modes:
        raise Refused("invalid_value", f"Invalid value: {mode!r}.", root)
    known = {"type", "create_response", "interrupt_response", *differences.modes[mode], *differences.extras}
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise Refused("unknown_parameter", f"Unknown parameter: '{root}.{unknown}'.", f"{root}.{unknown}")


def _check_modalities(data: dict[str, Any], root: str) -> None:
    modalities = data.get("output_modalities")
    if modalities is not None and modalities not in (["text"], ["audio"]):
        raise Refused(
            "invalid_value",
            f"Invalid modalities: {modalities}. Supported combinations are: ['text'] and ['audio'].",
            f"{root}.output_modalities",
        )


def _check_tools(data: dict[str, Any], root: str) -> None:
    for index, tool in enumerate(data.get("tools", ())):
        _check(tool, _FunctionTool | _McpTool, f"{root}.tools[{index}]")


def _check(data: object, kind: Any, root: str) -> None:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise refused(error, data, root) from None


def refused(error: msgspec.ValidationError, data: object, root: str) -> Refused:
    """The service's words for what msgspec found wrong in `data`, which stands at `root` of the message."""
    text, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`")
    param = (root + path).lstrip(".")
    if text.startswith(("Object contains unknown field", "Object missing required field")):
        param = f"{param}.{text.split('`')[1]}".lstrip(".")
        if "unknown" in text:
            return Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param)
        return Refused("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
    value = _at(data, path)
    if " matching regex " in text:
        return Refused("invalid_value", f"Invalid value: {value!r}.", param)
    if text.startswith("Expected `") and (" >= " in text or " <= " in text):
        what = "integer" if text.startswith("Expected `int") else "decimal"
        what = "string" if text.startswith("Expected `str") else what
        bound, low = text.rsplit(" ", 1)[1], " >= " in text
        limit = f"{what} {'below minimum' if low else 'above maximum'} value"
        return Refused(
            f"{what}_{'below_min' if low else 'above_max'}_value",
            f"Invalid '{param}': {limit}. Expected a value {'>=' if low else '<='} {bound}, but got {value} instead.",
            param,
        )
    if text.startswith("Expected"):
        wanted, _, got = text.removeprefix("Expected ").partition(", got ")
        return Refused(
            "invalid_type",
            f"Invalid type for '{param}': expected {wanted.strip('`')}, but got {got.strip('`')} instead.",
            param,
        )
    return Refused("invalid_value", f"Invalid value: {value!r}.", param)


def misread(
    frame: bytes | str, error: msgspec.ValidationError, known: Collection[str]
) -> tuple[Refused, str | None]:
    """The service's words for JSON that is none of the `known` messages, and the `event_id` that it bears."""
    try:
        message = msgspec.json.decode(frame, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return Refused("invalid_type", "Invalid type: expected an object."), None
    kind, given_id = message.get("type"), message.get("event_id")
    event_id = given_id if isinstance(given_id, str) else None
    if kind is None:
        return Refused("missing_required_parameter", "Missing required parameter: 'type'.", "type"), event_id
    if kind not in tuple(known):
        names = ", ".join(f"'{name}'" for name in known)
        text = f"Invalid value: '{kind}'. Supported values are: {names}."
        return Refused("invalid_value", text, "type"), event_id
    return refused(error, message, ""), event_id


def _at(data: Any, path: str) -> Any:
    """What stands at a path such as ``.audio.input``; a path into a list ends there."""
    found = data
    for name in path.strip(".").split("."):
        try:
            found = found[name]
        except (KeyError, TypeError, IndexError):
            break
    return found


# ------------------------------------------------------------------ the session itself


def new_session(session_id: str, model: str, expires_at: int, differences: Differences) -> dict[str, Any]:
    """A session as it begins, every field that the service writes, in its order."""
    formats = differences.input_formats[differences.input], differences.output_formats[differences.output]
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(formats[0]),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _turns("server_vad", differences),
            },
            "output": {
                "format": dict(formats[1]),
                "voice": next(iter(differences.voices), "alloy"),
                "speed": 1.0,
            },
        },
        "include": None,
        **differences.begins,
    }


def _turns(mode: str, differences: Differences) -> dict[str, Any]:
    """Turn detection where a client says no more than its mode."""
    settings = {name: SETTINGS.get(name) for name in differences.modes.get(mode, ())}
    return {"type": mode, **settings, "create_response": True, "interrupt_response": True}


def merged(session: dict[str, Any], change: dict[str, Any], differences: Differences) -> dict[str, Any]:
    """The session with a checked change put into it, however deep; lists are replaced, null stays null."""
    result = copy.deepcopy(session)
    _merge(result, change, differences)
    result["tools"] = [_in_order(tool) for tool in result["tools"]]
    for place, formats in (("input", differences.input_formats), ("output", differences.output_formats)):
        known = known_format(result["audio"][place]["format"], formats)
        assert known is not None
        result["audio"][place]["format"] = dict(formats[known])
    transcription = result["audio"]["input"]["transcription"]
    if transcription is not None:
        result["audio"]["input"]["transcription"] = {
            "model": None,
            "language": None,
            "prompt": None,
            **transcription,
        }
    return result


def _in_order(tool: dict[str, Any]) -> dict[str, Any]:
    first = ("type", "name", "description", "parameters")
    return {name: tool[name] for name in (*(name for name in first if name in tool), *tool)}


def _merge(target: dict[str, Any], change: dict[str, Any], differences: Differences) -> None:
    for name, value in change.items():
        part = cast("dict[str, Any]", value)
        if name in REPLACED or not isinstance(value, dict):
            target[name] = copy.deepcopy(part)
            continue
        old: dict[str, Any] = target.get(name) or {}
        kind: str | None = part.get("type")
        if kind is not None and kind != old.get("type"):
            old = _turns(kind, differences) if name == "turn_detection" else {}
        _merge(old, part, differences)
        target[name] = old


def options(session: dict[str, Any]) -> Options:
    """What the session asks of the model, in the library's words; formats and turns are the server's own business."""
    audio_in, audio_out = session["audio"]["input"], session["audio"]["output"]
    transcription: dict[str, Any] | None = audio_in["transcription"]
    return Options(
        instructions=session["instructions"],
        voice=voice_name(audio_out["voice"]),
        tools=tools(session["tools"]),
        tool_choice=choice(session["tool_choice"]),
        modalities=modalities(session["output_modalities"]),
        transcription=None
        if transcription is None
        else Transcription(transcription["model"], transcription["language"], transcription["prompt"]),
        max_tokens=None if session["max_output_tokens"] == "inf" else session["max_output_tokens"],
        turn_detection=turn_detection(audio_in["turn_detection"]),
    )


def turn_detection(wire: dict[str, Any] | None) -> TurnDetection | None:
    """The wire's turn detection in the library's words."""
    if wire is None:
        return None
    known = TurnDetection.__struct_fields__
    return TurnDetection(mode=wire["type"], **{name: value for name, value in wire.items() if name in known})


def tools(wire: list[dict[str, Any]]) -> tuple[Tool, ...]:
    """The function tools among the wire's; MCP tools are run by the service, and there is none here to run them."""
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    return tuple(
        Tool(tool["name"], tool.get("description") or "", tool.get("parameters") or empty)
        for tool in wire
        if tool["type"] == "function"
    )


def choice(wire: str | dict[str, Any]) -> str:
    """A tool choice as a word, or as the name of the one function."""
    return wire if isinstance(wire, str) else str(wire.get("name") or "auto")


def modalities(wire: list[str]) -> tuple[Modality, ...]:
    """The wire's output modalities, which were checked."""
    return ("audio",) if wire == ["audio"] else ("text",)


def voice_name(wire: str | dict[str, Any]) -> str:
    """A voice's name, or what an object calls it."""
    return wire if isinstance(wire, str) else str(wire.get("id") or wire.get("name") or wire.get("type"))
