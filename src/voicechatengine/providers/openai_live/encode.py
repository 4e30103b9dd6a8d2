"""What OpenAI Live is told: options, history, text and results of ours in its words. Pure functions that keep nothing.

Each raises `MessageError` naming the field for what the service cannot do, so that it is known before a byte leaves. Sources as
in `wire`; the limits are those of the package's documentation, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import pybase64
from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    Item,
    MessageItem,
    Options,
    Part,
    ResponseCreate,
    TextPart,
    Tool,
    ToolCallItem,
    ToolResultItem,
    Transcription,
    merge,
)
from voicechatengine.misfit import misfit
from voicechatengine.providers.openai_live import schema, wire

PCM: Final = AudioFormat()
FORMATS: Final[dict[AudioFormat, dict[str, Any]]] = {
    PCM: {"type": "audio/pcm", "rate": 24000},
    AudioFormat(sample_rate=16_000): {"type": "audio/pcm", "rate": 16000},
    AudioFormat("g711_ulaw", 8000): {"type": "audio/pcmu", "rate": 8000},
    AudioFormat("g711_alaw", 8000): {"type": "audio/pcma", "rate": 8000},
}
"""The audio formats of the service, one for both directions. Frames of another length are the same sound."""

MODEL: Final = "gpt-live-1"
BACKEND: Final = "gpt-5.6-luna"  # that of the vendor's own example; it must be named, there is no default
DELEGATE: Final = "delegate"
"""The one tool of a session that delegates to the application: a call of it is a piece of work that the model hands over. Its
argument `request` holds the user's last words, because the service tells no more than an id."""

DELEGATE_TOOL: Final = Tool(
    DELEGATE,
    "Does what the user asks for, and says what came of it.",
    {"type": "object", "properties": {"request": {"type": "string"}}, "required": ["request"]},
)

BACKEND_OPTIONS: Final = ("tools", "tool_choice")
_OWNERS: Final = {
    "client": "the application",
    "responses": "a Responses backend",
    "decisions": "the Decisions API",
}

MUTED: Final = "muted"  # our own key among a vendor's options
PIECE: Final = 500  # bytes of one append: 500 tokens are allowed, and a token is a byte at least
HISTORY: Final = (
    24_000  # bytes of history: 8,192 tokens are allowed, and three bytes a token is a careful guess
)
APPEND_BYTES: Final = 1 << 20  # audio in one message

WROTE: Final = "The user wrote: "
SAID: Final = "You said: "
ASK: Final = "Reply to the user now."
INTENTS: Final[dict[str, type[wire.InstructionsAppend | wire.ThinkingAppend]]] = {
    "system": wire.InstructionsAppend,
    "user": wire.ThinkingAppend,
    "assistant": wire.ThinkingAppend,
}
"""How text of a role is added. What a user wrote is context and no instruction: it must not speak with a developer's voice."""

_PREFIX: Final = {"system": "", "user": WROTE, "assistant": SAID}
_APPEND: Final = b'{"type":"session.input_audio.append","audio":"'
_END: Final = b'"}'


def append(audio: bytes) -> bytes:
    """A ``session.input_audio.append`` with this audio. It goes out fifty times a second, so no encoder is asked."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _END))


def audio_format(options: Options) -> AudioFormat:
    """What the session takes and gives: PCM16 at 24 kHz unless said otherwise."""
    return options.input_audio_format or options.output_audio_format or PCM


# ------------------------------------------------------------------ session


def opening(options: Options) -> dict[str, Any]:
    """The session of a ``session.start``, checked as strictly as the service does; without the history."""
    _check(options)
    session: dict[str, Any] = {
        "model": options.model or MODEL,
        "audio": {"format": _format(options)},
    }
    if options.voice:
        session["audio"]["output"] = {"voice": options.voice}
    if options.instructions:
        session["instructions"] = options.instructions
    own = _own(options)
    delegation = _delegation(options, own)
    if delegation is not None:
        session["delegation"] = delegation
    session = merge(session, own)
    _fits(session, schema.SessionConfig)
    if session["audio"]["format"] != _format(options):
        raise MessageError(
            "vendor.audio.format contradicts the audio format of the session",
            field="vendor.audio.format",
            cure="use input_audio_format",
        )
    return session


def update(before: Options, change: Options) -> dict[str, Any]:
    """The session of a ``session.update`` that puts `change` over `before`; empty where nothing changes for the service."""
    after = before.merged(change)
    old, new = opening(before), opening(after)
    kinds = _kind(old), _kind(new)
    allowed = changeable(before)
    for field in change.changes():
        if field in allowed or (field == "tools" and kinds[0] == kinds[1] == "client"):
            continue
        cure = "disconnect, set it, and connect again"
        if field == "instructions":
            cure += "; send_text(…, role='system') adds to them"
        if field in BACKEND_OPTIONS:
            cure = "give tools (or vendor={'delegation': {'type': 'responses'}}) before connect"
        raise MessageError(
            f"{field} cannot change in an open session that delegates to {_OWNERS[kinds[0]]}",
            field=field,
            cure=cure,
        )
    if kinds[0] != kinds[1]:
        field = "tools" if before.tools != after.tools else "vendor.delegation.type"
        raise MessageError(
            f"this session delegates to {_OWNERS[kinds[0]]}, which cannot change",
            field=field,
            cure="disconnect, set it, and connect again",
        )
    for name in ("model", "instructions", "audio", "safety_identifier", "store"):
        if old.get(name) != new.get(name):
            raise MessageError(
                f"vendor.{name} cannot change in an open session",
                field=f"vendor.{name}",
                cure="disconnect, set it, and connect again",
            )
    changed: dict[str, Any] = {}
    if old.get("delegation") != new.get("delegation"):
        changed["delegation"] = new["delegation"]
    if old.get("triggers") != new.get("triggers"):
        changed["triggers"] = new.get("triggers") or []
    return changed


def changeable(options: Options) -> tuple[str, ...]:
    """The options that can change in a session that began with these."""
    return ("vendor",) if delegates_to_client(options) else (*BACKEND_OPTIONS, "vendor")


def is_muted(options: Options) -> bool:
    """Whether the model is to hear silence."""
    return bool(options.vendor and options.vendor.get(MUTED))


def delegates_to_client(options: Options) -> bool:
    """Whether the application itself does what the model delegates."""
    return _kind(opening(options)) == "client"


def _kind(session: Mapping[str, Any]) -> str:
    delegation = session.get("delegation")
    return str(delegation["type"]) if delegation else "client"


def _own(options: Options) -> dict[str, Any]:
    """The vendor's options without our own key."""
    own = dict(options.vendor or {})
    muted = own.pop(MUTED, False)
    if not isinstance(muted, bool):
        raise MessageError(
            f"vendor.muted is {type(muted).__name__}", field="vendor.muted", cure="use True or False"
        )
    if "input" in own:
        raise MessageError(
            "vendor.input would take the place of the history",
            field="vendor.input",
            cure="use SESSION_CREATE",
        )
    return own


