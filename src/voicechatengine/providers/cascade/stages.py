"""The stages of a cascade as they fail: time limits, and errors with the stage's name. Nothing here knows a part's kind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final, Literal, TypeVar

from voicechatengine.errors import DeadlineError, ProviderError, RateLimitError
from voicechatengine.events import ErrorInfo

T = TypeVar("T")
Stage = Literal["turns", "recognition", "model", "speech"]

log: Final = logging.getLogger("voicechatengine")


class StageError(Exception):
    """A part failed; `info` is what is told about it."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.message)
        self.info = info


def failure(stage: Stage, error: Exception) -> StageError:
    """The failure of a stage, with the part's own code where it has one."""
    if isinstance(error, StageError):
        return error
    if isinstance(error, ProviderError):
        retry_after = error.retry_after if isinstance(error, RateLimitError) else None
        return StageError(ErrorInfo(error.code or f"{stage}_failed", str(error), retry_after=retry_after))
    log.error("the %s of a cascade failed", stage, exc_info=error)
    return StageError(ErrorInfo(f"{stage}_failed", f"the {stage} of the cascade failed: {error!r}"))


def too_late(stage: Stage, seconds: float, field: str) -> StageError:
    """The failure of a stage that gave nothing in its time."""
    error = DeadlineError(
        f"the {stage} of the cascade gave nothing for {seconds:g} s",
        cure=f"see whether it is reachable and not overloaded, or raise {field}",
        code=f"{stage}_timeout",
    )
    return failure(stage, error)


async def following(source: AsyncIterator[T], stage: Stage, seconds: float, field: str) -> T | None:
    """The next output, None at the end. Raises `StageError` for what the part raises, and when its time is over."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await anext(source)
    except StopAsyncIteration:
        return None
    except Exception as error:
        if limit.expired():
            raise too_late(stage, seconds, field) from None
        raise failure(stage, error) from error
