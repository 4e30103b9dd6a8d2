"""What a cascade refuses to be sent: what its parts could do nothing with. Pure."""

from __future__ import annotations

from voicechatengine.audio.convert import to_pcm16
from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    AudioPart,
    Command,
    Image,
    ImagePart,
    Item,
    ItemCreate,
    MessageItem,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
)
from voicechatengine.providers.cascade.config import check_modalities, check_options
from voicechatengine.providers.cascade.together import Parts


def check(message: Command, parts: Parts, form: AudioFormat, *, images: bool) -> None:
    """Raises `MessageError` or `AudioError` for what these parts cannot do; audio is in `form`."""
    if isinstance(message, (AudioAppend, AudioCommit, AudioClear, ActivityStart, ActivityEnd)):
        if parts.stt is None:
            raise MessageError("this cascade hears nothing", field="message_type", cure="give the part stt")
        if isinstance(message, AudioAppend):
            form.check(message.audio)
            if form.encoding == "float32":
                to_pcm16(message.audio, form)  # raises for what is not a number
    if isinstance(message, (SessionCreate, SessionUpdate)):
        check_options(message.options, parts)
    if isinstance(message, ResponseCreate):
        if message.modalities == ():
            raise MessageError("modalities is empty", field="modalities", cure="give text, audio or None")
        check_modalities(message.modalities or (), parts)
    for item in _items(message):
        _check_item(item, images=images)


def _items(message: Command) -> tuple[Item, ...]:
    match message:
        case SessionCreate(history=items):
            return items
        case ItemCreate(item=item):
            return (item,)
        case Image(image=image):
            return (MessageItem("user", (ImagePart(image),)),)
        case ResponseCreate(input=items):
            return items or ()
        case _:
            return ()


def _check_item(item: Item, *, images: bool) -> None:
    for part in item.content if isinstance(item, MessageItem) else ():
        if isinstance(part, ImagePart) and not images:
            raise MessageError(
                "this cascade's language model takes no pictures",
                field="content",
                cure="describe it in words, or set CascadeConfig(images=True) for a model that does",
            )
        if isinstance(part, AudioPart) and part.transcript is None:
            raise MessageError(
                "an audio part without its words: language models read",
                field="content",
                cure="give the transcript, or send the audio with send_audio",
            )
