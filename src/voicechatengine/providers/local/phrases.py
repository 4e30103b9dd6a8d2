"""Which of the application's tools a sentence asks for, with which arguments; and a tool's result as a sentence. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from voicechatengine.messages import Tool
from voicechatengine.providers.local.numbers import numbers, shown

EMPTY_WORDS: Final = frozenset({
    "get", "set", "do", "make", "find", "fetch", "look", "lookup", "current", "tool", "function", "call", "run", "give", "show", "tell",
    "return", "returns", "the", "a", "an", "of", "in", "on", "off", "for", "to", "and", "or", "is", "are", "what", "how", "with", "by",
    "at", "from", "it", "this", "that", "you", "your", "me", "my", "can", "i", "user", "application",
})  # fmt: skip
"""Words in a tool's name or description that say nothing of it."""
SYNONYMS: Final = {
    "switch": "turn",
    "toggle": "turn",
    "lamp": "light",
    "forecast": "weather",
    "temperature": "weather",
}
YES, NO = ("on", "open", "unlock", "start", "yes"), ("off", "close", "lock", "stop", "no")
ENOUGH: Final = 2.0  # words of a description that are worth one of the name

_PLACE: Final = re.compile(
    r"\b(?:in|for|at|of|to|near|from)\s+(?:the\s+|my\s+)?([\w' -]+?)(?=\s+(?:please|today|tomorrow|now)\b|[.,?!]|$)"
)


def stems(text: str) -> list[str]:
    """The telling words of a sentence or of a name in any case, in lower case and without a plural."""
    found = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower())
    short = (re.sub(r"(?<=[a-z]{2}[^s])s$", "", word) for word in found)
    return [SYNONYMS.get(word, word) for word in short if word not in EMPTY_WORDS]


def wanted(tools: Sequence[Tool], choice: str, said: str) -> Tool | None:
    """The tool that a sentence asks for: half of the words in its name, or two of its description, must be in it.

    `choice` is the session's: auto, none, required, or a tool's name.
    """
    if choice == "none" or not tools:
        return None
    named = next((tool for tool in tools if tool.name == choice), None)
    if named is not None:
        return named
    heard = set(stems(said))
    best = max(tools, key=lambda tool: _fit(tool, heard))
    return best if _fit(best, heard) >= 1 or choice == "required" else None


def _fit(tool: Tool, heard: set[str]) -> float:
    name, description = set(stems(tool.name)), set(stems(tool.description))
    by_name = len(name & heard)
    enough = by_name and 2 * by_name >= len(name)
    return (by_name if enough else 0) + len((description - name) & heard) / ENOUGH


def arguments(tool: Tool, said: str) -> dict[str, Any] | str:
    """The arguments that a sentence gives, or the name of one that is required and missing."""
    properties: Mapping[str, Mapping[str, Any]] = tool.parameters.get("properties") or {}
    required: Sequence[str] = tool.parameters.get("required") or ()
    given: dict[str, Any] = {}
    left = numbers(said.lower())
    for name, schema in properties.items():
        found = _argument(name, schema, said, left)
        if found is not None:
            given[name] = found
        elif name in required:
            return name
    return given


def _argument(name: str, schema: Mapping[str, Any], said: str, left: list[float]) -> Any:
    words = re.findall(r"[\w'-]+", said.lower())
    if "enum" in schema:
        return next((choice for choice in schema["enum"] if str(choice).lower() in words), None)
    kinds: Any = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else next((kind for kind in kinds if kind != "null"), "string")
    match kind:
        case "boolean":
            return (
                True
                if any(word in YES for word in words)
                else False
                if any(word in NO for word in words)
                else None
            )
        case "integer" | "number":
            number = left.pop(0) if left else None
            return number if number is None or kind == "number" else int(number)
        case "string":
            if name.lower() in ("state", "action", "mode", "switch"):
                return next((word for word in words if word in (*YES, *NO)), None)
            if name.lower() in ("text", "query", "message", "question", "prompt"):
                return said
            places = _PLACE.findall(said)
            return places[-1].strip() if places else None
        case _:
            return None


def result(output: str, *, failed: bool = False) -> str:
    """What a tool gave, or why it `failed`, as a sentence."""
    try:
        content: object = json.loads(output)
    except ValueError:
        content = output
    said = _said({"error": content} if failed else content).strip() or "It is done"
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _said(content: object) -> str:
    match content:
        case None | True:
            return "It is done"
        case False:
            return "It was not done"
        case int() | float():
            return shown(content)
        case dict():
            entries = cast("dict[str, object]", content).items()
            if "error" in content:
                return f"That did not work: {_said(cast('dict[str, object]', content)['error'])}"
            return ", ".join(f"{key.replace('_', ' ')}: {_said(entry)}" for key, entry in entries)
        case list():
            return ", ".join(_said(entry) for entry in cast("list[object]", content))
        case _:
            return str(content)
