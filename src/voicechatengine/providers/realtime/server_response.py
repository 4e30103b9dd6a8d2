"""One response as OpenAI's service writes it: each message in the service's order, from what a model gives bit by bit.

It knows how a response is written, and neither who makes it nor when one may begin. The order is that of recorded sessions of
2026-07; `https://platform.openai.com/docs/api-reference/realtime-server-events` (read 2026-11-22) describes the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import pybase64

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.events import Usage
from voicechatengine.providers.realtime import objects, wire
from voicechatengine.providers.realtime.server_items import Conversation

Kind = Literal["audio", "text"]
Status = Literal["completed", "cancelled", "failed", "incomplete"]

ARGUMENTS_CHARS: Final = 8  # of a call's arguments in one delta: about as much as the service sends


class Plan(msgspec.Struct, frozen=True):
    """What a response was asked to be; `conversation` False is out of band."""

    response_id: str
    conversation_id: str | None
    output_modalities: list[str]
    max_output_tokens: int | str
    audio_output: dict[str, Any]
    metadata: dict[str, str] | None
    conversation: bool


class ServerResponse:
    """Writes one response through `say`; items of the conversation are put into `conversation`.

    `source` is the format of the audio that comes, `target` that of the wire. Nothing is written after `finish`.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        say: Callable[[wire.Message], None],
        ids: Callable[[str], str],
        conversation: Conversation,
        source: AudioFormat,
        target: AudioFormat,
    ) -> None:
        self.plan = plan
        self.audio_ms: float = 0.0
        self.spoke: bool = False
        self.by_silence: bool = False  # nobody asked for it: it fills a silence
        self._say = say
        self._ids = ids
        self._conversation = conversation
        self._source = source
        self._target = target
        self._recoders: dict[AudioFormat, Recoder] = {}
        self._output: list[objects.Item] = []
        self._item: objects.Item | None = None  # the message that is being written
        self._key: str | None = None  # the maker's name for it
        self._kind: Kind | None = None  # of the part that is being written
        self._words: list[str] = []
        say(wire.ResponseCreated(response=self._object("in_progress")))

    @property
    def last_item(self) -> str | None:
        """The id of the item that was begun last."""
        return str(self._output[-1].id) if self._output else None

    def text(self, text: str, *, spoken: bool, key: str | None) -> None:
        """More words; `key` is the maker's name for the item that they belong to."""
        item = self._open("audio" if spoken else "text", key)
        self._words.append(text)
        delta = wire.TranscriptDelta if spoken else wire.TextDelta
        self._say(
            delta(
                response_id=self.plan.response_id,
                item_id=str(item.id),
                output_index=self._index,
                content_index=self._part_index,
                delta=text,
            )
        )

    def audio(self, audio: bytes, audio_format: AudioFormat | None, *, key: str | None) -> None:
        """More audio, in `audio_format` or else the source's."""
        source = audio_format or self._source
        recoder = self._recoders.setdefault(source, Recoder(source, self._target))
        sound = recoder(audio)
        item = self._open("audio", key)
        length = self._target.duration_ms(len(sound))
        self.audio_ms += length
        self.spoke = True
        lengths = self._conversation.audio_ms
        lengths[str(item.id)] = lengths.get(str(item.id), 0.0) + length
        self._say(
            wire.AudioDelta(
                response_id=self.plan.response_id,
                item_id=str(item.id),
                output_index=self._index,
                content_index=self._part_index,
                delta=pybase64.b64encode_as_string(sound),
            )
        )

    def call(self, call_id: str, name: str, arguments: str) -> None:
        """A whole call of a function, in deltas."""
        self._close("completed")
        item = objects.Item(
            id=self._ids("item"),
            type="function_call",
            status="in_progress",
            name=name,
            call_id=call_id,
            arguments="",
        )
        self._begin(item)
        place: dict[str, Any] = {
            "response_id": self.plan.response_id,
            "item_id": item.id,
            "output_index": self._index,
            "call_id": call_id,
        }
        for start in range(0, len(arguments), ARGUMENTS_CHARS):
            self._say(wire.ArgumentsDelta(**place, delta=arguments[start : start + ARGUMENTS_CHARS]))
        self._say(wire.ArgumentsDone(**place, name=name, arguments=arguments))
        item.arguments = arguments
        self._end(item, "completed")

    def finish(self, status: Status, details: objects.StatusDetails | None, usage: Usage | None) -> None:
        """Ends what is open and the response; `usage` None is written as nothing used."""
        self._close("completed" if status == "completed" else "incomplete")
        self._say(wire.ResponseDone(response=self._object(status, details, usage_of(usage or Usage()))))

    # -- items

    @property
    def _index(self) -> int:
        return len(self._output) - 1

    @property
    def _part_index(self) -> int:
        assert self._item is not None
        return len(self._item.content or ())

    def _begin(self, item: objects.Item) -> None:
        self._output.append(item)
        self._say(
            wire.OutputItemAdded(response_id=self.plan.response_id, output_index=self._index, item=item)
        )
        if self.plan.conversation:
            previous = self._conversation.add(item)
            self._say(wire.ItemAdded(previous_item_id=previous, item=item))

    def _end(self, item: objects.Item, status: str) -> None:
        item.status = status
        if self.plan.conversation and str(item.id) in self._conversation:  # not deleted meanwhile
            self._say(wire.ItemDone(previous_item_id=self._conversation.before(str(item.id)), item=item))
        self._say(wire.OutputItemDone(response_id=self.plan.response_id, output_index=self._index, item=item))

    def _open(self, kind: Kind, key: str | None) -> objects.Item:
        """The message and the part that this belongs to, begun if they are new."""
        if self._item is not None and key is not None and key != self._key:
            self._close("completed")
        if self._item is None:
            self._key = key
            self._item = objects.Item(
                id=self._ids("item"), type="message", status="in_progress", role="assistant", content=[]
            )
            self._begin(self._item)
        if self._kind != kind:
            self._close_part()
            self._kind = kind
            self._say(
                wire.ContentPartAdded(
                    response_id=self.plan.response_id,
                    item_id=str(self._item.id),
                    output_index=self._index,
                    content_index=self._part_index,
                    part=_part(kind, ""),
                )
            )
        return self._item

    def _close_part(self) -> None:
        item, kind = self._item, self._kind
        if item is None or kind is None:
            return
        words = "".join(self._words)
        place: dict[str, Any] = {
            "response_id": self.plan.response_id,
            "item_id": item.id,
            "output_index": self._index,
            "content_index": self._part_index,
        }
        if kind == "audio":
            self._say(wire.AudioDone(**place))
            self._say(wire.TranscriptDone(**place, transcript=words))
        else:
            self._say(wire.TextDone(**place, text=words))
        self._say(wire.ContentPartDone(**place, part=_part(kind, words)))
        assert isinstance(item.content, list)
        item.content.append(
            objects.Content(type="output_audio", transcript=words)
            if kind == "audio"
            else objects.Content(type="output_text", text=words)
        )
        self._words, self._kind = [], None

    def _close(self, status: str) -> None:
        item = self._item
        if item is not None:
            self._close_part()
            self._item = self._key = None
            self._end(item, status)

    def _object(
        self, status: str, details: objects.StatusDetails | None = None, usage: objects.Usage | None = None
    ) -> objects.Response:
        plan = self.plan
        return objects.Response(
            id=plan.response_id,
            status=status,
            status_details=details,
            output=self._output,
            conversation_id=plan.conversation_id,
            output_modalities=plan.output_modalities,
            max_output_tokens=plan.max_output_tokens,
            audio=objects.Audio(output=msgspec.convert(plan.audio_output, objects.AudioOutput)),
            usage=usage,
            metadata=plan.metadata,
        )


def _part(kind: Kind, words: str) -> objects.Content:
    return (
        objects.Content(type="audio", transcript=words)
        if kind == "audio"
        else objects.Content(type="text", text=words)
    )


def usage_of(usage: Usage) -> objects.Usage:
    """A usage as the service writes it."""
    return objects.Usage(
        total_tokens=usage.total_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        input_token_details=objects.InputTokens(
            text_tokens=usage.input_text_tokens,
            audio_tokens=usage.input_audio_tokens,
            image_tokens=usage.input_image_tokens,
            cached_tokens=usage.cached_tokens,
            cached_tokens_details=objects.CachedTokens(),
        ),
        output_token_details=objects.OutputTokens(
            text_tokens=usage.output_text_tokens, audio_tokens=usage.output_audio_tokens
        ),
    )
