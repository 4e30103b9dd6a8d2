"""One call of one tool: arguments from text, a result as text."""

from __future__ import annotations

import asyncio
import enum
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest

from voicechatengine import MessageError
from voicechatengine.engine.tools import FunctionTool, as_tool


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Place(msgspec.Struct):
    city: str
    zip: int | None = None


@dataclass
class Weather:
    city: str
    degrees: float


Days = Annotated[int, msgspec.Meta(ge=1, le=7)]


def weather(
    place: Place, unit: Unit = Unit.CELSIUS, days: Days = 1, notes: dict[str, int] | None = None
) -> str:
    """Looks up the weather."""
    return f"{place.city} {unit.name} {days} {notes}"


async def inline(call: Callable[[], Any]) -> Any:
    return call()


async def call(function: Callable[..., Any], text: str = "{}") -> str:
    tool = FunctionTool(function)
    return await tool.call(tool.arguments(text), inline)


async def test_arguments_become_the_types_of_the_parameters():
    assert (
        await call(weather, '{"place": {"city": "Bonn"}, "unit": "fahrenheit"}') == "Bonn FAHRENHEIT 1 None"
    )


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ('{"place": {"city": 3}}', "place.city", "Expected `str`, got `int`"),
        ('{"place": {}}', "place.city", "it is required"),
        ("{}", "place", "it is required"),
        ("", "place", "it is required"),
        ('{"place": {"city": "x"}, "unit": "kelvin"}', "unit", "use one of celsius, fahrenheit"),
        ('{"place": {"city": "x"}, "days": 8}', "days", "Expected `int` <= 7"),
        ('{"place": {"city": "x"}, "days": "2"}', "days", "Expected `int`, got `str`"),
        ('{"place": {"city": "x"}, "notes": {"a": "b"}}', "notes", "Expected `int`, got `str`"),
        ('{"place": {"city": "x"}, "dayz": 2}', "dayz", "did you mean days?"),
        ("[]", None, "Expected `object`, got `array`"),
        ('{"place"', "arguments", "no JSON"),
    ],
)
def test_what_does_not_fit_is_named(text: str, field: str | None, message: str):
    with pytest.raises(MessageError) as caught:
        FunctionTool(weather).arguments(text)
    assert caught.value.field == field
    assert message in str(caught.value)
    assert "tool weather" in str(caught.value)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        (None, "null"),
        (3.5, "3.5"),
        ([1, "two"], '[1,"two"]'),
        ({"a": True}, '{"a":true}'),
        (Weather("Bonn", 20), '{"city":"Bonn","degrees":20}'),
        (Place("Bonn"), '{"city":"Bonn","zip":null}'),
        (Unit.CELSIUS, '"celsius"'),
    ],
)
async def test_a_result_is_text_or_json(result: object, text: str):
    def function() -> object:
        return result

    assert await call(function) == text


async def test_a_result_that_cannot_be_json_is_an_error():
    def function() -> object:
        return object()

    with pytest.raises(MessageError, match="cannot be JSON") as caught:
        await call(function)
    assert caught.value.field == "result"


async def test_async_functions_run_on_the_loop_and_objects_may_be_tools():
    async def double(x: int) -> int:
        await asyncio.sleep(1)
        return 2 * x

    class Triple:
        async def __call__(self, x: int) -> int:
            return 3 * x

    assert await call(double, '{"x": 4}') == "8"
    assert await call(functools.wraps(double)(lambda x: x), '{"x": 4}') == "4"
    tool = FunctionTool(Triple(), name="triple")
    assert await tool.call({"x": 2}) == "6"


@pytest.mark.realtime
async def test_sync_functions_run_off_the_loop():
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    tool = as_tool(where)
    assert await tool.call({}) == "false"


def test_a_tool_says_what_it_is():
    tool = FunctionTool(weather, name="forecast", description="Tells", timeout=5)
    assert (tool.declaration.name, tool.declaration.description) == ("forecast", "Tells")
    assert FunctionTool(weather).declaration.description == "Looks up the weather."
    assert repr(tool) == "FunctionTool(forecast, timeout=5)"
    assert as_tool(tool) is tool


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"name": "no spaces"}, "name"), ({"name": "x" * 65}, "name"), ({"timeout": 0}, "timeout")],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], field: str):
    with pytest.raises(MessageError) as caught:
        FunctionTool(weather, **settings)
    assert caught.value.field == field


def test_a_function_without_a_name_needs_one():
    with pytest.raises(MessageError, match="give name="):
        FunctionTool(functools.partial(weather, days=1))
    assert FunctionTool(functools.partial(weather, days=1), name="w").name == "w"
