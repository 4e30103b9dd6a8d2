"""The session that a provider opens next: what its configuration says, and what was said before `connect`.

For providers with no vendor's server behind them: the mock, the cascade. Whether they can do it, they check themselves.
"""

from __future__ import annotations

from voicechatengine.errors import ConnectionError
from voicechatengine.messages import Command, Item, Options, SessionCreate, SessionUpdate


class Plan:
    """The options and the history of a session to come; the options of the session, while there is one."""

    def __init__(self, options: Options) -> None:
        self.options: Options = options
        self.history: tuple[Item, ...] = ()

    def define(self, message: Command) -> None:
        """Takes in what is said before connect. Raises `ConnectionError` for what describes no session."""
        if not isinstance(message, (SessionCreate, SessionUpdate)):
            raise ConnectionError(
                "there is no session", cure="await connect() before sending", fault="application"
            )
        self.options = self.options.merged(message.options)
        if isinstance(message, SessionCreate):
            self.history = message.history

    def take_history(self) -> tuple[Item, ...]:
        """The history, for the session that begins now; the one after it has none unless it is said again."""
        history, self.history = self.history, ()
        return history
