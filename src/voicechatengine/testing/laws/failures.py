"""Laws on what goes wrong: errors, lost lines, nonsense from the vendor, keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from voicechatengine.errors import ProviderError
from voicechatengine.events import (
    ConnectionState,
    ErrorInfo,
    Reconnected,
    Reconnecting,
    SessionCreated,
    StateChanged,
)
from voicechatengine.messages import MessageItem, MessageType
from voicechatengine.providers.mock import MockReply
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import LONG, Case, Heard, Listener, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("errors", docs="docs/errors.md")

WRONG: Final[dict[str, Any]] = {"vioce": "alloy"}
DROPPED: Final = MockReply(LONG.text, drop="reconnect", at=0.4, outage_s=0.5)


@law("An error says what happened and what to do next, and is one of the library's.")
async def errors_say_what_to_do(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        provider = case.provider
        tries: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("send_text() before connect()", lambda: provider.send_text("Hello?")),
            ("an unknown option", lambda: provider.update_session(**WRONG)),
            ("a chunk that is sent", lambda: provider.send_message(MessageType.TEXT_CHUNK, {"text": "x"})),
        )
        for name, call in tries:
            error = await case.raises(ProviderError, call(), name)
            assert isinstance(error, ProviderError)
            case.demand(
                error.message and error.cure, f"what happened and what to do, for {name}", repr(error)
            )


@law("A vendor that sends nonsense is reported, and the session goes on.")
async def nonsense_is_reported(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        far = case.far
        listener = await case.connected()
        await listener.first(SessionCreated)
        far.misbehave()
        await listener.until(
            lambda: any(event.type in ("error", "vendor") for event in listener.events),
            "an error or a vendor event for what cannot be read",
        )
        fatal = [error for error in listener.of(ErrorInfo) if not error.recoverable]
        case.demand(not fatal, "no error that ends the session", fatal)
        case.demand(case.provider.is_connected(), "the session to go on", "it is closed")
        await case.a_reply(listener)


@law(
    "A line that is lost is told, open replies end as failed, and the provider comes back or says that it gave up."
)
async def a_lost_line_is_told(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        listener, reply = await _lost(case)
        done = await reply.done("response_completed, for the reply that the lost line cut off")
        case.demand(done.status == "failed", "response_completed with status failed", done)
        back = await _outcome(case, listener)
        case.demand(listener.problem is None, "events in the legal order", listener.problem or "")
        if not back:
            fatal = [error for error in listener.of(ErrorInfo) if not error.recoverable]
            case.demand(len(fatal) == 1, "one error that says that the session is lost", fatal)
            case.demand(not case.provider.is_connected(), "is_connected() False", "it is True")
            return
        told = [change.state for change in listener.of(StateChanged)]
        case.demand(ConnectionState.RECONNECTING in told, "state_changed to reconnecting", told)
        case.demand(listener.of(Reconnecting), "reconnecting, with its delay and cause", "none")
        case.demand(case.provider.is_connected(), "is_connected() True behind reconnected", "it is False")
        await case.a_reply(listener)


@law("What is sent while the line is lost is held, and goes out once.")
async def sends_are_held_while_reconnecting(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        far = case.far
        listener, _ = await _lost(case)
        await listener.first(Reconnecting, "reconnecting, or an error that ends the session")
        asked = len(far.turns())
        far.say(MockReply("Here I am again."))
        place = len(listener.events)
        await case.accepts(case.provider.send_text("Are you there?"), "send_text() while reconnecting")
        await case.accepts(case.provider.create_response(), "create_response() while reconnecting")
        reply = await case.reply(listener, place)
        await reply.done()
        texts = [text for turn in far.turns()[asked:] for text in turn.texts]
        case.demand(texts.count("Are you there?") == 1, "what was sent in the meantime, once", texts)


@law("reconnected tells honestly whether the vendor still knows the conversation.")
async def what_was_restored_is_told_honestly(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        case.needs("history", "text_input")
        far = case.far
        listener = await case.connected()
        await case.a_reply(listener)
        await case.provider.send_text("My name is Ada.")
        place = len(listener.events)
        far.say(DROPPED)
        await case.provider.create_response()
        reply = await case.reply(listener, place)
        await reply.done()
        if not await _outcome(case, listener):
            raise NotApplicable("the provider does not reconnect")
        back = await listener.first(Reconnected)
        asked = len(far.turns())
        await case.provider.send_text("What is my name?")
        await case.provider.create_response()
        await listener.until(lambda: len(far.turns()) > asked, "the vendor to be asked for a reply")
        told = [item.text for item in far.turns()[-1].history if isinstance(item, MessageItem)]
        knows = told.count("My name is Ada.")
        case.demand(knows <= 1, "each item once in the new session", f"{knows} times")
        if back.state_restored:
            case.demand(knows == 1, "the conversation at the vendor, as state_restored says", told)


@law("No error, event or repr shows the key.")
async def the_key_is_shown_nowhere(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        secret = subject.secret
        if secret is None:
            raise NotApplicable("the subject names no key that the provider was given")
        shown = [repr(case.raw), repr(vars(case.raw) if hasattr(case.raw, "__dict__") else "")]
        if case.has_far:
            try:
                case.far.refuse(1)
            except NotApplicable:
                pass
            else:
                error = await case.raises(
                    ProviderError, case.provider.connect(), "connect() to a vendor that refuses"
                )
                shown += [str(error), repr(error)]
        await case.provider.connect()
        listener = case.listen()
        await listener.first(SessionCreated)
        shown += [repr(event) for event in listener.events]
        shown.append(str(case.exchange))
        where = [text[:60] for text in shown if secret in text]
        case.demand(not where, "the key to be shown nowhere", [text.replace(secret, "…") for text in where])


async def _lost(case: Case) -> tuple[Listener, Heard]:
    case.far.turns()  # only a far end can lose a line
    listener = await case.connected()
    await listener.first(SessionCreated)
    reply = await case.ask(listener, DROPPED)
    return listener, reply


async def _outcome(case: Case, listener: Listener) -> bool:
    """Whether it came back; False where it gave up."""

    def known() -> str | None:
        if listener.of(Reconnected):
            return "back"
        gone = any(change.state is ConnectionState.ERROR for change in listener.of(StateChanged))
        return "gone" if gone else None

    return await listener.until(known, "reconnected, or state_changed to error", within=180) == "back"
