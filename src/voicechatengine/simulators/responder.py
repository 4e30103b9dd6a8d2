"""The simulator's default answers: it says what it is and what it got, and calls tools that are mentioned.

Honest by design: it recognises no speech, so a transcript of it tells its length, unless a script gives the words. A mock
provider with two functions, and no state of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from voicechatengine.audio.convert import to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.vad import Vad
from voicechatengine.messages import Tool
from voicechatengine.providers.mock import MockCall, MockConfig, MockProvider, MockReply, MockTurn

PACE: Final = 5.0  # times faster than the audio plays: as vendors send it
SHORT: Final = 3  # letters: such a word in a tool's name (get, set, do) says nothing of the tool
UNHEARD: Final = "(speech, "


def responder(
    title: str, *, pace: float = PACE, script: Sequence[MockReply] = (), transcripts: Sequence[str] = ()
) -> MockProvider:
    """A provider that answers as `title`'s simulator; `pace` times faster than real time.

    `script` are replies that come first, `transcripts` what the user's first utterances are taken to say.
    """
    words = iter(transcripts)

    def transcribe(audio: bytes, audio_format: AudioFormat) -> str:
        return next(words, None) or unheard(audio, audio_format)

    def respond(turn: MockTurn) -> MockReply:
        return answer(title, turn, pace)

    return MockProvider(MockConfig(name="simulator", script=script, respond=respond, transcripts=transcribe))


def reader(*, pace: float = PACE) -> MockProvider:
    """A provider that says what it is given to read, and tells how long it heard somebody speak."""

    def read(turn: MockTurn) -> MockReply:
        return MockReply(" ".join(turn.texts), pace=pace)

    return MockProvider(MockConfig(name="simulator", respond=read, transcripts=unheard))


def unheard(audio: bytes, audio_format: AudioFormat) -> str:
    """What a transcript says of speech that was not recognised: its length."""
    return f"{UNHEARD}{heard_s(audio, audio_format):.1f} s)"


def heard_s(audio: bytes, audio_format: AudioFormat) -> float:
    """Seconds of speech in a stretch of mono audio, from its first beginning to its last end; all of it if there is none."""
    vad = Vad(audio_format.sample_rate, silence_ms=200)
    edges = vad.feed(to_pcm16(audio, audio_format))
    length = audio_format.duration_ms(len(audio))
    if not edges:
        return length / 1000
    end = length if edges[-1].speaking else edges[-1].at_ms
    return (end - edges[0].at_ms) / 1000


def answer(title: str, turn: MockTurn, pace: float = PACE) -> MockReply:
    """What the simulator of `title` says to this turn."""
    spoken = [words for words in turn.transcripts if not words.startswith(UNHEARD)]
    said = " ".join((*spoken, *turn.texts)).strip()
    if turn.tool_results:
        text = f"I am the {title} simulator. The tool says: {turn.tool_results[-1].output}"
        return MockReply(text, pace=pace)
    tool = wanted(turn, said)
    if tool is not None:
        return MockReply(calls=(MockCall(name=tool.name, arguments=arguments(tool, said)),), pace=pace)
    got: list[str] = []
    if turn.audio_ms:
        got.append(f"I heard {heard_s(turn.audio, turn.audio_format):.1f} seconds of speech.")
    if said:
        got.append(f"You said: {said}")
    if turn.images:
        got.append(f"I was shown {turn.images} picture{'s' * (turn.images > 1)}.")
    return MockReply(" ".join((f"I am the {title} simulator.", *got)), pace=pace)


def wanted(turn: MockTurn, said: str) -> Tool | None:
    """The tool that the words mention, or that the session insists on."""
    tools = turn.request.tools if turn.request.tools is not None else turn.options.tools or ()
    choice = turn.request.tool_choice or turn.options.tool_choice or "auto"
    if choice == "none":
        return None
    named = next((tool for tool in tools if tool.name == choice), None)
    if named is not None or choice == "required":
        return named or next(iter(tools), None)
    heard = set(_words(said))
    for tool in tools:
        parts = _words(tool.name)
        telling = [part for part in parts if len(part) > SHORT] or parts
        if telling and heard.issuperset(telling):
            return tool
    return None


def _words(text: str) -> list[str]:
    """The words of a sentence or of a name in any case, in lower case."""
    return re.findall(r"[a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())


def arguments(tool: Tool, said: str) -> dict[str, Any]:
    """A guess at what the tool needs, by the types of its required properties."""
    properties: dict[str, Any] = tool.parameters.get("properties") or {}
    return {name: _guess(properties.get(name) or {}, said) for name in tool.parameters.get("required") or ()}


def _guess(schema: dict[str, Any], said: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    numbers = re.findall(r"\d+", said)
    words: list[str] = re.findall(r"[^\W\d_]+", said)
    names = [word for word in words[1:] if word[0].isupper()] or words
    by_type: dict[str, Any] = {
        "string": names[-1] if names else "",
        "integer": int(numbers[0]) if numbers else 1,
        "number": float(numbers[0]) if numbers else 1.0,
        "boolean": True,
        "array": [],
        "object": {},
    }
    kinds: str | list[str] = schema.get("type", "string")
    return by_type.get(kinds if isinstance(kinds, str) else kinds[0])
