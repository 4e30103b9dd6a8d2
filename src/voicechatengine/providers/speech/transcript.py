"""Reads the answer of a transcription endpoint: bytes in, the words so far out. Pure; each is a `session.fold.Fold`.

What a server answers with is known by the content type: a stream of events, or one JSON object for those that do not stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from voicechatengine.errors import ConnectionError, ProtocolError
from voicechatengine.events import Usage
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.speech import wire
from voicechatengine.session.fold import Fold
from voicechatengine.session.http import CUT
from voicechatengine.session.refusal import SERVER_ERROR, explain, of_status
from voicechatengine.session.sse import SseParser

MAX_JSON: Final = 2**20  # bytes: what is said in a quarter of an hour is a hundredth of it


def transcript(content_type: str) -> Fold[Heard] | None:
    """What reads an answer of this content type, None for one that is no transcription."""
    if content_type.startswith("text/event-stream"):
        return TranscriptEvents()
    return TranscriptJson() if content_type.startswith("application/json") else None


class TranscriptEvents:
    """A streamed transcription: OpenAI's events, whole segments (older releases of Speaches), or chunks (vLLM)."""

    def __init__(self) -> None:
        self.done: bool = False
        self._parser = SseParser()
        self._text = ""
        self._ends_silently = False

    def feed(self, data: bytes, /) -> Iterator[Heard]:
        """What these bytes give. Raises the error that the server tells of, or `ProtocolError` for what is no such stream."""
        for event in self._parser.feed(data):
            if self.done:
                return
            if event.data.strip() == wire.DONE:
                yield from self._finish(self._text)
            else:
                yield from self._take(read(event.data))

    def end(self) -> Iterator[Heard]:
        """The stream has ended: only servers that send whole segments say so by that alone."""
        if not self._ends_silently:
            raise broken_off("transcription")
        yield from self._finish(self._text)

    def _take(self, told: wire.Told) -> Iterator[Heard]:
        before = self._text
        if told.type == "transcript.text.done":
            yield from self._finish(told.text if told.text is not None else self._text, told.usage)
            return
        if told.type == "transcript.text.delta":
            self._text += told.delta or ""
        elif told.type is None and told.text is not None:
            self._ends_silently = True
            self._text = f"{self._text} {told.text.strip()}"
        else:
            self._text += "".join(choice.delta.content or "" for choice in told.choices or ())
        if self._text != before:
            yield Heard(self._text.strip())

    def _finish(self, text: str, usage: wire.Usage | None = None) -> Iterator[Heard]:
        self.done = True
        yield Heard(text.strip(), final=True, usage=_usage(usage))


class TranscriptJson:
    """A transcription that comes whole, when the answer has ended."""

    def __init__(self) -> None:
        self.done: bool = False
        self._body = bytearray()

    def feed(self, data: bytes, /) -> Iterator[Heard]:
        """More of it. Raises `ProtocolError` for more than there can be."""
        self._body += data
        if len(self._body) > MAX_JSON:
            raise ProtocolError(
                f"the server answered with more than {MAX_JSON} bytes",
                cure="check that the url leads to a transcription endpoint",
            )
        return iter(())

    def end(self) -> Iterator[Heard]:
        """All of it is there."""
        self.done = True
        told = read(self._body.decode(errors="replace"))
        if told.text is None:
            raise ProtocolError(
                "the server's answer has no text", cure="check that the url leads to a transcription endpoint"
            )
        # whisper.cpp sets each of its segments on a line of its own.
        yield Heard(" ".join(told.text.split()), final=True, usage=_usage(told.usage))


def read(data: str) -> wire.Told:
    """An event, or a whole answer. Raises `ProtocolError` for what is none, and the error that it tells of."""
    try:
        told = wire.decode(data)
    except msgspec.DecodeError as error:
        raise ProtocolError(
            f"the server sent what cannot be read ({error})",
            cure="check that the url leads to an OpenAI-compatible audio endpoint",
        ) from None
    if told.error is not None or told.type == "error":
        code, message = explain(data)
        raise of_status(SERVER_ERROR, f"the server failed: {message}", code=code)
    return told


def broken_off(what: str) -> ConnectionError:
    """The error for an answer that ended before it was whole."""
    return ConnectionError(f"the server broke off in the midst of a {what}", cure="try again", code=CUT)


def _usage(told: wire.Usage | None) -> Usage | None:
    if told is None:
        return None
    details = told.input_token_details or wire.TokenDetails()
    return Usage(
        input_tokens=told.input_tokens or 0,
        output_tokens=told.output_tokens or 0,
        total_tokens=told.total_tokens or 0,
        input_text_tokens=details.text_tokens or 0,
        input_audio_tokens=details.audio_tokens or 0,
        input_seconds=told.seconds or 0.0,
    )
