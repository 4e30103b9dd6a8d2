"""What an application says while there is no session: kept in order, and bounded. It waits for nothing itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from voicechatengine.messages import AudioAppend, Command, ResponseCreate

MESSAGES: Final = 1_000  # other than audio; audio is bounded by its length


class Held:
    """Commands kept for the session to come."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()
        self._audio = 0  # bytes
        self._messages = 0

    def __len__(self) -> int:
        return len(self._commands)

    def is_full(self, command: Command, most_audio: int) -> bool:
        """Whether there is no room for this one; `most_audio` bytes of audio are kept at most."""
        return self._audio > most_audio if isinstance(command, AudioAppend) else self._messages >= MESSAGES

    def add(self, command: Command) -> None:
        """Keeps a command."""
        self._commands.append(command)
        if isinstance(command, AudioAppend):
            self._audio += len(command.audio)
        else:
            self._messages += 1

    @property
    def asks_for_reply(self) -> bool:
        """Whether there is a request for a reply of the conversation among them."""
        return any(isinstance(each, ResponseCreate) and not each.out_of_band for each in self._commands)

    def pop(self) -> Command:
        """Gives the oldest one, and keeps it no longer. Raises `IndexError` if there is none."""
        command = self._commands.popleft()
        if isinstance(command, AudioAppend):
            self._audio -= len(command.audio)
        else:
            self._messages -= 1
        return command

    def take(self) -> Iterator[Command]:
        """Gives all of them, in order, and keeps none."""
        commands, self._commands = self._commands, deque()
        self._audio = self._messages = 0
        return iter(commands)

    def take_back_requests(self) -> None:
        """Forgets requests for a reply: it was interrupted before it was asked for."""
        for command in self.take():
            if not isinstance(command, ResponseCreate):
                self.add(command)
