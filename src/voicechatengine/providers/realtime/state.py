"""What the client's side of a connection knows at one moment, and the few steps that sending and receiving share."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.events import Event, ItemAdded, Usage
from voicechatengine.messages import Options, Role
from voicechatengine.providers.realtime import encode, objects, wire
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.providers.realtime.replies import Kind, Replies, Reply, Status
from voicechatengine.providers.realtime.requests import ANSWER_S, Requests
from voicechatengine.session.dialect import Frame, Ids, Outgoing, Restore
from voicechatengine.session.remember import remember

Output: TypeAlias = Event | Outgoing


class State:
    """The state of one connection. `sent` maps the event ids of messages to the message types of their commands."""

    __slots__ = (
        "aliases",
        "block",
        "buffered",
        "commits",
        "conversation_id",
        "differences",
        "expires_at",
        "expiry_told",
        "ids",
        "input",
        "options",
        "replies",
        "requests",
        "restore",
        "resuming",
        "sent",
        "session_id",
    )

    def __init__(self, restore: Restore, ids: Ids, patience: float, differences: Differences) -> None:
        self.restore: Restore = restore
        self.differences: Differences = differences
        self.ids: Ids = ids
        self.options: Options = restore.options
        self.requests: Requests = Requests(patience)
        self.replies: Replies = Replies(len(restore.history))
        self.replies.calls.update(dict.fromkeys(restore.pending_calls, True))
        self.sent: dict[str, str] = {}
        self.session_id: str = ""
        self.conversation_id: str | None = None
        self.resuming: list[objects.Item] | None = None  # what the service has kept, while it says so
        self.aliases: dict[str, str] = {}  # of items from before: our id -> the service's new one
        self.expires_at: float | None = None
        self.expiry_told: bool = False
        self.input: AudioFormat = differences.input
        self.block: int = 0  # bytes of one sample of the input
        self.buffered: int = 0  # bytes of audio sent and not committed
        self.commits: int = 0  # commits of ours that are not confirmed
        self.set_formats()

    def set_formats(self) -> None:
        """Takes over the formats of the options."""
        options = self.options
        self.input = options.input_audio_format or self.differences.input
        self.block = self.input.block_bytes
        output = options.output_audio_format or self.differences.output
        self.replies.set_format(output, None if output.same_sound(self.input) else output)

    def answers(self) -> bool:
        """Whether the service answers the user's speech by itself."""
        detection = self.options.turn_detection
        return True if detection is UNSET else detection is not None and detection.create_response

    def post(self, message: wire.ClientMessage | wire.ImageAppend, kind: str, out: list[Output]) -> str:
        """Sends a message; an error that names its event id is one of the command `kind`. Returns that id."""
        event_id = message.event_id = self.ids("event")
        remember(self.sent, event_id, kind)
        out.append(Frame(wire.encode(message)))
        return event_id

    def ask_held(self, now: float, out: list[Output]) -> None:
        """Makes the requests that can be made now."""
        while (request := self.requests.next()) is not None:
            params = encode.response(request.command, self.input, self.differences)
            message = wire.ResponseCreate(response=params or UNSET)
            self.requests.sent(request, self.post(message, request.kind, out), now)

    def interrupt(self, reply: Reply, now: float, out: list[Output]) -> None:
        """Cancels a response, and tells it as interrupted at once; its end is waited for, but not for ever."""
        self.post(wire.ResponseCancel(response_id=reply.id), "response_cancel", out)
        self.replies.cut(reply, out)
        reply.due = now + ANSWER_S

    def begin(
        self,
        response_id: str,
        now: float,
        out: list[Output],
        *,
        in_conversation: bool | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Reply:
        """A response begins."""
        beside, cancelled = self.requests.begun(response_id, in_conversation=in_conversation)
        reply = self.replies.begin(response_id, out, beside=beside, metadata=metadata)
        if cancelled:  # the cancel may have come before there was anything to cancel
            self.interrupt(reply, now, out)
        return reply

    def unnamed(self) -> str:
        """An id for a response that the service does not name: none of another one."""
        while (made := self.ids("resp")) in self.replies.open or self.replies.has_ended(made):
            pass
        return made

    def reply(self, response_id: str, now: float, out: list[Output]) -> Reply | None:
        """The response that something came of, begun here if nobody said so; None if it is over or was cut."""
        reply = self.replies.open.get(response_id or self.requests.active or "")
        if reply is None:
            if self.replies.has_ended(response_id):
                return None
            reply = self.begin(response_id or self.unnamed(), now, out)
        return None if reply.cut else reply

    def end(
        self,
        reply: Reply,
        out: list[Output],
        status: Status,
        reason: str | None = None,
        *,
        usage: Usage | None = None,
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Ends a response, and with the conversation's active one all before it: they cannot run any more."""
        active = self.requests.ended(reply.id)
        earlier = [each for each in self.replies.open.values() if active and not each.beside]
        self.replies.end(reply, out, status, reason, usage=usage, metadata=metadata)
        for each in earlier:
            if each is not reply:
                self.replies.end(each, out, "interrupted", "superseded")

    def answer_call(self, call_id: str) -> None:
        """A call has its result: the service refuses a second one."""
        if self.replies.calls.get(call_id) is False:
            raise MessageError(
                f"the call {call_id} has its result", field="call_id", cure="give each call one result"
            )
        remember(self.replies.calls, call_id, value=False)

    def announce(self, item_id: str, role: Role, previous: str | None, kind: Kind, out: list[Output]) -> None:
        """Tells of an item, once."""
        if not item_id:
            return
        item = self.replies.item(item_id)
        if not item.announced:
            item.announced = True
            out.append(ItemAdded(item_id, role, None if previous == "root" else previous or None, kind))
