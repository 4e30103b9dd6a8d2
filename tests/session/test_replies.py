"""The replies of a session that makes them itself: one at a time, in the grammar, whatever happens to their tasks."""

from __future__ import annotations

import asyncio

from voicechatengine import ErrorInfo, ResponseCompleted, Usage
from voicechatengine.events import EVENT_TYPES, Event, Interrupted
from voicechatengine.messages import ResponseCreate
from voicechatengine.session.grammar import Grammar
from voicechatengine.session.replies import BESIDE, Replies, Run


class Made:
    """Replies that take a second each."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.made: list[str] = []  # to their end
        self.replies = Replies(self.new, self.make, lambda run: Usage(output_tokens=1), self.tell)
        self._grammar = Grammar()
        self._number = 0

    def new(self, request: ResponseCreate) -> Run:
        self._number += 1
        return Run(f"r{self._number}", request)

    async def make(self, run: Run) -> None:
        self.replies.begin(run)
        await asyncio.sleep(1)
        self.made.append(run.id)
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
    assert made.made == []
    cut = [data for data in made.told if isinstance(data, Interrupted)]
    assert cut == [Interrupted("r1"), Interrupted("r2")]


async def test_a_reply_may_cut_itself_and_goes_on_to_clean_up() -> None:
    """What it did until then is told as its end."""
    made = Made()
    cleaned: list[str] = []

    async def make(run: Run) -> None:
        replies.cut(run, "enough")
        await asyncio.sleep(1)
        cleaned.append(run.id)

    replies: Replies[Run] = Replies(made.new, make, lambda run: None, made.tell)
    replies.ask(ResponseCreate())
    await asyncio.sleep(5)
    assert made.ends == [("r1", "interrupted", "enough")]
    assert cleaned == ["r1"]


async def test_without_an_id_the_reply_of_the_conversation_is_cancelled_before_those_beside() -> None:
    """Those are, when there is none."""
    made = Made()
    made.replies.ask(ResponseCreate(out_of_band=True))
    made.replies.ask(ResponseCreate())
    made.replies.cancel(None)
    assert [each[0] for each in made.ends] == ["r2"]
    made.replies.cancel(None)
    assert [each[0] for each in made.ends] == ["r2", "r1"]


async def test_the_reply_of_the_conversation_takes_no_place_of_those_beside() -> None:
    """As many as ever may run next to it."""
    made = Made()
    made.replies.ask(ResponseCreate())
    for _ in range(BESIDE):
        made.replies.ask(ResponseCreate(out_of_band=True))
    await asyncio.sleep(5)
    assert len(made.ends) == BESIDE + 1


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
    await asyncio.sleep(5)
    assert made.made == []
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
    await asyncio.sleep(0.5)
    tasks = made.replies.close("disconnected")
    assert len(tasks) == 1
    await asyncio.gather(*tasks, return_exceptions=True)
    made.replies.ask(ResponseCreate())
    await asyncio.sleep(5)
    assert made.ends == [("r1", "failed", "disconnected")]


async def test_closing_leaves_nothing_to_wait_for_where_all_has_ended_and_nothing_to_begin_later() -> None:
    """Also where the session is resumed by mistake."""
    made = Made()
    made.replies.pause("connection_lost")
    made.replies.resume()
    made.replies.ask(ResponseCreate())
    await asyncio.sleep(5)
    made.replies.pause("connection_lost")
    made.replies.ask(ResponseCreate())
    assert made.replies.close("disconnected") == []
    made.replies.resume()
    assert made.ends == [("r1", "completed", None)]
    assert [data.tool_calls for data in made.told if isinstance(data, ResponseCompleted)] == [0]
