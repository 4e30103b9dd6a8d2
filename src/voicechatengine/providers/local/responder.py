"""A language model part that needs nothing: rules for a handful of things, and the application's tools by phrase.

It knows the time (from a clock that it is given), the date, sums, units, some jokes, and what it can do. It follows no
instructions, but for the name that they give it: it is no model. Everything is decided from the request alone, so the same request has the same answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from voicechatengine.errors import MessageError
from voicechatengine.messages import Item, MessageItem, Tool, ToolResultItem
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Request, Words
from voicechatengine.providers.local import phrases
from voicechatengine.providers.local.numbers import calculated, converted, words

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
JOKES: Final = (
    "Why did the computer go to the doctor? It had caught a virus.",
    "I would tell you a joke about silence, but you would not hear it.",
    "What do you call a bear without teeth? A gummy bear.",
    "Why was the clock sent out of the class? It was tocking too much.",
)
ABILITY: Final = "I can tell you the time and the date, do sums, convert units, and tell a joke."
UNHEARD: Final = "Sorry, I did not catch that."


def clock_time(now: datetime) -> str:
    """The time of day as it is said."""
    hour = words(now.hour % 12 or 12)
    minute = f"oh {words(now.minute)}" if now.minute in range(1, 10) else words(now.minute)
    if not now.minute:
        minute = "o'clock"
    part = next(name for until, name in _PARTS if now.hour < until)
    return f"It is {hour} {minute} {part}."


_PARTS: Final = ((12, "in the morning"), (18, "in the afternoon"), (24, "in the evening"))


def day(now: datetime) -> str:
    """The date as it is said."""
    return f"Today is {DAYS[now.weekday()]}, {MONTHS[now.month - 1]} {now.day}, {now.year}."


def joke(history: Sequence[Item]) -> str:
    """The next joke: as many were told as the history shows."""
    told = sum(
        1 for item in history if isinstance(item, MessageItem) and any(joke in item.text for joke in JOKES)
    )
    return JOKES[told % len(JOKES)]


def ability(tools: Sequence[Tool]) -> str:
    """What it can do, the application's tools among it."""
    names = [tool.name.replace("_", " ") for tool in tools]
    return f"{ABILITY} I can also use your tools: {', '.join(names)}." if names else ABILITY


def identity(instructions: str) -> str:
    """Who it is: the name that the session's instructions give it, and that it follows nothing else of them."""
    named = _NAME.search(instructions)
    who = f"I am {named[1]}, the offline voice" if named is not None else "I am the offline voice"
    rules = " I answer by rules, and cannot follow instructions." if instructions else ""
    return f"{who} of this program.{rules}"


_NAME: Final = re.compile(r"\b(?:[Yy]our name is|[Yy]ou are(?: called| named)?) ([A-Z]\w+)")

Answer: TypeAlias = str | Callable[[re.Match[str], Request, datetime], str]
_PATTERNS: Final[tuple[tuple[str, Answer], ...]] = (
        (r"^(?:stop|be quiet|quiet|shut up|cancel|never mind)\b", "Okay."),
        (r"\b(?:what time|the time)\b", lambda _, __, now: clock_time(now)),
        (r"\bwhat (?:day|month|year)\b|\bdate\b|\bwhat is today\b", lambda _, __, now: day(now)),
        (r"\bjoke\b|\bmake me laugh\b", lambda _, request, __: joke(request.history)),
        (r"\bwhat can (?:you|i)\b|\bhelp\b|\bwhat do you do\b", lambda _, request, __: f"Hello. {ability(request.tools)}"),
        (r"\bwho are you\b|\byour name\b", lambda _, request, __: identity(request.instructions)),
        (r"\bweather\b|\brain\b", "I cannot see the weather: no tool for it was given to me."),
        (
            r"\b(?:turn|switch|open|close|lock|unlock|dim)\b.*?\bthe (?P<thing>\w+)",
            lambda found, _, __: f"I cannot reach the {found['thing']}: no tool for it was given to me.",
        ),
        (r"\bmy name is (?P<name>\w+)", lambda found, _, __: f"Nice to meet you, {found['name'].capitalize()}."),
        (r"\bhow are you\b", "I am fine, thank you. What can I do for you?"),
        (r"\bthank(?:s| you)\b", "You are welcome."),
        (r"\b(?:good ?bye|bye)\b", "Goodbye."),
        (r"\bsay that again\b|\brepeat\b", lambda _, request, __: _last_words(request.history)),
        (r"^(?:hello|hi|hey|good (?:morning|afternoon|evening))\b", "Hello. What can I do for you?"),
        (r"^(?:yes|no)$", "All right. What can I do for you?"),
)  # fmt: skip
RULES: Final[tuple[tuple[re.Pattern[str], Answer], ...]] = tuple(
    (re.compile(pattern), rule) for pattern, rule in _PATTERNS
)
"""What it knows, the first that matches; sums, units and tools come before."""


