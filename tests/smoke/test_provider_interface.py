"""The contract at work on the mock: no key, no network. Run by pytest, or by itself: python tests/smoke/test_provider_interface.py"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Coroutine
from typing import TypeVar

from voicechatengine import (
    AudioError,
    ConnectionError,
    MessageError,
    MessageType,
    MockConfig,
    MockProvider,
    Provider,
    ProviderEvent,
    ResponseCompleted,
    TextChunk,
    VoiceEngine,
)
from voicechatengine.session.grammar import Grammar

E = TypeVar("E", bound=Exception)


async def until_completed(provider: Provider) -> list[ProviderEvent]:
    """Everything up to and with the end of the reply."""
    seen: list[ProviderEvent] = []
    async for event in provider.events():
        seen.append(event)
        if event.type == "response_completed":
            break
    return seen


async def refused(kind: type[E], attempt: Coroutine[None, None, None]) -> E:
    """The error of that kind with which an attempt ends."""
    try:
        await attempt
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


async def test_connect_and_disconnect():
    """A provider connects, says so, and is closed as often as one likes."""
    provider = MockProvider(MockConfig())
    assert not provider.is_connected()
    assert await provider.connect()
    assert await provider.connect(), "connect while connected is a no-op"
    assert provider.is_connected()
    await provider.disconnect()
    await provider.disconnect()
    assert not provider.is_connected()


async def test_text_turn():
    """Words go out, words and sound come back, in the legal order."""
    provider = MockProvider(MockConfig())
    await provider.connect()
    await provider.send_text("Hello, AI!")
    await provider.create_response()
    seen = await until_completed(provider)
    await provider.disconnect()
    words = "".join(event.data["text"] for event in seen if event.type == "text_chunk")
    assert "Hello, AI!" in words
    assert sum(len(event.data["audio"]) for event in seen if event.type == "audio_chunk") > 0
    grammar = Grammar()
    assert [wrong for event in seen if (wrong := grammar.check(event.data))] == []


async def test_spoken_turn():
    """Audio of a turn goes out whole, and push to talk brings the answer."""
    provider = MockProvider(MockConfig(transcripts=["what time is it"]))
    await provider.connect()
    await provider.send_message(MessageType.ACTIVITY_START, {})
    await provider.send_audio(provider.get_audio_format().silence(500))
    await provider.send_message(MessageType.ACTIVITY_END, {})
    seen = await until_completed(provider)
    await provider.disconnect()
    assert "what time is it" in "".join(e.data.text for e in seen if isinstance(e.data, TextChunk))


async def test_interrupt():
    """A reply that is interrupted ends once, as interrupted; doing it again is harmless."""
    provider = MockProvider(MockConfig())
    await provider.connect()
    await provider.send_text("Tell me a very long story about nothing in particular.")
    await provider.create_response()
    ends: list[ResponseCompleted] = []
    async for event in provider.events():
        if event.type == "audio_chunk":
            await provider.interrupt()
            await provider.interrupt()
        if isinstance(event.data, ResponseCompleted):
            ends.append(event.data)
            break
    await provider.disconnect()
    assert [end.status for end in ends] == ["interrupted"]


async def test_errors():
    """What does not fit is one typed error that names the field, and nothing is sent."""
    provider = MockProvider(MockConfig())
    early = await refused(ConnectionError, provider.send_text("too early"))
    assert "connect" in str(early)
    await provider.connect()
    odd = await refused(AudioError, provider.send_audio(b"odd"))
    assert odd.field == "audio"
    halfway = provider.send_message(MessageType.ITEM_TRUNCATE, {"item_id": "x"})
    assert (await refused(MessageError, halfway)).field == "heard_ms"
    await provider.disconnect()


async def test_engine():
    """The engine asks and gets a reply with words, sound and cost."""
    async with VoiceEngine(MockProvider(MockConfig())) as engine:
        reply = await engine.ask("Hello, AI!")
    assert "Hello, AI!" in reply.text
    assert reply.audio
    assert reply.usage is not None


CHECKS = (
    test_connect_and_disconnect,
    test_text_turn,
    test_spoken_turn,
    test_interrupt,
    test_errors,
    test_engine,
)


def main() -> int:
    """Runs every check; 1 if one fails."""
    failed = 0
    for check in CHECKS:
        try:
            asyncio.run(check())
        except Exception:  # noqa: BLE001 - whatever it is, the other checks run too
            traceback.print_exc()
            failed += 1
            print(f"FAILED  {check.__doc__}")
        else:
            print(f"ok      {check.__doc__}")
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
