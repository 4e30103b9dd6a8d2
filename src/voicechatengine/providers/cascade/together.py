"""The parts of one cascade together: opened and closed as one. It knows what they are for, and not what they do."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, NamedTuple

from voicechatengine.errors import ConnectionError, ProviderError
from voicechatengine.providers.cascade.parts import (
    LanguageModel,
    Part,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
)

log: Final = logging.getLogger("voicechatengine")


class Parts(NamedTuple):
    """The parts of one cascade."""

    turns: TurnDetector | None
    stt: SpeechToText | None
    llm: LanguageModel
    tts: TextToSpeech | None

    async def open(self) -> None:
        """Opens all of them at once. Raises `ConnectionError` for the first that cannot be opened."""
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._all:
                    group.create_task(part.open(), name=f"opening {type(part).__name__}")
        except* Exception as errors:  # noqa: BLE001 - a part may raise what it likes; it is told
            raise _cannot_open(errors.exceptions[0]) from None

    async def close(self, timeout: float) -> None:
        """Closes all of them, within that many seconds. One that fails keeps no other from closing."""
        async with asyncio.TaskGroup() as group:
            for part in self._all:
                group.create_task(_close(part, timeout), name=f"closing {type(part).__name__}")

    @property
    def _all(self) -> tuple[Part, ...]:
        return tuple(part for part in self if part is not None)


async def _close(part: Part, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            await part.close()
    except Exception:
        log.exception("%s could not be closed", type(part).__name__)


def _cannot_open(error: Exception) -> ConnectionError:
    """What a part raised, as the error of a connection that could not be opened."""
    if isinstance(error, ConnectionError):
        return error
    if isinstance(error, ProviderError):
        return ConnectionError(
            error.message, cure=error.cure, code=error.code, status=error.status, fault=error.fault
        )
    return ConnectionError(f"a part of the cascade cannot be opened: {error!r}", code="part_failed")
