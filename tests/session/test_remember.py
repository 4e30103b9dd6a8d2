"""What is remembered is bounded."""

from __future__ import annotations

from voicechatengine.session.remember import remember


def test_the_oldest_is_forgotten_when_there_are_too_many():
    memory: dict[str, int] = {}
    for number in range(4):
        assert remember(memory, str(number), number, 3) == number
    assert memory == {"1": 1, "2": 2, "3": 3}


def test_what_is_told_again_is_no_more():
    memory = {"a": 1, "b": 2}
    assert remember(memory, "a", 3, 2) == 3
    assert memory == {"a": 3, "b": 2}
