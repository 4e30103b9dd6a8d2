"""The messages of OpenAI Live, one struct each: the 15 that a client sends and the 28 that the service sends. No rule, no state.

Both sides use the same structs: the client encodes the first group and decodes the second, the server the other way round.
Client messages are strict, as the service is: what they do not know is an error. Server messages are lenient: what a decoder
does not know it ignores, what is missing has a default. `session` stays a mapping, because a client merges a vendor's own
options into it and a server names the parameter that is wrong: see `schema`.

Sources, read 2026-11-22: https://developers.openai.com/api/docs/guides/live-conversations,
https://developers.openai.com/api/docs/guides/voice-websockets and the `openai` package 3.54.0 (`openai.types.live.ClientEvent`,
`ServerEvent`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType
from pybase64 import b64decode

T = TypeVar("T")
Maybe: TypeAlias = T | None | UnsetType
"""A value, null, or absent."""


class Message(msgspec.Struct, tag_field="type"):
    """The base of every message; `type` is its tag."""


class ClientMessage(Message, forbid_unknown_fields=True):
    """The base of what a client sends. `event_id` comes back as `client_event_id` of what it leads to."""


# ------------------------------------------------------------------ from the client: session and audio


class SessionStart(ClientMessage, tag="session.start"):
    """The first message; nothing comes before it and nothing is accepted."""

    session: dict[str, Any]
    event_id: Maybe[str] = UNSET


class SessionUpdate(ClientMessage, tag="session.update"):
    """Changes the settings of the delegation and the triggers; all else is immutable."""

    session: dict[str, Any]
    event_id: Maybe[str] = UNSET


class SessionClose(ClientMessage, tag="session.close"):
    """Asks for the end; `SessionClosed` confirms it."""

    event_id: Maybe[str] = UNSET


class AudioAppend(ClientMessage, tag="session.input_audio.append"):
    """Base64 audio in the session's format; never acknowledged."""

    audio: str
    event_id: Maybe[str] = UNSET


class AudioMute(ClientMessage, tag="session.input_audio.mute"):
    """The model hears silence from here on."""

    event_id: Maybe[str] = UNSET


class AudioUnmute(ClientMessage, tag="session.input_audio.unmute"):
    """The model hears again."""

    event_id: Maybe[str] = UNSET


class FixturePlay(ClientMessage, tag="session.output_audio.fixture.play"):
    """Plays base64 PCM16 at 24 kHz through the output, at most 30 s of it."""

    audio: str
    event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the client: context


class InstructionsAppend(ClientMessage, tag="session.instructions.append"):
    """A developer's instruction that stays in the conversation; at most 500 tokens. `delegation_id` is required, and may be null."""

    content: str
    delegation_id: str | None
    event_id: Maybe[str] = UNSET


class ThinkingAppend(ClientMessage, tag="session.thinking.append"):
    """Silent context: it asks for no speech; at most 500 tokens. `delegation_id` is required, and may be null."""

    content: str
    delegation_id: str | None
    event_id: Maybe[str] = UNSET


class CommentaryAppend(ClientMessage, tag="session.commentary.append"):
    """What the model is to tell in its own words; at most 500 tokens. `delegation_id` is required, and may be null."""

    content: str
    delegation_id: str | None
    event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the client: backends


class ResponseItemCreate(ClientMessage, tag="response.item.create"):
    """Adds an item (`ResponseInputItem`) to the conversation of the Responses backend."""

    item: dict[str, Any]
    event_id: Maybe[str] = UNSET


class ResponseCreate(ClientMessage, tag="response.create"):
    """Has the Responses backend answer, or go on after the results of its calls, all of them."""

    event_id: Maybe[str] = UNSET


class DecisionCreate(ClientMessage, tag="decision.create"):
    """Evaluates the questions of a Decisions delegation."""

    event_id: str


class DecisionItemCreate(ClientMessage, tag="decision.item.create"):
    """Adds an item for decisions to come."""

    item: dict[str, Any]
    event_id: Maybe[str] = UNSET


class DecisionItemDelete(ClientMessage, tag="decision.item.delete"):
    """Removes such an item."""

    item_id: str
    event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the server: session


class ServerMessage(Message, omit_defaults=True):
    """The base of what the service sends. An absent `client_event_id` says that it is no answer to one message.

    Defaults are left out, which is only right for fields that the service leaves out: the others have none that it writes.
    """


