"""Where Anthropic's service is, and what a session with it can be told. Pure: it opens nothing.

Sources, read 2026-11-22: https://platform.claude.com/docs/en/api/versioning,
https://platform.claude.com/docs/en/build-with-claude/extended-thinking and the `anthropic` package 2.12.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from msgspec import UNSET
from msgspec.structs import replace

from voicechatengine.errors import MessageError
from voicechatengine.messages import Options
from voicechatengine.providers.anthropic.request import check_vendor
from voicechatengine.providers.anthropic.wire import PATH, VERSION
from voicechatengine.providers.cascade.config import CascadeConfig
from voicechatengine.session.address import address as complete

URL: Final = "https://api.anthropic.com"
MODEL: Final = "claude-haiku-5-5"
MAX_TOKENS: Final = 4096
THINKING: Final = ("adaptive", "enabled", "between_tools", "disabled")
MIN_THINKING: Final = 1024  # tokens


@dataclass(frozen=True, kw_only=True, repr=False)
class AnthropicConfig(CascadeConfig):
    """A conversation with Claude through the Messages API.

    `api_key` falls back to ``ANTHROPIC_API_KEY``; it is required for Anthropic's own host. `url` is another server: a base
    such as ``http://localhost:8080`` or a whole address. Without `modalities` it speaks if it has a part for that, and else writes. `max_tokens` bounds a reply (None: 4096); the API wants a figure.
    `thinking` is the API's own setting, such as ``{"type": "adaptive"}``. `version` is its date. `vendor` takes other fields of
    the request, such as ``{"output_config": {"effort": "low"}}``; an ``anthropic-beta`` goes into `headers`. Raises
    `MessageError` naming the field for what the API does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("ANTHROPIC_API_KEY",)

    name: str = "anthropic"
    images: bool = True
    model: str | None = MODEL
    max_tokens: int | None = MAX_TOKENS
    thinking: Mapping[str, Any] | None = None
    version: str = VERSION

    def __post_init__(self) -> None:
        super().__post_init__()
        check_vendor(self.vendor)
        if self.thinking is not None:
            _check_thinking(self.thinking, self.max_tokens or MAX_TOKENS)
        address(self.url)

    def options(self) -> Options:
        """The session's first options. The model is not one of them: it is the part's."""
        return replace(super().options(), model=UNSET)

    def fields(self) -> dict[str, Any]:
        """The request's fields of the service's own."""
        thinking = {} if self.thinking is None else {"thinking": dict(self.thinking)}
        return {**thinking, **self.vendor}

    def request_headers(self) -> dict[str, str]:
        """The headers of a request. Raises `AuthenticationError` for Anthropic's own host without a key."""
        own = urlsplit(address(self.url)).hostname == urlsplit(URL).hostname
        key = self.require_key() if own else self.api_key
        return {
            "content-type": "application/json",
            "anthropic-version": self.version,
            **({"x-api-key": key} if key else {}),
            **self.headers,
        }


def address(given: str | None) -> str:
    """Where requests go: a base completed by ``/v1/messages``. Raises `MessageError` for what is no address."""
    return complete(given or URL, PATH)


def _check_thinking(thinking: Mapping[str, Any], max_tokens: int) -> None:
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind not in THINKING:
        raise MessageError(
            f"thinking, field type: {kind!r} is not known",
            field="thinking.type",
            cure=f"use one of {', '.join(THINKING)}",
        )
    if kind == "enabled" and not (isinstance(budget, int) and MIN_THINKING <= budget < max_tokens):
        raise MessageError(
            f"thinking, field budget_tokens: {budget!r} is not in {MIN_THINKING}..{max_tokens - 1}",
            field="thinking.budget_tokens",
            cure="give a number in that range, or raise max_tokens",
        )
