"""Where OpenAI's service is, what a session there can be told, and what it can do. Pure: it opens nothing.

Sources, read 2026-11-22: https://platform.openai.com/docs/guides/realtime-websocket and
https://platform.openai.com/docs/guides/realtime-conversations (a session ends after 60 minutes); voices and formats as in the
`openai` package 3.54.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError
from voicechatengine.messages import Options
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://api.openai.com/v1/realtime"
MODEL: Final = "gpt-realtime-2.1"
SESSION_LIMIT_S: Final = 3600.0
VOICES: Final = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True, repr=False)
class OpenAIConfig(ProviderConfig):
    """A session with OpenAI Realtime, or with any server that speaks its wire.

    `api_key` falls back to ``OPENAI_API_KEY``; it is required for OpenAI's own host. `url` is another server: a base such as
    ``http://localhost:8080`` or a whole address, ``ws``, ``wss``, ``http`` or ``https``; a query in it is kept. `vendor` takes
    the service's own session fields, nested as it has them: ``{"audio": {"output": {"speed": 1.2}}}``. Raises `MessageError`
    naming the field for what the service does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("OPENAI_API_KEY",)

    model: str | None = MODEL

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.options())
        if self.url is not None:
            _address(self.url, None)


def check(options: Options) -> None:
    """Raises `MessageError` naming the option that the service does not have."""
    encode.opening(options)


def endpoint(config: OpenAIConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` for OpenAI's own host without a key."""
    model = restore.options.model or config.model
    url = _address(config.url or URL, model)
    own = urlsplit(url).hostname == urlsplit(URL).hostname
    key = config.require_key() if own else config.api_key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Endpoint(url, headers | dict(config.headers))


def _address(given: str, model: str | None) -> str:
    """The address of a websocket: `given` completed by ``/v1/realtime``, and by the model where its query names none."""
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
        path = "/v1/realtime"
    elif path.endswith("/v1"):
        path += "/realtime"
    query = parse_qsl(parts.query, keep_blank_values=True)
    if model and not {"model", "call_id"} & {name for name, _ in query}:
        query.append(("model", model))
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def audio_format(options: Options) -> AudioFormat:
    """What the session takes: PCM16 at 24 kHz unless said otherwise."""
    return options.input_audio_format or encode.PCM


def capabilities(config: OpenAIConfig, options: Options) -> Capabilities:
    """What the service can do; `options` are those in force."""
    formats = tuple(encode.FORMATS)
    known = Capabilities(
        text_input=True,
        text_output=True,
        audio_input=True,
        audio_output=True,
        image_input=True,
        input_formats=formats,
        output_formats=formats,
        turn_detection=("server_vad", "semantic_vad"),
        manual_turns=True,
        interruption=True,
        truncation=True,
        item_deletion=True,
        input_transcription=options.transcription is not None,
        output_transcription=True,
        tools=True,
        out_of_band=True,
        session_update=(*encode.FIELDS, "vendor"),
        history=True,
        usage=True,
        rate_limits=True,
        voices=VOICES,
    )
    if config.url is None or urlsplit(config.url).hostname == urlsplit(URL).hostname:
        known["session_limit_s"] = SESSION_LIMIT_S
    return known