class ErrorDetail(msgspec.Struct, omit_defaults=True):
    """`Error`: `type` is a category, `code` a reason, `param` a path such as ``session.voice``."""

    type: str = ""
    code: str = ""
    message: str = ""
    param: Maybe[str] = UNSET
    client_event_id: Maybe[str] = UNSET


class SessionUsage(msgspec.Struct):
    """`SessionUsage`: the session's audio in seconds, all of it until now."""

    seconds: float | None = None


class SessionStarted(ServerMessage, tag="session.started"):
    """The session is open; `session` (`SessionResource`) has its id, `expires_at` in Unix seconds, and what was resolved."""

    event_id: str = ""
    session: dict[str, Any] = {}
    client_event_id: Maybe[str] = UNSET


class SessionUpdated(ServerMessage, tag="session.updated"):
    """The whole session after an update."""

    event_id: str = ""
    session: dict[str, Any] = {}
    client_event_id: Maybe[str] = UNSET


class SessionClosed(ServerMessage, tag="session.closed"):
    """The end. `reason`: close_requested, expired, content, remote_hangup or connection_lost."""

    event_id: str = ""
    reason: str = ""
    session: dict[str, Any] = {}
    usage: SessionUsage | None = None
    client_event_id: Maybe[str] = UNSET


class SessionUsageUpdated(ServerMessage, tag="session.usage.updated"):
    """What was used until now; `context_window` may have a `usage_ratio`."""

    event_id: str = ""
    usage: SessionUsage | None = None
    context_window: Maybe[dict[str, Any]] = UNSET
    client_event_id: Maybe[str] = UNSET


class Error(ServerMessage, tag="error"):
    """A message was refused, or the session broke."""

    event_id: str = ""
    error: ErrorDetail | None = None
    client_event_id: Maybe[str] = UNSET


class Info(ServerMessage, tag="info"):
    """A notice."""

    event_id: str = ""
    code: str = ""
    message: str = ""
    client_event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the server: audio and words


class AudioDelta(ServerMessage, tag="session.output_audio.delta"):
    """The next stretch of the one continuous output, silence included, as base64. Times are on a sideband only."""

    delta: str = ""
    start_ms: Maybe[float] = UNSET
    end_ms: Maybe[float] = UNSET


class InputTranscriptDelta(ServerMessage, tag="session.input_transcript.delta"):
    """More of the user's words, and where they are on the session's timeline in ms."""

    event_id: str = ""
    delta: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


class OutputTranscriptDelta(ServerMessage, tag="session.output_transcript.delta"):
    """More of the model's words, and where they are on the session's timeline in ms."""

    event_id: str = ""
    delta: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


class AudioMuted(ServerMessage, tag="session.input_audio.muted"):
    """The answer to a mute."""

    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class AudioUnmuted(ServerMessage, tag="session.input_audio.unmuted"):
    """The answer to an unmute."""

    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class FixturePlaying(ServerMessage, tag="session.output_audio.fixture.playing"):
    """A fixture is played."""

    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class FixturePlayed(ServerMessage, tag="session.output_audio.fixture.played"):
    """A fixture was played."""

    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class InstructionsAppended(ServerMessage, tag="session.instructions.appended"):
    """An instruction took its place on the timeline."""

    event_id: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


class ThinkingAppended(ServerMessage, tag="session.thinking.appended"):
    """Silent context took its place on the timeline."""

    event_id: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


class CommentaryAppended(ServerMessage, tag="session.commentary.appended"):
    """Commentary took its place on the timeline; when it is spoken, nobody says."""

    event_id: str = ""
    start_ms: float | None = None
    end_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the server: backends


class Delegation(msgspec.Struct, omit_defaults=True):
    """`Delegation`: its id, and to whom: ``client``, ``responses`` or ``decisions``. It has no text of the task."""

    id: str = ""
    type: str = ""
    target: str = ""
    response_id: Maybe[str] = UNSET


class DelegationCreated(ServerMessage, tag="session.delegation.created"):
    """The model delegates."""

    event_id: str = ""
    delegation: Delegation | None = None
    offset_ms: float | None = None
    client_event_id: Maybe[str] = UNSET


class ResponseEvent(ServerMessage, tag="response.event"):
    """A streaming event of the Responses API, of the backend."""

    event_id: str = ""
    event: dict[str, Any] = {}
    delegation_id: Maybe[str] = UNSET
    client_event_id: Maybe[str] = UNSET


