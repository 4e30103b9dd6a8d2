"""What is kept of a session from one connection to the next: options, conversation, and the speech that no vendor has taken yet.

Pure. It follows what was sent and received, and says what the next connection needs. It knows no connection and no vendor but
the vendor's rules for options.
"""

from __future__ import annotations

from typing import Any

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.conversation import Conversation
from voicechatengine.events import Event
from voicechatengine.messages import (
    Command,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Options,
    SessionCreate,
    SessionUpdate,
)
from voicechatengine.session.dialect import Ids, Restore
from voicechatengine.session.outage import Outage, take_stock
from voicechatengine.session.utterance import Utterance
from voicechatengine.session.vendor import Vendor


class Account:
    """The account of one runtime's session; `unsent_s` is how much audio (seconds) may be unsent or held. Raises `MessageError`
    for options that the vendor does not have.
    """

    __slots__ = (
        "_ids",
        "_unsent_ms",
        "_vendor",
        "conversation",
        "format",
        "most_audio",
        "options",
        "utterance",
    )

    def __init__(self, vendor: Vendor[Any], options: Options, unsent_s: float, ids: Ids) -> None:
        vendor.check(options)
        self._vendor = vendor
        self._unsent_ms = unsent_s * 1000
        self._ids = ids
        self.options: Options = options
        self.format: AudioFormat = vendor.audio_format(options)
        self.most_audio: int = self.format.size_of(self._unsent_ms)  # bytes unsent, or held
        self.conversation: Conversation = Conversation(self.format)
        self.utterance: Utterance = self._new_utterance()

    def define(self, message: SessionCreate | SessionUpdate) -> None:
        """Before there is a session: its options, and the history that it begins with. Raises `MessageError` like the vendor."""
        changed = self.options.merged(message.options)
        self._vendor.check(changed)
        self._set_options(changed)
        if isinstance(message, SessionCreate):
            self.forget()
            history = tuple(self.named(ItemCreate(item)).item for item in message.history)
            self.conversation.apply(SessionCreate(message.options, history))

    def check(self, message: SessionUpdate) -> None:
        """Raises `MessageError` for a change that the vendor does not have."""
        self._vendor.check(self.options.merged(message.options))

    def named(self, message: ItemCreate) -> ItemCreate:
        """The item with an id, so that every fold and the vendor know it by the same one."""
        item = message.item
        if item.id:
            return message
        return ItemCreate(msgspec.structs.replace(item, id=self._ids("item")), message.previous_item_id)

    def sent(self, message: Command, *, late: bool) -> None:
        """Something was said to the vendor; `late`: it is what an earlier connection left unsaid."""
        (self.utterance.sent_late if late else self.utterance.sent)(message)
        self.conversation.apply(message)
        if isinstance(message, SessionUpdate):
            self._set_options(self.options.merged(message.options))

    def retold(self, message: ItemTruncate) -> list[Command]:
        """Corrects an item that the vendor has as words to what was heard: it is taken out, and put in its place with fewer."""
        self.conversation.apply(message)
        commands: list[Command] = [ItemDelete(message.item_id)]
        before = "root"
        for item in self.conversation.items():
            if item.id == message.item_id:
                commands.append(ItemCreate(item, before))
            before = item.id or before
        return commands

    def received(self, data: Event) -> None:
        """Something came that is no sound; sound is the conversation's alone."""
        self.conversation.apply(data)
        self.utterance.received(data)

    def begin(self) -> None:
        """A connection begins: nothing was said in it yet."""
        self.utterance = self._new_utterance()

    def forget(self) -> None:
        """The conversation is over; the options stay."""
        self.conversation = Conversation(self.format)

    def stock(self, snapshot: Restore) -> Outage:
        """What the next connection needs, after one that leaves `snapshot`."""
        return take_stock(snapshot, self.options, self.conversation, self.utterance)

    def _set_options(self, options: Options) -> None:
        before, self.options = self.format, options
        self.format = self._vendor.audio_format(options)
        if not self.format.same_sound(before):
            self.utterance = self._new_utterance()  # what was kept cannot be joined with what comes
        self.most_audio = self.format.size_of(self._unsent_ms)
        self.utterance.manual = options.turn_detection is None

    def _new_utterance(self) -> Utterance:
        return Utterance(self.format, manual=self.options.turn_detection is None)
