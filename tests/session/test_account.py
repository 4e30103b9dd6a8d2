"""What is kept of a session between connections: options, items by name, corrections, and what the next one needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from toy import TOY

from voicechatengine import AudioFormat, MessageError
from voicechatengine.events import AudioChunk, ResponseCompleted, ResponseStarted, TextChunk
from voicechatengine.messages import (
    AudioAppend,
    AudioCommit,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    SessionUpdate,
    TextPart,
    text_item,
)
from voicechatengine.session.account import Account
from voicechatengine.session.dialect import Restore

WIDE, NARROW = AudioFormat(), AudioFormat(sample_rate=8_000)


def refuse(options: Options) -> None:
    if options.voice == "unknown":
        raise MessageError("no such voice", field="voice")


def takes(options: Options) -> AudioFormat:
    return options.input_audio_format or WIDE


VENDOR = replace(TOY, check=refuse, audio_format=takes)


def account(options: Options | None = None) -> Account:
    numbers = count(1)
    return Account(VENDOR, options or Options(), 2.0, lambda word: f"{word}_{next(numbers)}")


def said(name: str, text: str) -> MessageItem:
    return MessageItem("assistant", (TextPart(text, spoken=True),), id=name)


def test_options_that_the_vendor_does_not_have_make_no_account_and_change_none():
    with pytest.raises(MessageError):
        account(Options(voice="unknown"))
    kept = account(Options(voice="known"))
    for message in (SessionUpdate(Options(voice="unknown")), SessionCreate(Options(voice="unknown"))):
        with pytest.raises(MessageError):
            kept.define(message)
    with pytest.raises(MessageError):
        kept.check(SessionUpdate(Options(voice="unknown")))
    assert kept.options == Options(voice="known")


def test_a_session_is_defined_by_options_and_a_history_whose_items_all_have_names():
    kept = account(Options(language="en"))
    named = said("there", "Yes?")
    kept.define(SessionCreate(Options(voice="known"), (text_item("Hello").item, named)))
    assert kept.options == Options(language="en", voice="known")
    assert [item.id for item in kept.conversation.items()] == ["item_1", "there"]


def test_an_item_that_has_a_name_keeps_it():
    kept = account()
    own = ItemCreate(said("own", "Yes?"), "before")
    assert kept.named(own) is own
    assert kept.named(text_item("Hello")).item.id == "item_1"


def test_audio_is_kept_until_the_vendor_takes_it_and_goes_to_the_next_connection():
    kept = account(Options(turn_detection=None))
    kept.utterance.append(bytes(480))
    kept.sent(AudioCommit(), late=False)
    outage = kept.stock(Restore(reply_owed=ResponseCreate()))
    assert outage.commands() == [AudioAppend(bytes(480)), AudioCommit(), ResponseCreate()]
    kept.begin()
    assert kept.stock(Restore()).commands() == []


def test_late_audio_is_kept_longer_than_what_was_sent_as_it_was_spoken():
    """Speech in it cannot have been reported yet."""
    for late, kept_ms in ((True, 3_000), (False, 2_000)):
        kept = account()
        kept.sent(AudioAppend(WIDE.silence(3_000)), late=late)
        assert len(kept.stock(Restore()).audio) == WIDE.size_of(kept_ms)


def test_a_session_that_is_defined_anew_has_the_new_history_alone():
    kept = account()
    kept.define(SessionCreate(Options(), (said("old", "Yes?"),)))
    kept.define(SessionCreate(Options(), (said("new", "No."),)))
    assert [item.id for item in kept.conversation.items()] == ["new"]


def test_another_format_bounds_audio_anew_and_forgets_what_cannot_be_joined_with_it():
    kept = account(Options(turn_detection=None))
    kept.utterance.append(bytes(480))
    assert kept.most_audio == WIDE.size_of(2_000)
    kept.sent(SessionUpdate(Options(input_audio_format=NARROW)), late=False)
    assert kept.format == NARROW
    assert kept.most_audio == NARROW.size_of(2_000)
    assert kept.stock(Restore()).audio == b""


def spoken() -> Account:
    """A question, and an answer of one second."""
    kept = account()
    kept.define(SessionCreate(Options(), (text_item("Well?").item,)))
    kept.received(ResponseStarted("response"))
    kept.received(TextChunk("One two three four.", response_id="response", item_id="answer", spoken=True))
    kept.conversation.sound(AudioChunk(WIDE.silence(1_000), response_id="response", item_id="answer"))
    kept.received(ResponseCompleted("response", "completed"))
    return kept


def test_an_item_that_is_retold_stands_where_it_stood_with_the_words_that_were_heard():
    kept = spoken()
    retold = kept.retold(ItemTruncate("answer", 500.0))
    heard = kept.conversation.items()[1]
    assert isinstance(heard, MessageItem)
    assert "One two three four.".startswith(heard.text)
    assert 0 < len(heard.text) < len("One two three four.")
    assert retold == [ItemDelete("answer"), ItemCreate(heard, "item_1")]


def test_an_item_of_which_nothing_was_heard_is_not_told_again():
    assert spoken().retold(ItemTruncate("answer", 0.0)) == [ItemDelete("answer")]


def test_a_conversation_is_forgotten_and_the_options_are_not():
    kept = account(Options(voice="known"))
    kept.sent(kept.named(text_item("Hello")), late=False)
    kept.forget()
    assert kept.conversation.items() == ()
    assert kept.options == Options(voice="known")
