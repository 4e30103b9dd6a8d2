"""What an application does, held against what a recording says that one did. Pure: calls come in, differences come out.

Calls are compared in their order, payload by payload; ids that an application chose may differ, and so may by a little what
it measured. Audio is one stream of bytes, however it is cut; where it stands among the calls counts only for those that end a
turn, because elsewhere it is a matter of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any, Final, NamedTuple, cast

import msgspec

from voicechatengine.compose.failure import error_of
from voicechatengine.compose.tape import Call, Failure, Outcome, read, scrubbed
from voicechatengine.errors import MessageError, ProviderError
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Command,
    show,
)

HEARD_SLACK_MS: Final = 100.0  # playback positions are measured
SHOWN: Final = 80  # characters of a value in an error
_CHOSEN: Final = frozenset(
    {"item_id", "previous_item_id"}
)  # fields that name an item, perhaps by an id of the application
_ITEMS: Final = frozenset({"message", "tool_call", "tool_result"})


_BOUND: Final = (AudioCommit, AudioClear, ActivityStart, ActivityEnd)
"""Messages that mean the audio before them: how much that was must agree."""


class _Expected(NamedTuple):
    call: Call
    audio: int  # bytes of audio sent before it


class Checker:
    """Takes the application's calls one after the other. Reads the recording once at the beginning, its audio along the way."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._calls: list[_Expected] = []
        self._failures: dict[int, Failure] = {}
        self._audio = _recorded_audio(path)
        self._unheard = b""  # recorded audio that was read and not sent yet
        self._sent_audio = self._due_audio = 0
        self._made = self._due = 0
        self._ids: dict[str, str] = {}  # an item's id here -> its id in the recording
        total = 0
        for line in read(path):
            if isinstance(line, Outcome) and line.failure is not None:
                self._failures[line.number] = line.failure
            elif isinstance(line, Call):
                if isinstance(line.message, AudioAppend):
                    total += len(line.message.audio)
                else:
                    self._calls.append(_Expected(line, total))

    def take(self, call: str, message: Command | None = None) -> ProviderError | None:
        """The application made a call; gives what the recorded one raised. Raises `MessageError` naming what differs."""
        if isinstance(message, AudioAppend):
            self._hear(message.audio)
            return None
        if self._made == len(self._calls):
            told = _told(call, message)
            raise MessageError(f"{told} was sent, and nothing more was recorded", field="message_type")
        expected, audio = self._calls[self._made]
        place = f"call {expected.number}"
        if (expected.call, type(expected.message)) != (call, type(message)):
            told = _told(expected.call, expected.message)
            raise MessageError(
                f"{place} differs: recorded {told}, sent {_told(call, message)}", field="message_type"
            )
        place = f"{place}, {_told(call, message)}"
        if isinstance(message, _BOUND) and audio != self._sent_audio:
            what = f"recorded behind {audio} bytes of audio, sent behind {self._sent_audio}"
            raise MessageError(f"{place}: {what}", field="audio")
        if message is not None and expected.message is not None:
            found = self._difference(_plain(expected.message), _plain(scrubbed(message)), "")
            if found is not None:
                path, text = found
                raise MessageError(f"{place}, field {path}: {text}", field=path)
        self._made += 1
        failure = self._failures.get(expected.number)
        return None if failure is None else error_of(failure)

    def passed(self, line: Call) -> None:
        """The playback has come to this call."""
        if isinstance(line.message, AudioAppend):
            self._due_audio += len(line.message.audio)
        else:
            self._due += 1

    def caught_up(self) -> bool:
        """Whether the application has done all that the playback has come to."""
        return self._made >= self._due and self._sent_audio >= self._due_audio

    def missing(self) -> MessageError:
        """What it has not done yet."""
        if self._made < self._due:
            expected = self._calls[self._made].call
            told = f"call {expected.number}, {_told(expected.call, expected.message)}"
        else:
            told = f"{self._due_audio - self._sent_audio} bytes of audio"
        return MessageError(f"the recording goes on with {told}, and the application did not send it")

    def _hear(self, audio: bytes) -> None:
        """Compares audio with the recorded stream; what goes on behind its end is not compared."""
        while len(self._unheard) < len(audio) and (more := next(self._audio, None)) is not None:
            self._unheard += more
        wanted, self._unheard = self._unheard[: len(audio)], self._unheard[len(audio) :]
        if audio[: len(wanted)] != wanted:
            first = next(
                place for place, pair in enumerate(zip(audio, wanted, strict=False)) if pair[0] != pair[1]
            )
            raise MessageError(
                f"the audio differs from the recorded one at byte {self._sent_audio + first}", field="audio"
            )
        self._sent_audio += len(audio)

    def _difference(self, recorded: object, sent: object, path: str) -> tuple[str, str] | None:
        """The first place where two plain values differ, and how; None if they are alike."""
        told = partial(_both, recorded, sent)
        if isinstance(recorded, Mapping) and isinstance(sent, Mapping):
            return self._mappings(
                cast("Mapping[str, object]", recorded), cast("Mapping[str, object]", sent), path
            )
        if isinstance(recorded, (list, tuple)) and isinstance(sent, (list, tuple)):
            ours, theirs = cast("Sequence[object]", sent), cast("Sequence[object]", recorded)
            if len(ours) != len(theirs):
                return path, f"recorded {len(theirs)} entries, sent {len(ours)}"
            pairs = enumerate(zip(theirs, ours, strict=True))
            return next((at for n, pair in pairs if (at := self._difference(*pair, f"{path}[{n}]"))), None)
        return None if recorded == sent else (path, told())

    def _mappings(
        self, recorded: Mapping[str, object], sent: Mapping[str, object], path: str
    ) -> tuple[str, str] | None:
        item = recorded.get("type") in _ITEMS
        for name in dict.fromkeys((*recorded, *sent)):
            here = f"{path}.{name}".lstrip(".")
            before, after = recorded.get(name), sent.get(name)
            if item and name == "id":
                self._ids[str(after)] = str(before)
            elif self._same_item(name, before, after) or (name == "heard_ms" and _near(before, after)):
                continue
            elif (name in recorded) != (name in sent):
                there, gone = ("recorded", "sent") if name in recorded else ("sent", "recorded")
                return here, f"{there} {_short(recorded.get(name, after))}, not {gone}"
            elif found := self._difference(before, after, here):
                return found
        return None

    def _same_item(self, name: str, before: object, after: object) -> bool:
        return name in _CHOSEN and self._ids.get(str(after), after) == before


def _recorded_audio(path: str | PathLike[str]) -> Iterator[bytes]:
    for line in read(path):
        if isinstance(line, Call) and isinstance(line.message, AudioAppend):
            yield line.message.audio


def _plain(message: Command) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(message, builtin_types=(bytes,), enc_hook=show)
    return plain


def _near(before: object, after: object) -> bool:
    return (
        isinstance(before, (int, float))
        and isinstance(after, (int, float))
        and abs(before - after) <= HEARD_SLACK_MS
    )


def _told(call: str, message: Command | None) -> str:
    return call if message is None else str(message.__struct_config__.tag)


def _both(recorded: object, sent: object) -> str:
    return f"recorded {_short(recorded)}, sent {_short(sent)}"


def _short(value: object) -> str:
    text = show(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
