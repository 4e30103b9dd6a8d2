"""Laws on what a reply looks like, and on what every event carries: the grammar."""

from __future__ import annotations

from typing import Final

from voicechatengine.audio.tone import tone
from voicechatengine.events import (
    EVENT_TYPES,
    AudioChunk,
    ItemAdded,
    ResponseCompleted,
    SessionCreated,
    TextChunk,
)
from voicechatengine.providers.mock import MockReply
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Listener, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("grammar", docs="docs/events.md#the-legal-order")


@law("A reply begins with response_started, has its chunks, and ends with its one response_completed.")
async def a_reply_obeys_the_grammar(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        reply = await case.a_reply(listener)
        case.demand(reply.chunks, "text or audio in a reply", "it is empty")
        await case.quiet()
        _obeyed(case, listener)
        ends = reply.of(ResponseCompleted)
        case.demand(len(ends) == 1, "one response_completed", f"{len(ends)} of them")


@law("The whole of a conversation obeys the grammar: replies, an interruption, and the end of the session.")
async def a_conversation_obeys_the_grammar(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await case.a_reply(listener)
        reply = await case.ask(listener, LONG)
        await case.provider.interrupt()
        await reply.done("the end of a reply that was interrupted")
        await case.a_reply(listener)
        await case.ask(listener, LONG)
        await case.provider.disconnect()
        await listener.until(lambda: listener.ended, "the end of the subscription")
        _obeyed(case, listener)


@law("Every chunk and call names its response and its item, by ids that no other has.")
async def ids_are_on_everything(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        one = await case.a_reply(listener)
        other = await case.a_reply(listener)
        case.demand(one.id and one.id != other.id, "response ids that differ", [one.id, other.id])
        items: list[set[str | None]] = []
        for reply in (one, other):
            chunks: list[TextChunk | AudioChunk] = [*reply.of(TextChunk), *reply.of(AudioChunk)]
            items.append({chunk.item_id for chunk in chunks})
            case.demand(all(chunk.item_id for chunk in chunks), "an item id on every chunk", chunks[:1])
        case.demand(not items[0] & items[1], "items of their own for two replies", items)


@law("An item is announced once, before anything is told of it.")
async def items_are_announced_once(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await case.a_reply(listener)
        await case.a_reply(listener)
        announced: list[str] = []
        for data in listener.data:
            if isinstance(data, ItemAdded):
                case.demand(data.item_id not in announced, "one item_added an item", data)
                announced.append(data.item_id)
                before = data.previous_item_id
                known = before is None or before in announced
                case.demand(known, "an item to stand behind one that was announced", data)
            elif isinstance(data, (TextChunk, AudioChunk)) and announced:
                case.demand(data.item_id in announced, "item_added before the item's first chunk", data)


@law(
    "Every event has its type's payload, a time that does not step back, the provider's name and the session's id."
)
async def events_are_well_formed(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        if case.can("text_input") and not case.can("full_duplex"):
            await case.a_reply(listener)
        times = [event.timestamp for event in listener.events]
        case.demand(times == sorted(times), "timestamps that do not step back", times)
        names = {event.provider for event in listener.events}
        case.demand(all(names), "the provider's name on all events", names)
        session = None
        for event in listener.events:
            known = EVENT_TYPES.get(type(event.data))
            own = known is None and event.type not in EVENT_TYPES.values()
            case.demand(own or known == event.type, f"the payload of {event.type}", event)
            if isinstance(event.data, SessionCreated):
                session = event.data.session_id
            case.demand(
                session is None or event.session_id == session, f"session id {session} on the event", event
            )


@law("What the vendor says arrives whole, and once: no word is lost, none is doubled.")
async def words_arrive_whole(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        far = case.far
        listener = await case.connected()
        far.say(MockReply("Never odd, or even. Ünïcode too: 日本. The end."))
        place = len(listener.events)
        await case.provider.send_text("Speak.")
        await case.provider.create_response()
        reply = await case.reply(listener, place)
        await reply.done()
        wanted = "Never odd, or even. Ünïcode too: 日本. The end."
        case.demand(reply.text.split() == wanted.split(), f"the words {wanted!r}", reply.text)


@law("The vendor's audio arrives byte by byte as it was made.")
async def audio_arrives_whole(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        if case.can("full_duplex"):
            raise NotApplicable("the output of a full-duplex provider has silence in it")
        listener = await case.connected()
        form = case.provider.get_audio_format()
        spoken = case.provider.get_capabilities().get("output_formats", (form,))
        if not any(form.same_sound(each) for each in spoken):
            form = spoken[0]  # a vendor may hear at one rate and speak at another
        audio = tone(form, 1_930, [440.0, 660.0])
        place = len(listener.events)
        case.far.say(MockReply("Listen to this.", audio=audio))
        await case.provider.send_text("Speak.")
        await case.provider.create_response(("audio",))
        reply = await case.reply(listener, place)
        await reply.done()
        wanted = None if form.same_sound(case.provider.get_audio_format()) else form
        odd = [chunk.format for chunk in reply.of(AudioChunk) if chunk.format != wanted]
        case.demand(not odd, f"the format {wanted} on audio: none where it is in get_audio_format()", odd[:1])
        came = f"{len(reply.audio)} bytes" + (" of other sound" if len(reply.audio) == len(audio) else "")
        case.demand(reply.audio == audio, f"the {len(audio)} bytes that the vendor said", came)


@law("Audio comes in whole samples of its format, and is not silence where something is said.")
async def audio_is_whole_samples(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        listener = await case.connected()
        reply = await case.a_reply(listener, modalities=("audio",))
        chunks = reply.of(AudioChunk)
        case.demand(
            chunks, "audio in a reply of a provider that claims audio_output", f"only text: {reply.text!r}"
        )
        for chunk in chunks:
            form = chunk.format or case.provider.get_audio_format()
            part = len(chunk.audio) % form.block_bytes
            case.demand(chunk.audio and not part, f"whole samples of {form}", f"{len(chunk.audio)} bytes")
        case.demand(
            len(set(reply.audio)) > 1, "sound", f"{len(reply.audio)} bytes that are all {reply.audio[:1]!r}"
        )


@law("Words beside audio are told as spoken; the words of a written reply are not, and it has no audio.")
async def written_words_are_not_spoken(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_output")
        listener = await case.connected()
        reply = await case.ask(listener, modalities=("text",))
        await reply.done()
        case.demand(
            not reply.of(AudioChunk), "no audio in a reply that was asked for in text", "there is some"
        )
        spoken = [chunk for chunk in reply.of(TextChunk) if chunk.spoken]
        case.demand(not spoken, "written words", spoken[:1])
        case.demand(reply.text.strip(), "words", "none")


@law("A reply that fails at the vendor ends as failed, and the session goes on.")
async def a_failed_reply_ends(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.far.turns()  # only a far end can be made to fail
        listener = await case.connected()
        reply = await case.ask(listener, MockReply("This will not be said.", status="failed", reason="quota"))
        done = await reply.done()
        case.demand(done.status == "failed", "response_completed with status failed", done)
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")
        await case.a_reply(listener)
        _obeyed(case, listener)


def _obeyed(case: Case, listener: Listener) -> None:
    case.demand(listener.problem is None, "events in the legal order", listener.problem or "")
    case.demand(
        not listener.grammar.open_responses,
        "an end for every reply",
        f"open: {listener.grammar.open_responses}",
    )
