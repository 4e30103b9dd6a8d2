"""The vendor's side of a provider, as a law needs it: something that can be told what to say, and how to go wrong.

A scripted reply (`MockReply`) is the vocabulary: its words, audio and calls, `error` for a vendor that fails, `barge_in` for
one that hears the user, `drop` for a line that is lost. Who cannot do a thing raises `NotApplicable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voicechatengine.providers.mock import MockReply, MockTurn


class FarEnd(Protocol):
    """**Protocol:** what a law can make the vendor do, and what the vendor has seen."""

    def say(self, *replies: MockReply) -> None:
        """The next replies to be asked for are these, in order."""
        ...

    def refuse(self, times: int) -> None:
        """The next attempts to open a session fail."""
        ...

    def misbehave(self) -> None:
        """The client is sent what it cannot read, and a message of a type that nobody knows, now."""
        ...

    def turns(self) -> Sequence[MockTurn]:
        """What each reply that was asked for answered, oldest first: words, audio, results, the history, the options."""
        ...

    def messages(self) -> int:
        """How many messages have reached the vendor."""
        ...

    def sessions(self) -> int:
        """How many sessions are open at the vendor."""
        ...
