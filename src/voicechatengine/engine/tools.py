"""A tool: a typed Python function, what the model is told of it, and one call of it from JSON text to text.

The function is the whole definition. Who calls when, and what an interruption does, is in `toolbox.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec

from voicechatengine.engine.signature import arguments_struct, docstring, schema
from voicechatengine.errors import MessageError
from voicechatengine.messages import Tool
from voicechatengine.misfit import misfit

TIMEOUT_S: Final = 30.0
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")

RunSync: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function that may block, and gives its result: `asyncio.to_thread`, or in tests what runs it on the spot."""


class FunctionTool:
    """A function as a tool. Its name, its docstring and its annotated parameters are what the model sees.

    `timeout` is the time limit of one call in seconds. Raises `MessageError` naming the parameter that a model could not
    give: without an annotation, positional only, ``*args``, ``**kwargs``, or of a type that JSON cannot hold.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        self.function: Final = function
        self.name: Final[str] = name or str(getattr(function, "__name__", ""))
        self.timeout: Final = timeout
        if not _NAME.fullmatch(self.name):
            raise MessageError(
                f"{self.name!r} cannot be the name of a tool",
                field="name",
                cure="give name= with at most 64 letters, digits, _ and -",
            )
        if not timeout > 0:
            raise MessageError(
                f"tool {self.name}: a time limit of {timeout!r} s",
                field="timeout",
                cure="give seconds above 0",
            )
        self._arguments = arguments_struct(function, self.name)
        self._decode = msgspec.json.Decoder(self._arguments).decode
        if description is None:
            description = docstring(function).summary
        self.declaration: Final = Tool(self.name, description, schema(self._arguments))

    def __repr__(self) -> str:
        return f"FunctionTool({self.name}, timeout={self.timeout:g})"

    def arguments(self, text: str) -> dict[str, Any]:
        """The arguments of a call, as the model wrote them, in the types of the function's parameters.

        Raises `MessageError` that names the argument that does not fit and says what would.
        """
        text = text.strip() or "{}"  # some models write nothing where there is nothing to say
        try:
            given = self._decode(text)
        except msgspec.ValidationError as error:
            raise misfit(error, msgspec.json.decode(text), self._arguments, f"tool {self.name}") from None
        except msgspec.DecodeError as error:
            raise MessageError(
                f"tool {self.name}: the arguments are no JSON: {error}",
                field="arguments",
                cure="call again with one JSON object",
            ) from None
        return {name: getattr(given, name) for name in given.__struct_fields__}

    async def call(self, arguments: dict[str, Any], run_sync: RunSync = asyncio.to_thread) -> str:
        """Calls the function, one that is not async by way of `run_sync`, and gives its result as the model gets it.

        Raises what the function raises, and `MessageError` for a result that JSON cannot hold. A cancellation reaches an
        async function; the result of one in a thread is dropped.
        """
        if self._is_async:
            result = await self.function(**arguments)
        else:
            result = await run_sync(lambda: self.function(**arguments))
        return self._output(result)

    @property
    def _is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(
            getattr(self.function, "__call__", None)  # noqa: B004 - an object with an async __call__
        )

    def _output(self, result: Any) -> str:
        if isinstance(result, str):
            return result
        try:
            return msgspec.json.encode(result).decode()
        except (TypeError, ValueError) as error:
            raise MessageError(
                f"tool {self.name}: its result cannot be JSON: {error}",
                field="result",
                cure="return text, numbers, lists, dicts, dataclasses or structs",
            ) from None


def as_tool(tool: FunctionTool | Callable[..., Any]) -> FunctionTool:
    """A function with the usual settings; a `FunctionTool` as it is."""
    return tool if isinstance(tool, FunctionTool) else FunctionTool(tool)


__all__ = ["FunctionTool", "RunSync", "as_tool"]
