"""The fold: order, words, what was heard. Each case reads as the conversation went."""

from __future__ import annotations

import tracemalloc
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine import AudioFormat
from voicechatengine.conversation import SOUNDING, Conversation, heard_words, timed_words
from voicechatengine.events import (
    AudioChunk,
    EventData,
    InputTranscript,
    Interrupted,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
    ToolCall,
    ToolCallCancelled,
)
from voicechatengine.messages import (
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    SessionCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)

FORMAT = AudioFormat(sample_rate=8_000)


def said(text: str, role: str = "user", key: str = "", **more) -> MessageItem:
    return MessageItem(role, (TextPart(text, spoken=more.pop("spoken", False)),), id=key, **more)


def fold(*messages) -> Conversation:
    conversation = Conversation(FORMAT)
    for message in messages:
        conversation.apply(message)
    return conversation


def words(conversation: Conversation) -> list[str]:
    return [
        item.text if isinstance(item, MessageItem) else repr(item.call_id) for item in conversation.items()
    ]


def test_a_text_turn_and_its_answer_stand_in_order():
    conversation = fold(
        ItemCreate(said("Hello", key="u1")),
        ItemAdded("u1", "user"),
        ResponseStarted("r1"),
        TextChunk("Hi", spoken=True, response_id="r1", item_id="a1"),
        TextChunk(" there", spoken=True, response_id="r1", item_id="a1"),
        ResponseCompleted("r1"),
    )
    assert conversation.items() == (said("Hello", key="u1"), said("Hi there", "assistant", "a1", spoken=True))


def test_speech_keeps_the_place_where_it_began_though_its_words_come_after_the_answer():
    conversation = fold(
        SpeechStarted(100, "u1"),
        SpeechStopped(900, "u1"),
        ItemAdded("u1", "user", None, "speech"),
        TextChunk("Four.", spoken=True, response_id="r1", item_id="a1"),
    )
    assert conversation.wordless() == ("u1",)
    assert not conversation.unheard_turn()
    conversation.apply(InputTranscript(" two", item_id="u1"))
    conversation.apply(InputTranscript("Two plus two?", final=True, item_id="u1"))
    assert words(conversation) == ["Two plus two?", "Four."]
    assert conversation.wordless() == ()


def test_an_item_moves_to_the_place_that_the_vendor_names():
    conversation = fold(
        ItemCreate(said("one", key="1")),
        ItemCreate(said("three", key="3")),
        ItemCreate(said("two", key="2"), previous_item_id="1"),
        ItemCreate(said("zero", key="0"), previous_item_id="root"),
        SpeechStarted(item_id="s"),
        ItemAdded("s", "user", "1", "speech"),
        InputTranscript("and a half", item_id="s"),
        ItemAdded("s", "user", "s", "speech"),
    )
    assert words(conversation) == ["zero", "one", "and a half", "two", "three"]


def test_items_take_any_order_that_the_vendor_names():
    """Each behind one that may stand before or behind it."""
    conversation = fold(
        *(ItemCreate(said(key, key=key)) for key in "abcde"),
        ItemAdded("b", "user", "d"),
        ItemAdded("e", "user", "c"),
        ItemAdded("a", "user", "b"),
    )
    assert words(conversation) == ["c", "e", "d", "b", "a"]


def test_what_came_whole_is_not_changed_by_what_is_said_of_it_later():
    item = said("As it was.", key="u1")
    conversation = fold(
        ItemCreate(item),
        TextChunk("more", response_id="r1", item_id="u1"),
        AudioChunk(b"\0\0", response_id="r1", item_id="u1"),
        InputTranscript("other words", final=True, item_id="u1"),
        Interrupted("r1", "u1", 10),
        ItemTruncate("u1", 5),
    )
    assert conversation.items() == (item,)
    assert conversation.generated_ms("u1") == 0


def test_the_last_turn_is_unheard_while_its_words_are_not_known():
    conversation = fold(SpeechStarted(0, "u1"))
    assert conversation.unheard_turn()
    conversation.apply(InputTranscript("yes", item_id="u1"))
    assert not conversation.unheard_turn()


def test_a_tool_round_is_kept_whole_and_counted_once():
    call = ToolCall("c1", "weather", '{"city": "Oslo"}', {"city": "Oslo"}, "r1", "i1")
    conversation = fold(call, call, ItemAdded("i1", "assistant", kind="tool_call"))
    assert conversation.pending_calls() == ("c1",)
    for _ in range(2):
        conversation.apply(ToolResult("c1", "12 degrees"))
    assert conversation.pending_calls() == ()
    assert conversation.items() == (
        ToolCallItem("c1", "weather", '{"city": "Oslo"}', id="i1"),
        ToolResultItem("c1", "12 degrees"),
    )
    conversation = fold(call, ToolResult("c1", "no such city", is_error=True))
    assert conversation.items()[-1] == ToolResultItem("c1", "no such city", is_error=True)


