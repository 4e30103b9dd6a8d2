"""The items of a session that we hold ourselves: their order, and what is refused."""

from __future__ import annotations

from itertools import count

import pytest

from voicechatengine import AudioChunk, AudioFormat, ErrorInfo, ItemAdded, TextChunk
from voicechatengine.events import Event
from voicechatengine.messages import (
    Item,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    TextPart,
    ToolCallItem,
    ToolResultItem,
)
from voicechatengine.session.items import Items, waiting_calls

FORM = AudioFormat(sample_rate=8000)


def text(words: str, key: str = "") -> MessageItem:
    return MessageItem("user", (TextPart(words),), id=key)


def made() -> tuple[Items, list[Event]]:
    told: list[Event] = []
    numbers = count(1)
    return Items(told.append, lambda kind: f"{kind}{next(numbers)}", lambda: FORM), told


def test_items_take_their_places_and_are_told() -> None:
    """At the end, behind another, or at the beginning."""
    items, told = made()
    for key, behind in (("a", None), ("c", None), ("b", "a"), ("first", "root")):
        items.create(ItemCreate(text(key, key), behind))
    assert [item.id for item in items.all()] == ["first", "a", "b", "c"]
    assert [data.previous_item_id for data in told if isinstance(data, ItemAdded)] == [None, "a", "a", None]
    items.create(ItemCreate(text("last", "last"), "c"))
    assert [item.id for item in items.all()] == ["first", "a", "b", "c", "last"]


def test_an_item_without_an_id_is_given_one() -> None:
    """And comes back with it."""
    items, _ = made()
    item = items.create(ItemCreate(text("hi")))
    assert item is not None
    assert item.id == "item1"


@pytest.mark.parametrize(
    ("item", "behind", "code"),
    [
        (text("x", "here"), None, "item_exists"),
        (text("x"), "none", "item_not_found"),
        (ToolResultItem("c9", "1"), None, "unknown_call_id"),
    ],
)
def test_what_cannot_stand_there_is_refused_by_an_event(item: Item, behind: str | None, code: str) -> None:
    """Nothing changes then."""
    items, told = made()
    items.create(ItemCreate(text("x", "here")))
    assert items.create(ItemCreate(item, behind)) is None
    assert isinstance(told[-1], ErrorInfo)
    assert told[-1].code == code
    assert len(items.all()) == 1


def test_a_call_waits_for_its_result() -> None:
    """Once."""
    items, _ = made()
    items.create(ItemCreate(ToolCallItem("c1", "f", "{}")))
    assert waiting_calls(items.all()) == {"c1"}
    items.create(ItemCreate(ToolResultItem("c1", "1")))
    assert waiting_calls(items.all()) == set()


def test_what_was_not_heard_is_cut_by_the_format_of_the_session() -> None:
    """Audio that names no format is in the session's."""
    items, told = made()
    items.place("a", "assistant", "message")
    items.emit(TextChunk("one two three four", spoken=True, response_id="r", item_id="a"))
    items.emit(AudioChunk(FORM.silence(1000), None, "r", "a"))
    assert items.correct(ItemTruncate("a", 500))
    (item,) = items.all()
    assert isinstance(item, MessageItem)
    assert item.text == "one two"
    assert items.correct(ItemDelete("a"))
    assert not items.correct(ItemDelete("a"))
    assert items.all() == ()
    assert isinstance(told[-1], ErrorInfo)
