"""Laws on readers that are slow, and on what is kept for them."""

from __future__ import annotations

from typing import Final

from voicechatengine.events import AudioChunk, ErrorInfo, ResponseCompleted, SessionCreated
from voicechatengine.provider import Limits
from voicechatengine.providers.mock import MockReply
from voicechatengine.testing.laws.provider_laws import PROVIDER
from voicechatengine.testing.laws.subject import Case, Listener, Subject
from voicechatengine.testing.laws.table import NotApplicable

law: Final = PROVIDER.topic("overflow")

MUCH: Final = 24_000_000  # bytes: half as much again as may be kept
ROOM: Final = Limits().received_bytes + 1_000_000


@law(
    "A subscriber that does not read slows nobody down, and is told by one error overflow; what is kept for it is bounded."
)
async def a_slow_reader_is_told_and_bounded(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        slow = case.provider.events()
        quick = await _much(case)
        case.demand(sum(map(len, _audio(quick))) == MUCH, "all of the audio for who reads it", "less")
        late = case.follow(slow)
        await late.first(ErrorInfo, "an error overflow, for the subscriber that did not read")
        await late.first(ResponseCompleted, "response_completed: only audio is dropped")
        codes = [error.code for error in late.of(ErrorInfo)]
        case.demand(codes == ["overflow"], "one error overflow", codes)
        kept = sum(map(len, _audio(late)))
        case.demand(kept <= ROOM, f"at most {ROOM} bytes of audio to be kept", f"{kept} bytes")
        case.demand(late.of(SessionCreated), "control events to be kept", "session_created is gone")
        _newest(case, quick, late)


@law("What is kept while nobody subscribes is bounded, and the next subscriber is told what was dropped.")
async def what_nobody_reads_is_bounded(subject: Subject) -> None:
    """See `demands`."""
    async with subject.open() as case:
        quick = await _much(case, alone=True)
        kept = sum(map(len, _audio(quick)))
        case.demand(kept <= ROOM, f"at most {ROOM} bytes of audio to be kept", f"{kept} bytes")
        codes = [error.code for error in quick.of(ErrorInfo)]
        case.demand(codes == ["overflow"], "one error overflow, for the one who comes late", codes)


async def _much(case: Case, *, alone: bool = False) -> Listener:
    case.needs("audio_output", "text_input")
    if case.can("full_duplex"):
        raise NotApplicable("a full-duplex provider has no more audio than time passes")
    far = case.far
    listener = await case.connected()
    await listener.first(SessionCreated)
    over = case.handled("response_completed")
    form = case.provider.get_audio_format()
    audio = form.silence(form.duration_ms(MUCH))
    far.say(MockReply("Much.", audio=audio, chunk_ms=4_000, pace=0))
    if alone:
        await listener.leave()
    await case.provider.send_text("Speak.")
    await case.provider.create_response(("audio",))
    await over()
    if alone:
        listener = case.listen()
    await listener.first(ResponseCompleted)
    return listener


def _audio(listener: Listener) -> list[bytes]:
    return [chunk.audio for chunk in listener.of(AudioChunk)]


def _newest(case: Case, quick: Listener, late: Listener) -> None:
    """The oldest audio goes first."""
    kept = len(late.of(AudioChunk))
    case.demand(
        late.of(AudioChunk) == quick.of(AudioChunk)[-kept:] if kept else True,
        "the newest audio to be kept",
        "other audio",
    )
