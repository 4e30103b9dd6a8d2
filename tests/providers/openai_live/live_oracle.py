"""Messages as the vendor's own package describes them, for Hypothesis."""

from __future__ import annotations

from typing import Any, get_args

import hypothesis.strategies as st
from openai.types.live.client_event import ClientEvent
from openai.types.live.server_event import ServerEvent
from pydantic import TypeAdapter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8),
    "integer": st.integers(-(2**40), 2**40),
    "number": st.floats(-1e6, 1e6) | st.integers(-9, 9),
    "boolean": st.booleans(),
    "null": st.none(),
}
DEEP = 6


def from_schema(
    schema: dict[str, Any], definitions: dict[str, Any], depth: int = 0, *, lean: bool = False
) -> st.SearchStrategy[Any]:
    """What a JSON Schema of pydantic's allows; what is `lean` or very deep has its required fields only."""
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return st.deferred(lambda: from_schema(named, definitions, depth + 1, lean=lean))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return st.one_of(*(from_schema(each, definitions, depth, lean=lean) for each in schema[union]))
    kind = schema.get("type")
    if kind == "array":
        inner = from_schema(schema.get("items", {}), definitions, depth + 1, lean=lean)
        return st.lists(inner, max_size=1 if depth > DEEP else 2)
    if kind == "object" and "properties" in schema:
        required = schema.get("required", ())
        fields = {
            name: from_schema(each, definitions, depth + 1, lean=lean)
            for name, each in schema["properties"].items()
            if name in required or not (lean or depth > DEEP)
        }
        return st.fixed_dictionaries(
            {name: strategy for name, strategy in fields.items() if name in required},
            optional={name: strategy for name, strategy in fields.items() if name not in required},
        )
    if kind == "object":
        inner = schema.get("additionalProperties")
        values = from_schema(inner, definitions, depth + 1, lean=lean) if isinstance(inner, dict) else JSON
        return st.dictionaries(st.text(max_size=5), values, max_size=2)
    return SCALARS.get(kind or "", JSON)


def messages_of(union: Any) -> dict[str, st.SearchStrategy[Any]]:
    """A strategy for each message of a union of the package, by its type."""
    strategies: dict[str, st.SearchStrategy[Any]] = {}
    for member in get_args(get_args(union)[0]):
        schema = TypeAdapter(member).json_schema()
        name = schema["properties"]["type"]["const"]
        strategies[name] = from_schema(schema, schema.get("$defs", {}))
    return strategies


def models_of(union: Any) -> dict[str, Any]:
    """The package's class of each message, by its type."""
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(get_args(union)[0])}


SERVER, CLIENT = messages_of(ServerEvent), messages_of(ClientEvent)
SERVER_MODELS, CLIENT_MODELS = models_of(ServerEvent), models_of(ClientEvent)
