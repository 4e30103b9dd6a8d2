"""Where OpenAI Live is, what a session there can be told, and what it can do. Pure: it opens nothing.

Sources, read 2026-11-22: https://developers.openai.com/api/docs/guides/voice-websockets, for Azure
https://learn.microsoft.com/azure/foundry/openai/gpt-live-reference; voices and formats as in the `openai` package 3.54.0. How
long a session may last no document says: it comes with the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import UNSET

from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError
from voicechatengine.messages import Options, TurnDetection
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.openai_live import encode
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://api.openai.com/v1/live/sessions"
PATH: Final = "/v1/live/sessions"
AZURE_PATH: Final = "/openai/v1/live/sessions"
AZURE_HOSTS: Final = (".azure.com", ".azure.us", ".azure.cn")
VOICES: Final = (
    "alloy", "ash", "ballad", "beacon", "bossa", "cedar", "cinder", "coral", "delta", "echo", "gleam", "marin", "meridian",
    "quartz", "ripple", "sage", "shida", "shimmer", "stone", "tempo", "verse", "vesper", "willow",
)  # fmt: skip

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True, repr=False)
class OpenAILiveConfig(ProviderConfig):
    """A session with OpenAI Live, at OpenAI or at Azure.

    `api_key` falls back to ``OPENAI_API_KEY``; it is required for OpenAI's own host. `url` is another server: a base such as
    ``http://localhost:8080`` or ``https://my-resource.openai.azure.com``, or a whole address. At Azure (by its host, or by a path
    that begins with ``/openai``) the key goes into the header ``api-key``; a token of Entra goes into `headers` as
    ``Authorization``.

    With `tools`, what the model delegates is done by a Responses backend that calls them; with none, or with the one tool
    ``delegate``, it is handed to the application as a call of ``delegate``. `vendor` takes the service's own session fields,
    nested as it has them: ``{"delegation": {"responses": {"model": …}}, "store": True}``; and ``muted``, which may change at any
    time: the model hears silence then. Raises `MessageError` naming the field for what the service does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)

    model: str | None = encode.MODEL
    turn_detection: TurnDetection | None = None

    def options(self) -> Options:
        """See `ProviderConfig.options`. No turn detection is no push to talk here: there is nothing to be set."""
        given = super().options()
        return given if given.turn_detection else msgspec.structs.replace(given, turn_detection=UNSET)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.options())
        if self.url is not None:
            address(self.url)


def check(options: Options) -> None:
    """Raises `MessageError` naming the option that the service does not have."""
    encode.opening(options)


def endpoint(config: OpenAILiveConfig, _restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` for OpenAI's own host without a key."""
    url = address(config.url or URL)
    parts = urlsplit(url)
    own = dict(config.headers)
    if any(name.lower() in ("authorization", "api-key") for name in own):
        return Endpoint(url, own)
    key = config.require_key() if parts.hostname == urlsplit(URL).hostname else config.api_key
    if not key:
        return Endpoint(url, own)
    # Azure answers a key sent as Bearer with a redirect, which no websocket follows.
    header = {"api-key": key} if _is_azure(parts.hostname, parts.path) else {"Authorization": f"Bearer {key}"}
    return Endpoint(url, header | own)


def _is_azure(host: str | None, path: str) -> bool:
    return (host or "").endswith(AZURE_HOSTS) or path.startswith("/openai/")


def address(given: str) -> str:
    """The address of a websocket: `given` completed by the service's path. The service takes no query; one that is given stays."""
    parts = urlsplit(given)
    scheme = _SCHEMES.get(parts.scheme)
    try:
        valid = scheme is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port number
        valid = False
    if scheme is None or not valid:
        raise MessageError(
            "url is no address of a websocket",
            field="url",
            cure="use ws://, wss://, http:// or https:// with a host",
        )
    path = parts.path.rstrip("/")
    if not path:
        path = AZURE_PATH if _is_azure(parts.hostname, path) else PATH
    elif path.endswith("/v1"):
        path += "/live/sessions"
    return urlunsplit((scheme, parts.netloc, path, parts.query, ""))


def capabilities(_config: OpenAILiveConfig, options: Options) -> Capabilities:
    """What the service can do; `options` are those in force."""
    formats = tuple(encode.FORMATS)
    return Capabilities(
        text_input=True,
        audio_input=True,
        audio_output=True,
        input_formats=formats,
        output_formats=formats,
        interruption=True,
        input_transcription=True,
        output_transcription=True,
        tools=True,
        session_update=encode.changeable(options),
        history=True,
        full_duplex=True,
        usage=True,
        voices=VOICES,
    )
