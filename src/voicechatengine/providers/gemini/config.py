"""Where Gemini Live is, what a session there can be told, and what it can do. Pure: it opens nothing.

Sources, read 2026-11-22: https://ai.google.dev/gemini-api/docs/live, https://ai.google.dev/gemini-api/docs/live-session,
https://ai.google.dev/gemini-api/docs/ephemeral-tokens, https://cloud.google.com/vertex-ai/generative-ai/docs/live-api; addresses
and headers as in the `google-genai` package 3.4.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import AuthenticationError, MessageError
from voicechatengine.messages import Options
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.gemini import encode, models
from voicechatengine.providers.gemini.encode import Surface
from voicechatengine.session import tokens
from voicechatengine.session.dialect import Endpoint, Restore

HOST: Final = "generativelanguage.googleapis.com"
VERTEX_HOST: Final = "aiplatform.googleapis.com"
PATH: Final = "/ws/google.ai.generativelanguage.{version}.GenerativeService.{method}"
VERTEX_PATH: Final = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
EPHEMERAL: Final = "auth_tokens/"
"""What the name of an ephemeral token begins with."""
SESSION_LIMIT_S: Final = 600.0  # of a connection; a session goes on through several
VOICES: Final = (
    "Zephyr", "Puck", "Charon", "Kore", "Fenrir", "Leda", "Orus", "Aoede", "Callirrhoe", "Autonoe", "Enceladus", "Iapetus",
    "Umbriel", "Algieba", "Despina", "Erinome", "Algenib", "Rasalgethi", "Laomedeia", "Achernar", "Alnilam", "Schedar", "Gacrux",
    "Pulcherrima", "Achird", "Zubenelgenubi", "Vindemiatrix", "Sadachbia", "Sadaltager", "Sulafat",
)  # fmt: skip

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, kw_only=True, repr=False)
class GeminiConfig(ProviderConfig):
    """A session with Gemini Live: on the Developer API, or with `project` or `vertex` on Vertex (the Agent Platform).

    `api_key` falls back to ``GEMINI_API_KEY`` and ``GOOGLE_API_KEY``; it may be the name of an ephemeral token
    (``auth_tokens/…``). With `token`, an async callable that gives an OAuth access token for Vertex, no key is used, and each
    connection gets a fresh token; without it the key is (express mode). `location` is a region, or ``global``. `url` is another
    server: a base such as ``http://localhost:8080`` or a whole address. `vendor` takes the fields of the service's `setup`, nested
    as it has them: ``{"generationConfig": {"temperature": 0.4}}``; and ``toolBehavior`` and ``scheduling``, for all tools or for
    each by its name. Raises `MessageError` naming the field for what the service or the model does not have.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

    model: str | None = models.MODEL
    vertex: bool = False
    project: str | None = None
    location: str = "us-central1"
    token: tokens.Token | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        tokens.check(self.token)
        super().__post_init__()
        where = surface(self)
        if self.token is not None and not where.vertex:
            raise MessageError(
                "token: the Developer API takes a key",
                field="token",
                cure="set api_key, or project for Vertex; an ephemeral token is an api_key too",
            )
        encode.check(self.options(), where)
        if self.url is not None:
            _address(self.url, where, "")


def surface(config: GeminiConfig) -> Surface:
    """Where the service is spoken to."""
    on_vertex = config.vertex or config.project is not None
    return Surface(on_vertex, config.project, config.location)


async def prepare(config: GeminiConfig) -> GeminiConfig:
    """The config with a fresh token as its key, if it has a callback for one; see `tokens.keyed`."""
    return await tokens.keyed(config, config.token)


def endpoint(config: GeminiConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` for Google's own hosts without a key or token.

    A key goes into a header, so that no log of addresses has it; an ephemeral token has to be part of the address.
    """
    where = surface(config)
    key = config.api_key or ""
    ephemeral = key.startswith(EPHEMERAL) and not where.vertex
    url = _address(config.url, where, key if ephemeral else "")
    own = (urlsplit(url).hostname or "").endswith(".googleapis.com")
    headers: dict[str, str] = {}
    if key and config.token is not None:
        headers["Authorization"] = f"Bearer {key}"
        if where.project is not None:
            headers["x-goog-user-project"] = where.project
    elif key and not ephemeral:
        headers["x-goog-api-key"] = key
    elif own and where.vertex:
        raise AuthenticationError(
            "no access token is set", cure="pass token= to GeminiConfig: an async callable that gives one"
        )
    elif own and not key:
        config.require_key()
    return Endpoint(url, headers | dict(config.headers))


def _address(given: str | None, where: Surface, token: str) -> str:
    """The address of a websocket: `given` or Google's host, completed by the path, and by an ephemeral token."""
    if where.vertex:
        path = VERTEX_PATH
        host = VERTEX_HOST if where.location == "global" else f"{where.location}-{VERTEX_HOST}"
    else:
        method = "BidiGenerateContentConstrained" if token else "BidiGenerateContent"
        path = PATH.format(version="v1alpha" if token else "v1beta", method=method)
        host = HOST
    try:
        parts = urlsplit(given or f"wss://{host}")
        port = parts.port
    except ValueError:  # no port number
        parts, port = urlsplit(""), 0
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or port == 0:
        raise MessageError(
            "url is no address of a websocket",
            field="url",
            cure="use ws://, wss://, http:// or https:// with a host",
        )
    query = "&".join(filter(None, (parts.query, urlencode({"access_token": token}) if token else "")))
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") or path, query, ""))


def audio_format(options: Options) -> AudioFormat:
    """What the session takes: PCM16 at 16 kHz unless said otherwise."""
    return encode.audio_format(options)


def capabilities(config: GeminiConfig, options: Options) -> Capabilities:
    """What the service can do; `options` are those in force, and it speaks or writes as they say: a reply has no other way."""
    traits = models.traits(options.model or models.MODEL)
    speaks = encode.modalities(options) == ["AUDIO"]
    known = Capabilities(
        text_input=True,
        text_output=not speaks,
        audio_input=True,
        audio_output=speaks,
        image_input=True,
        input_formats=tuple(AudioFormat(sample_rate=rate) for rate in encode.RATES),
        output_formats=(encode.OUTPUT,),
        turn_detection=("server_vad",),
        manual_turns=True,
        interruption=True,
        input_transcription=options.transcription is not None,
        output_transcription=speaks,
        tools=True,
        tool_cancellation=True,
        session_update=("instructions", "tools") if traits.context_update else (),
        history=True,
        resumption=(options.vendor or {}).get("sessionResumption", {}) is not None,
        usage=True,
        voices=VOICES,
    )
    url = urlsplit(_address(config.url, surface(config), ""))
    if (url.hostname or "").endswith(".googleapis.com"):
        known["session_limit_s"] = SESSION_LIMIT_S
    return known
