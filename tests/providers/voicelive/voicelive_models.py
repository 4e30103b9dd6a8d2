"""The models of the vendor's own package as an oracle: what they allow, generated; and what does not fit them, named.

The package's models check nothing themselves and take any field, so their annotations are read here.
"""

from __future__ import annotations

import base64
import datetime as dt
import types
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import hypothesis.strategies as st
from azure.ai.voicelive import _unions, models
from azure.ai.voicelive.models import ClientEvent, ServerEvent, _models

MODEL = ServerEvent.__mro__[1]  # the base of all of the package's models
_NAMES = {**vars(_models), "_models": models, "_unions": _unions}
TEXT = st.text(max_size=6)
JSON = st.none() | st.integers(-9, 9) | TEXT | st.dictionaries(TEXT, TEXT, max_size=2)


def kinds(base: type) -> dict[str, type]:
    """The models that a discriminator chooses among, by what it says."""
    return {str(name): model for name, model in vars(base).get("__mapping__", {}).items()}


SERVER = kinds(ServerEvent)
CLIENT = kinds(ClientEvent)


@cache
def fields(model: type) -> dict[str, tuple[Any, bool]]:
    """The fields of a model by their names on the wire: the annotation, and whether it must be there."""
    hints: dict[str, Any] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, MODEL) and each is not MODEL:
            own = vars(each).get("__annotations__", {})
            hints |= {name: hint for name, hint in get_type_hints(each, _NAMES).items() if name in own}
    return {
        name: (hint, type(None) not in get_args(hint))
        for name, hint in hints.items()
        if not name.startswith("_")
    }


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, MODEL)


# ------------------------------------------------------------------ what they allow


def values(hint: Any) -> st.SearchStrategy[Any]:
    """JSON of this type."""
    if hint is Any:
        return JSON
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(each) for each in inner))
    if origin is Literal:
        return st.sampled_from([each.value if isinstance(each, Enum) else each for each in inner])
    if origin is list:
        return st.lists(values(inner[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXT, values(inner[1]), max_size=2)
    if _is_model(hint):
        return objects(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from([each.value for each in hint])
    if hint is bytes:
        return st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode())
    plain: dict[Any, st.SearchStrategy[Any]] = {
        type(None): st.none(),
        str: TEXT,
        bool: st.booleans(),
        int: st.integers(0, 2**31),
        float: st.floats(0, 9),
        dt.datetime: st.integers(1, 2**32),  # the service writes Unix seconds
    }
    return plain[hint]


def objects(model: type) -> st.SearchStrategy[dict[str, Any]]:
    """An object of a model, or of one of those that its discriminator chooses among."""
    chosen = kinds(model)
    if chosen:
        return st.sampled_from(sorted(chosen)).flatmap(lambda name: objects(chosen[name]))
    return _whole(model)


@cache
def _whole(model: type) -> st.SearchStrategy[dict[str, Any]]:
    known = {
        name: (st.deferred(lambda hint=hint: values(hint)), needed)
        for name, (hint, needed) in fields(model).items()
    }
    return st.fixed_dictionaries(
        {name: strategy for name, (strategy, needed) in known.items() if needed},
        optional={name: strategy for name, (strategy, needed) in known.items() if not needed},
    )


# ------------------------------------------------------------------ what does not fit them


def misfits(value: Any, hint: Any, place: str = "") -> Iterator[str]:
    """What in a message of ours the package has no word for, or has another type for."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        found = [list(misfits(value, each, place)) for each in inner]
        if all(found):
            yield from min(found, key=len)
    elif origin is Literal:
        if value not in [each.value if isinstance(each, Enum) else each for each in inner]:
            yield f"{place}: {value!r}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place}: no list"
        else:
            for index, each in enumerate(value):
                yield from misfits(each, inner[0], f"{place}[{index}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{place}: no object"
    elif _is_model(hint):
        yield from _misfits_of(value, hint, place)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        if value not in [each.value for each in hint]:
            yield f"{place}: {value!r}"
    elif not isinstance(value, (int, float) if hint is float else hint) or (
        hint is int and isinstance(value, bool)
    ):
        yield f"{place}: {value!r} is no {hint}"


def _misfits_of(value: Any, model: type, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place}: no object"
        return
    chosen = kinds(model)
    if chosen:
        telling = next((name for name in ("type", "role", "model") if value.get(name) in chosen), "")
        if not telling:
            yield f"{place}: unknown kind {value.get('type')!r}"
            return
        yield from _misfits_of(value, chosen[value[telling]], place)
        return
    known = fields(model)
    for name, inner in value.items():
        if name in known:
            yield from misfits(inner, known[name][0], f"{place}.{name}")
        else:
            yield f"{place}.{name}: unknown"
    yield from (
        f"{place}.{name}: missing" for name, (_, needed) in known.items() if needed and name not in value
    )
