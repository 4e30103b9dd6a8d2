"""What a function tells of itself: its docstring, its schema, and what cannot be a tool's signature."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest

from voicechatengine import MessageError
from voicechatengine.engine.signature import arguments_struct, documentation, schema


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Place(msgspec.Struct):
    """Where."""

    city: str
    country: Literal["DE", "FR"] | None = None


@dataclass
class Range:
    low: float
    high: float = 1.0


class Tree(msgspec.Struct):
    name: str
    children: list[Tree] = []


def schema_of(function: Any) -> dict[str, Any]:
    return schema(arguments_struct(function, "f"))


def properties(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = schema_of(function)["properties"]
    return found


def google(city: str, days: int = 1) -> None:
    """Looks up the weather
    of a city.

    It may take a while.

    Args:
        city: the city's name,
            in English
        days (int): how many: 1 to 7

    Returns:
        A forecast.
    """


def rest(city: str, days: int = 1) -> None:
    """Looks up the weather
    of a city.

    It may take a while.

    :param city: the city's name,
        in English
    :param int days: how many: 1 to 7
    :returns: a forecast
    :raises KeyError: for no city
    """


@pytest.mark.parametrize("function", [google, rest])
def test_a_docstring_says_what_the_function_and_its_parameters_are_for(function: Any):
    said = documentation(function.__doc__)
    assert said.summary == "Looks up the weather of a city.\nIt may take a while."
    assert said.parameters == {"city": "the city's name, in English", "days": "how many: 1 to 7"}


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (None, ""),
        ("One line.", "One line."),
        ("Note: this is no section.", "Note: this is no section."),
        ("Says it.\n\nReturns:\n    nothing that a model reads", "Says it."),
        ("Says it.\n\nArgs:\n    what stands here is no parameter", "Says it."),
    ],
)
def test_a_docstring_without_parameters(text: str | None, summary: str):
    assert documentation(text) == (summary, {})


@pytest.mark.parametrize("function", [google, rest])
def test_the_schema_has_types_defaults_and_descriptions(function: Any):
    assert schema_of(function) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "the city's name, in English"},
            "days": {"type": "integer", "default": 1, "description": "how many: 1 to 7"},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_enums_literals_and_structs_stand_where_they_are_used():
    def function(unit: Unit, level: Level, place: Place, span: Range, *, when: dt.date) -> None: ...

    assert properties(function) == {
        "unit": {"title": "Unit", "type": "string", "enum": ["celsius", "fahrenheit"]},
        "level": {"title": "Level", "type": "integer", "enum": [1, 2]},
        "place": {
            "title": "Place",
            "description": "Where.",
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "country": {
                    "anyOf": [{"enum": ["DE", "FR"], "type": "string"}, {"type": "null"}],
                    "default": None,
                },
            },
            "required": ["city"],
        },
        "span": {
            "title": "Range",
            "type": "object",
            "properties": {"low": {"type": "number"}, "high": {"type": "number", "default": 1.0}},
            "required": ["low"],
        },
        "when": {"type": "string", "format": "date"},
    }


def test_constraints_and_their_own_descriptions_are_kept():
    def function(
        count: Annotated[int, msgspec.Meta(ge=1, le=9, description="how many")],
        name: Annotated[str, msgspec.Meta(max_length=3)],
    ) -> None:
        """Counts.

        Args:
            count: something else
            name: of whom
        """

    assert properties(function) == {
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "description": "how many"},
        "name": {"type": "string", "maxLength": 3, "description": "of whom"},
    }


def test_what_contains_itself_is_referred_to():
    def function(tree: Tree | None, other: Tree) -> None: ...

    found = schema_of(function)
    assert found["properties"]["other"] == {"$ref": "#/$defs/Tree"}
    assert found["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}


def test_a_mutable_default_is_a_fresh_one_each_time():
    def function(names: list[str] = ["a"], more: list[str] = []) -> None: ...  # noqa: B006 - that is the point

    struct: Any = arguments_struct(function, "f")
    struct().names.append("b")
    assert struct().names == ["a"]


def test_methods_and_callable_objects_are_functions_too():
    class Shop:
        def buy(self, item: str) -> None: ...

        def __call__(self, amount: int) -> None: ...

    assert list(properties(Shop().buy)) == ["item"]
    assert properties(Shop()) == {"amount": {"type": "integer"}}


def with_stars(*names: str) -> None: ...


def with_two_stars(**names: str) -> None: ...


def with_position(name: str, /) -> None: ...


def without_annotation(name) -> None: ...  # type: ignore[no-untyped-def]


def of_an_unknown_type(name: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - that is the point


def of_no_json(name: complex) -> None: ...


def of_two_structs(name: Place | Tree) -> None: ...


@pytest.mark.parametrize(
    ("function", "parameter", "why"),
    [
        (with_stars, "*names", "variadic positional"),
        (with_two_stars, "**names", "variadic keyword"),
        (with_position, "name", "positional-only"),
        (without_annotation, "name", "no annotation"),
        (of_an_unknown_type, "name", "names Nowhere, which is not known"),
        (of_no_json, "name", "cannot be read from JSON"),
        (of_two_structs, "name", "cannot be read from JSON"),
    ],
)
def test_a_signature_that_no_model_could_fill_is_refused(function: Any, parameter: str, why: str):
    """One error, which names the tool, the parameter and what is the matter."""
    with pytest.raises(MessageError, match=why) as caught:
        arguments_struct(function, "f")
    assert caught.value.field == parameter
    assert str(caught.value).startswith(f"tool f, parameter {parameter}: ")
