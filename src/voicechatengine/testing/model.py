"""What a perfect provider would be after the same calls: the memory against which `machine` holds a real one.

Pure: it is told what was called and what came, and says what is wrong. It knows no hypothesis and no event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicechatengine.events import AudioChunk, EventData, ProviderEvent, TextChunk, ToolCall
from voicechatengine.session.grammar import Grammar


class Model:
    """One provider's memory. `events` is everything that was told since the last connect, in order."""

    def __init__(self) -> None:
        self.connected: bool = False
        self.events: list[ProviderEvent] = []
        self.texts: list[str] = []
        self.perhaps: set[str] = set()  # texts whose sending was cancelled
        self.stopped: dict[str, int] = {}  # replies that interrupt() has stopped: where they may say no more
        self.asked_of: int = 0  # texts that were sent before the last request
        self._heard = False
        self._grammar = Grammar()
        self._problem: str | None = None

    # -- what was called

    def opened(self) -> None:
        """connect() returned."""
        self.connected = True

    def closed(self) -> None:
        """disconnect() returned: what comes next is another session."""
        self.connected = False
        self.events, self.stopped = [], {}
        self.texts, self.asked_of = [], 0
        self.perhaps, self._heard = set(), False
        self._grammar = Grammar()

    def sent(self, text: str) -> None:
        """send_text() returned."""
        self.texts.append(text)

    def cancelled(self, text: str) -> None:
        """send_text() was cancelled: it has sent the text, or not."""
        self.perhaps.add(text)

    def asked(self) -> None:
        """create_response() returned."""
        self.asked_of = 0 if self._heard else len(self.texts)

    def spoken(self) -> None:
        """Audio was sent. The user's turn is the vendor's to find, and what it interrupts may never be answered."""
        self._heard, self.asked_of = True, 0

    def interrupted(self, running: Sequence[str]) -> None:
        """interrupt() returned: of what ran when it was called, no more is told; what was asked for may not be made."""
        self.asked_of = 0
        for response in running:
            self.stopped.setdefault(response, len(self.events))

    # -- what came

    def told(self, event: ProviderEvent) -> None:
        """An event."""
        self.events.append(event)
        self._problem = self._problem or self._grammar.check(event.data)

    @property
    def running(self) -> tuple[str, ...]:
        """The replies that have begun and not ended."""
        return self._grammar.open_responses

    def wrong(self) -> Iterator[str]:
        """What is wrong with what was told so far."""
        if self._problem is not None:
            yield self._problem
        for response, place in self.stopped.items():
            late = [event for event in self.events[place:] if _of(event.data) == response]
            if late:
                yield f"{late[0].type} of {response} came after interrupt() had stopped it"

    def wrong_at_rest(self) -> Iterator[str]:
        """What is wrong when nothing more can come."""
        yield from self.wrong()
        if self.running:
            yield f"these replies never ended: {', '.join(self.running)}"

    def wrong_at_the_vendor(self, texts: Sequence[str]) -> Iterator[str]:
        """What is wrong with what the vendor was told of this session."""
        sure = [text for text in texts if text not in self.perhaps]
        wanted = self.texts[: len(sure)]
        if sure != wanted:
            yield f"the vendor was told {sure}, and {wanted} was sent"
        if len(sure) < self.asked_of:
            yield f"a reply was asked for behind {self.asked_of} texts, and the vendor knows {len(sure)}"


def _of(data: EventData) -> str | None:
    """The reply that a payload is a part of; its end is none."""
    if isinstance(data, (TextChunk, AudioChunk, ToolCall)):
        return data.response_id
    return None


__all__ = ["Model"]
