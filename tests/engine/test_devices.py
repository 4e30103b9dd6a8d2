"""Microphone and speaker, with streams that are called back by the test instead of PortAudio."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from voicechatengine import AudioError, AudioFormat
from voicechatengine.engine.devices import Microphone, Speaker, load_sounddevice

FORMAT = AudioFormat(sample_rate=1000)  # frames of 20 samples, 40 bytes


class Stream:
    """A stream of `sounddevice` without the sound."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def abort(self) -> None:
        self.calls.append("abort")
        self.options["finished_callback"]()

    def close(self) -> None:
        self.calls.append("close")

    def record(self, audio: bytes) -> None:
        """The device's thread brings audio."""
        self.on_its_thread(lambda: self.options["callback"](audio, len(audio) // 2, None, None))

    def play(self, size: int = 40) -> bytes:
        """The device's thread wants audio."""
        out = bytearray(b"\xff" * size)
        self.on_its_thread(lambda: self.options["callback"](memoryview(out), size // 2, None, None))
        return bytes(out)

    @staticmethod
    def on_its_thread(call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()


class Desk:
    """Opens streams, and remembers the last."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []

    def __call__(self, **options: Any) -> Stream:
        self.streams.append(Stream(**options))
        return self.streams[-1]

    @property
    def stream(self) -> Stream:
        return self.streams[-1]


async def turns() -> None:
    """Lets the loop run what is ready."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_microphone_opens_at_the_first_read_with_its_format():
    desk = Desk()
    mic = Microphone(FORMAT, device="USB", open_stream=desk)
    assert not desk.streams
    reading = asyncio.create_task(mic.read())
    await turns()
    desk.stream.record(b"\1" * 40)
    assert await reading == b"\1" * 40
    options = desk.stream.options
    assert (options["samplerate"], options["channels"], options["blocksize"]) == (1000, 1, 20)
    assert (options["dtype"], options["device"], options["latency"]) == ("int16", "USB", "low")
    assert (mic.format, mic.open_air) == (FORMAT, True)
    await mic.close()
    assert desk.stream.calls == ["start", "abort", "close"]


async def test_what_was_recorded_is_read_in_order():
    desk = Desk()
    mic = Microphone(FORMAT, open_stream=desk)
    reading = asyncio.create_task(mic.read())
    await turns()
    for value in (b"\1", b"\2"):
        desk.stream.record(value * 40)
    assert await reading == b"\1" * 40
    assert await mic.read() == b"\2" * 40
    assert len(desk.streams) == 1
    await mic.close()


async def test_a_closed_microphone_has_ended_also_for_who_waits():
    desk = Desk()
    mic = Microphone(FORMAT, open_stream=desk)
    reading = asyncio.create_task(mic.read())
    await turns()
    await mic.close()
    assert await reading == b""
    assert await mic.read() == b""
    assert len(desk.streams) == 1
    desk.stream.record(b"\1" * 40)  # a last call of its thread does no harm


async def test_a_microphone_that_is_not_read_loses_the_oldest_audio_and_says_so(
    caplog: pytest.LogCaptureFixture,
):
    desk = Desk()
    mic = Microphone(FORMAT, open_stream=desk)
    reading = asyncio.create_task(mic.read())
    await turns()
    with caplog.at_level(logging.WARNING, "voicechatengine"):
        for value in range(101):
            desk.stream.record(bytes([value]) * 40)
        await turns()
    assert await reading == b"\1" * 40
    assert caplog.messages == ["the microphone is read too slowly: 20 ms were lost"]
    await mic.close()


async def test_a_device_that_goes_away_is_an_error():
    desk = Desk()
    mic = Microphone(FORMAT, open_stream=desk)
    reading = asyncio.create_task(mic.read())
    await turns()
    Stream.on_its_thread(desk.stream.options["finished_callback"])
    with pytest.raises(AudioError, match="the microphone stopped"):
        await reading
    with pytest.raises(AudioError, match="the microphone stopped"):
        await mic.read()
    await mic.close()


async def test_a_device_that_cannot_be_opened_is_an_error_with_the_cure():
    def refuse(**_: Any) -> Stream:
        raise RuntimeError("Invalid sample rate")

    with pytest.raises(
        AudioError, match=r"could not be opened: Invalid sample rate: .*python -m sounddevice"
    ):
        await Microphone(FORMAT, open_stream=refuse).read()


async def test_a_device_that_does_not_start_is_closed():
    class Broken(Stream):
        def start(self) -> None:
            raise RuntimeError("busy")

    streams: list[Broken] = []

    def broken(**options: Any) -> Broken:
        streams.append(Broken(**options))
        return streams[-1]

    with pytest.raises(AudioError, match="busy"):
        await Speaker(FORMAT, open_stream=broken).write(b"\0\0")
    assert streams[0].calls == ["abort", "close"]


@pytest.mark.parametrize("device", [Microphone, Speaker])
def test_a_device_does_no_g711(device: type[Microphone | Speaker]):
    with pytest.raises(AudioError, match="cannot do g711_ulaw"):
        device(AudioFormat("g711_ulaw", 8000))


async def test_a_speaker_plays_what_it_was_given_and_then_silence():
    desk = Desk()
    speaker = Speaker(FORMAT, open_stream=desk)
    await speaker.write(b"\1" * 60)
    assert desk.stream.play() == b"\1" * 40
    assert desk.stream.play() == b"\1" * 20 + bytes(20)
    assert desk.stream.play() == bytes(40)
    assert speaker.position == 30
    assert (speaker.format, speaker.open_air) == (FORMAT, True)
    await speaker.close()
    assert desk.stream.calls == ["start", "abort", "close"]


async def test_writing_waits_while_enough_is_ahead():
    desk = Desk()
    speaker = Speaker(FORMAT, open_stream=desk)
    writing = asyncio.create_task(speaker.write(b"\1" * 480))  # 240 ms; 200 may be ahead
    await turns()
    desk.stream.play()
    await turns()
    assert not writing.done()
    desk.stream.play()
    await turns()
    assert writing.done()
    await speaker.close()


async def test_draining_waits_for_the_last_sample():
    desk = Desk()
    speaker = Speaker(FORMAT, open_stream=desk)
    await speaker.write(b"\1" * 80)
    draining = asyncio.create_task(speaker.drain())
    for played in (False, False, True):
        await turns()
        assert draining.done() is played
        desk.stream.play()
    await speaker.close()


async def test_a_flush_drops_what_the_device_has_not_taken():
    desk = Desk()
    speaker = Speaker(FORMAT, open_stream=desk)
    await speaker.write(b"\1" * 80)
    desk.stream.play()
    draining = asyncio.create_task(speaker.drain())
    await turns()
    speaker.flush()
    await draining
    assert desk.stream.play() == bytes(40)
    assert speaker.position == 20
    await speaker.close()


async def test_a_speaker_that_goes_away_is_an_error():
    desk = Desk()
    speaker = Speaker(FORMAT, open_stream=desk)
    await speaker.write(b"\1" * 80)
    draining = asyncio.create_task(speaker.drain())
    await turns()
    Stream.on_its_thread(desk.stream.options["finished_callback"])
    with pytest.raises(AudioError, match="the speaker stopped"):
        await draining
    await speaker.close()


async def test_a_closed_speaker_takes_nothing():
    speaker = Speaker(FORMAT, open_stream=Desk())
    await speaker.close()
    with pytest.raises(AudioError, match="the speaker is closed"):
        await speaker.write(b"\0\0")


def test_a_missing_package_is_named():
    def importer(name: str) -> ModuleType:
        raise ImportError(name)

    with pytest.raises(AudioError, match=r"pip install 'voicechatengine\[audio\]'"):
        load_sounddevice(importer)


def test_a_missing_portaudio_is_named():
    def importer(name: str) -> ModuleType:
        raise OSError("PortAudio library not found")

    with pytest.raises(AudioError, match="libportaudio2"):
        load_sounddevice(importer)


def test_the_package_is_imported_by_its_name():
    assert load_sounddevice(ModuleType).__name__ == "sounddevice"