class DecisionEvent(ServerMessage, tag="decision.event"):
    """A decision was made."""

    event_id: str = ""
    event: dict[str, Any] = {}
    delegation_id: Maybe[str] = UNSET
    source_event_id: Maybe[str] = UNSET
    source_event_type: Maybe[str] = UNSET
    trigger_id: Maybe[str] = UNSET


class DecisionItemCreated(ServerMessage, tag="decision.item.created"):
    """An item for decisions was added."""

    event_id: str = ""
    item: dict[str, Any] = {}
    client_event_id: Maybe[str] = UNSET


class DecisionItemDeleted(ServerMessage, tag="decision.item.deleted"):
    """Such an item was removed."""

    event_id: str = ""
    item_id: str = ""
    client_event_id: Maybe[str] = UNSET


# ------------------------------------------------------------------ from the server, on a sideband


class ReflectedAudio(ServerMessage, tag="session.input_audio.append"):
    """The user's audio, reflected."""

    audio: str = ""


class DtmfReceived(ServerMessage, tag="transport.dtmf.received"):
    """The caller pressed a key."""

    event: str = ""
    event_id: str = ""


class DtmfSend(ServerMessage, tag="transport.dtmf.send"):
    """The older name of `DtmfSent`."""

    event: str = ""
    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class DtmfSent(ServerMessage, tag="transport.dtmf.sent"):
    """A key was sent to the caller."""

    event: str = ""
    event_id: str = ""
    client_event_id: Maybe[str] = UNSET


class Ringing(ServerMessage, tag="transport.ringing"):
    """The other side's telephone rings."""

    event_id: str = ""
    session_id: str = ""


class Answered(ServerMessage, tag="transport.answered"):
    """The other side answered."""

    event_id: str = ""
    session_id: str = ""


class CallFailed(ServerMessage, tag="transport.failed"):
    """The call came to nothing."""

    event_id: str = ""
    error: dict[str, Any] = {}
    session_id: str = ""


# ------------------------------------------------------------------ both ways

Client: TypeAlias = (
    SessionStart | SessionUpdate | SessionClose | AudioAppend | AudioMute | AudioUnmute | FixturePlay
    | InstructionsAppend | ThinkingAppend | CommentaryAppend | ResponseItemCreate | ResponseCreate | DecisionCreate
    | DecisionItemCreate | DecisionItemDelete
)  # fmt: skip
Server: TypeAlias = (
    SessionStarted | SessionUpdated | SessionClosed | SessionUsageUpdated | Error | Info | AudioDelta
    | InputTranscriptDelta | OutputTranscriptDelta | AudioMuted | AudioUnmuted | FixturePlaying | FixturePlayed
    | InstructionsAppended | ThinkingAppended | CommentaryAppended | DelegationCreated | ResponseEvent | DecisionEvent
    | DecisionItemCreated | DecisionItemDeleted | ReflectedAudio | DtmfReceived | DtmfSend | DtmfSent | Ringing
    | Answered | CallFailed
)  # fmt: skip

CLIENT_TYPES: Final[dict[str, type[ClientMessage]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Client)
}
SERVER_TYPES: Final[dict[str, type[ServerMessage]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(Server)
}

encode: Final[Callable[[Message], bytes]] = msgspec.json.Encoder().encode
"""A message as UTF-8 JSON; `type` comes first."""

decode_server: Final[Callable[[bytes | str], Server]] = msgspec.json.Decoder[Server](Server).decode
"""A frame from the service. Raises `msgspec.DecodeError`; for an unknown type its subclass `ValidationError`."""

_SOUND: Final = tuple(
    (head.encode(), len(head))
    for head in (
        f'{{"type":{space}"{AudioDelta.__struct_config__.tag}",{space}"delta":{space}"' for space in ("", " ")
    )
)


def sound(frame: bytes) -> bytes:
    """The audio of an `AudioDelta` that is spelled as the service does; empty where a frame is anything else.

    No JSON is read: strict base64 has no quote and no escape, so what stands between these two is all of the string. It comes
    many times a second, and a JSON reader would look at each of its characters.
    """
    for head, begins in _SOUND:
        if frame.startswith(head) and frame.endswith(b'"}'):
            try:
                return b64decode(frame[begins:-2], None, True)
            except ValueError:
                return b""
    return b""


decode_client: Final[Callable[[bytes | str], Client]] = msgspec.json.Decoder[Client](Client).decode
"""A frame from a client. Raises `msgspec.DecodeError`; for an unknown type or field its subclass `ValidationError`."""