def _fits(session: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Raises `MessageError` naming the vendor's option that the service does not have: all else is made here."""
    try:
        msgspec.convert(session, kind)
    except msgspec.ValidationError as error:
        wrong = misfit(error, session, kind, "vendor")
        raise MessageError(
            wrong.message, field=f"vendor.{wrong.field}" if wrong.field else "vendor", cure=wrong.cure
        ) from None


def _format(options: Options) -> dict[str, Any]:
    heard, spoken = options.input_audio_format, options.output_audio_format
    if heard and spoken and not heard.same_sound(spoken):
        raise MessageError(
            f"output_audio_format: the service answers in the format that it is spoken to in, {heard}",
            field="output_audio_format",
            cure="leave it out",
        )
    wanted = audio_format(options)
    for known, value in FORMATS.items():
        if known.same_sound(wanted):
            return value
    field = "input_audio_format" if heard else "output_audio_format"
    raise MessageError(
        f"{field}: the service has no {wanted}",
        field=field,
        cure=f"use one of {', '.join(str(known) for known in FORMATS)}",
    )


def _delegation(options: Options, own: Mapping[str, Any]) -> dict[str, Any] | None:
    """Who does what the model delegates: the tools' Responses backend, or the application. None: as the service has it."""
    tools = options.tools or ()
    given = own.get("delegation")
    kind = cast("Mapping[str, Any]", given).get("type") if isinstance(given, Mapping) else None
    if kind is None and tools and [tool.name for tool in tools] != [DELEGATE]:
        kind = "responses"
    if kind == "responses":
        if any(tool.name == DELEGATE for tool in tools):
            raise MessageError(
                f"tools: {DELEGATE!r} is what the model hands to the application, and this session has a backend for that",
                field="tools",
                cure=f"give {DELEGATE!r} alone, or other tools without it",
            )
        responses: dict[str, Any] = {"model": BACKEND, "tools": [_tool(each) for each in tools]}
        if options.tool_choice:
            responses["tool_choice"] = _choice(options.tool_choice)
        return {"type": "responses", "responses": responses}
    if tools and [tool.name for tool in tools] != [DELEGATE]:
        raise MessageError(
            "tools need a Responses backend, and vendor.delegation says that there is none",
            field="tools",
            cure=f"leave vendor.delegation out, or give the one tool {DELEGATE!r}",
        )
    if options.tool_choice not in (UNSET, "auto"):
        raise MessageError(
            "tool_choice is a setting of the Responses backend, and this session has none",
            field="tool_choice",
            cure="give tools, or leave it out",
        )
    return {"type": "client"} if tools or kind == "client" else None


def _tool(each: Tool) -> dict[str, Any]:
    described = {"description": each.description} if each.description else {}
    return {"type": "function", "name": each.name, **described, "parameters": each.parameters}


def _choice(wanted: str) -> str | dict[str, str]:
    return wanted if wanted in ("auto", "none", "required") else {"type": "function", "name": wanted}


def _check(options: Options) -> None:
    """Raises `MessageError` for an option that this service does not have."""
    for field, wrong, why, cure in (
        ("language", bool(options.language), "no setting for it", "name it in the instructions"),
        (
            "modalities",
            bool(options.modalities is not UNSET and "audio" not in options.modalities),
            "it always speaks",
            "use ('audio',)",
        ),
        (
            "turn_detection",
            options.turn_detection is not UNSET,
            "the model itself decides when to speak, and there is no push to talk",
            "leave it out",
        ),
        (
            "transcription",
            options.transcription not in (UNSET, Transcription()),
            "it always transcribes, in its own way",
            "leave it out",
        ),
        (
            "max_tokens",
            options.max_tokens not in (UNSET, None),
            "no limit on what is spoken",
            "leave it out; vendor={'delegation': {'responses': {'max_output_tokens': …}}} limits the backend",
        ),
    ):
        if wrong:
            raise MessageError(f"{field} cannot be set for this service: {why}", field=field, cure=cure)


# ------------------------------------------------------------------ text


def pieces(text: str) -> Iterator[str]:
    """The text in stretches that the service takes in one append, cut between words where there are any."""
    rest = text.encode()
    while len(rest) > PIECE:
        place = rest.rfind(b" ", 1, PIECE + 1)
        if place < 0:
            place = PIECE
            while rest[place] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character of UTF-8
                place -= 1
        yield rest[:place].decode()
        rest = rest[place:].lstrip(b" ")
    if rest:
        yield rest.decode()


def words(parts: Sequence[Part]) -> str:
    """The words of a message's parts; there is nothing else that the service could be given in mid-session."""
    found: list[str] = []
    for part in parts:
        text = part.text if isinstance(part, TextPart) else None
        if isinstance(part, AudioPart):
            text = part.transcript
        if text is None:
            what = "images" if isinstance(part, ImagePart) else "audio without a transcript"
            raise MessageError(
                f"item.content: the service takes no {what}",
                field="item.content",
                cure="give its words as text",
            )
        found.append(text)
    joined = "\n".join(found)
    if not joined.strip():
        raise MessageError("item.content has no words", field="item.content", cure="give it some")
    return joined


def context(item: MessageItem) -> list[wire.InstructionsAppend | wire.ThinkingAppend]:
    """A message as context of the conversation."""
    kind = INTENTS[item.role]
    return [kind(piece, None) for piece in pieces(_PREFIX[item.role] + words(item.content))]


def request(command: ResponseCreate) -> list[wire.InstructionsAppend]:
    """A request for a reply, as an instruction: nothing on this wire asks for one."""
    for name in ("input", "tools", "tool_choice", "max_tokens", "metadata", "vendor"):
        if getattr(command, name) is not None:
            raise MessageError(
                f"{name} cannot be set for one reply of this service", field=name, cure="leave it out"
            )
    if command.out_of_band:
        raise MessageError(
            "this service has no replies beside the conversation", field="out_of_band", cure="leave it out"
        )
    if command.modalities is not None and "audio" not in command.modalities:
        raise MessageError("this service always speaks", field="modalities", cure="use ('audio',)")
    return [wire.InstructionsAppend(piece, None) for piece in pieces(command.instructions or ASK)]


def result(output: str, *, is_error: bool) -> str:
    """A call's output; the service has no mark for an error, so the output says that it is one."""
    return msgspec.json.encode({"error": output}).decode() if is_error else output


# ------------------------------------------------------------------ history


def history(items: Sequence[Item]) -> tuple[list[dict[str, Any]], list[str]]:
    """The history as a session's `input`, and in words for people what of it does not fit.

    A tool's call and its result become a developer's message, so that what came of it is known. The oldest are left out
    where there are more messages, or more words, than the service takes.
    """
    names = {item.call_id: item for item in items if isinstance(item, ToolCallItem)}
    messages: list[dict[str, Any]] = []
    lost: list[str] = []
    for item in items:
        if isinstance(item, ToolCallItem):
            continue
        if isinstance(item, ToolResultItem):
            messages.append(_message("developer", _outcome(item, names.get(item.call_id))))
            continue
        spoken = "\n".join(_known(item.content))
        if spoken.strip():
            messages.append(_message({"system": "developer"}.get(item.role, item.role), spoken))
        if len(_known(item.content)) < len(item.content):
            lost.append(f"what is no words of an item of the {item.role}")
    kept: list[dict[str, Any]] = []
    size = 0
    for message in reversed(messages):
        size += len(message["content"][0]["text"].encode())
        if len(kept) == schema.MESSAGES or size > HISTORY:
            break
        kept.append(message)
    if len(kept) < len(messages):
        lost.append(f"the oldest {len(messages) - len(kept)} of {len(messages)} messages")
    return kept[::-1], lost


def _known(parts: Sequence[Part]) -> list[str]:
    return [
        part.text if isinstance(part, TextPart) else str(part.transcript)
        for part in parts
        if isinstance(part, TextPart) or (isinstance(part, AudioPart) and part.transcript)
    ]


def _outcome(item: ToolResultItem, call: ToolCallItem | None) -> str:
    called = f"The tool {call.name} was called with {call.arguments}" if call else "A tool was called"
    return f"{called} and gave: {result(item.output, is_error=item.is_error)}"


def _message(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"role": role, "content": [{"type": kind, "text": text}]}
