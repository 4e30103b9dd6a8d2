"""A session that goes on when the vendor's limit comes: a second connection takes over at a pause, and nobody notices."""

from __future__ import annotations

import asyncio
import base64

from test_runtime import SECOND, in_grammar, opened, until
from toy import FarEnd, toy

from voicechatengine import AudioFormat, ConnectionError, Timeouts
from voicechatengine.conversation import Conversation
from voicechatengine.events import (
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SessionExpiring,
    SpeechStarted,
)
from voicechatengine.messages import ResponseCreate
from voicechatengine.session.dialect import Close, Endpoint, Restore
from voicechatengine.session.handover import AGAIN_S, LAST_S, URGENT_S, HandOver
from voicechatengine.session.transport import Transport
from voicechatengine.session.utterance import Utterance


async def settle() -> None:
    """Lets everything happen that can happen now."""
    await asyncio.sleep(0.001)


async def test_at_a_pause_a_second_connection_takes_over_before_the_first_is_closed():
    far = FarEnd()
    provider, events = await opened(far)
    await provider.send_text("one")
    await provider.send_audio(SECOND)
    await far.calls[0].say("expiring", seconds_left=60)
    seen = await until(events, "reconnected")
    in_grammar(seen)
    assert [event.type for event in seen] == ["session_expiring", "session_created", "reconnected"]
    assert seen[1].session_id == "s2"
    assert seen[2].data["state_restored"] is True
    assert provider.is_connected()
    await provider.send_text("two")
    frames = await far.calls[1].heard(lambda frames: len(frames) == 3)
    assert len(frames[0]["hello"]) == 1
    assert base64.b64decode(frames[1]["audio"]) == SECOND  # nobody has committed it
    assert frames[2]["item"]["content"][0]["text"] == "two"
    assert await far.calls[0].ended() == Close(1000)
    await provider.disconnect()


async def test_an_open_reply_is_finished_on_the_old_session():
    far = FarEnd()
    provider, events = await opened(far)
    await provider.create_response()
    await far.calls[0].say("started", response_id="r1")
    await far.calls[0].say("expiring", seconds_left=60)
    await far.calls[0].say("text", text="almost", response_id="r1", item_id="a")
    await until(events, "text_chunk")
    await asyncio.sleep(50)
    assert len(far.calls) == 1
    await far.calls[0].say("completed", response_id="r1")
    seen = await until(events, "reconnected")
    assert [event.type for event in seen] == ["response_completed", "session_created", "reconnected"]
    await provider.disconnect()


async def test_speech_is_waited_for_until_the_end_is_near_and_then_said_again_whole():
    far = FarEnd()
    provider, events = await opened(far)
    await provider.send_audio(SECOND)
    await far.calls[0].say("speech_started", position_ms=500, item_id="u1")
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "session_expiring")
    begun = asyncio.get_running_loop().time()
    await until(events, "reconnected")
    assert asyncio.get_running_loop().time() - begun == 60 - URGENT_S
    frames = await far.calls[1].heard(lambda frames: len(frames) == 2)
    assert base64.b64decode(frames[1]["audio"]) == SECOND[len(SECOND) // 2 :]
    await provider.disconnect()


async def test_words_that_are_still_to_come_are_waited_for():
    far = FarEnd()
    provider, events = await opened(far)
    await far.calls[0].say("added", item_id="u1", role="user", kind="speech")
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "session_expiring")
    await settle()
    assert len(far.calls) == 1
    await far.calls[0].say("transcript", text="hello", final=True, item_id="u1")
    await until(events, "reconnected")
    frames = await far.calls[1].heard(lambda frames: frames)
    assert frames[0]["hello"] == ["u1"]
    await provider.disconnect()


async def test_what_is_said_while_the_next_session_is_opened_makes_it_wait_for_the_next_pause():
    far = FarEnd()
    provider, events = await opened(far)
    far.greet = False
    await far.calls[0].say("expiring", seconds_left=60)
    second = await far.call(2)
    await provider.send_text("meanwhile")
    await second.say("created", id="late")
    assert await second.ended() == Close(1000)
    far.greet = True
    begun = asyncio.get_running_loop().time()
    await until(events, "reconnected")
    assert asyncio.get_running_loop().time() - begun == AGAIN_S
    frames = await far.calls[2].heard(lambda frames: frames)
    assert len(frames[0]["hello"]) == 1
    frames = await far.calls[0].heard(lambda frames: len(frames) == 2)
    assert frames[1]["item"]["content"][0]["text"] == "meanwhile"
    await provider.disconnect()


async def test_options_that_change_while_the_next_session_is_opened_are_not_lost():
    far = FarEnd()
    provider, events = await opened(far)
    far.greet = False
    await far.calls[0].say("expiring", seconds_left=60)
    second = await far.call(2)
    await provider.update_session(instructions="Be brief.")
    await second.say("created", id="late")
    assert await second.ended() == Close(1000)
    far.greet = True
    await until(events, "reconnected")
    assert len(far.calls) == 3
    await provider.disconnect()


async def test_a_next_session_that_cannot_be_opened_is_tried_again_and_the_old_one_serves_on():
    far = FarEnd()
    provider, events = await opened(far)
    far.refuse = [ConnectionError("full")] * 2
    await far.calls[0].say("expiring", seconds_left=60)
    begun = asyncio.get_running_loop().time()
    await until(events, "reconnected")
    assert asyncio.get_running_loop().time() - begun == 2 * AGAIN_S
    await provider.disconnect()


