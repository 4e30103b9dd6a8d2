"""Laws on the truth of capabilities, both ways: what is claimed works, what is not claimed is refused before a byte leaves."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from voicechatengine.audio.format import AudioFormat
from voicechatengine.capabilities import Capabilities
from voicechatengine.errors import MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    InputTranscript,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    TextChunk,
    UsageReport,
)
from voicechatengine.messages import (
    OPTIONS,
    MessageItem,
    MessageType,
    TextPart,
    Tool,
    Transcription,
    TurnDetection,
)
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import Case, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("capabilities")

PICTURES: Final = {
    "image/png": bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    ),
    "image/jpeg": b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////"
        "////////////////////////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAA"
        "AAD/2gAIAQEAAD8AP//Z"
    ),
}
"""The smallest of their kind. Not every vendor takes both."""

TOOL: Final = Tool(
    "look_up", "Looks something up.", {"type": "object", "properties": {"what": {"type": "string"}}}
)

VALUES: Final[dict[str, object]] = {
    "model": "kit-model",
    "voice": "kit-voice",
    "language": "en",
    "instructions": "Be brief.",
    "tools": (TOOL,),
    "tool_choice": "auto",
    "modalities": ("text",),
    "turn_detection": None,
    "transcription": Transcription(),
    "input_audio_format": AudioFormat(),
    "output_audio_format": AudioFormat(),
    "max_tokens": 200,
    "vendor": {},
}
"""A value for each option that a session can be told."""


@law(
    "get_capabilities() has the keys of Capabilities only, each with a value of its type; it is the caller's own."
)
async def capabilities_are_well_formed(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        found = cast("dict[str, Any]", case.provider.get_capabilities())
        case.exchange.add("→", f"get_capabilities() gave {found}")
        hints = get_type_hints(Capabilities)
        for name, value in found.items():
            case.demand(name in hints, f"one of {', '.join(hints)}", f"the capability {name!r}")
            kind = get_origin(hints[name]) or hints[name]
            numbers = (int, float) if kind is float else kind
            fits = isinstance(value, numbers) and (kind is bool or value is not True)
            entries = cast("tuple[object, ...]", value) if fits and kind is tuple else ()
            fits = fits and all(isinstance(entry, get_args(hints[name])[0]) for entry in entries)
            case.demand(fits, f"{name} of type {hints[name]}", value)
        before = dict(found)
        found.clear()
        case.demand(
            case.provider.get_capabilities() == before, "the same capabilities when asked again", "others"
        )


@law("What is not claimed raises MessageError before anything is sent.")
async def what_is_not_claimed_is_refused(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.quiet(0.5)
        before = case.far.messages() if case.has_far else 0
        tried = 0
        for capability, name, call in _uses(case):
            if not case.can(capability):
                tried += 1
                await case.raises(
                    MessageError, call(), f"{name}, by a provider that does not claim {capability},"
                )
        if not tried:
            raise NotApplicable("the provider claims all that can be tried")
        await case.quiet(0.5)
        if case.has_far:
            sent = case.far.messages() - before
            case.demand(
                sent == 0, "nothing to be sent of what was refused", f"{sent} messages reached the vendor"
            )


@law("What is claimed is accepted, and brings no error.")
async def what_is_claimed_works(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        for capability, name, call in _uses(case):
            if case.can(capability):
                await case.accepts(call(), f"{name}, by a provider that claims {capability},")
        await case.quiet(1.0)
        errors = listener.of(ErrorInfo)
        case.demand(not errors, "no error for what is claimed", errors)
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")


def _uses(case: Case) -> list[tuple[str, str, Callable[[], Awaitable[object]]]]:
    """How a capability is used, in a session that is open."""
    provider = case.provider
    form = provider.get_audio_format()
    return [
        ("text_input", "send_text()", lambda: provider.send_text("Hello.")),
        ("audio_input", "send_audio()", lambda: provider.send_audio(form.silence(20))),
        ("image_input", "IMAGE", lambda: _show(case)),
    ]


async def _show(case: Case) -> None:
    """Shows a picture, of whatever kind is taken."""
    first, second = ({"image": image, "mime_type": kind} for kind, image in PICTURES.items())
    try:
        await case.provider.send_message(MessageType.IMAGE, first)
    except MessageError:
        await case.provider.send_message(MessageType.IMAGE, second)


@law(
    "Options that can change in mid-session are named in session_update: these are taken, all others raise MessageError."
)
async def session_update_names_the_truth(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        found = case.provider.get_capabilities()
        changeable = found.get("session_update", ())
        unknown = [name for name in changeable if name not in OPTIONS]
        case.demand(not unknown, f"names of options in session_update, from {', '.join(OPTIONS)}", unknown)
        values = VALUES | {"input_audio_format": case.provider.get_audio_format()}
        values["output_audio_format"] = (*found.get("output_formats", ()), case.provider.get_audio_format())[
            0
        ]
        values["voice"] = (*found.get("voices", ()), "kit-voice")[0]
        values["modalities"] = ("text",) if found.get("text_output") else ("audio",)
        for name in OPTIONS:
            if name == "turn_detection" and name in changeable and not found.get("manual_turns"):
                continue
            if name == "turn_detection" and name not in changeable:
                values[name] = TurnDetection()  # without any, None is no change
            call = _update(case, {name: values[name]})
            if name not in changeable:
                await case.raises(
                    MessageError, call, f"update_session({name}=…), which session_update does not name,"
                )
            else:
                await _accepted_or_of_no_such_value(case, call, name)
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")


async def _accepted_or_of_no_such_value(case: Case, call: Awaitable[object], name: str) -> None:
    """Names of models and voices are a vendor's own, so it may say that there is no such one."""
    if name not in ("model", "voice"):
        await case.accepts(call, f"update_session({name}=…), which session_update names,")
        return
    try:
        await call
    except MessageError as error:
        case.demand(
            "kit-" in str(error), f"update_session({name}=…) to be refused for its value alone", error
        )


