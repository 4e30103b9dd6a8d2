"""The replies of a session that makes them itself: one at a time, in the grammar, whatever happens to their tasks."""

from __future__ import annotations

import asyncio

from voicechatengine import ErrorInfo, ResponseCompleted, Usage
from voicechatengine.events import EVENT_TYPES, Event
from voicechatengine.messages import ResponseCreate
from voicechatengine.session.grammar import Grammar
from voicechatengine.session.replies import BESIDE, Replies, Run


class Made:
    """Replies that take a second each."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.replies = Replies(self.new, self.make, lambda run: Usage(output_tokens=1), self.tell)
        self._grammar = Grammar()
        self._number = 0

    def new(self, request: ResponseCreate) -> Run:
        self._number += 1
        return Run(f"r{self._number}", request)

    async def make(self, run: Run) -> None:
        self.replies.begin(run)
        await asyncio.sleep(1)
        self.replies.end(run, "completed")

    def tell(self, data: Event) -> None:
        assert self._grammar.check(data) is None
        self.told.append(data)

    @property
    def types(self) -> list[str]:
        return [EVENT_TYPES[type(data)] for data in self.told]

    @property
    def ends(self) -> list[tuple[str, str, str | None]]:
        return [
            (data.response_id, data.status, data.reason)
            for data in self.told
            if isinstance(data, ResponseCompleted)
        ]


async def test_of_several_requests_the_last_one_waits() -> None:
    """And is answered after the reply that runs."""
    made = Made()
    for text in ("a", "b", "c"):
        made.replies.ask(ResponseCreate(instructions=text))
    await asyncio.sleep(5)
    assert made.ends == [("r1", "completed", None), ("r2", "completed", None)]


async def test_a_reply_that_is_cut_ends_at_once_and_the_waiting_one_begins() -> None:
    """Unless the one that waits is forgotten with it."""
    made = Made()
    made.replies.ask(ResponseCreate())
    made.replies.ask(ResponseCreate())
    made.replies.cancel(None)
    assert made.types == ["response_started", "interrupted", "response_completed"]
    assert made.replies.current is not None
    made.replies.ask(ResponseCreate())
    made.replies.cut_current("turn_detected")
    assert made.replies.current is None
    await asyncio.sleep(5)
    assert made.ends == [("r1", "interrupted", "cancelled"), ("r2", "interrupted", "turn_detected")]


async def test_replies_beside_are_bounded_and_cancelled_by_id() -> None:
    """One more is refused by an event."""
    made = Made()
    for _ in range(BESIDE + 1):
        made.replies.ask(ResponseCreate(out_of_band=True))
    assert [data.code for data in made.told if isinstance(data, ErrorInfo)] == ["too_many_responses"]
    made.replies.cancel("r2")
    await asyncio.sleep(5)
    assert len(made.ends) == BESIDE
    assert made.ends[0] == ("r2", "interrupted", "cancelled")


async def test_a_pause_fails_what_runs_and_keeps_what_waits() -> None:
    """It begins when the pause is over, unless it was forgotten."""
    made = Made()
    made.replies.ask(ResponseCreate())
    made.replies.pause("connection_lost")
    made.replies.ask(ResponseCreate())
    assert made.ends == [("r1", "failed", "connection_lost")]
    made.replies.resume()
    await asyncio.sleep(5)
    made.replies.pause("connection_lost")
    made.replies.ask(ResponseCreate())
    made.replies.forget()
    made.replies.resume()
    await asyncio.sleep(5)
    assert made.ends[1:] == [("r2", "completed", None)]


async def test_a_reply_that_cannot_begin_has_failed() -> None:
    """Beside one that runs."""
    made = Made()
    made.replies.ask(ResponseCreate())
    made.replies.fail(ResponseCreate(), "no_words")
    await asyncio.sleep(5)
    assert made.ends == [("r2", "failed", "no_words"), ("r1", "completed", None)]


async def test_closing_ends_everything_and_gives_the_tasks_to_wait_for() -> None:
    """Nothing begins after."""
    made = Made()
    made.replies.ask(ResponseCreate())
    made.replies.ask(ResponseCreate())
    tasks = made.replies.close("disconnected")
    await asyncio.gather(*tasks, return_exceptions=True)
    made.replies.ask(ResponseCreate())
    await asyncio.sleep(5)
    assert made.ends == [("r1", "failed", "disconnected")]
