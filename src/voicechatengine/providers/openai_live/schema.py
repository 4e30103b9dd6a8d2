"""What a session of OpenAI Live can be told, strictly: a field that is not here is refused, as the service refuses it.

The client checks with it what it is about to send, the server what it got; both name the field that does not fit. What tools,
triggers and reasoning consist of in detail is the Responses and Decisions backends' business, and passes through.

Sources, read 2026-11-22: https://developers.openai.com/api/docs/guides/live-conversations and the `openai` package 3.54.0
(`SessionConfig`, `SessionUpdateConfig`, `ResponsesDelegationConfig`, `InitialItem`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta

from voicechatengine.providers.openai_live.wire import Maybe

MESSAGES: Final = 128  # of history, at most

Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of each of these."""


class Pcm(Strict, tag="audio/pcm", frozen=True):
    """Mono PCM16, little-endian."""

    rate: Literal[16000, 24000]


class Pcmu(Strict, tag="audio/pcmu", frozen=True):
    """G.711 ulaw."""

    rate: Literal[8000]


class Pcma(Strict, tag="audio/pcma", frozen=True):
    """G.711 alaw."""

    rate: Literal[8000]


class CustomVoice(Strict, frozen=True):
    """A voice of one's own."""

    id: str


class AudioOutput(Strict, frozen=True):
    """How the model sounds: a name, or a voice of one's own."""

    voice: Maybe[str | CustomVoice] = UNSET


class Audio(Strict, frozen=True):
    """One format for both directions."""

    format: Maybe[Pcm | Pcmu | Pcma] = UNSET
    output: Maybe[AudioOutput] = UNSET


class _ResponsesSettings(Strict, frozen=True, kw_only=True):
    instructions: Maybe[str] = UNSET
    max_output_tokens: Maybe[Annotated[int, Meta(ge=1)]] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    reasoning: Maybe[dict[str, Any]] = UNSET
    service_tier: Maybe[str] = UNSET
    text: Maybe[dict[str, Any]] = UNSET
    tool_choice: Maybe[str | dict[str, Any]] = UNSET
    tools: Maybe[list[dict[str, Any]]] = UNSET


class Responses(_ResponsesSettings, frozen=True, kw_only=True):
    """The backend model and its tools."""

    model: str


class ResponsesUpdate(_ResponsesSettings, frozen=True, kw_only=True):
    """A change of these; what is left out stays."""

    model: Maybe[str] = UNSET


class ClientDelegation(Strict, tag="client", frozen=True):
    """The application does what the model delegates."""

    acknowledgement_delay_ms: Maybe[Count] = UNSET


class ResponsesDelegation(Strict, tag="responses", frozen=True):
    """A Responses model does."""

    responses: Responses
    acknowledgement_delay_ms: Maybe[Count] = UNSET


class DecisionsDelegation(Strict, tag="decisions", frozen=True):
    """The Decisions API does."""

    decisions: dict[str, Any]
    acknowledgement_delay_ms: Maybe[Count] = UNSET


class ResponsesDelegationUpdate(Strict, tag="responses", frozen=True):
    """A change of a Responses delegation."""

    responses: Maybe[ResponsesUpdate] = UNSET
    acknowledgement_delay_ms: Maybe[Count] = UNSET


class DecisionsDelegationUpdate(Strict, tag="decisions", frozen=True):
    """A change of a Decisions delegation."""

    decisions: Maybe[dict[str, Any]] = UNSET
    acknowledgement_delay_ms: Maybe[Count] = UNSET


class InputText(Strict, frozen=True):
    """Words of a developer or a user."""

    text: str
    type: Maybe[Literal["input_text"]] = UNSET


class OutputText(Strict, frozen=True):
    """Words of the assistant."""

    text: str
    type: Maybe[Literal["text", "output_text"]] = UNSET


class _Said(Strict, tag_field="role", frozen=True):
    id: Maybe[str] = UNSET
    status: Maybe[Literal["incomplete", "completed"]] = UNSET
    type: Maybe[Literal["message"]] = UNSET


class Developer(_Said, tag="developer", frozen=True, kw_only=True):
    """A message of the history, with exactly one part."""

    content: Annotated[list[InputText], Meta(min_length=1, max_length=1)]


class User(_Said, tag="user", frozen=True, kw_only=True):
    """A message of the history, with exactly one part."""

    content: Annotated[list[InputText], Meta(min_length=1, max_length=1)]


class Assistant(_Said, tag="assistant", frozen=True, kw_only=True):
    """A message of the history, with exactly one part."""

    content: Annotated[list[OutputText], Meta(min_length=1, max_length=1)]


class SessionConfig(Strict, frozen=True):
    """The session of a ``session.start``."""

    model: str
    audio: Maybe[Audio] = UNSET
    delegation: Maybe[ClientDelegation | ResponsesDelegation | DecisionsDelegation] = UNSET
    input: Maybe[Annotated[list[Developer | User | Assistant], Meta(max_length=MESSAGES)]] = UNSET
    instructions: Maybe[str] = UNSET
    safety_identifier: Maybe[str] = UNSET
    store: Maybe[bool] = UNSET
    triggers: Maybe[list[dict[str, Any]]] = UNSET


class SessionUpdateConfig(Strict, frozen=True):
    """The session of a ``session.update``: the type of the delegation cannot change."""

    delegation: Maybe[ClientDelegation | ResponsesDelegationUpdate | DecisionsDelegationUpdate] = UNSET
    triggers: Maybe[list[dict[str, Any]]] = UNSET
