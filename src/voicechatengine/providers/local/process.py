"""A process of its own for an engine that would hold the GIL or cannot be shared: started, fed, read and killed.

The process is this interpreter running a module of this folder. Its pipes are the queues, and they are bounded: who writes too
much waits. It ends when its input ends, so none survives its parent. Nothing here knows what the engine does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from typing import Any, Final

from voicechatengine.errors import AudioError, MessageError, ProviderError
from voicechatengine.providers.local import frames
from voicechatengine.providers.local.frames import HEADER, Frame, mapping

UNREAD: Final = 16  # frames that wait to be read here; the rest waits in the pipe
START_S: Final = 20.0  # a loaded machine needs some seconds for it


class Process:
    """One process of the module `module`, set up with `settings` (JSON); `what` is its name in errors."""

    def __init__(self, module: str, settings: Mapping[str, Any], what: str) -> None:
        self._module = module
        self._settings = settings
        self._what = what
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(UNREAD)

    @property
    def running(self) -> bool:
        """Whether frames can be sent."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> Mapping[str, Any]:
        """Starts it, and gives what it says of itself. Raises `ProviderError`; nothing is left running then."""
        await self.stop()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise ProviderError(
                f"{self._what}: no process could be started: {error}", cure="see the limits of this machine"
            ) from error
        self._frames = asyncio.Queue(UNREAD)
        self._pump = asyncio.create_task(self._read(self._process), name=f"{self._what} pipe")
        try:
            async with asyncio.timeout(START_S):
                await self.send(mapping(frames.SETTINGS, **self._settings))
                return (await self.receive(0)).json()
        except TimeoutError:
            await self.stop()
            raise ProviderError(
                f"{self._what} was not ready within {START_S:g} s", cure="free the machine of other work"
            ) from None
        except BaseException:
            await self.stop()
            raise

    def post(self, frame: Frame) -> None:
        """Sends a small frame without waiting; nothing where the process has gone."""
        if self._process is not None and self._process.stdin is not None and self.running:
            self._process.stdin.write(frame.packed())

    async def send(self, frame: Frame) -> None:
        """Sends a frame, and waits while the process is behind. That it has gone is told by `receive`."""
        self.post(frame)
        if self._process is not None and self._process.stdin is not None and self.running:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                await self._process.stdin.drain()

    async def receive(self, job: int) -> Frame:
        """The next frame of that job; those of jobs before it are dropped, because nobody waits for them any more.

        Raises what the process refused as the error that it is, and `ProviderError` where it has gone.
        """
        while (frame := await self._frames.get()) is not None and frame.job != job:
            pass
        if frame is None:
            process = self._process
            code = None if process is None else await process.wait()
            raise ProviderError(
                f"{self._what} ended unexpectedly (exit status {code})",
                cure="try again: it is started anew; if it stays so, reinstall voicechatengine[local]",
            )
        if frame.kind == frames.REFUSED:
            raise _error(self._what, frame.json())
        return frame

    async def stop(self) -> None:
        """Kills it; idempotent. A cancelled stop has killed it still."""
        process, self._process = self._process, None
        pump, self._pump = self._pump, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if pump is not None:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
        if process is not None:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                await process.communicate()  # to the end of the pipes, so that they are closed

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        pipe = process.stdout
        assert pipe is not None
        try:
            while True:
                kind, job, size = HEADER.unpack(await pipe.readexactly(HEADER.size))
                await self._frames.put(Frame(kind, job, await pipe.readexactly(size)))
        except asyncio.IncompleteReadError:
            await self._frames.put(None)


def _error(what: str, content: Mapping[str, str]) -> ProviderError:
    """The error that a refusal describes."""
    message = f"{what}: {content['message']}"
    match content["error"]:
        case "MessageError":
            return MessageError(message, field=content["field"] or None, cure=content["cure"])
        case "AudioError":
            return AudioError(message, field=content["field"] or None, cure=content["cure"])
        case _:
            return ProviderError(message, cure=content["cure"])
