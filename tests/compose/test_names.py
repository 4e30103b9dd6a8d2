"""Ids of several providers, and of the application, among each other."""

from __future__ import annotations

import pytest

from voicechatengine import AudioChunk, ItemAdded
from voicechatengine.compose.names import MEMORY, Names
from voicechatengine.messages import ItemCreate, ItemDelete, MessageItem, TextPart


def said(item_id: str) -> ItemCreate:
    return ItemCreate(MessageItem("user", (TextPart("hi"),), item_id))


@pytest.mark.parametrize(("number", "theirs"), [(1, "x"), (2, "2.x")])
def test_what_a_provider_names_has_its_number_from_the_second_on(number, theirs):
    names = Names(number)
    assert names.outward(ItemAdded("x", "user")) == ItemAdded(theirs, "user")
    assert names.inward(ItemDelete(theirs)) == ItemDelete("x")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("item_id", ["mine", "1.mine", "2.mine", "3.mine"])
def test_an_id_of_the_application_is_the_same_everywhere_whatever_it_looks_like(number, item_id):
    names = Names(number)
    assert names.inward(said(item_id)) == said(item_id)
    assert names.outward(ItemAdded(item_id, "user")) == ItemAdded(item_id, "user")
    assert names.inward(ItemDelete(item_id)) == ItemDelete(item_id)


def test_an_id_of_the_first_provider_that_looks_like_one_of_a_later_is_told_from_it():
    names = Names(1)
    assert names.outward(ItemAdded("2.x", "user")) == ItemAdded("1.2.x", "user")
    assert names.inward(ItemDelete("1.2.x")) == ItemDelete("2.x")


@pytest.mark.parametrize("number", [1, 2])
def test_sound_has_the_ids_that_all_events_have(number):
    """However many replies there were, and also after an item of the application's took an id."""
    names = Names(number)
    for reply in range(MEMORY * 2):
        chunk = AudioChunk(b"", None, f"r{reply}", f"i{reply}")
        assert names.sound(chunk) == names.sound(chunk) == names.outward(chunk)
    names.inward(said("i1"))
    chunk = AudioChunk(b"", None, "r1", "i1")
    assert names.sound(chunk) == names.outward(chunk)
