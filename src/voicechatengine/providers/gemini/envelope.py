"""What stands around the sound in a message that holds nothing else: from one such message to the next it is the same.

How the service spells its JSON (the order of keys, spaces, lines) no document says, so it is learned from the first such message
and compared with the next ones. No JSON is read there: strict base64 has no quote and no escape, so what stands between two known
ends is all of the string, and a JSON reader would look at each of its characters. It knows no rule and keeps nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec
from pybase64 import b64decode

from voicechatengine.audio.format import AudioFormat
from voicechatengine.providers.gemini import decode, wire
from voicechatengine.providers.gemini.objects import Blob, Content, Part

LONGEST: Final = 1024  # bytes around the sound


class Envelope(msgspec.Struct, frozen=True):
    """A message's bytes before the base64 and after it, and the format of the sound."""

    head: bytes
    tail: bytes
    form: AudioFormat

    def sound(self, frame: bytes) -> bytes:
        """The sound of a frame that is spelled like this; empty where it is anything else."""
        if not (frame.startswith(self.head) and frame.endswith(self.tail)):
            return b""
        try:
            return b64decode(frame[len(self.head) : -len(self.tail)], None, True)
        except ValueError:
            return b""


def learned(frame: bytes, message: wire.ServerMessage) -> Envelope | None:
    """What stands around the sound of this message, which was read from this frame; None where there is more in it."""
    turn = message.server_content.model_turn if message.server_content is not None else None
    blob = turn.parts[0].inline_data if turn is not None and turn.parts else None
    form = decode.spoken(blob.mime_type) if blob is not None else None
    if turn is None or blob is None or form is None or not blob.data:
        return None
    head, text, tail = frame.partition(blob.data.encode())
    if not text or len(head) + len(tail) > LONGEST:
        return None
    silent = Content([Part(inline_data=Blob(blob.mime_type, ""))], turn.role)
    try:
        is_all = wire.decode_server(head + tail) == wire.ServerMessage(
            server_content=wire.ServerContent(silent)
        )
    except (msgspec.DecodeError, RecursionError):  # it was somewhere else too
        return None
    return Envelope(head, tail, form) if is_all else None
