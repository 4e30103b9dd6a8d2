"""Subscriptions and handlers: nothing is lost, nothing grows, nobody waits for a slow reader."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicechatengine.audio.format import AudioFormat
from voicechatengine.events import AudioChunk, ErrorInfo, ProviderEvent, TextChunk
from voicechatengine.provider import Limits
from voicechatengine.session.hub import CONTROL_WEIGHT, Hub
from voicechatengine.testing import run_virtual

CHUNK_MS = 20
PCM = AudioFormat("pcm16", 24_000)


def hub(**limits):
    return Hub("toy", clock=lambda: 5.0, limits=Limits(**limits))


async def rest(subscription):
    """All that a subscription still gives, read to its end."""
    return [event async for event in subscription]


async def take(subscription, count):
    return [await anext(subscription) for _ in range(count)]


def texts(events):
    return [event.data["text"] for event in events]


def say(a_hub, *words):
    for word in words:
        a_hub.emit(TextChunk(word))


def play(a_hub, seconds, first=0):
    """Publishes so much audio in chunks of 20 ms, each numbered in its first bytes; their number."""
    count = seconds * 1000 // CHUNK_MS
    for number in range(first, first + count):
        a_hub.emit(AudioChunk(number.to_bytes(4) + bytes(PCM.size_of(CHUNK_MS) - 4)))
    return count


def numbers(events):
    return [int.from_bytes(event.data["audio"][:4]) for event in events if event.type == "audio_chunk"]


# ------------------------------------------------------------------ events


async def test_an_event_carries_time_provider_and_session():
    a_hub = hub()
    a_hub.session_id = "s"
    a_hub.emit(TextChunk("hi"))
    a_hub.emit(ErrorInfo("oops", "it broke"), now=7.0)
    assert await take(a_hub.subscribe(), 2) == [
        ProviderEvent("text_chunk", TextChunk("hi"), 5.0, "toy", "s"),
        ProviderEvent("error", ErrorInfo("oops", "it broke"), 7.0, "toy", "s", "it broke"),
    ]


async def test_a_custom_event_with_a_plain_mapping_is_published_as_it_is():
    a_hub = hub()
    own = ProviderEvent("own", {"x": 1}, 1.0, "toy")
    a_hub.publish(own)
    assert await anext(a_hub.subscribe()) is own


# ------------------------------------------------------------------ subscriptions


async def test_what_comes_before_between_and_after_loops_is_kept_for_the_next_one():
    a_hub = hub()
    say(a_hub, "before")
    first = a_hub.subscribe()
    say(a_hub, "a", "b")
    assert texts(await take(first, 2)) == ["before", "a"]
    await first.aclose()
    say(a_hub, "between")
    second = a_hub.subscribe()
    say(a_hub, "c")
    a_hub.end()
    assert texts(await rest(second)) == ["b", "between", "c"]


async def test_a_subscription_begins_at_the_call_and_not_at_the_first_step():
    a_hub = hub()
    early, late = a_hub.subscribe(), a_hub.subscribe()
    say(a_hub, "a")
    later = a_hub.subscribe()
    say(a_hub, "b")
    a_hub.end()
    assert [texts(await rest(one)) for one in (early, late, later)] == [["a", "b"], ["a", "b"], ["b"]]


async def test_leaving_while_another_reads_takes_nothing_from_it():
    a_hub = hub()
    leaving, staying = a_hub.subscribe(), a_hub.subscribe()
    say(a_hub, "a")
    await leaving.aclose()
    await leaving.aclose()
    say(a_hub, "b")
    a_hub.end()
    assert texts(await rest(staying)) == ["a", "b"]


async def test_a_subscription_that_is_dropped_unread_leaves_its_events_to_the_next():
    a_hub = hub()
    dropped = a_hub.subscribe()
    say(a_hub, "a")
    del dropped
    gc.collect()
    assert texts(await take(a_hub.subscribe(), 1)) == ["a"]


async def test_a_loop_that_is_left_by_break_loses_nothing():
    a_hub = hub()
    say(a_hub, "a", "b")
    async for event in a_hub.subscribe():
        assert event.data["text"] == "a"
        break
    gc.collect()
    assert texts(await take(a_hub.subscribe(), 1)) == ["b"]


async def test_a_reader_that_waits_is_woken_by_the_next_event():
    a_hub = hub()
    reader = asyncio.create_task(take(a_hub.subscribe(), 2))
    await asyncio.sleep(1)
    say(a_hub, "a", "b")
    assert texts(await reader) == ["a", "b"]


async def test_a_cancelled_reader_can_read_on_and_has_lost_nothing():
    a_hub = hub()
    subscription = a_hub.subscribe()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(subscription)
    say(a_hub, "a")
    assert texts(await take(subscription, 1)) == ["a"]


async def test_a_reader_that_is_cancelled_while_an_event_is_on_its_way_to_it_leaves_it_to_be_read():
    a_hub = hub()
    subscription = a_hub.subscribe()
    reader = asyncio.create_task(anext(subscription))
    await asyncio.sleep(1)
    say(a_hub, "a", "b")
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    say(a_hub, "c")
    assert texts(await take(subscription, 3)) == ["a", "b", "c"]


async def test_an_event_on_its_way_to_a_reader_that_is_cancelled_and_closed_at_once_is_for_the_next_one():
    a_hub = hub()
    subscription = a_hub.subscribe()
    reader = asyncio.create_task(anext(subscription))
    await asyncio.sleep(1)
    say(a_hub, "a", "b")
    reader.cancel()
    await subscription.aclose()
    later = asyncio.create_task(take(a_hub.subscribe(), 3))
    say(a_hub, "c")
    await asyncio.wait([reader])
    assert texts(await later) == ["a", "b", "c"]


async def test_an_event_on_its_way_to_a_reader_that_went_wakes_the_next_one_that_waits():
    a_hub = hub()
    subscription = a_hub.subscribe()
    first = anext(subscription)
    first.send(None)  # it waits
    say(a_hub, "a")
    await subscription.aclose()
    later = asyncio.create_task(take(a_hub.subscribe(), 1))
    await asyncio.sleep(1)
    first.close()
    assert texts(await later) == ["a"]


async def test_what_a_cancelled_reader_leaves_counts_for_the_limits():
    a_hub = hub(received_bytes=2 * CONTROL_WEIGHT)
    subscription = a_hub.subscribe()
    reader = asyncio.create_task(anext(subscription))
    await asyncio.sleep(1)
    say(a_hub, "a", "b", "c")
    reader.cancel()
    await asyncio.wait([reader])
    assert texts(await take(subscription, 1)) == ["a"]
    say(a_hub, "d")
    assert [event.data.code for event in await rest(subscription)] == ["overflow"]


async def test_a_closed_subscription_gives_nothing_more_and_holds_nothing():
    a_hub = hub()
    closed, staying = a_hub.subscribe(), a_hub.subscribe()
    say(a_hub, "a")
    await closed.aclose()
    assert texts(await rest(closed)) == []
    assert texts(await take(staying, 1)) == ["a"]


async def test_closing_a_subscription_ends_the_loop_that_waits_in_it():
    a_hub = hub()
    subscription = a_hub.subscribe()
    reader = asyncio.create_task(rest(subscription))
    await asyncio.sleep(1)
    await subscription.aclose()
    assert await reader == []


async def test_two_tasks_that_read_one_subscription_are_told_so():
    a_hub = hub()
    subscription = a_hub.subscribe()
    first = asyncio.create_task(take(subscription, 1))
    await asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="call events\\(\\) once for each reader"):
        await anext(subscription)
    say(a_hub, "a")
    assert texts(await first) == ["a"]


async def test_the_end_of_a_session_ends_every_subscription_once_it_is_read_out():
    a_hub = hub()
    subscription = a_hub.subscribe()
    say(a_hub, "a")
    await a_hub.close()
    assert texts(await rest(subscription)) == ["a"]
    assert await rest(subscription) == []


async def test_what_nobody_read_stays_readable_after_the_end():
    a_hub = hub()
    say(a_hub, "a")
    await a_hub.close()
    assert texts(await rest(a_hub.subscribe())) == ["a"]
    assert await rest(a_hub.subscribe()) == []


async def test_a_new_session_is_not_heard_by_subscriptions_of_the_old_one():
    a_hub = hub()
    old = a_hub.subscribe()
    say(a_hub, "old")
    await a_hub.close()
    a_hub.open()
    say(a_hub, "new")
    new = a_hub.subscribe()
    assert texts(await rest(old)) == ["old"]
    assert texts(await take(new, 1)) == ["new"]


steps = st.lists(
    st.one_of(
        st.just(("publish", 0)),
        st.just(("subscribe", 0)),
        st.tuples(st.sampled_from(["read", "leave"]), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(steps)
def test_whatever_readers_do_each_sees_everything_from_its_call_on_in_order(steps):
    async def main():
        a_hub, count = hub(), 0
        readers = []  # subscription, number of the next event at the call, what it read, and whether it is open
        for step, which in steps:
            reader = readers[which % len(readers)] if readers else None
            if step == "publish":
                a_hub.emit(TextChunk(str(count)))
                count += 1
            elif step == "subscribe":
                readers.append({"events": a_hub.subscribe(), "from": count, "read": [], "open": True})
            elif step == "leave" and reader:
                await reader["events"].aclose()
                reader["open"] = False
            elif step == "read" and reader and reader["open"]:
                following = reader["read"][-1] + 1 if reader["read"] else reader["from"]
                if following < count:
                    reader["read"] += [int(word) for word in texts(await take(reader["events"], 1))]
        a_hub.end()
        for reader in readers:
            if reader["open"]:
                reader["read"] += [int(word) for word in texts(await rest(reader["events"]))]
            read = reader["read"]
            if read:
                assert read == list(range(read[0], read[-1] + 1))
            if reader["open"]:
                assert set(range(reader["from"], count)) <= set(read)

    run_virtual(main())


@given(steps)
def test_one_reader_after_the_other_gets_every_event_exactly_once(steps):
    async def main():
        a_hub, count, seen, reader = hub(), 0, [], None
        for step, _ in steps:
            if step == "publish":
                a_hub.emit(TextChunk(str(count)))
                count += 1
            elif step == "subscribe" and reader is None:
                reader = a_hub.subscribe()
            elif step == "leave" and reader is not None:
                await reader.aclose()
                reader = None
            elif step == "read" and reader is not None and len(seen) < count:
                seen += texts(await take(reader, 1))
        a_hub.end()
        seen += texts(await rest(reader or a_hub.subscribe()))
        assert seen == [str(number) for number in range(count)]

    run_virtual(main())


# ------------------------------------------------------------------ bounds


async def test_a_minute_of_unread_audio_stays_within_the_bound_and_the_loss_is_told_once():
    a_hub = hub(received_bytes=1_000_000)
    slow, quick = a_hub.subscribe(), a_hub.subscribe()
    heard = []
    for second in range(60):
        count = play(a_hub, 1, first=second * 50)
        heard += await take(quick, count)
    say(a_hub, "the session lives")
    a_hub.end()
    overflow, *kept = await rest(slow)
    assert (overflow.type, overflow.data.code, overflow.data.recoverable) == ("error", "overflow", True)
    assert [event.type for event in kept].count("error") == 0
    assert sum(len(event.data["audio"]) for event in kept if event.type == "audio_chunk") <= 1_000_000
    assert texts(kept[-1:]) == ["the session lives"]
    dropped = 3000 - len(numbers(kept))
    assert f"the oldest audio was dropped ({dropped} events, {dropped * 960} bytes)" in overflow.error
    assert numbers(kept) == list(range(dropped, 3000))
    assert numbers(heard) == list(range(3000))


def chunks(a_hub, count, size, first=0):
    for number in range(first, first + count):
        a_hub.emit(AudioChunk(number.to_bytes(4) + bytes(size - 4)))


@pytest.mark.parametrize(
    ("limits", "fits", "size", "dropped"),
    [
        ({"received_bytes": 1_000}, 10, 100, 4),
        ({"received_bytes": 1_000}, 4, 250, 2),
        ({"received_events": 8}, 8, 4, 3),
    ],
)
async def test_unread_audio_may_fill_the_limit_and_one_chunk_more_drops_it_to_three_quarters(
    limits, fits, size, dropped
):
    a_hub = hub(**limits)
    full, over = a_hub.subscribe(), a_hub.subscribe()
    chunks(a_hub, fits, size)
    assert numbers(await take(full, fits)) == list(range(fits))
    for round in range(2):  # the second time, only what was lost since is told
        chunks(a_hub, 1 + dropped * round, size, first=fits + round)
        told = await anext(over)
        assert f"({dropped} events, {dropped * size} bytes)" in told.error
    await full.aclose()
    a_hub.end()
    assert numbers(await rest(over)) == list(range(2 * dropped, fits + 1 + dropped + 1))


async def test_what_one_reader_left_counts_for_the_next_and_what_it_lost_is_told_there():
    a_hub = hub(received_bytes=1_000)
    first = a_hub.subscribe()
    chunks(a_hub, 10, 100)
    await first.aclose()
    second = a_hub.subscribe()
    chunks(a_hub, 1, 100, first=10)
    await second.aclose()
    third = a_hub.subscribe()
    assert "(4 events, 400 bytes)" in (await anext(third)).error
    assert await rest(second) == []
    a_hub.end()
    assert numbers(await rest(third)) == list(range(4, 11))


async def test_other_events_survive_when_audio_is_dropped_and_keep_their_order():
    a_hub = hub(received_bytes=100_000)
    slow = a_hub.subscribe()
    for second in range(20):
        say(a_hub, str(second))
        play(a_hub, 1, first=second * 50)
    a_hub.end()
    overflow, *kept = await rest(slow)
    assert overflow.data.code == "overflow"
    assert texts(event for event in kept if event.type == "text_chunk") == [str(n) for n in range(20)]
    assert numbers(kept) == list(range(1000 - len(numbers(kept)), 1000))


async def test_a_second_overflow_is_told_as_well():
    a_hub = hub(received_bytes=100_000)
    slow = a_hub.subscribe()
    for _ in range(2):
        play(a_hub, 10)
        assert (await anext(slow)).data.code == "overflow"
        assert (await anext(slow)).type == "audio_chunk"


async def test_many_small_chunks_are_bounded_by_their_number():
    a_hub = hub(received_events=100)
    slow = a_hub.subscribe()
    for number in range(1000):
        a_hub.emit(AudioChunk(number.to_bytes(4)))
    a_hub.end()
    overflow, *kept = await rest(slow)
    assert overflow.data.code == "overflow"
    assert len(kept) <= 100
    assert numbers(kept) == list(range(1000 - len(kept), 1000))


async def test_unread_control_events_past_the_cap_end_the_subscription_with_that_error():
    a_hub = hub(received_events=100)
    slow, quick = a_hub.subscribe(), a_hub.subscribe()
    heard = []
    for number in range(110):
        say(a_hub, str(number))
        heard += texts(await take(quick, 1))
    (overflow,) = await rest(slow)
    assert overflow.data.code == "overflow"
    assert "everything unread was dropped, and this subscription ends (101 events" in overflow.error
    assert heard == [str(number) for number in range(110)]
    await slow.aclose()
    say(a_hub, "the session lives")
    assert texts(await take(quick, 1)) == ["the session lives"]


async def test_after_the_only_subscription_ended_so_the_next_one_goes_on_from_there():
    a_hub = hub(received_events=100)
    slow = a_hub.subscribe()
    say(a_hub, *map(str, range(110)))
    assert [event.data["code"] for event in await rest(slow)] == ["overflow"]
    assert texts(await take(a_hub.subscribe(), 9)) == [str(number) for number in range(101, 110)]


async def test_events_that_nobody_subscribed_to_are_bounded_too_and_the_first_reader_is_told():
    a_hub = hub(received_events=100)
    say(a_hub, *map(str, range(110)))
    first = a_hub.subscribe()
    overflow = await anext(first)
    assert "everything unread was dropped (101 events" in overflow.error
    assert texts(await take(first, 9)) == [str(number) for number in range(101, 110)]


@given(
    st.lists(st.one_of(st.just(None), st.integers(0, 400)), max_size=150),
    st.integers(1_000, 4_000),
    st.integers(8, 40),
)
def test_unread_events_never_exceed_the_bounds_and_every_loss_is_accounted_for(
    events, most_bytes, most_events
):
    async def main():
        a_hub = hub(received_bytes=most_bytes, received_events=most_events)
        slow = a_hub.subscribe()
        for size in events:
            a_hub.emit(TextChunk("control") if size is None else AudioChunk(bytes(size)))
        a_hub.end()
        read = await rest(slow)
        told = [event for event in read if event.type == "error"]
        kept = [event for event in read if event.type != "error"]
        weight = sum(256 if event.type == "text_chunk" else len(event.data["audio"]) for event in kept)
        assert weight <= most_bytes
        assert len(kept) <= most_events
        assert len(told) == (len(kept) < len(events))
        if told and "ends" not in told[0].error:
            assert f"({len(events) - len(kept)} events" in told[0].error

    run_virtual(main())


# ------------------------------------------------------------------ handlers


async def test_handlers_sync_and_async_hear_their_type_in_order():
    a_hub, heard = hub(), []

    async def slowly(event):
        await asyncio.sleep(1)
        heard.append(("slow", event.data["text"]))

    a_hub.on("text_chunk", slowly)
    a_hub.on("text_chunk", lambda event: heard.append(("quick", event.data["text"])))
    a_hub.on("*", lambda event: heard.append(("all", event.type)))
    a_hub.on("audio_chunk", lambda event: heard.append(("audio", len(event.data["audio"]))))
    say(a_hub, "a", "b")
    a_hub.emit(AudioChunk(b"\0\0"))
    await a_hub.close(timeout=10)
    of_text = [
        ("slow", "a"),
        ("quick", "a"),
        ("all", "text_chunk"),
        ("slow", "b"),
        ("quick", "b"),
        ("all", "text_chunk"),
    ]
    assert heard == [*of_text, ("audio", 2), ("all", "audio_chunk")]


async def test_a_handler_hears_only_what_comes_after_it_was_added():
    a_hub, heard = hub(), []
    say(a_hub, "before")
    a_hub.on("*", heard.append)
    say(a_hub, "after")
    await a_hub.close()
    assert texts(heard) == ["after"]


async def test_handlers_take_nothing_from_subscriptions():
    a_hub, heard = hub(), []
    a_hub.on("*", heard.append)
    say(a_hub, "a")
    await a_hub.close()
    assert texts(await rest(a_hub.subscribe())) == texts(heard) == ["a"]


async def test_a_handler_that_raises_is_logged_and_reported_and_stops_nothing(caplog):
    a_hub, heard = hub(), []

    def broken(event):
        raise KeyError(event.data["text"])

    a_hub.on("text_chunk", broken)
    a_hub.on("*", heard.append)
    with caplog.at_level(logging.ERROR, "voicechatengine"):
        say(a_hub, "a", "b")
        await a_hub.close()
    assert [event.type for event in heard] == ["text_chunk", "text_chunk", "error", "error"]
    assert heard[2].error == "a handler for text_chunk raised KeyError('a')"
    assert heard[2].data.code == "handler_failed"
    assert len(caplog.records) == 2


async def test_a_handler_that_raises_at_the_report_of_its_failure_is_not_reported_again(caplog):
    a_hub = hub()

    def broken(event):
        raise RuntimeError(event.type)

    a_hub.on("*", broken)
    with caplog.at_level(logging.CRITICAL, "voicechatengine"):
        say(a_hub, "a")
        await a_hub.close()
    assert [event.type for event in await rest(a_hub.subscribe())] == ["text_chunk", "error"]


async def test_a_handler_that_hangs_delays_the_end_by_its_time_limit_only():
    a_hub = hub()
    began = asyncio.get_running_loop().time()

    async def hang(event):
        await asyncio.Event().wait()

    a_hub.on("*", hang)
    say(a_hub, "a")
    await a_hub.close(timeout=2)
    assert asyncio.get_running_loop().time() - began == pytest.approx(2)
    await a_hub.close(timeout=2)
    assert asyncio.get_running_loop().time() - began == pytest.approx(2)


async def test_a_handler_has_a_second_unless_it_is_given_more():
    a_hub = hub()
    began = asyncio.get_running_loop().time()

    async def hang(event):
        await asyncio.Event().wait()

    a_hub.on("*", hang)
    say(a_hub, "a")
    await a_hub.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(1)


async def test_a_handler_may_end_the_session_and_still_hears_what_is_left():
    a_hub, heard = hub(), []

    async def end(event):
        heard.append(event.data["text"])
        await a_hub.close()

    a_hub.on("text_chunk", end)
    say(a_hub, "a", "b")
    await asyncio.sleep(1)
    assert heard == ["a", "b"]


async def test_a_failure_in_a_handler_that_ended_the_session_starts_nothing_new():
    a_hub, heard = hub(), []

    async def end(event):
        await a_hub.close()
        raise RuntimeError("after the end")

    a_hub.on("text_chunk", end)
    a_hub.on("error", heard.append)
    say(a_hub, "a")
    await asyncio.sleep(1)
    assert [event.data.code for event in heard] == ["handler_failed"]


async def test_handlers_are_there_for_the_next_session_and_hear_nothing_in_between():
    a_hub, heard = hub(), []
    a_hub.on("*", lambda event: heard.append(event.data["text"]))
    say(a_hub, "first")
    await a_hub.close()
    say(a_hub, "in between")
    a_hub.open()
    say(a_hub, "second")
    await a_hub.close()
    assert heard == ["first", "second"]


async def test_a_handler_added_after_the_end_begins_with_the_next_session():
    a_hub, heard = hub(), []
    await a_hub.close()
    a_hub.on("*", lambda event: heard.append(event.data["text"]))
    say(a_hub, "in between")
    a_hub.open()
    say(a_hub, "next")
    await a_hub.close()
    assert heard == ["next"]


async def test_handlers_that_fall_behind_are_told_and_go_on():
    a_hub, heard = hub(received_events=100), []
    a_hub.on("*", heard.append)
    say(a_hub, *map(str, range(110)))
    await asyncio.sleep(1)
    say(a_hub, "still there")
    await a_hub.close()
    assert [event.type for event in heard] == ["error"] + ["text_chunk"] * 10
    assert texts(heard[-1:]) == ["still there"]
