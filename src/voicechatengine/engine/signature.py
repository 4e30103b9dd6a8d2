"""What a typed Python function tells of itself: a struct of its arguments, their JSON Schema, and what they are for.

Pure. It knows annotations, docstrings and msgspec; neither calls nor providers.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, NamedTuple, Protocol, cast, get_type_hints

import msgspec

from voicechatengine.errors import MessageError

_REF: Final = "#/$defs/"
_REST: Final = re.compile(r":param(?:\s+[^:]*?)?\s+(?P<name>\w+)\s*:\s*(?P<text>.*)")
_REST_OTHER: Final = re.compile(r":\w+[^:]*:")
_GOOGLE: Final = re.compile(r"(?P<name>\w+)\s*(?:\([^)]*\))?\s*:\s*(?P<text>.*)")
_SECTION: Final = re.compile(r"[A-Z]\w*( \w+)?:")
_ARGUMENTS: Final = ("Args:", "Arguments:", "Parameters:")


class Documentation(NamedTuple):
    """What a docstring says: what the function is for, and what each parameter is."""

    summary: str
    parameters: dict[str, str]


def documentation(text: str | None) -> Documentation:
    """Reads a docstring: its text up to the parameters, and those written as ``Args:`` (Google) or ``:param x:`` (reST).

    What follows the parameters (``Returns:``, ``:raises E:``) is for people and left out.
    """
    summary: list[str] = []
    found: dict[str, str] = {}
    name: str | None = None  # the parameter whose text goes on
    within = False  # below ``Args:``
    over = False  # below another section
    depth = 0  # of the names below ``Args:``
    for line in inspect.cleandoc(text or "").splitlines():
        words, indent = line.strip(), len(line) - len(line.lstrip())
        rest = _REST.fullmatch(words)
        if rest is not None:
            name, found[rest["name"]], over = rest["name"], rest["text"], True
        elif words in _ARGUMENTS and not indent:
            within, over, depth, name = True, True, 0, None
        elif _REST_OTHER.match(words) or (over and _SECTION.fullmatch(words) and not indent):
            within, over, name = False, True, None
        elif within and words and indent and indent <= (depth or indent):
            depth, name = indent, None
            entry = _GOOGLE.fullmatch(words)
            if entry is not None:
                name, found[entry["name"]] = entry["name"], entry["text"]
        elif name is not None and indent:
            found[name] = f"{found[name]} {words}".strip()
        elif not over and _SECTION.fullmatch(words) and not indent and summary:
            over = True
        elif not over:
            summary.append(words)
    paragraphs = re.split(r"\n\n+", "\n".join(summary).strip())
    return Documentation("\n".join(" ".join(part.split()) for part in paragraphs), found)


def docstring(function: Callable[..., Any]) -> Documentation:
    """What a function's own docstring says, also of one that is wrapped in a `functools.partial`."""
    return documentation(inspect.getdoc(_definition(function)))


def arguments_struct(function: Callable[..., Any], name: str) -> type[msgspec.Struct]:
    """A struct with a field for each parameter of the tool called `name`, described as its docstring says.

    Raises `MessageError` that names the parameter: one that is not annotated, that cannot be given by name (``*args``,
    ``**kwargs``, positional only), or of a type that msgspec cannot read from JSON.
    """
    described = docstring(function).parameters
    parameters = inspect.signature(function).parameters
    hints = _hints(function, parameters, name)
    fields: list[tuple[str, Any, Any]] = []
    for parameter in parameters.values():
        hint = hints[parameter.name]
        if parameter.name in described and not _says(hint):
            hint = Annotated[hint, msgspec.Meta(description=described[parameter.name])]
        field = (parameter.name, hint, _default(parameter))
        _check_type(field, name)
        fields.append(field)
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


def schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of a struct, as models take it best: no references but for what contains itself, a type on each enum."""
    (top,), components = msgspec.json.schema_components([struct], ref_template=_REF + "{name}")
    recursive: dict[str, Any] = {}
    result = cast("dict[str, Any]", _inlined(top, components, (), recursive))
    result.pop("title", None)
    return {**result, "$defs": recursive} if recursive else result


# ------------------------------------------------------------------ signatures


def _definition(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, functools.partial):
        function = cast("functools.partial[object]", function).func
    return function


def _hints(
    function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter], name: str
) -> dict[str, Any]:
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _unusable(
                name,
                str(parameter).partition(":")[0],
                f"a tool's parameter cannot be {parameter.kind.description}",
            )
        if parameter.annotation is parameter.empty:
            raise _unusable(name, parameter.name, "it has no annotation")
    target = _definition(function)
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return get_type_hints(inspect.unwrap(target), include_extras=True)
    except NameError as error:
        word = str(error.name)
        owner = next((key for key, value in parameters.items() if word in str(value.annotation)), word)
        raise _unusable(
            name,
            owner,
            f"its annotation names {word}, which is not known where the function is defined",
            cure="define the type at the top of the module",
        ) from None


def _says(hint: Any) -> bool:
    """Whether an annotation describes itself."""
    return any(getattr(extra, "description", None) for extra in getattr(hint, "__metadata__", ()))


def _default(parameter: inspect.Parameter) -> Any:
    value: Any = parameter.default
    if value is parameter.empty:
        return msgspec.NODEFAULT
    if isinstance(value, (list, dict, set)) and value:
        return msgspec.field(default_factory=cast("_Copyable", value).copy)
    return cast("object", value)


class _Copyable(Protocol):
    def copy(self) -> object: ...


def _check_type(field: tuple[str, Any, Any], name: str) -> None:
    """Raises for a type that msgspec can neither read nor describe, while it is known whose it is."""
    try:
        alone = msgspec.defstruct(name, [field])
        msgspec.json.Decoder(alone)
        schema(alone)
    except (TypeError, ValueError) as error:
        raise _unusable(name, field[0], f"its type cannot be read from JSON: {error}") from None


def _unusable(
    name: str,
    parameter: str,
    why: str,
    cure: str = "give each parameter a name of its own and a type that JSON can hold, as in `city: str`",
) -> MessageError:
    return MessageError(f"tool {name}, parameter {parameter}: {why}", field=parameter, cure=cure)


# ------------------------------------------------------------------ schemas


def _inlined(
    value: Any, components: Mapping[str, Any], inside: tuple[str, ...], recursive: dict[str, Any]
) -> Any:
    """`value` with each reference replaced by what it refers to; what refers to itself goes into `recursive`."""
    if isinstance(value, list):
        entries = cast("Sequence[object]", value)
        return [_inlined(each, components, inside, recursive) for each in entries]
    if not isinstance(value, dict):
        return value
    node = cast("dict[str, Any]", value)
    reference = node.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix(_REF)
        if name in inside or name in recursive or name in _reached(components[name], components, set()):
            if name not in recursive:
                recursive[name] = {}  # known from here on, so that it is entered once
                recursive[name] = _inlined(components[name], components, (*inside, name), recursive)
            return node
        target = cast("dict[str, Any]", _inlined(components[name], components, (*inside, name), recursive))
        return {**target, **{key: entry for key, entry in node.items() if key != "$ref"}}
    result = {key: _inlined(entry, components, inside, recursive) for key, entry in node.items()}
    choices = result.get("enum")
    if isinstance(choices, list) and "type" not in result:
        kinds = {_JSON_TYPES.get(type(each)) for each in cast("list[object]", choices)}
        if len(kinds) == 1 and None not in kinds:
            result["type"] = kinds.pop()
    return result


def _reached(value: Any, components: Mapping[str, Any], found: set[str]) -> set[str]:
    """The components that a schema refers to, directly or by way of others."""
    for name in _references(value):
        if name not in found:
            found.add(name)
            _reached(components[name], components, found)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in cast("Sequence[object]", value):
            yield from _references(each)
    elif isinstance(value, dict):
        for key, entry in cast("dict[str, Any]", value).items():
            if key == "$ref":
                yield str(entry).removeprefix(_REF)
            else:
                yield from _references(entry)


_JSON_TYPES: Final[dict[type, str]] = {str: "string", int: "integer"}

__all__ = ["Documentation", "arguments_struct", "docstring", "documentation", "schema"]