def test_a_cancelled_call_leaves_nothing():
    conversation = fold(ToolCall("c1", "f", "{}"), ToolCallCancelled(("c1", "unknown")))
    assert conversation.items() == ()
    assert conversation.pending_calls() == ()


def test_a_reply_beside_the_conversation_is_no_part_of_it():
    conversation = fold(
        ResponseStarted("r1", out_of_band=True),
        TextChunk("aside", response_id="r1", item_id="a1"),
        AudioChunk(b"\0\0", response_id="r1", item_id="a1"),
        ToolCall("c1", "f", "{}", response_id="r1"),
        ResponseCompleted("r1"),
    )
    assert conversation.items() == ()


def test_what_was_not_heard_did_not_happen():
    conversation = fold(
        TextChunk("One two three four.", spoken=True, response_id="r1", item_id="a1"),
        AudioChunk(FORMAT.silence(2000), response_id="r1", item_id="a1"),
        Interrupted("r1", "a1", 2000),
    )
    assert conversation.generated_ms("a1") == 2000
    assert conversation.items()[0].interrupted
    conversation.apply(ItemTruncate("a1", 1000))
    conversation.apply(TextChunk(" five", spoken=True, response_id="r1", item_id="a1"))
    assert conversation.items() == (
        said("One two", "assistant", "a1", spoken=True, interrupted=True, estimated=True),
    )


def test_what_was_heard_may_be_told_twice_and_be_less_the_second_time():
    conversation = fold(
        TextChunk("One two three four.", spoken=True, item_id="a1"),
        AudioChunk(FORMAT.silence(2000), item_id="a1"),
        ItemTruncate("a1", 1000),
        ItemTruncate("a1", 1000),
    )
    assert words(conversation) == ["One two"]
    assert conversation.generated_ms("a1") == 1000
    conversation.apply(ItemTruncate("a1", 500))
    assert words(conversation) == ["One"]


def test_an_answer_that_nobody_heard_is_not_in_the_history():
    conversation = fold(
        TextChunk("Hm", spoken=True, item_id="a1"), ItemTruncate("a1", 0), ItemTruncate("x", 0)
    )
    assert conversation.items() == ()


def test_an_answer_heard_to_its_end_is_kept_whole():
    conversation = fold(
        TextChunk("All of it", spoken=True, item_id="a1"),
        AudioChunk(FORMAT.silence(500), item_id="a1"),
        ItemTruncate("a1", 500),
    )
    assert words(conversation) == ["All of it"]


def test_a_deleted_item_is_gone_and_an_unknown_one_harms_nothing():
    assert fold(ItemCreate(said("x", key="1")), ItemDelete("1"), ItemDelete("2")).items() == ()


def test_calls_and_results_are_deleted_by_their_items_ids():
    conversation = fold(
        ToolCall("c1", "f", "{}", item_id="i1"),
        ItemCreate(ToolResultItem("c1", "1", id="i2")),
        ItemDelete("i2"),
    )
    assert conversation.items() == (ToolCallItem("c1", "f", "{}", id="i1"),)
    conversation.apply(ItemDelete("i1"))
    assert conversation.items() == ()


def test_a_call_in_a_history_waits_for_its_result():
    conversation = fold(SessionCreate(history=(ToolCallItem("c1", "f", "{}"),)))
    assert conversation.pending_calls() == ("c1",)


def test_a_history_to_start_from_is_taken_as_it_is():
    history = (
        said("hi", key="1"),
        ToolCallItem("c", "f", "{}"),
        ToolResultItem("c", "1"),
        said("yo", "assistant"),
    )
    assert fold(SessionCreate(history=history)).items() == history


def test_words_without_an_item_id_belong_to_the_speech_that_is_open_and_to_one_turn_only():
    conversation = fold(
        InputTranscript("one", final=False),
        InputTranscript("one two", final=True),
        InputTranscript("three", final=True),
    )
    assert words(conversation) == ["one two", "three"]


def test_written_and_spoken_words_of_one_item_stay_apart_and_custom_data_is_ignored():
    conversation = fold(
        TextChunk("spoken", spoken=True, response_id="r"),
        TextChunk("written", response_id="r"),
        TextChunk("nobody's"),
        AudioChunk(b"\0\0"),
        Interrupted("unknown"),
        SpeechStarted(),
        {"custom": 1},
        ItemCreate(said("again", key="1")),
        ItemCreate(said("again", key="1")),
    )
    assert conversation.items()[0].content == (TextPart("written"), TextPart("spoken", spoken=True))
    assert len(conversation.items()) == 2
    assert conversation.generated_ms("unknown") == 0


@given(st.text("ab ", max_size=40), st.floats(0, 5000), st.floats(0, 5000))
def test_heard_words_are_a_beginning_of_the_words_cut_between_two(text, heard, generated):
    kept = heard_words(text, heard, generated)
    assert text.startswith(kept)
    rest = text[len(kept) :]
    assert not rest or not kept or rest[0].isspace() or kept[-1].isspace()


