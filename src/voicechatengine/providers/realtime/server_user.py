"""The user's side of a session of OpenAI's service: audio becomes speech, speech an item, and the item gets its words.

It listens where the provider does not find the turns itself, and keeps the buffer in any case. It knows nothing of replies: that
speech interrupts one, or asks for one, is for who is told of it. It reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import UNSET

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.recode import Recoder
from voicechatengine.errors import AudioError
from voicechatengine.events import InputTranscript, ItemAdded, SpeechStarted, SpeechStopped
from voicechatengine.messages import AudioAppend, AudioClear, AudioCommit, Command
from voicechatengine.providers.realtime import objects, wire
from voicechatengine.providers.realtime import server_session as rules
from voicechatengine.providers.realtime.differences import Differences
from voicechatengine.providers.realtime.server_input import InputBuffer, Speech
from voicechatengine.providers.realtime.server_items import Conversation, Names, decoded
from voicechatengine.providers.realtime.server_session import Refused
from voicechatengine.session.dialect import Ids

MIN_COMMIT_MS: Final = 100
UNNAMED: Final = 64  # spoken items that the provider has not named yet: more are not waited for


class User:
    """Writes what the user did through `say`, and hands audio in the format `audio` to the provider through `ask`.

    `names` are shared with who else learns of items. `detects_turns`: the provider does, and tells of speech.
    """

    def __init__(
        self,
        *,
        say: Callable[[wire.Message], None],
        ask: Callable[[Command], None],
        ids: Ids,
        conversation: Conversation,
        names: Names,
        audio: AudioFormat,
        differences: Differences,
        detects_turns: bool,
    ) -> None:
        self._say = say
        self._ask = ask
        self._ids = ids
        self._conversation = conversation
        self._names = names
        self._audio = audio
        self._differences = differences
        self._detects_turns = detects_turns
        self._transcribes = False
        self._heard = differences.input  # the format of what the client sends
        self._input = InputBuffer(self._heard, None)
        self._recode = self.recoder()
        self._speech_id: str | None = None  # the item that the speech of now will be
        self._speech_ms = 0.0  # where it began
        self._unnamed: deque[str] = deque(maxlen=UNNAMED)
        self._words: dict[str, str] = {}  # of items, as far as they were transcribed
        self._lengths: dict[str, float] = {}  # of items, in ms

    @property
    def speaking(self) -> bool:
        """Whether speech is heard here at the moment."""
        return self._input.speaking

    @property
    def buffered_ms(self) -> float:
        """How much audio is in the buffer, in ms."""
        return self._input.buffered_ms

    def recoder(self) -> Recoder:
        """Brings audio of the client's into the provider's format, from its beginning."""
        return Recoder(self._heard, self._audio)

    def configure(self, audio_in: dict[str, Any]) -> None:
        """Listens as ``session.audio.input`` says from now on."""
        formats = self._differences.input_formats
        self._heard = next(known for known, said in formats.items() if said == audio_in["format"])
        detection = None if self._detects_turns else rules.turn_detection(audio_in["turn_detection"])
        self._input.configure(self._heard, detection)
        self._recode = self.recoder()
        self._transcribes = audio_in["transcription"] is not None

    # ------------------------------------------------------------------ what the client sends

    def append(self, message: wire.BufferAppend) -> Iterator[Speech]:
        """Takes audio in. Gives each edge of speech once it is told, and its turn an item: to be read to its end."""
        audio = decoded(message.audio, "audio")
        try:
            self._heard.check(audio)
        except AudioError as error:
            raise Refused("invalid_value", f"Invalid 'audio'. {error.message}.", "audio") from None
        for part in self._input.feed(audio):
            if isinstance(part, bytes):
                self._pass_on(part)
                continue
            if part.began:
                self._speech_id, self._speech_ms = self._ids("item"), part.ms
                self._say(wire.SpeechStarted(audio_start_ms=int(part.ms), item_id=self._speech_id))
            else:
                assert self._speech_id is not None
                self._say(wire.SpeechStopped(audio_end_ms=int(part.ms), item_id=self._speech_id))
                self._spoke(part.ms - self._speech_ms)
            yield part

    def commit(self, message: wire.BufferCommit) -> None:
        """The client ends a turn."""
        del message
        buffered = self._input.buffered_ms
        if buffered < MIN_COMMIT_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio,"
                f" but buffer only has {buffered:.2f}ms of audio.",
            )
        self._spoke(buffered)

    def clear(self, message: wire.BufferClear) -> None:
        """The client takes back what is in the buffer."""
        del message
        self._input.clear()
        self._speech_id = None
        self._ask(AudioClear())
        self._say(wire.BufferCleared())

    def stay_silent(self) -> None:
        """Nobody spoke for too long: the silence becomes an item."""
        item_id = self._ids("item")
        end = int(self._input.position_ms)
        start = max(0, end - int(self._input.buffered_ms))
        self._say(wire.TimeoutTriggered(audio_start_ms=start, audio_end_ms=end, item_id=item_id))
        self._input.clear()
        self._add(item_id)

    # ------------------------------------------------------------------ what the provider tells

    def began(self, event: SpeechStarted) -> None:
        """The provider heard the user begin."""
        self._speech_id = self._ids("item")
        at = self._input.position_ms if event.position_ms is None else event.position_ms
        self._say(wire.SpeechStarted(audio_start_ms=int(at), item_id=self._speech_id))

    def ended(self, event: SpeechStopped) -> None:
        """The provider heard the user end: the turn is the user's item."""
        item_id, self._speech_id = self._speech_id or self._ids("item"), None
        at = self._input.position_ms if event.position_ms is None else event.position_ms
        self._say(wire.SpeechStopped(audio_end_ms=int(at), item_id=item_id))
        self._lengths[item_id] = self._input.buffered_ms
        self._input.clear()
        self._unnamed.append(item_id)
        self._add(item_id)
        if event.item_id is not None:
            self._named(event.item_id)

    def item_added(self, event: ItemAdded) -> None:
        """The provider has an item."""
        if event.kind == "speech" and event.role == "user":
            self._named(event.item_id)

    def transcript(self, event: InputTranscript) -> None:
        """The provider has words of the user's."""
        if event.item_id is not None:
            self._named(event.item_id)
        item_id = self._names.on_wire(event.item_id)
        if item_id is None or not self._transcribes or item_id not in self._conversation:
            return
        said = self._words.get(item_id, "")
        if self._differences.cumulative:
            self._say(wire.TranscriptionUpdated(item_id=item_id, transcript=event.text))
        elif event.text.startswith(said) and len(event.text) > len(said):
            self._say(wire.TranscriptionDelta(item_id=item_id, delta=event.text[len(said) :]))
        self._words[item_id] = event.text
        if event.final:
            words = self._words.pop(item_id).strip()
            content = self._conversation.get(item_id, "retrieve").content or []
            for part in content:
                part.transcript = words
            seconds = round(self._lengths.get(item_id, 0.0) / 1000, 2)
            usage = objects.TranscriptionUsage(type="duration", seconds=seconds)
            told = usage if self._differences.transcript_cost else UNSET
            self._say(wire.TranscriptionCompleted(item_id=item_id, transcript=words, usage=told))

    # ------------------------------------------------------------------ inside

    def _pass_on(self, audio: bytes) -> None:
        if audio:
            self._ask(AudioAppend(self._recode(audio)))

    def _spoke(self, length_ms: float) -> None:
        """The buffer becomes the user's item."""
        item_id, self._speech_id = self._speech_id or self._ids("item"), None
        self._lengths[item_id] = length_ms
        self._pass_on(self._input.commit())
        self._unnamed.append(item_id)
        self._ask(AudioCommit())
        self._add(item_id)

    def _add(self, item_id: str) -> None:
        item = objects.Item(
            id=item_id,
            type="message",
            status="completed",
            role="user",
            content=[objects.Content(type="input_audio", transcript=None)],
        )
        previous = self._conversation.add(item)
        self._say(wire.BufferCommitted(previous_item_id=previous, item_id=item_id))
        self._say(wire.ItemAdded(previous_item_id=previous, item=item))
        self._say(wire.ItemDone(previous_item_id=previous, item=item))

    def _named(self, provider_id: str) -> None:
        """The provider's name for the oldest spoken item that had none."""
        if self._names.on_wire(provider_id) is None and self._unnamed:
            self._names.pair(self._unnamed.popleft(), provider_id)
