"""A tool's JSON Schema as Gemini takes it: the subset of OpenAPI 3.0 that it calls `Schema`. Pure.

References are written out and alternatives with null become `nullable`. What the subset has no word for (patterns of names,
additional properties) is left out: the arguments that come back are checked against the whole schema by whoever called for them.

Source, read 2026-11-22: https://ai.google.dev/api/caching#Schema; `Schema` of the `google-genai` package 3.4.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

DEEPEST: Final = 16  # a schema may refer to itself, and the subset cannot

_KEPT: Final = (
    "title", "description", "format", "minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength",
    "pattern", "minimum", "maximum", "required",
)  # fmt: skip
_FORMATS: Final = {
    "INTEGER": ("int32", "int64"),
    "NUMBER": ("float", "double"),
    "STRING": ("enum", "date-time"),
}
"""The formats that are known, for each type; others are refused."""


def parameters(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of a function's parameters; None where it has none, because an object without properties is refused."""
    if not schema.get("properties"):
        return None
    return _convert(schema, schema, 0)


def _convert(schema: object, root: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return {"type": "OBJECT"} if depth > DEEPEST else {}
    given = _resolved(cast("Mapping[str, Any]", schema), root)
    given, nullable = _without_null(given)
    given = _resolved(given, root)
    kept: dict[str, Any] = {name: given[name] for name in _KEPT if name in given}
    kind = given.get("type")
    values: list[Any] = [given["const"]] if "const" in given else given.get("enum") or []
    if isinstance(kind, str):
        kept["type"] = kind.upper()
    elif values:
        kept["type"] = "STRING"
    if values and all(isinstance(value, str) for value in values):
        kept["enum"] = values
    if kept.get("format") not in _FORMATS.get(kept.get("type", ""), ()):
        kept.pop("format", None)
    if "properties" in given:
        kept["properties"] = {
            name: _convert(each, root, depth + 1) for name, each in given["properties"].items()
        }
    if "items" in given or kept.get("type") == "ARRAY":
        kept["items"] = _convert(given.get("items") or {"type": "string"}, root, depth + 1)
    options = given.get("anyOf") or given.get("oneOf")
    if options:
        kept["anyOf"] = [_convert(each, root, depth + 1) for each in options]
    if nullable:
        kept["nullable"] = True
    return kept


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to put in; what stands beside the reference counts more."""
    given = dict(schema)
    for _ in range(DEEPEST):
        path = given.pop("$ref", None)
        if not isinstance(path, str):
            break
        found: Any = root
        for step in path.removeprefix("#").strip("/").split("/"):
            found = cast("Mapping[str, Any]", found).get(step) if isinstance(found, Mapping) else None
        given = {**cast("Mapping[str, Any]", found if isinstance(found, Mapping) else {}), **given}
    return given


def _without_null(given: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """A schema without the alternative null, and whether it had one."""
    kinds = given.get("type")
    if isinstance(kinds, list):
        real = [kind for kind in cast("list[object]", kinds) if kind != "null"]
        nullable = "null" in kinds
        if len(real) == 1:
            return {**given, "type": real[0]}, nullable
        rest = {name: value for name, value in given.items() if name != "type"}
        return {**rest, "anyOf": [{"type": kind} for kind in real]}, nullable
    for union in ("anyOf", "oneOf"):
        options = given.get(union)
        if isinstance(options, list):
            real = [each for each in cast("list[object]", options) if each != {"type": "null"}]
            nullable = {"type": "null"} in options
            rest = {name: value for name, value in given.items() if name != union}
            if len(real) == 1 and isinstance(real[0], Mapping):
                return {**rest, **cast("Mapping[str, Any]", real[0])}, nullable
            return {**rest, union: real}, nullable
    return given, False
