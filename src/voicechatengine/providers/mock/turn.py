"""How a mock turn is put together, and what answering it costs. Pure functions on values."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import Usage
from voicechatengine.messages import (
    AudioPart,
    ImagePart,
    Item,
    MessageItem,
    Options,
    TextPart,
    ToolResultItem,
)
from voicechatengine.providers.mock.script import MockTurn

KEPT_S: Final = 600  # of audio in one turn
TOKEN_CHARS, INPUT_TOKEN_MS, OUTPUT_TOKEN_MS = 4, 100, 50  # about what vendors count


def input_format(options: Options) -> AudioFormat:
    """What a session with these options takes."""
    return options.input_audio_format or AudioFormat()


def output_format(options: Options) -> AudioFormat:
    """What a session with these options gives."""
    return options.output_audio_format or input_format(options)


def with_audio(turn: MockTurn, audio: bytes, form: AudioFormat) -> MockTurn:
    """The turn with more speech; of very much, the end is kept."""
    kept = (turn.audio + audio)[-form.size_of(KEPT_S * 1000) :]
    return replace(turn, audio=kept, audio_ms=turn.audio_ms + form.duration_ms(len(audio)))


def with_item(turn: MockTurn, item: Item, form: AudioFormat) -> MockTurn:
    """The turn with an item that the application added; words that the assistant is made to have said answer what came before."""
    if isinstance(item, ToolResultItem):
        return replace(turn, tool_results=(*turn.tool_results, item))
    if isinstance(item, MessageItem) and item.role == "assistant":
        return replace(turn, texts=(), transcripts=(), audio=b"", audio_ms=0.0, images=0, tool_results=())
    if not isinstance(item, MessageItem) or item.role != "user":
        return turn
    for part in item.content:
        match part:
            case TextPart(text=text):
                turn = replace(turn, texts=(*turn.texts, text))
            case ImagePart():
                turn = replace(turn, images=turn.images + 1)
            case AudioPart(audio=audio, transcript=words):
                turn = with_audio(turn, audio, form)
                turn = replace(turn, transcripts=(*turn.transcripts, words)) if words else turn
    return turn


def usage(turn: MockTurn, chars: int, audio_ms: float) -> Usage:
    """About what a vendor would have counted for an answer of so many characters and milliseconds."""
    texts = (*turn.texts, *(result.output for result in turn.tool_results))
    heard, spoken = int(turn.audio_ms / INPUT_TOKEN_MS), int(audio_ms / OUTPUT_TOKEN_MS)
    read, said = sum(map(len, texts)) // TOKEN_CHARS, -(-chars // TOKEN_CHARS)
    return Usage(
        input_tokens=heard + read,
        output_tokens=spoken + said,
        total_tokens=heard + read + spoken + said,
        input_text_tokens=read,
        input_audio_tokens=heard,
        output_text_tokens=said,
        output_audio_tokens=spoken,
    )
