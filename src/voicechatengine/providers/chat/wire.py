"""The stream of an OpenAI-compatible chat endpoint: its chunks, as far as servers agree about them. No rule, no state.

Everything has a default, because Ollama, llama.cpp and vLLM leave out different fields, and null stands for most of them.
Sources, read 2026-11-22: https://platform.openai.com/docs/api-reference/chat-streaming,
https://docs.ollama.com/api/openai-compatibility and https://github.com/ggml-org/llama.cpp/tree/master/tools/server.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

PATH: Final = "/v1/chat/completions"
DONE: Final = "[DONE]"


class Wire(msgspec.Struct):
    """The base of every struct here."""


class Function(Wire):
    """A stretch of a call: the name once, the arguments bit by bit."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class CallDelta(Wire):
    """More of one of the calls, by its index."""

    index: int | None = None
    id: str | None = None
    function: Function = msgspec.field(default_factory=Function)


class Delta(Wire):
    """More of the reply."""

    content: str | None = None
    tool_calls: list[CallDelta] | None = None


class Choice(Wire):
    """The reply, of which only one is asked for."""

    delta: Delta = msgspec.field(default_factory=Delta)
    finish_reason: str | None = None


class PromptDetails(Wire):
    """What the input was made of."""

    cached_tokens: int | None = None


class Usage(Wire):
    """Tokens of the whole reply; in a last chunk that has no choice."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None


class Chunk(Wire):
    """One event of the stream."""

    id: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


decode: Final = msgspec.json.Decoder(Chunk).decode
encode: Final = msgspec.json.Encoder().encode
