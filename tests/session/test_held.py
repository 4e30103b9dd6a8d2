"""What is kept for a session to come: in order, bounded, and without requests that were taken back."""

from __future__ import annotations

import pytest

from voicechatengine.messages import AudioAppend, Command, ResponseCreate, text_item
from voicechatengine.session.held import MESSAGES, Held

AUDIO = AudioAppend(bytes(100))
TEXT = text_item("Hello")


def kept(*commands: Command) -> Held:
    held = Held()
    for command in commands:
        held.add(command)
    return held


def test_commands_come_out_in_the_order_they_came_in_one_by_one_or_all():
    held = kept(TEXT, AUDIO, ResponseCreate())
    assert held.pop() == TEXT
    assert list(held.take()) == [AUDIO, ResponseCreate()]
    assert len(held) == 0
    with pytest.raises(IndexError):
        held.pop()


def test_audio_is_bounded_by_its_length_and_the_rest_by_number():
    """One does not take the other's room."""
    held = kept(AUDIO, AUDIO, *[TEXT] * (MESSAGES - 1))
    assert held.is_full(AUDIO, most_audio=199)
    assert not held.is_full(AUDIO, most_audio=200)
    assert not held.is_full(TEXT, most_audio=0)
    held.add(TEXT)
    assert held.is_full(TEXT, most_audio=0)


def test_what_is_taken_out_makes_room():
    held = kept(AUDIO, *[TEXT] * MESSAGES)
    held.pop()
    assert not held.is_full(AUDIO, most_audio=0)
    assert held.is_full(TEXT, most_audio=0)
    held.pop()
    assert not held.is_full(TEXT, most_audio=0)
    held.add(TEXT)
    assert held.is_full(TEXT, most_audio=0)


def test_when_all_is_taken_out_there_is_room_for_as_much_again():
    held = kept(AUDIO, *[TEXT] * MESSAGES)
    held.take()
    assert not held.is_full(AUDIO, most_audio=99)
    assert not held.is_full(TEXT, most_audio=0)


def test_requests_can_be_taken_back_and_only_they():
    held = kept(TEXT, ResponseCreate(), AUDIO)
    assert held.asks_for_reply
    held.take_back_requests()
    assert not held.asks_for_reply
    assert list(held.take()) == [TEXT, AUDIO]


def test_a_request_beside_the_conversation_asks_for_no_reply_in_it():
    assert not kept(ResponseCreate(out_of_band=True)).asks_for_reply
