"""One stretch of the user's speech on its way to words, which may seem to end before it does.

At a likely end the recogniser is finished for what was heard so far; if the speaker goes on, it begins again with all of it:
whole utterances are understood better than their pieces. Of very long speech no sound is kept, and no end is taken as likely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from voicechatengine.events import Usage
from voicechatengine.messages import ResponseCreate
from voicechatengine.providers.cascade.parts import Heard
from voicechatengine.providers.cascade.recognition import Recognition
from voicechatengine.providers.cascade.stages import StageError

Begin: TypeAlias = Callable[[Callable[[Heard], None], Callable[[str, StageError | None], None]], Recognition]


class Utterance:
    """`begin` begins a pass of the recogniser, `news` is called when words have changed or are final; `most` bytes of audio are
    kept for another pass.
    """

    def __init__(self, item_id: str, begin: Begin, news: Callable[[Utterance], None], most: int) -> None:
        self.item_id: str = item_id
        self.asked: ResponseCreate | None = None  # the reply that waits for the words
        self.must_answer: bool = False  # it was asked for by hand: also without words
        self.committed: bool = False  # the turn is over, and can be told
        self.final: bool = False
        self.text: str = ""
        self.problem: StageError | None = None
        self.usage: Usage | None = None
        self.size: int = 0  # bytes of audio so far
        self._begin = begin
        self._news = news
        self._most = most
        self._kept: bytearray | None = bytearray()
        self.paused: bool = False  # its end is likely
        self.recognition: Recognition = begin(self._words, self._done)

    def put(self, audio: bytes) -> None:
        """More of it; while its end is likely, only kept for the case that it goes on."""
        self.size += len(audio)
        if not self.paused:
            self.recognition.put(audio)
        if self._kept is not None:
            self._kept += audio
            if len(self._kept) > self._most and not self.paused:
                self._kept = None

    def pause(self) -> None:
        """It may be over: its words are wanted."""
        if self._kept is not None:
            self.paused = True
            self.recognition.end()

    def resume(self) -> None:
        """It goes on after all."""
        if self.paused and self._kept is not None:
            self.paused = self.final = False
            self.problem = None
            self.recognition.cancel()
            self.recognition = self._begin(self._words, self._done)
            self.recognition.put(bytes(self._kept))

    def end(self) -> None:
        """It is over."""
        self.recognition.end()
        self._kept = None

    def _words(self, heard: Heard) -> None:
        if heard.usage is not None:
            self.usage = heard.usage if self.usage is None else self.usage + heard.usage
        # Words do not become fewer while a second pass catches up with the first.
        if not heard.final and len(heard.text) > len(self.text):
            self.text = heard.text
            self._news(self)

    def _done(self, text: str, problem: StageError | None) -> None:
        self.text, self.problem, self.final = text.strip(), problem, True
        self._news(self)
