"""What the vendors of this wire share beside it: their addresses, what they can do, and the `Vendor` made of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError
from voicechatengine.messages import Options
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import encode
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.session.dialect import ClientDialect, Endpoint, Ids, Restore
from voicechatengine.session.vendor import Vendor

C = TypeVar("C", bound=ProviderConfig)

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def vendor(name: str, differences: Differences, endpoint: Callable[[C, Restore], Endpoint]) -> Vendor[C]:
    """A vendor of this wire: its name, its differences, and where its sessions are."""

    def dialect(config: C, restore: Restore, ids: Ids) -> ClientDialect:
        return RealtimeClient(restore, ids, patience=config.timeouts.response, differences=differences)

    def able(config: C, options: Options) -> Capabilities:
        return capabilities(differences, options)

    def audio_format(options: Options) -> AudioFormat:
        return options.input_audio_format or differences.input

    def check(options: Options) -> None:
        encode.opening(options, differences)

    return Vendor(
        name=name,
        endpoint=endpoint,
        dialect=dialect,
        capabilities=able,
        audio_format=audio_format,
        check=check,
    )


def capabilities(differences: Differences, options: Options) -> Capabilities:
    """What the service can do; `options` are those in force."""
    refuses = differences.refuses
    transcribes = encode.transcription(options, differences) is not None
    without = differences.lacks | frozenset(() if transcribes else ("language",))
    known = Capabilities(
        text_input="item_create" not in refuses,
        text_output="text" in differences.modalities,
        audio_input=True,
        audio_output=True,
        image_input=bool(differences.images),
        input_formats=tuple(differences.input_formats),
        output_formats=tuple(differences.output_formats),
        turn_detection=tuple(differences.modes),
        manual_turns=differences.manual,
        interruption=True,
        truncation="item_truncate" not in refuses,
        item_deletion="item_delete" not in refuses,
        input_transcription=transcribes,
        output_transcription=True,
        tools="tools" not in differences.lacks,
        out_of_band=differences.out_of_band,
        session_update=(*(name for name in encode.FIELDS if name not in without), "vendor"),
        history="item_create" not in refuses,
        resumption=differences.resumes,
        usage=True,
        rate_limits=differences.rate_limits,
        voices=differences.voices,
    )
    if differences.session_limit_s is not None:
        known["session_limit_s"] = differences.session_limit_s
    return known


def address(given: str, path: str, query: dict[str, str]) -> str:
    """The address of a websocket: `given` completed by `path` where it has none or lacks only its last step, and by what of `query`
    its own query does not say. Raises `MessageError` for what is no address.
    """
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
    own = parts.path.rstrip("/")
    base, _, last = path.rpartition("/")
    if not own:
        own = path
    elif own.endswith(base):
        own = f"{own}/{last}"
    asked = parse_qsl(parts.query, keep_blank_values=True)
    names = {name for name, _ in asked}
    asked += [(name, value) for name, value in query.items() if name not in names]
    return urlunsplit((scheme, parts.netloc, own, urlencode(asked), ""))


def bearer(key: str | None) -> dict[str, str]:
    """The header that a key goes in."""
    return {"Authorization": f"Bearer {key}"} if key else {}