async def test_a_cut_while_the_next_session_is_opened_is_an_outage_like_any_other():
    far = FarEnd()
    provider, events = await opened(far)
    far.greet = False
    await far.calls[0].say("expiring", seconds_left=60)
    await far.call(2)
    far.greet = True
    far.calls[0].near.cut()
    seen = await until(events, "reconnected")
    assert "reconnecting" in [event.type for event in seen]
    await far.calls[1].ended()
    await provider.disconnect()


async def test_a_cut_of_the_new_session_is_seen_while_the_old_one_still_says_goodbye():
    class Slow:
        def __init__(self, inner: Transport) -> None:
            self.pump, self.send, self._close = inner.pump, inner.send, inner.close

        async def close(self, close: Close, /) -> None:
            await asyncio.sleep(1.5)
            await self._close(close)

    async def dial(endpoint: Endpoint) -> Transport:
        near = await far(endpoint)
        return near if len(far.calls) > 1 else Slow(near)

    far = FarEnd()
    provider = toy(dial)
    events = provider.events()
    await provider.connect()
    await far.calls[0].say("expiring", seconds_left=60)
    await until(events, "reconnected")
    begun = asyncio.get_running_loop().time()
    far.calls[1].near.cut()
    await until(events, "reconnecting")
    assert asyncio.get_running_loop().time() == begun
    await provider.disconnect()


async def test_disconnecting_while_the_next_session_is_opened_leaves_neither():
    far = FarEnd()
    provider, _ = await opened(far)
    far.greet = False
    await far.calls[0].say("expiring", seconds_left=60)
    second = await far.call(2)
    await provider.disconnect()
    await far.calls[0].ended()
    await second.ended()


async def test_a_configured_age_hands_over_again_and_again():
    far = FarEnd()
    provider, events = await opened(far, timeouts=Timeouts(session_age=600))
    for number in range(2, 6):
        await until(events, "reconnected")
        assert asyncio.get_running_loop().time() - 600 * (number - 1) < 1
        assert len(far.calls) == number
    await provider.disconnect()


async def test_an_item_of_an_earlier_session_is_cut_to_what_was_heard_by_telling_it_anew():
    far = FarEnd()
    provider, events = await opened(far)
    await provider.send_text("one")
    call = far.calls[0]
    await call.say("started", response_id="r1")
    await call.say("text", text="One two three four.", spoken=True, response_id="r1", item_id="a")
    await call.say("audio", audio=(b"\0\0" * 16_000).hex(), response_id="r1")
    await call.say("completed", response_id="r1")
    await call.say("expiring", seconds_left=60)
    await until(events, "reconnected")
    await provider.send_message("item_truncate", {"item_id": "a", "heard_ms": 1000})
    frames = await far.calls[1].heard(lambda frames: len(frames) == 3)
    assert frames[1] == {"type": "item_delete", "item_id": "a"}
    assert frames[2]["item"]["content"][0]["text"] == "One two"
    assert frames[2]["previous_item_id"] == frames[0]["hello"][0]
    await provider.send_message("item_truncate", {"item_id": "a", "heard_ms": 0})
    frames = await far.calls[1].heard(lambda frames: len(frames) == 4)
    assert frames[3] == {"type": "item_delete", "item_id": "a"}
    await provider.disconnect()


def test_a_reply_that_is_owed_or_a_turn_that_is_not_confirmed_is_no_pause():
    hand_over, form = HandOver(None), AudioFormat()
    hand_over.begun(0)
    quiet, conversation = Utterance(form, manual=False), Conversation(form)
    assert hand_over.wakes_at(0) is None
    hand_over.received(SessionExpiring(100), 0)
    assert hand_over.wanted(0, Restore(), quiet, conversation)
    assert not hand_over.wanted(0, Restore(reply_owed=ResponseCreate()), quiet, conversation)
    speaking = Utterance(form, manual=False)
    speaking.received(SpeechStarted())
    assert not hand_over.wanted(0, Restore(), speaking, conversation)
    assert hand_over.wakes_at(0) == 100 - URGENT_S
    hand_over.received(ResponseStarted("r"), 0)
    assert not hand_over.wanted(99, Restore(), quiet, conversation)
    hand_over.received(ResponseCompleted("r"), 0)
    hand_over.put_off(10)
    assert not hand_over.due(10)
    assert hand_over.wakes_at(10) == 10 + AGAIN_S


def test_a_new_session_has_no_open_reply_and_no_end_of_the_one_before():
    hand_over, form = HandOver(600), AudioFormat()
    hand_over.begun(0)
    hand_over.received(ResponseStarted("r"), 0)
    hand_over.received(SessionExpiring(100), 0)
    hand_over.begun(100)
    assert not hand_over.due(699)
    assert hand_over.due(700)
    assert hand_over.wakes_at(690) == 700
    assert hand_over.wakes_at(700) is None
    speaking = Utterance(form, manual=False)
    speaking.received(SpeechStarted())
    assert not hand_over.wanted(700, Restore(), speaking, Conversation(form))
    assert hand_over.wanted(700, Restore(), Utterance(form, manual=False), Conversation(form))


def test_words_are_waited_for_longer_than_speech_but_not_beyond_the_end():
    """Found by the soak: near the end, words that were only late were given up for lost."""
    hand_over, form = HandOver(None), AudioFormat()
    hand_over.begun(0)
    hand_over.received(SessionExpiring(60), 0)
    conversation = Conversation(form)
    conversation.apply(ItemAdded("u1", "user", kind="speech"))
    quiet = Utterance(form, manual=False)
    assert not hand_over.wanted(60 - URGENT_S, Restore(), quiet, conversation)
    assert hand_over.wakes_at(60 - URGENT_S) == 60 - LAST_S
    assert hand_over.wanted(60 - LAST_S, Restore(), quiet, conversation)
