"""Laws on stopping a reply, and on what is remembered of it."""

from __future__ import annotations

import asyncio
from typing import Final

from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Interrupted,
    ResponseCompleted,
    SessionCreated,
    TextChunk,
)
from voicechatengine.messages import MessageItem, MessageType, Modality
from voicechatengine.providers.mock import MockReply
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Heard, Listener, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("interruption", docs="docs/interruption.md")

ON_ITS_WAY: Final = 4  # chunks: words and sound, of a step that is under way and of one more
AT_ONCE_S: Final = 0.05
SOME_MS: Final = 2_000.0  # of audio
SLACK_MS: Final = 250.0  # between what was generated and what was told: a chunk may have been on its way


@law("interrupt() while nothing runs is harmless.")
async def interrupt_while_idle_is_harmless(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.accepts(case.provider.interrupt(), "interrupt() while nothing runs")
        await case.accepts(case.provider.interrupt(), "interrupt() once more")
        await case.quiet()
        told = [*listener.of(ErrorInfo), *listener.of(Interrupted), *listener.of(ResponseCompleted)]
        case.demand(not told, "nothing to be told of an interruption of nothing", told)
        if case.can("text_input") and not case.can("full_duplex"):
            await case.a_reply(listener)


@law(
    "interrupt() stops the reply: interrupted, then response_completed with that status, and nothing of it after that."
)
async def interrupt_stops_the_reply(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener, reply = await _interrupted(case)
        await reply.interrupted()
        done = await reply.done("response_completed for the interrupted reply")
        case.demand(done.status == "interrupted", "response_completed with status interrupted", done)
        await case.quiet()
        cut = next(n for n, data in enumerate(listener.data) if isinstance(data, Interrupted))
        late = [
            data
            for data in listener.data[cut:]
            if isinstance(data, (TextChunk, AudioChunk)) and data.response_id == reply.id
        ]
        case.demand(
            not late, "no chunk of a reply behind its interruption", f"{len(late)} of them: {late[:1]}"
        )
        await case.a_reply(listener)


@law("interrupt() takes effect at once: what is told behind it belongs to the interrupted reply no more.")
async def interrupt_works_at_once(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        if subject.live:
            raise NotApplicable("at a real vendor, what was on the wire may still be told")
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        before = reply.chunks
        await case.provider.interrupt()
        await reply.done()
        case.demand(
            reply.chunks <= before + ON_ITS_WAY,
            "no more than what was on its way",
            f"{reply.chunks - before} chunks",
        )


@law("interrupt() twice equals once: one interrupted, one response_completed.")
async def interrupt_twice_equals_once(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        await asyncio.gather(case.provider.interrupt(), case.provider.interrupt())
        await case.provider.interrupt()
        await reply.done()
        await case.accepts(case.provider.interrupt(), "interrupt() of a reply that was interrupted")
        await case.quiet()
        case.demand(len(reply.of(Interrupted)) == 1, "one interrupted", reply.of(Interrupted))
        case.demand(
            len(reply.of(ResponseCompleted)) == 1, "one response_completed", reply.of(ResponseCompleted)
        )
        case.demand(not listener.of(ErrorInfo), "no error", listener.of(ErrorInfo))


@law("interrupted says how much audio was generated: what was told of it.")
async def interrupted_says_what_was_generated(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        _, reply = await _interrupted(case, SOME_MS)
        cut = await reply.interrupted()
        told = _told_ms(case, reply)
        near = abs(cut.generated_ms - told) <= SLACK_MS
        case.demand(near, f"generated_ms of about {told:.0f}, the audio that was told", cut)
        items = {chunk.item_id for chunk in reply.of(AudioChunk)}
        case.demand(cut.item_id in items, f"the item that was interrupted: one of {items}", cut)


@law("interrupt() right behind create_response() leaves no reply running, and none is lost later.")
async def interrupt_before_the_reply_begins(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.request(LONG)
        await case.provider.interrupt()
        await case.quiet(8.0)
        running = listener.grammar.open_responses
        case.demand(not running, "no reply to run on behind an interrupt()", f"{running} run")
        times = [event.timestamp for event in listener.events if event.type.startswith("response_")]
        completed = [done for done in listener.of(ResponseCompleted) if done.status == "completed"]
        if completed and max(times) - min(times) < AT_ONCE_S:
            raise NotApplicable("its replies are over at once")
        case.demand(not completed, "the reply to be interrupted, or not to begin", completed)
        place = len(listener.events)
        await case.provider.send_text("Say the word yes, and nothing else.")
        await case.provider.create_response()
        reply = await case.reply(listener, place)
        done = await reply.done()
        case.demand(done.status == "completed", "the next reply to be completed", done)


@law(
    "What was asked for after an interruption is answered whole, although the interrupted reply may still be ending."
)
async def the_reply_behind_an_interruption_is_whole(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        far = case.far
        listener = await case.connected()
        reply = await case.ask(listener, LONG)
        await reply.under_way()
        await case.provider.interrupt()
        far.say(MockReply("Nothing of this is lost."))
        place = len(listener.events)
        await case.provider.send_text("Go on.")
        await case.provider.create_response()
        following = await case.reply(listener, place)
        done = await following.done()
        case.demand(done.status == "completed", "the reply behind the interruption to be completed", done)
        case.demand(
            following.text.split() == ["Nothing", "of", "this", "is", "lost."],
            "all of its words",
            following.text,
        )
        case.demand(
            len(reply.of(ResponseCompleted)) == 1,
            "one end of the interrupted reply",
            reply.of(ResponseCompleted),
        )


@law("The user's speech interrupts a running reply, where the vendor detects turns.")
async def speech_interrupts(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input", "turn_detection", "interruption")
        if subject.live:
            raise NotApplicable("a real vendor does not take the kit's tone for speech")
        await case.detects_turns()
        listener = await case.connected()
        reply = await case.ask(listener, MockReply(" ".join([LONG.text] * 3), pace=1))
        await reply.under_way()
        await case.say_aloud(case.speech())
        await reply.interrupted()
        done = await reply.done()
        case.demand(done.status == "interrupted", "response_completed with status interrupted", done)


@law("ITEM_TRUNCATE is accepted at any position: within the item, at 0, and far beyond its end.")
async def truncation_is_accepted_anywhere(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        for heard in (0.5, 0.0, 1e7):
            listener, reply = await _interrupted(case)
            cut = await reply.interrupted()
            await reply.done()
            ms = heard if heard > 1 else heard * cut.generated_ms
            truncate = {"item_id": cut.item_id, "heard_ms": ms}
            await case.accepts(
                case.provider.send_message(MessageType.ITEM_TRUNCATE, truncate),
                f"ITEM_TRUNCATE at {ms:.0f} ms",
            )
            await case.quiet(1.0)
            case.demand(
                not listener.of(ErrorInfo),
                f"no error for a truncation at {ms:.0f} ms",
                listener.of(ErrorInfo),
            )
            await case.provider.disconnect()


@law("Where truncation is claimed, the model forgets what was not heard, and no more than that.")
async def what_was_not_heard_is_forgotten(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("truncation", "audio_output")
        far = case.far
        listener, reply = await _interrupted(case, SOME_MS)
        cut = await reply.interrupted()
        await reply.done()
        truncate = {"item_id": cut.item_id, "heard_ms": cut.generated_ms / 2}
        await case.provider.send_message(MessageType.ITEM_TRUNCATE, truncate)
        count = len(far.turns())
        await case.provider.send_text("What did you say?")
        await case.provider.create_response()
        await listener.until(lambda: len(far.turns()) > count, "the next reply to be asked for")
        said = [
            item.text
            for item in far.turns()[-1].history
            if isinstance(item, MessageItem) and item.role == "assistant"
        ]
        generated = len(reply.text.split())
        kept = len(said[-1].split()) if said else 0
        enough = generated * 0.25 - 1 <= kept <= generated * 0.75 + 1
        case.demand(
            enough, f"about half of the {generated} words in the vendor's history", f"{kept} words: {said}"
        )


async def _interrupted(case: Case, ms: float = 0.0) -> tuple[Listener, Heard]:
    """A reply that is interrupted when some of it has come, of its audio so many milliseconds."""
    listener = await case.connected()
    await listener.first(SessionCreated)
    aloud: tuple[Modality, ...] | None = ("audio",) if case.can("audio_output") else None
    reply = await case.ask(listener, LONG, modalities=aloud)
    await reply.under_way()
    await listener.until(
        lambda: not reply.audio or _told_ms(case, reply) >= ms or reply.of(ResponseCompleted),
        f"{ms:g} ms of audio",
    )
    await case.provider.interrupt()
    return listener, reply


def _told_ms(case: Case, reply: Heard) -> float:
    form = next((chunk.format for chunk in reply.of(AudioChunk) if chunk.format), None)
    return (form or case.provider.get_audio_format()).duration_ms(len(reply.audio))
