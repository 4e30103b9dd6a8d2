"""Laws on session options."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, cast

from voicechatengine.errors import MessageError
from voicechatengine.events import ErrorInfo, SessionCreated, SessionUpdated
from voicechatengine.messages import MessageType
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import Case, Subject

law: Final = PROVIDER.topic("session updates")

WRONG: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({"vioce": "alloy"}, "vioce"),
    ({"temperature": 0.8}, "temperature"),
    ({"voice": 5}, "voice"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"modalities": ["video"]}, "modalities"),
    ({"modalities": []}, "modalities"),
    ({"tools": [{"name": 1}]}, "tools"),
)


@law(
    "An option that is unknown or of a wrong kind raises MessageError naming it, before and after connect()."
)
async def wrong_options_are_refused(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        await _refused(case, "before connect()")
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.quiet(0.5)
        before = case.far.messages() if case.has_far else 0
        await _refused(case, "while connected")
        await case.quiet(0.5)
        if case.has_far:
            sent = case.far.messages() - before
            case.demand(
                sent == 0, "nothing to be sent of what was refused", f"{sent} messages reached the vendor"
            )


async def _refused(case: Case, when: str) -> None:
    for options, field in WRONG:
        error = cast(
            "MessageError", await case.raises(MessageError, _update(case, options), f"{options} {when}")
        )
        named = (error.field or "").removeprefix("options.")
        case.demand(
            named.startswith(field), f"MessageError with field {field!r}", f"field {error.field!r}: {error}"
        )


@law("An update that is refused leaves the session as it was.")
async def a_refused_update_changes_nothing(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener = await case.connected()
        await listener.first(SessionCreated)
        form, can = case.provider.get_audio_format(), case.provider.get_capabilities()
        await case.raises(MessageError, _update(case, {"vioce": "alloy"}), "an unknown option")
        case.demand(case.provider.get_audio_format() == form, f"the audio format to stay {form}", "another")
        case.demand(case.provider.get_capabilities() == can, "the capabilities to stay", "others")
        if case.can("text_input") and not case.can("full_duplex"):
            await case.a_reply(listener)
        case.demand(not listener.of(ErrorInfo), "no error event for what was raised", listener.of(ErrorInfo))


@law("Options that are given before connect() define the session that it opens.")
async def options_before_connect_define_the_session(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        await _instruct(case, "Be brief, before.", mid_session=False)
        far = case.far
        listener = await case.connected()
        await listener.first(SessionCreated)
        await case.provider.send_text("Go.")
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        told = far.turns()[-1].options.instructions
        case.demand(told == "Be brief, before.", "the instructions that were given before connect()", told)


@law("An option that changes in mid-session is told by session_updated, and reaches the vendor.")
async def updates_are_told_and_applied(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("text_input")
        listener = await case.connected()
        await listener.first(SessionCreated)
        await _instruct(case, "Be brief, from now on.", mid_session=True)
        await listener.first(SessionUpdated, "session_updated, after update_session()")
        far = case.far
        await case.provider.send_text("Go.")
        await case.provider.create_response()
        await listener.until(far.turns, "the vendor to be asked for a reply")
        told = far.turns()[-1].options.instructions
        case.demand(told == "Be brief, from now on.", "the new instructions", told)


@law("SESSION_CREATE defines the session before connect(), and raises MessageError while one is open.")
async def session_create_is_for_before_connect(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        await case.accepts(
            case.provider.send_message(MessageType.SESSION_CREATE, {}), "SESSION_CREATE before connect()"
        )
        listener = await case.connected()
        await listener.first(SessionCreated)
        call = case.provider.send_message(MessageType.SESSION_CREATE, {})
        await case.raises(MessageError, call, "SESSION_CREATE while a session is open")


async def _instruct(case: Case, words: str, *, mid_session: bool) -> None:
    """Gives instructions; `NotApplicable` where the provider takes none at this time, and says so."""
    if "instructions" not in case.provider.get_capabilities().get("session_update", ()):
        case.needs("instructions in session_update" if mid_session else "history")
    await case.accepts(_update(case, {"instructions": words}), "instructions")


def _update(case: Case, options: dict[str, Any]) -> Awaitable[None]:
    return case.provider.update_session(**options)
