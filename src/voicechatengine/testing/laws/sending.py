"""Laws on what goes to the vendor."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from voicechatengine.audio.tone import tone
from voicechatengine.errors import AudioError, ConnectionError, MessageError, ProviderError
from voicechatengine.events import ResponseStarted, SessionCreated
from voicechatengine.messages import MessageItem, MessageType, TextPart
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import QUIET_S, Case, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("sending")

HEARD_SLACK_MS: Final = 5.0  # of what was resampled on its way

WRONG: Final[tuple[tuple[MessageType, dict[str, Any], str], ...]] = (
    (MessageType.TEXT_CHUNK, {"text": "x"}, "message_type"),
    (MessageType.AUDIO_CHUNK, {"audio": b"xx"}, "message_type"),
    (MessageType.ITEM_CREATE, {}, "item"),
    (MessageType.ITEM_CREATE, {"item": {"type": "message", "role": "bot", "content": []}}, "item.role"),
    (MessageType.RESPONSE_CREATE, {"modality": ["text"]}, "modality"),
    (MessageType.ITEM_TRUNCATE, {"item_id": "x", "heard_ms": -5}, "heard_ms"),
    (MessageType.TOOL_RESULT, {"call_id": "x", "output": 7}, "output"),
    (MessageType.SESSION_UPDATE, {"options": {"voice": 7}}, "options.voice"),
)


@law("A message that does not fit raises MessageError naming the field, and nothing is sent.")
async def what_does_not_fit_is_refused(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.quiet(0.5)
        before = case.far.messages() if case.has_far else 0
        for kind, data, field in WRONG:
            error = await case.raises(
                MessageError, case.provider.send_message(kind, data), f"{kind} with {data}"
            )
            named = cast("MessageError", error).field
            case.demand(
                named == field,
                f"MessageError with field {field!r} for {kind} with {data}",
                f"field {named!r}",
            )
        await case.quiet(0.5)
        if case.has_far:
            sent = case.far.messages() - before
            case.demand(
                sent == 0, "nothing to be sent of what was refused", f"{sent} messages reached the vendor"
            )
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")


@law("A message can be given as its mapping, and does what the named method does.")
async def the_general_channel_equals_the_named_methods(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        item = {"type": "message", "role": "user", "content": [{"type": "text", "text": "Speak, please."}]}
        send = case.provider.send_message
        await case.accepts(send(MessageType.RESPONSE_CANCEL, {}), "RESPONSE_CANCEL while nothing runs")
        place = len(listener.events)
        await case.accepts(send(MessageType.ITEM_CREATE, {"item": item}), "ITEM_CREATE as a mapping")
        await case.accepts(send(MessageType.RESPONSE_CREATE, {}), "RESPONSE_CREATE as a mapping")
        reply = await case.reply(listener, place)
        await reply.done()
        if case.has_far:
            texts = case.far.turns()[-1].texts
            case.demand(texts == ("Speak, please.",), "the vendor to be told the text once", texts)
            struct = MessageItem("user", (TextPart("Once more."),))
            await case.provider.send_message(MessageType.ITEM_CREATE, {"item": struct})
            await case.provider.create_response()
            await listener.until(lambda: len(case.far.turns()) > 1, "a second reply to be asked for")
            texts = case.far.turns()[-1].texts
            case.demand(texts == ("Once more.",), "the vendor to be told the text once", texts)


@law("Bytes that are no whole samples raise AudioError, and nothing is sent.")
async def odd_audio_is_refused(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input")
        await case.connected()
        form = case.provider.get_audio_format()
        if form.block_bytes > 1:
            odd = form.silence(20) + b"\0"
            await case.raises(
                AudioError, case.provider.send_audio(odd), f"send_audio of {len(odd)} bytes in {form}"
            )
        text = cast("bytes", "no bytes")
        await case.raises(ProviderError, case.provider.send_audio(text), "send_audio of what is no bytes")
        await case.accepts(case.provider.send_audio(form.silence(20)), "send_audio of 20 ms of silence")


@law("Sending without a session raises ConnectionError, before connect() and after disconnect().")
async def sending_needs_a_session(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        await _closed(case, "before connect()")
        await case.provider.connect()
        await case.provider.disconnect()
        await _closed(case, "after disconnect()")


async def _closed(case: Case, when: str) -> None:
    provider = case.provider
    silence = provider.get_audio_format().silence(20)
    calls: tuple[tuple[str, str, Callable[[], Awaitable[None]]], ...] = (
        ("text_input", "send_text()", lambda: provider.send_text("Hello?")),
        ("audio_input", "send_audio()", lambda: provider.send_audio(silence)),
        ("text_input", "create_response()", provider.create_response),
    )
    for capability, name, call in calls:
        if not case.can(capability):
            continue
        error = await case.raises(ConnectionError, call(), f"{name} {when}")
        builtin = isinstance(error, builtins.ConnectionError)
        case.demand(builtin, "a ConnectionError that is the builtin one too", type(error).__mro__)


@law("send_text() adds to the conversation and asks for no reply.")
async def text_asks_for_no_reply(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        await case.provider.send_text("Keep this in mind, and say nothing.")
        await case.quiet(QUIET_S)
        begun = listener.of(ResponseStarted)
        case.demand(not begun, "no reply to text for which none was asked", begun)


@law("Each text reaches the vendor once, in its order and in its role.")
async def text_reaches_the_vendor_once(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        far = case.far
        listener = await case.connected()
        wanted = tuple(f"Sentence {number}: ünïcode, 日本." for number in range(5))
        for text in wanted:
            await case.provider.send_text(text)
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        texts = far.turns()[-1].texts
        case.demand(texts == wanted, f"the vendor to be told {wanted}", texts)


@law("The user's audio reaches the vendor whole, however it is cut.")
async def audio_reaches_the_vendor_whole(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input", "manual_turns")
        far = case.far
        await case.provider.update_session(turn_detection=None)
        listener = await case.connected()
        await listener.first(SessionCreated)
        form = case.provider.get_audio_format()
        audio = tone(form, 1_003, [440.0])  # no whole number of frames
        await case.provider.send_message(MessageType.ACTIVITY_START, {})
        start = 0
        for ms in (1, 20, 7, 333, 20, 600, 1_000):
            end = min(len(audio), start + form.size_of(ms))
            await case.provider.send_audio(audio[start:end])
            start = end
        await case.provider.send_message(MessageType.ACTIVITY_END, {})
        await listener.until(far.turns, "ACTIVITY_END to ask the vendor for a reply")
        turn = far.turns()[-1]
        if not turn.audio_format.same_sound(
            form
        ):  # a far end that is no vendor's may hear all in a format of its own
            near = abs(turn.audio_ms - form.duration_ms(len(audio))) < HEARD_SLACK_MS
            told = f"{form.duration_ms(len(audio)):.0f} ms of audio at the vendor"
            case.demand(near, told, f"{turn.audio_ms:.0f} ms")
            return
        came = f"{len(turn.audio)} bytes" + (" of other sound" if len(turn.audio) == len(audio) else "")
        case.demand(turn.audio == audio, f"the vendor to hear the {len(audio)} bytes that were sent", came)


@law("Where the vendor detects turns, speech is told, becomes an item, and is answered.")
async def speech_is_a_turn(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input", "turn_detection")
        if subject.live:
            raise NotApplicable("a real vendor does not take the kit's tone for speech")
        await case.detects_turns()
        listener = await case.connected()
        await listener.first(SessionCreated)
        place = len(listener.events)
        await case.say_aloud(case.speech())
        await listener.until(
            lambda: any(event.type == "speech_started" for event in listener.events), "speech_started"
        )
        await listener.until(
            lambda: any(event.type == "speech_stopped" for event in listener.events), "speech_stopped"
        )
        reply = await case.reply(listener, place)
        await reply.done()
        if case.can("input_transcription"):
            await listener.until(
                lambda: any(
                    event.type == "input_transcript" and event.data["final"] for event in listener.events
                ),
                "a final input_transcript, of a provider that claims input_transcription",
            )
