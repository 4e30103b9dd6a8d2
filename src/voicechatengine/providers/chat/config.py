"""Where a chat endpoint is, and what it is asked for. Pure: it opens nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from voicechatengine.errors import MessageError
from voicechatengine.provider import Retry, Timeouts
from voicechatengine.providers.chat.wire import PATH
from voicechatengine.session.address import address

URL: Final = "http://127.0.0.1:11434"
"""Where Ollama listens (https://docs.ollama.com/faq, read 2026-11-22)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """A chat endpoint that is compatible with OpenAI's: Ollama's, llama.cpp's, vLLM's, or another.

    `model` is its name at the server. `url` is a base such as ``http://localhost:8080`` or a whole address. `api_key` goes along
    as a bearer token if there is one. `max_tokens` bounds a reply where the session does not (None: the server's limit).
    `fields` are other fields of the request, such as ``{"temperature": 0.2}``. Raises `MessageError` naming a field that does
    not fit.
    """

    model: str
    url: str = dataclasses.field(default=URL, repr=False)
    api_key: str | None = dataclasses.field(default=None, repr=False)
    max_tokens: int | None = None
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str], repr=False)
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        if not self.model:
            raise MessageError(
                "no model is named", field="model", cure="give the name that the server knows it by"
            )
        self.address()

    def address(self) -> str:
        """Where requests go: a base completed by ``/v1/chat/completions``."""
        return address(self.url, PATH)

    def request_headers(self) -> dict[str, str]:
        """The headers of a request."""
        key = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {"content-type": "application/json", **key, **self.headers}