def timed(*words: tuple[str, float | None]) -> list[TextChunk]:
    return [TextChunk(text, spoken=True, item_id="a1", start_ms=start) for text, start in words]


@pytest.mark.parametrize(
    ("chunks", "heard_ms", "words", "estimated"),
    [
        (timed(("One", 0), (" two", 100), (" three", 900)), 850, "One", False),
        (timed(("One", 0), (" two", 100), (" three", 900)), 950, "One two", False),
        (timed(("One", 0), (" two", 100), (" three", 900)), 50, "", False),
        (timed(("One", 200), (" two", 500)), 150, "", False),
        (timed(("One two", 0), (" three four", 800)), 800, "One two", False),
        (timed(("One two", 0), (" three four", 800)), 950, "One two three", True),
        (timed(("One two", 0), (" three four", None)), 500, "One two", True),
    ],
)
def test_where_the_vendor_tells_when_words_begin_the_cut_is_exact(chunks, heard_ms, words, estimated):
    """A second of audio; a word of which a part was heard was not."""
    conversation = fold(
        *chunks, AudioChunk(bytes(16_000), FORMAT, item_id="a1"), ItemTruncate("a1", heard_ms)
    )
    found = [(item.text, item.estimated) for item in conversation.items()]
    assert found == ([(words, estimated)] if words else [])


def test_an_old_answer_was_heard():
    """Of the latest answers the sound is known; what is older is not cut any more."""
    conversation = fold(*timed(("One", 0), (" two", 500)), AudioChunk(bytes(16_000), FORMAT, item_id="a1"))
    for number in range(SOUNDING - 1):
        conversation.apply(TextChunk("x", spoken=True, item_id=f"later {number}", start_ms=0))
    assert conversation.generated_ms("a1") == 1000
    conversation.apply(TextChunk("x", spoken=True, item_id="the last one"))
    assert conversation.generated_ms("a1") == 0
    conversation.apply(ItemTruncate("a1", 200))
    old = conversation.items()[0]
    assert isinstance(old, MessageItem)
    assert (old.text, old.interrupted, old.estimated) == ("One two", True, False)


def test_where_the_times_of_the_first_words_are_forgotten_the_cut_is_estimated():
    conversation = fold(*timed(("One two", 0)))
    for number in range(SOUNDING):
        conversation.apply(TextChunk("x", spoken=True, item_id=f"later {number}", start_ms=0))
    for chunk in (*timed((" three four", 0)), AudioChunk(bytes(16_000), FORMAT, item_id="a1")):
        conversation.apply(chunk)
    conversation.apply(ItemTruncate("a1", 500))
    assert conversation.items()[0] == said(
        "One two", "assistant", "a1", spoken=True, interrupted=True, estimated=True
    )


def test_an_item_that_takes_the_id_of_a_deleted_one_has_times_of_its_own():
    conversation = fold(
        *timed(("Gone", 0)),
        ItemDelete("a1"),
        *timed(("One", 0), (" two", 500)),
        AudioChunk(bytes(16_000), FORMAT, item_id="a1"),
        ItemTruncate("a1", 600),
    )
    assert words(conversation) == ["One"]


def test_a_thousand_turns_take_little_beside_their_words():
    """Words that came in one piece are the very object that came; an item that grew has no list, no box and no copy of its own."""
    turns = 1000
    events: list[list[EventData]] = [
        [
            SpeechStarted(0, f"u{turn}"),
            ItemAdded(f"u{turn}", "user", f"a{turn - 1}", "speech"),
            InputTranscript(f"Question number {turn}?", final=True, item_id=f"u{turn}"),
            ResponseStarted(f"r{turn}"),
            TextChunk(f"Answer number {turn}.", spoken=True, response_id=f"r{turn}", item_id=f"a{turn}"),
            AudioChunk(bytes(160), response_id=f"r{turn}", item_id=f"a{turn}"),
            ResponseCompleted(f"r{turn}"),
        ]
        for turn in range(turns)
    ]
    conversation = fold(*chain.from_iterable(events[: turns // 10]))
    tracemalloc.start()
    try:
        for event in chain.from_iterable(events[turns // 10 :]):
            conversation.apply(event)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(conversation.items()) == 2 * turns
    assert held / (0.9 * turns) < 220  # bytes of a turn, two items


@given(st.lists(st.sampled_from(["a", "bb ", "c d", " e"]), min_size=1), st.integers(0, 1200))
def test_timed_words_are_a_beginning_of_the_words(parts, heard):
    text, starts = "", []
    for number, part in enumerate(parts):
        starts.append((len(text), number * 1000 / len(parts)))
        text += part
    kept, estimated = timed_words(text, starts, heard, 1000)
    assert text.startswith(kept)
    assert not estimated or heard < 1000
