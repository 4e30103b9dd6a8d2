"""The vendors that can be simulated: for each its path, its handshake and its server dialect. One entry a vendor.

A vendor's folder is imported when it is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from voicechatengine.errors import MessageError
from voicechatengine.provider import Provider
from voicechatengine.session.dialect import Ids, ServerDialect
from voicechatengine.session.handshake import Handshake, Refusal
from voicechatengine.simulators.faults import Faults

if TYPE_CHECKING:
    from voicechatengine.providers.realtime.differences import Differences


@dataclasses.dataclass(frozen=True, kw_only=True)
class HttpSide:
    """What a vendor has that is posted requests instead of opened websockets.

    `accept` gives the content type of the answer to a request and its body, or its refusal; `overloaded` is the refusal by a
    service that has too much to do.
    """

    accept: Callable[[Handshake, bytes], Refusal | str]
    overloaded: Callable[[], Refusal]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vendor:
    """How to behave like a vendor.

    `path` is where a client connects (what its own package wants to be told), `title` how the simulator calls itself. `refuse`
    gives the answer to a handshake that is not accepted (with the one key that is, if there is one), `rate_limited` the one to
    a client that is to wait so many seconds. `dialect` makes the server's side of one connection over a provider. With `http`,
    a connection is one posted request and its answer. `provider` makes what answers one connection where nobody says what
    shall (default: the scripted responder).
    """

    title: str
    path: str
    refuse: Callable[[Handshake, str | None], Refusal | None]
    rate_limited: Callable[[float], Refusal]
    dialect: Callable[[Handshake, Provider, Ids, Faults], ServerDialect]
    http: HttpSide | None = None
    provider: Callable[[Handshake], Provider] | None = None


def realtime(
    title: str,
    differences: Differences | Callable[[Handshake], Differences],
    *,
    path: str = "/v1/realtime",
    refuse: Callable[[Handshake, str | None], Refusal | None] | None = None,
    rate_limited: Callable[[float], Refusal] | None = None,
) -> Vendor:
    """A vendor that speaks OpenAI's realtime wire, with its differences (or those of what a client asks for).

    `refuse` and `rate_limited` are its answers where they are not OpenAI's. Its conversations live as long as its simulator.
    """
    from voicechatengine.providers.realtime import server, server_handshake  # noqa: PLC0415 - only when asked for

    memory: server.Memory = {}

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        table = differences(handshake) if callable(differences) else differences
        return server.RealtimeServer(
            ids,
            differences=table,
            memory=memory,
            resume=handshake.query.get("conversation_id"),
            audio=provider.get_audio_format(),
            model=handshake.query.get("model") or handshake.query.get("deployment", ""),
            detects_turns=bool(provider.get_capabilities().get("turn_detection")),
            expires_after_s=server.SESSION_S if faults.expire_after_s is None else faults.expire_after_s,
            limits=server.LIMITS if table.rate_limits else (),
            rate_limited=faults.rate_limit_responses,
        )

    return Vendor(
        title=title,
        path=path,
        refuse=refuse or partial(server_handshake.refuse, path=path),
        rate_limited=rate_limited or server_handshake.rate_limited,
        dialect=dialect,
    )


def _openai() -> Vendor:
    from voicechatengine.providers.realtime.differences import OPENAI  # noqa: PLC0415 - only when asked for

    return realtime("OpenAI", OPENAI)


def _openai_live() -> Vendor:
    from voicechatengine.providers.openai_live import server, server_checks  # noqa: PLC0415 - only when asked for
    from voicechatengine.providers.openai_live.config import PATH  # noqa: PLC0415 - likewise

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        return server.OpenAILiveServer(
            ids,
            audio=provider.get_audio_format(),
            detects_turns=bool(provider.get_capabilities().get("turn_detection")),
            expires_after_s=server.SESSION_S if faults.expire_after_s is None else faults.expire_after_s,
            rate_limited=faults.rate_limit_responses,
        )

    return Vendor(
        title="OpenAI Live",
        path=PATH,
        refuse=server_checks.refuse,
        rate_limited=server_checks.rate_limited,
        dialect=dialect,
    )


def _xai() -> Vendor:
    from voicechatengine.providers.xai.config import DIFFERENCES  # noqa: PLC0415 - only when asked for

    return realtime("xAI", DIFFERENCES)


def _azure() -> Vendor:
    from voicechatengine.providers.azure import server_handshake  # noqa: PLC0415 - only when asked for
    from voicechatengine.providers.azure.config import PATH  # noqa: PLC0415 - likewise

    return realtime(
        "Azure OpenAI",
        server_handshake.differences,
        path=PATH,
        refuse=server_handshake.refuse,
        rate_limited=server_handshake.rate_limited,
    )


def _voicelive() -> Vendor:
    from voicechatengine.providers.voicelive import server_handshake  # noqa: PLC0415 - only when asked for
    from voicechatengine.providers.voicelive.config import PATH  # noqa: PLC0415 - likewise
    from voicechatengine.providers.voicelive.table import VOICELIVE  # noqa: PLC0415 - likewise

    return realtime(
        "Voice Live",
        VOICELIVE,
        path=PATH,
        refuse=server_handshake.refuse,
        rate_limited=server_handshake.rate_limited,
    )


def _qwen() -> Vendor:
    from voicechatengine.providers.qwen.config import DIFFERENCES, PATH  # noqa: PLC0415 - only when asked for

    return realtime("Qwen", DIFFERENCES, path=PATH)


def _elevenrealtime() -> Vendor:
    from voicechatengine.providers.elevenrealtime.config import (  # noqa: PLC0415 - only when asked for
        DIFFERENCES,
        PATH,
    )

    return realtime("Eleven Realtime", DIFFERENCES, path=PATH)


def _anthropic() -> Vendor:
    from voicechatengine.providers.anthropic import server, server_checks  # noqa: PLC0415 - only when asked for

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        return server.AnthropicServer(ids, overloaded_after=faults.overloaded_after)

    return Vendor(
        title="Anthropic",
        path="",
        refuse=server_checks.refuse,
        rate_limited=server_checks.rate_limited,
        dialect=dialect,
        http=HttpSide(accept=server_checks.accept, overloaded=server_checks.overloaded),
    )


def _speech() -> Vendor:
    from voicechatengine.providers.speech import server, server_checks, wire  # noqa: PLC0415 - only when asked for
    from voicechatengine.simulators.responder import reader  # noqa: PLC0415 - likewise

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        form, strained = provider.get_audio_format(), faults.overloaded_after
        if handshake.path.rstrip("/") == wire.TRANSCRIPTIONS:
            return server.TranscriptionServer(handshake, form, overloaded_after=strained)
        voices = provider.get_capabilities().get("voices", ())
        return server.SpeechServer(form, voices, overloaded_after=strained)

    return Vendor(
        title="OpenAI",
        path="/v1",
        refuse=server_checks.refuse,
        rate_limited=server_checks.rate_limited,
        dialect=dialect,
        http=HttpSide(accept=server_checks.accept, overloaded=server_checks.overloaded),
        provider=lambda handshake: reader(),
    )


def _elevenlabs() -> Vendor:
    from voicechatengine.providers.elevenlabs import (  # noqa: PLC0415 - only when asked for
        server_handshake,
        server_scribe,
        server_speech,
    )
    from voicechatengine.simulators.responder import reader  # noqa: PLC0415 - likewise

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        audio = provider.get_audio_format()
        if not server_handshake.listens(handshake):
            return server_speech.SpeechServer(handshake, audio=audio)
        return server_scribe.ScribeServer(
            handshake,
            ids,
            audio=audio,
            changeable=provider.get_capabilities().get("session_update", ()),
            expires_after_s=faults.expire_after_s,
        )

    return Vendor(
        title="ElevenLabs",
        path="",
        refuse=server_handshake.refuse,
        rate_limited=server_handshake.rate_limited,
        dialect=dialect,
        provider=lambda handshake: reader(),
    )


def _deepgram() -> Vendor:
    from voicechatengine.providers.deepgram import (  # noqa: PLC0415 - only when asked for
        server_handshake,
        server_listening,
        server_speech,
        wire,
    )
    from voicechatengine.simulators.responder import reader  # noqa: PLC0415 - likewise

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        audio, path, query = provider.get_audio_format(), handshake.path, handshake.query
        expires = faults.expire_after_s
        if path == wire.LISTEN:
            return server_listening.FluxServer(ids, query, audio, expires_after_s=expires)
        aura = path == wire.SPEAK_AURA
        return server_speech.SpeechServer(ids, query, audio, aura=aura, expires_after_s=expires)

    return Vendor(
        title="Deepgram",
        path="",
        refuse=server_handshake.refuse,
        rate_limited=server_handshake.rate_limited,
        dialect=dialect,
        provider=lambda handshake: reader(),
    )


def _gemini() -> Vendor:
    from voicechatengine.providers.gemini import (  # noqa: PLC0415 - only when asked for
        server,
        server_handshake,
        server_input,
    )
    from voicechatengine.providers.gemini.server_sessions import Sessions  # noqa: PLC0415 - likewise

    sessions = Sessions()

    def dialect(handshake: Handshake, provider: Provider, ids: Ids, faults: Faults) -> ServerDialect:
        sets_formats = "input_audio_format" in provider.get_capabilities().get("session_update", ())
        return server.GeminiServer(
            ids,
            sessions=sessions,
            audio=server_input.HEARD if sets_formats else provider.get_audio_format(),
            sets_formats=sets_formats,
            vertex=server_handshake.on_vertex(handshake),
            detects_turns=bool(provider.get_capabilities().get("turn_detection")),
            expires_after_s=server.SESSION_S if faults.expire_after_s is None else faults.expire_after_s,
            rate_limited=faults.rate_limit_responses,
        )

    return Vendor(
        title="Gemini",
        path="",
        refuse=server_handshake.refuse,
        rate_limited=server_handshake.rate_limited,
        dialect=dialect,
    )


_VENDORS: Final[dict[str, Callable[[], Vendor]]] = {
    "openai": _openai,
    "openai-live": _openai_live,
    "azure": _azure,
    "voicelive": _voicelive,
    "xai": _xai,
    "qwen": _qwen,
    "elevenrealtime": _elevenrealtime,
    "gemini": _gemini,
    "anthropic": _anthropic,
    "deepgram": _deepgram,
    "elevenlabs": _elevenlabs,
    "speech": _speech,
}

SIMULATORS: Final = tuple(_VENDORS)
"""The names of the vendors that can be simulated."""


def vendor(name: str) -> Vendor:
    """The vendor of that name; raises `MessageError` naming those that there are."""
    try:
        return _VENDORS[name]()
    except KeyError:
        raise MessageError(
            f"there is no simulator of {name!r}", field="vendor", cure=f"use one of {', '.join(SIMULATORS)}"
        ) from None