def answer(said: str, request: Request, now: datetime) -> str:
    """The answer in words to a sentence."""
    asked = re.sub(r"[^\w\s.+*/-]|\.(?!\d)", " ", said.lower().replace("what's", "what is")).strip()
    asked = " ".join(asked.split())
    if not asked:
        return UNHEARD
    computed = converted(asked) or calculated(asked)
    if computed is not None:
        return computed
    for pattern, rule in RULES:
        found = pattern.search(asked)
        if found is not None:
            return rule if isinstance(rule, str) else rule(found, request, now)
    return f"I heard: {said.strip().rstrip('.?!')}. I have no answer to that. {ability(request.tools)}"


def _last_words(history: Sequence[Item]) -> str:
    spoken = (
        item.text for item in reversed(history) if isinstance(item, MessageItem) and item.role == "assistant"
    )
    return next((text for text in spoken if text), "I have not said anything yet.")


def _pending(history: Sequence[Item]) -> tuple[str, list[ToolResultItem]]:
    """What the user said, and what tools gave, since the last answer."""
    said: list[str] = []
    results: list[ToolResultItem] = []
    for item in reversed(history):
        if isinstance(item, ToolResultItem):
            results.insert(0, item)
        elif isinstance(item, MessageItem) and item.role == "assistant":
            break
        elif isinstance(item, MessageItem) and item.role == "user":
            if results:
                break
            said.insert(0, item.text)
    return " ".join(said).strip(), results


def _now() -> datetime:
    return datetime.now().astimezone()


class Responder:
    """**A `LanguageModel`** of rules. `clock` gives the local time."""

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock

    async def open(self) -> None:
        """Nothing has to be got ready."""

    async def close(self) -> None:
        """There is nothing to free."""

    async def reply(
        self, request: Request, *, kept: Sequence[tuple[int, Any]] = ()
    ) -> AsyncGenerator[ModelOutput]:
        """The answer at once: a tool call, or words; a token of `max_tokens` is a word here.

        Raises `MessageError` for vendor options: there are none.
        """
        if request.vendor:
            raise MessageError(
                f"the built-in responder has no option {', '.join(request.vendor)}",
                field="vendor",
                cure="leave it out",
            )
        said, results = _pending(request.history)
        tool = None if results else phrases.wanted(request.tools, request.tool_choice, said)
        given = {} if tool is None else phrases.arguments(tool, said)
        if tool is not None and not isinstance(given, str):
            yield Call(f"call_{len(request.history)}", tool.name, json.dumps(given))
            yield Finished()
            return
        if tool is not None:
            text = f"For {tool.name.replace('_', ' ')} I need to know the {given}: please say it with that."
        elif results:
            text = " ".join(phrases.result(found.output, failed=found.is_error) for found in results)
        else:
            text = answer(said, request, self._clock())
        spoken = text.split()
        if request.max_tokens is not None and len(spoken) > request.max_tokens:
            yield Words(" ".join(spoken[: request.max_tokens]))
            yield Finished("incomplete", "max_tokens")
            return
        yield Words(text)
        yield Finished()
