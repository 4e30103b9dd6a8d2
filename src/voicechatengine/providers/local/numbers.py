"""Numbers as English words, and back; sums and units. Pure arithmetic on text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
VALUES: Final = {
    **{word: value for value, word in enumerate(SMALL)},
    **{word: 10 * place for place, word in enumerate(TENS, 2)},
    "a": 1, "an": 1,
}  # fmt: skip

WHOLE: Final = 1e15  # beyond it a float says nothing of its last digit
_WORD: Final = "|".join((*SMALL, *TENS, *SCALES))
NUMBER: Final = (
    rf"(?:an? (?={'|'.join(SCALES)}))?-?(?:\d+(?:\.\d+)?|{_WORD})(?:[ -](?:and )?(?:point|{_WORD})\b)*"
)
"""A pattern of a number in digits or words, in lower case."""


def value(text: str) -> float:
    """The value of what `NUMBER` matches."""
    whole, _, decimals = text.replace("-", " -" if text.startswith("-") else " ").strip().partition(" point ")
    total = part = 0.0
    for word in whole.replace("- ", "-").split():
        if re.fullmatch(r"-?\d+(?:\.\d+)?", word):
            part += float(word)
        elif word == "hundred":
            part = (part or 1) * SCALES[word]
        elif word in SCALES:
            total, part = total + (part or 1) * SCALES[word], 0.0
        else:
            part += VALUES.get(word, 0)
    digits = "".join(str(VALUES.get(word, word)) for word in decimals.split())
    return total + part + (float(f"0.{digits}") if digits.isdigit() else 0.0)


def numbers(text: str) -> list[float]:
    """The numbers in a text, in lower case, in their order."""
    return [value(found.group()) for found in re.finditer(rf"(?<![\w.]){NUMBER}", text)]


def shown(number: float) -> str:
    """A number as it is said: whole, or with as many decimals as tell something."""
    return f"{number:.0f}" if number == round(number) and abs(number) < WHOLE else f"{number:.4g}"


def words(number: int) -> str:
    """A whole number from 0 to 99 as words."""
    if number < len(SMALL):
        return SMALL[number]
    tens, rest = divmod(number, 10)
    return TENS[tens - 2] + (f" {SMALL[rest]}" if rest else "")


# ------------------------------------------------------------------ sums


def _plus(a: float, b: float) -> float:
    return a + b


def _minus(a: float, b: float) -> float:
    return a - b


def _times(a: float, b: float) -> float:
    return a * b


def _over(a: float, b: float) -> float:
    return a / b


OPERATORS: Final[dict[str, Callable[[float, float], float]]] = {
    "plus": _plus,
    "minus": _minus,
    "times": _times,
    "multiplied by": _times,
    "divided by": _over,
    "+": _plus,
    "-": _minus,
    "*": _times,
    "x": _times,
    "/": _over,
}
SUM: Final = re.compile(
    rf"(?P<a>{NUMBER}) ?(?P<operator>{'|'.join(map(re.escape, OPERATORS))}) ?(?P<b>{NUMBER})"
)


def calculated(text: str) -> str | None:
    """The sentence that answers a sum of two numbers, where the text holds one."""
    found = SUM.search(text)
    if found is None:
        return None
    a, b = value(found["a"]), value(found["b"])
    try:
        result = OPERATORS[found["operator"]](a, b)
    except ZeroDivisionError:
        return "Nothing can be divided by zero."
    return f"{shown(a)} {_SAID.get(found['operator'], found['operator'])} {shown(b)} is {shown(result)}."


_SAID: Final = {"+": "plus", "-": "minus", "*": "times", "x": "times", "/": "divided by"}

# ------------------------------------------------------------------ units


class Unit(NamedTuple):
    """A unit: what it measures, how many of the first unit of that it is, and where its zero lies."""

    kind: str
    factor: float
    zero: float = 0.0


UNITS: Final[dict[str, Unit]] = {
    "meter": Unit("length", 1), "kilometer": Unit("length", 1000), "centimeter": Unit("length", 0.01),
    "millimeter": Unit("length", 0.001), "mile": Unit("length", 1609.344), "yard": Unit("length", 0.9144),
    "foot": Unit("length", 0.3048), "inch": Unit("length", 0.0254),
    "kilogram": Unit("mass", 1), "gram": Unit("mass", 0.001), "pound": Unit("mass", 0.45359237), "ounce": Unit("mass", 0.028349523125),
    "liter": Unit("volume", 1), "milliliter": Unit("volume", 0.001), "gallon": Unit("volume", 3.785411784),
    "second": Unit("time", 1), "minute": Unit("time", 60), "hour": Unit("time", 3600), "day": Unit("time", 86_400),
    "week": Unit("time", 604_800),
    "celsius": Unit("temperature", 1), "fahrenheit": Unit("temperature", 5 / 9, -160 / 9),
}  # fmt: skip
PLURALS: Final = {"feet": "foot", "inches": "inch", "kilo": "kilogram", "kilos": "kilogram"}
_ALWAYS_SO: Final = ("celsius", "fahrenheit")
_UNIT: Final = "|".join(sorted((*UNITS, *PLURALS), key=len, reverse=True))
_ASKED: Final = (
    re.compile(
        rf"how many (?P<to>{_UNIT})s? (?:are |is )?(?:there )?(?:in )?(?P<n>an?(?= )|{NUMBER}) (?:degrees )?(?P<of>{_UNIT})s?\b"
    ),
    re.compile(
        rf"(?P<n>an?(?= )|{NUMBER}) (?:degrees )?(?P<of>{_UNIT})s? (?:in|to|into) (?:degrees )?(?P<to>{_UNIT})s?\b"
    ),
)


def converted(text: str) -> str | None:
    """The sentence that answers a question for a conversion, where the text holds one."""
    found = next((match for pattern in _ASKED if (match := pattern.search(text))), None)
    if found is None:
        return None
    number = value(found["n"]) if found["n"] not in ("a", "an") else 1.0
    of, to = (PLURALS.get(found[name], found[name]) for name in ("of", "to"))
    source, target = UNITS[of], UNITS[to]
    if source.kind != target.kind:
        return f"{_plural(of, 2).capitalize()} measure {source.kind}, and {_plural(to, 2)} measure {target.kind}."
    result = (number * source.factor + source.zero - target.zero) / target.factor
    return f"{shown(number)} {_plural(of, number)} are {shown(round(result, 9))} {_plural(to, result)}."


def _plural(unit: str, number: float) -> str:
    if unit in _ALWAYS_SO:
        return f"degrees {unit.capitalize()}"
    if number == 1:
        return unit
    return {"foot": "feet", "inch": "inches"}.get(unit, f"{unit}s")
