"""What Gemini Live is told of tools: how each is declared, how it behaves, and when its results are taken in. Pure functions.

What an application says of that stands in the options' `vendor`, under two words of ours. Knows no call and no message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from voicechatengine.errors import MessageError
from voicechatengine.messages import Options, Tool
from voicechatengine.providers.gemini import models, schema

BEHAVIORS: Final = ("BLOCKING", "NON_BLOCKING")
SCHEDULING: Final = ("SILENT", "WHEN_IDLE", "INTERRUPT")


def _of_tool(options: Options, key: str, name: str) -> str | None:
    """What `vendor` says of a tool under that key."""
    said = (options.vendor or {}).get(key)
    value = cast("Mapping[str, Any]", said).get(name) if isinstance(said, Mapping) else said
    return None if value is None else str(value)


def behavior(options: Options, name: str) -> str:
    """How a tool behaves: it blocks, as on every other vendor, unless `vendor` says otherwise or the model cannot."""
    wanted = _of_tool(options, "toolBehavior", name)
    known = models.traits(options.model or models.MODEL).behaviors
    return wanted or ("BLOCKING" if "BLOCKING" in known else known[0])


def scheduling(options: Options, name: str) -> str | None:
    """When the model is to take in a result; None leaves it to the service, and calls that block have none."""
    return _of_tool(options, "scheduling", name) if behavior(options, name) == "NON_BLOCKING" else None


def check(options: Options) -> None:
    """Raises `MessageError` for what `vendor` says of tools and the service or the model does not have."""
    vendor = options.vendor or {}
    model = options.model or models.MODEL
    choices = {"toolBehavior": BEHAVIORS, "scheduling": SCHEDULING}
    for key, known in choices.items():
        said = vendor.get(key)
        values: Iterable[Any] = (
            cast("Mapping[str, Any]", said).values()
            if isinstance(said, Mapping)
            else ()
            if said is None
            else (said,)
        )
        for value in values:
            if value not in known:
                raise MessageError(
                    f"vendor.{key}: there is no {value!r}",
                    field=f"vendor.{key}",
                    cure=f"use one of {', '.join(known)}, or such for each tool by its name",
                )
    for each in options.tools or ():
        behaves = behavior(options, each.name)
        if behaves not in models.traits(model).behaviors:
            raise MessageError(
                f"vendor.toolBehavior: a tool of {models.bare(model)} cannot be {behaves}",
                field="vendor.toolBehavior",
                cure=f"use {' or '.join(models.traits(model).behaviors)}",
            )
        if behaves == "BLOCKING" and _of_tool(options, "scheduling", each.name) is not None:
            raise MessageError(
                f"vendor.scheduling: {each.name} blocks, so its results are used at once",
                field="vendor.scheduling",
                cure="make it NON_BLOCKING with vendor.toolBehavior, or leave scheduling out",
            )


def tools(options: Options) -> list[dict[str, Any]]:
    """The tools; how one behaves is said where the model would take it otherwise."""
    default = models.traits(options.model or models.MODEL).default
    declared: list[dict[str, Any]] = []
    for each in options.tools or ():
        given = _function(each)
        behaves = behavior(options, each.name)
        declared.append(given if behaves == default else {**given, "behavior": behaves})
    return [{"functionDeclarations": declared}] if declared else []


def _function(tool: Tool) -> dict[str, Any]:
    given: dict[str, Any] = {"name": tool.name}
    if tool.description:
        given["description"] = tool.description
    wanted = schema.parameters(tool.parameters)
    return given if wanted is None else {**given, "parameters": wanted}
