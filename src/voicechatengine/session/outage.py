"""What a lost connection leaves to be done: what the next session starts from, what is said again, what is missing.

Pure. The rules: speech that the vendor committed is never sent again as audio; an utterance not yet committed is sent again
whole; a reply that was asked for and had not begun is asked for again; what cannot be kept is named, for people.
"""

from __future__ import annotations

import msgspec

from voicechatengine.conversation import Conversation
from voicechatengine.messages import AudioAppend, AudioCommit, Command, ItemDelete, Options, ResponseCreate
from voicechatengine.session.dialect import Restore
from voicechatengine.session.utterance import Utterance


class Outage(msgspec.Struct, frozen=True):
    """The time between two connections: `restore` opens the next one, the rest follows when it is there.

    `turns` says where in `audio` (bytes) the application ended a turn.
    """

    restore: Restore
    audio: bytes
    turns: tuple[int, ...]
    reply: ResponseCreate | None
    missing: tuple[str, ...]

    def commands(self) -> list[Command]:
        """What is said first in the new session, also in one that the vendor resumed: asking for a reply only ensures one."""
        commands = self.speech()
        if self.reply is not None:
            commands.append(self.reply)
        return commands

    def speech(self) -> list[Command]:
        """The user's audio, and the ends of turns in it."""
        commands: list[Command] = []
        place = 0
        for end in self.turns:
            commands += [AudioAppend(self.audio[place:end]), AudioCommit()]
            place = end
        if place < len(self.audio):
            commands.append(AudioAppend(self.audio[place:]))
        return commands


def take_stock(
    snapshot: Restore, options: Options, conversation: Conversation, utterance: Utterance
) -> Outage:
    """The outage that begins now. The utterance's own item leaves the conversation: it will come back under a new id. Words that
    are missing are named once: later sessions know as little of them.
    """
    if utterance.item_id is not None:
        conversation.apply(ItemDelete(utterance.item_id))
    missing = [*snapshot.lost, *(f"the words of {item}" for item in conversation.give_up_words())]
    reply = snapshot.reply_owed
    audio = utterance.audio()
    if reply is not None and conversation.unheard_turn() and not utterance.commit_due:
        missing.append("the reply to words that are not known")
        reply = None
    if utterance.trimmed_ms:
        missing.append(f"the first {utterance.trimmed_ms / 1000:.1f} s of a long utterance")
    restore = msgspec.structs.replace(
        snapshot, options=options, history=conversation.items(), reply_owed=None, reconnect=True
    )
    return Outage(restore, audio, utterance.turns(), reply, tuple(missing))
