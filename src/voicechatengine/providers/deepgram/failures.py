"""What Deepgram's errors on an open socket mean: one of our errors each, with what to change. Each ends its connection. Pure.

Sources, read 2026-11-22: https://developers.deepgram.com/docs/flux-tts/server-messages,
https://developers.deepgram.com/docs/stt-troubleshooting-websocket-data-and-net-errors and the `deepgram-sdk` package 7.17.0
(`ListenV2FatalError`, `SpeakV2Error`).
"""

from __future__ import annotations

from typing import Final

from voicechatengine.errors import ConnectionError, Fault, ProtocolError

_CURES: Final[dict[str, tuple[str, Fault]]] = {
    "DATA": (
        "change the text: it holds controls that this socket does not take, or audio is not in its format",
        "application",
    ),
    "BIG": ("say it in shorter pieces", "application"),
    "MESSAGE": ("tell the authors of this library: it sent what Deepgram does not know", "application"),
    "UNPARSABLE": ("tell the authors of this library: it sent what Deepgram does not know", "application"),
    "CONFIGURE": ("change the option that the message names", "application"),
    "NET": ("say it again: that opens a new connection", "provider"),
}
"""By the first word of a code, what to do, and at whose side the cause lies."""


def failed(code: str, description: str) -> ConnectionError:
    """The error for one that the service told of."""
    cure, fault = _CURES.get(code.partition("-")[0].partition("_")[0], ("try again later", "provider"))
    return ConnectionError(
        f"Deepgram failed: {description or code}", cure=cure, code=code or "deepgram_error", fault=fault
    )


def nonsense() -> ConnectionError:
    """The error for what cannot be read: words may be lost with it, so the connection ends."""
    return ProtocolError(
        "Deepgram sent what cannot be read",
        cure="check that the url leads to Deepgram",
        code="protocol_error",
    )
