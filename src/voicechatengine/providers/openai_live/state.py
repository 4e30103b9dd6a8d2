"""What the client's side of a connection knows at one moment, and the few steps that sending and receiving share."""

from __future__ import annotations

from collections import deque
from typing import Final

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import ItemAdded, ResponseCompleted, ResponseStarted, SpeechStopped
from voicechatengine.messages import Options, ResponseCreate
from voicechatengine.providers.openai_live import encode, wire
from voicechatengine.providers.openai_live.backend import Backend
from voicechatengine.providers.openai_live.requests import Requests
from voicechatengine.providers.openai_live.turns import Output, Turns
from voicechatengine.session.dialect import Frame, Ids, Restore

SILENT_S: Final = 0.25  # without audio of the application, before silence is sent in its place
FILL_MS: Final = 100.0
FILLS: Final = 10  # such stretches at once, when the loop was late
FILLS_KNOWN: Final = 32
AHEAD_MS: Final = 1_000.0  # a transcript that is further ahead of the audio is not timed by it
SENT: Final = 256


class State:
    """The state of one connection. `sent` maps the event ids of messages to the message types of their commands, `added` to
    the items that they add.
    """

    def __init__(self, restore: Restore, ids: Ids, patience: float) -> None:
        self.restore = restore
        self.ids = ids
        self.options: Options = restore.options
        self.form: AudioFormat = encode.audio_format(restore.options)
        self.client_delegation: bool = encode.delegates_to_client(restore.options)
        self.requests: Requests = Requests(patience)
        self.turns: Turns = Turns(ids, self.form, self.place)
        self.backend: Backend = Backend(restore.pending_calls)
        self.sent: dict[str, str] = {}
        self.added: dict[str, ItemAdded] = {}
        self.frame: bytes | str = b"{}"  # the one that came last
        self.lost: list[str] = []  # of the history, for people
        self.started = False
        self.session_id = ""
        self.expires_at: float | None = None
        self.expiry_told = False
        self.appended = 0  # bytes of the application's audio
        self._fills: deque[tuple[float, float]] = (
            deque()
        )  # silence in its place: from when on, how long, in ms
        self._filled_ms = 0.0  # all of it
        self._forgotten_ms = 0.0  # what is not in `_fills` any more
        self.fed: float | None = None  # when the service got audio last
        self._timed = True  # the session's timeline is that of the audio

    # -- the user's audio

    def place(self, timeline_ms: float) -> float | None:
        """Where in the application's audio a time on the session's timeline is, in ms: the session advances with the audio that it
        is given, silence of ours included. None once a time contradicts that.
        """
        given = self.form.duration_ms(self.appended)
        if timeline_ms > given + self._filled_ms + AHEAD_MS:
            self._timed = False
        if not self._timed:
            return None
        silent = sum(min(max(0.0, timeline_ms - begun), length) for begun, length in self._fills)
        return min(max(0.0, timeline_ms - self._forgotten_ms - silent), given)

    @property
    def waits(self) -> bool:
        """Whether something is to come from the model, for which its time must pass."""
        return (
            self.requests.deadline() is not None
            or self.turns.reply is not None
            or self.turns.listening
            or self.backend.busy
        )

    def fill_due(self) -> float | None:
        """When silence is to be sent because the application sends nothing; None while nothing is waited for."""
        if not self.started or self.fed is None or not self.waits:
            return None
        return self.fed + SILENT_S

    def fill(self, now: float, out: list[Output]) -> None:
        """Sends the silence that is due: a session stands still without audio."""
        due = self.fill_due()
        if due is None or due > now:
            return
        stretches = 1 + int((now - due) * 1000 / FILL_MS)
        if stretches > FILLS:  # nothing was waited for until now
            stretches, due = 1, now
        self.fed = due - SILENT_S + stretches * FILL_MS / 1000
        self._filled(stretches * FILL_MS)
        out.append(Frame(encode.append(self.form.silence(stretches * FILL_MS))))

    def _filled(self, length: float) -> None:
        at = self.form.duration_ms(self.appended) + self._filled_ms
        self._filled_ms += length
        if self._fills and sum(self._fills[-1]) == at:
            at, before = self._fills.pop()
            length += before
        self._fills.append((at, length))
        if len(self._fills) > FILLS_KNOWN:
            self._forgotten_ms += self._fills.popleft()[1]

    # -- messages

    def post(self, message: wire.Client, kind: str, out: list[Output]) -> str:
        """Sends a message; an error that names its event id is one of the command `kind`. Returns that id."""
        event_id = message.event_id = self.ids("event")
        self.sent[event_id] = kind
        if len(self.sent) > SENT:
            oldest = next(iter(self.sent))
            del self.sent[oldest]
            self.added.pop(oldest, None)
        out.append(Frame(wire.encode(message)))
        return event_id

    def tell(self, command: ResponseCreate, out: list[Output]) -> None:
        """Tells the model to speak."""
        for message in encode.request(command):
            self.post(message, "response_create", out)

    def continue_backend(self, now: float, out: list[Output]) -> None:
        """All results are there: the backend goes on, and the model will speak of it."""
        self.post(wire.ResponseCreate(), "tool_result", out)
        self.turns.answered(out)
        self.requests.answers(now)

    # -- what events mean for requests

    def settle(self, now: float, out: list[Output]) -> None:
        """Draws the conclusions from what is being told, and makes a request that waited for it."""
        for event in tuple(out):
            if isinstance(event, ResponseStarted):
                self.requests.begun()
            elif isinstance(event, SpeechStopped):
                self.requests.answers(now)
            elif isinstance(event, ResponseCompleted) and self.turns.reply is None:
                command = self.requests.next(now)
                if command is not None:
                    self.turns.wanted()
                    self.tell(command, out)
