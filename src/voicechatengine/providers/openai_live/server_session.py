"""The session of OpenAI Live as the service keeps it: what it begins with, and what that means to a provider. Pure.

Sources as in `wire`; how a session resolves what it is not told as in the types of the `openai` package 3.54.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.messages import Options, Tool, merge
from voicechatengine.providers.openai_live import encode


def new(given: Mapping[str, Any], session_id: str, expires_at: int) -> dict[str, Any]:
    """A session as it begins, from a checked ``session.start``: a `SessionResource`."""
    defaults: dict[str, Any] = {
        "id": session_id,
        "expires_at": expires_at,
        "status": "active",
        "store": False,
        "delegation": {"type": "client"},
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
    }
    return merge(defaults, without_nulls(given))


def without_nulls(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null, which says no more than what is left out."""
    return {
        name: without_nulls(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
        for name, value in given.items()
        if value is not None
    }


def audio_format(session: Mapping[str, Any]) -> AudioFormat:
    """The format of a session, both ways."""
    wanted = session["audio"]["format"]
    return next(form for form, value in encode.FORMATS.items() if value == wanted)


def options(session: Mapping[str, Any]) -> Options:
    """What the provider is told of a session. One that delegates to the client has the tool that stands for that."""
    known: dict[str, Any] = {}
    if session.get("instructions"):
        known["instructions"] = session["instructions"]
    voice = session["audio"]["output"]["voice"]
    if isinstance(voice, str):
        known["voice"] = voice
    if session["delegation"]["type"] == "client":
        return Options(**known, tools=(encode.DELEGATE_TOOL,))
    responses = session["delegation"]["responses"]
    choice = responses.get("tool_choice")
    if choice is not None:
        known["tool_choice"] = choice if isinstance(choice, str) else choice.get("name", "auto")
    return Options(
        **known,
        tools=tuple(
            Tool(each["name"], each.get("description") or "", each.get("parameters") or {"type": "object"})
            for each in responses.get("tools") or ()
            if each.get("type") == "function" and isinstance(each.get("name"), str)
        ),
    )