@law(
    "Each audio format that is claimed can be had, and get_audio_format() follows; one that is not claimed is refused."
)
async def formats_are_the_truth(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        found = case.provider.get_capabilities()
        if not found.get("audio_input"):
            raise NotApplicable("the provider does not claim audio_input")
        current = case.provider.get_audio_format()
        claimed = found.get("input_formats", ())
        known = not claimed or any(form.same_sound(current) for form in claimed)
        case.demand(known, "get_audio_format() among the input_formats", f"{current}, not among {claimed}")
        for form in claimed[:8]:
            await case.accepts(_update(case, {"input_audio_format": form}), f"input_audio_format={form}")
            now = case.provider.get_audio_format()
            case.demand(now.same_sound(form), f"get_audio_format() to be {form}", str(now))
        strange = AudioFormat("float32", 11_127, 2)
        before = case.provider.get_audio_format()
        error = await case.raises(
            MessageError, _update(case, {"input_audio_format": strange}), f"input_audio_format={strange}"
        )
        case.demand(
            "input_audio_format" in (cast("MessageError", error).field or ""), "its field named", error
        )
        case.demand(case.provider.get_audio_format() == before, f"the format to stay {before}", "it changed")


@law("Each output format that is claimed is what audio comes in, and audio says its format where it differs.")
async def output_formats_are_the_truth(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        claimed = [f for f in case.provider.get_capabilities().get("output_formats", ()) if f.channels == 1][
            :6
        ]
        if not claimed:
            raise NotApplicable("the provider claims no output_formats")
        for form in claimed:
            await case.provider.update_session(output_audio_format=form)
            listener = await case.connected()
            await listener.first(SessionCreated)
            reply = await case.ask(listener, modalities=("audio",))
            await reply.done()
            chunks = reply.of(AudioChunk)
            heard = {chunk.format or case.provider.get_audio_format() for chunk in chunks}
            right = all(one.same_sound(form) for one in heard) and heard
            case.demand(right, f"audio in {form}", ", ".join(map(str, heard)) or "none")
            await case.provider.disconnect()


@law("Each mode of turn detection that is claimed can be had; one that is not claimed is refused.")
async def turn_detection_is_the_truth(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_input")
        claimed = case.provider.get_capabilities().get("turn_detection", ())
        for mode in ("server_vad", "semantic_vad"):
            detection = TurnDetection(mode=mode)
            call = _update(case, {"turn_detection": detection})
            if mode in claimed:
                await case.accepts(call, f"turn_detection {mode}, which is claimed,")
            else:
                await case.raises(MessageError, call, f"turn_detection {mode}, which is not claimed,")
        by_hand: dict[str, Any] = {"turn_detection": None}
        if case.can("manual_turns"):
            await case.accepts(_update(case, by_hand), "turn_detection None, with manual_turns claimed,")
        elif claimed:
            await case.raises(
                MessageError, _update(case, by_hand), "turn_detection None, with manual_turns not claimed,"
            )


@law("tools: a provider that claims them takes them; another refuses them, rather than to forget them.")
async def tools_are_claimed_truly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        call = _update(case, {"tools": (TOOL,)})
        if case.can("tools"):
            await case.accepts(call, "tools, by a provider that claims them,")
        else:
            await case.raises(MessageError, call, "tools, by a provider that does not claim them,")


@law("history: a conversation that is given before connect() reaches the vendor, or is refused.")
async def history_is_claimed_truly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        history = (
            MessageItem("user", (TextPart("My name is Ada."),), id="kit_1"),
            MessageItem("assistant", (TextPart("Good day, Ada."),), id="kit_2"),
        )
        call = case.provider.send_message(MessageType.SESSION_CREATE, {"history": history})
        if not case.can("history"):
            await case.raises(MessageError, call, "a history, by a provider that does not claim it,")
            return
        await case.accepts(call, "a history before connect(), by a provider that claims it,")
        listener = await case.connected()
        await listener.first(SessionCreated)
        case.needs("text_input")
        far = case.far
        await case.provider.send_text("What is my name?")
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        told = [item.text for item in far.turns()[-1].history if isinstance(item, MessageItem)]
        case.demand(
            told[:2] == ["My name is Ada.", "Good day, Ada."],
            "the history first in the vendor's conversation",
            told,
        )


@law(
    "out_of_band: a reply beside the conversation says so and adds nothing to it; without the claim it is refused."
)
async def out_of_band_is_claimed_truly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        await listener.first(SessionCreated)
        place = len(listener.events)
        call = case.provider.send_message(MessageType.RESPONSE_CREATE, {"out_of_band": True})
        if not case.can("out_of_band"):
            await case.raises(MessageError, call, "out_of_band, by a provider that does not claim it,")
            return
        await call
        begun = await listener.first(ResponseStarted, after=place)
        case.demand(begun.out_of_band, "response_started that says that it is out of band", begun)
        reply = await case.reply(listener, place)
        await reply.done()
        added = [event for event in listener.events[place:] if event.type == "item_added"]
        case.demand(not added, "no item in the conversation", added)


@law("usage is on the end of a reply, or told apart, where it is claimed; else there is none.")
async def usage_is_claimed_truly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        reply = await case.a_reply(listener)
        await case.quiet(1.0)
        found = [done.usage for done in reply.of(ResponseCompleted) if done.usage is not None]
        found += [report.usage for report in listener.of(UsageReport)]
        if case.can("usage"):
            case.demand(found, "usage, of a provider that claims it", "none")
        else:
            case.demand(not found, "no usage, of a provider that does not claim it", found)


@law(
    "Spoken words come as text where output_transcription is claimed; a transcript of the user only where that is claimed."
)
async def transcription_is_claimed_truly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("audio_output")
        listener = await case.connected()
        reply = await case.a_reply(listener, modalities=("audio",))
        spoken = [chunk for chunk in reply.of(TextChunk) if chunk.spoken]
        if reply.of(AudioChunk) and case.can("output_transcription"):
            case.demand(spoken, "the words of the audio, marked as spoken", reply.of(TextChunk)[:2])
        elif not case.can("output_transcription"):
            case.demand(
                not spoken, "no spoken words, of a provider that does not claim output_transcription", spoken
            )
        if not case.can("input_transcription"):
            heard = listener.of(InputTranscript)
            case.demand(
                not heard, "no transcript, of a provider that does not claim input_transcription", heard
            )


@law("Each modality that is claimed can be asked for; one that is not claimed is refused.")
async def modalities_are_the_truth(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        if case.can("full_duplex"):
            raise NotApplicable("a full-duplex provider has no turns")
        listener = await case.connected()
        await listener.first(SessionCreated)
        modalities: tuple[tuple[Any, str], ...] = (("text", "text_output"), ("audio", "audio_output"))
        for modality, capability in modalities:
            if not case.can(capability):
                await case.raises(
                    MessageError,
                    case.provider.create_response([modality]),
                    f"create_response([{modality!r}])",
                )
                continue
            reply = await case.ask(listener, modalities=(modality,))
            await reply.done()
            came = bool(reply.of(AudioChunk)) if modality == "audio" else bool(reply.text)
            case.demand(came, f"{modality} in a reply that was asked for in {modality}", "none")


def _update(case: Case, options: dict[str, Any]) -> Awaitable[None]:
    return case.provider.update_session(**options)
