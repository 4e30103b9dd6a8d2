"""The recording transport: every frame as it passed, no key."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from recordings import encoded, written_conversation

from voicechatengine import MessageError, OpenAIConfig, OpenAIProvider
from voicechatengine.compose.frames import clean, recording_connector, secrets_of
from voicechatengine.compose.record import Recorded
from voicechatengine.compose.replay import Replayed
from voicechatengine.compose.tape import Closed, RawFrame, Tape, read
from voicechatengine.session.dialect import Close, Endpoint
from voicechatengine.session.transport import memory_pair
from voicechatengine.simulators.memory import memory_connector
from voicechatengine.simulators.service import Simulator
from voicechatengine.simulators.vendors import vendor

KEY = "odd/key+of-nobody's.form"  # only the endpoint tells that it is one
ENDPOINT = Endpoint(
    f"wss://user:passw0rdpassw0rd@host/v1?model=gpt-x&api-key={'q' * 20}",
    {"Authorization": f"Bearer {KEY}", "X-Version": "1.0"},
)


async def connected(tape):
    """Our side of a recorded connection, and the other one."""
    ours, theirs = memory_pair()

    async def connect(endpoint):
        return ours

    return await recording_connector(connect, tape)(ENDPOINT), theirs


async def test_frames_pass_and_are_written(tmp_path):
    """Both directions in order, text and binary, and how it ended."""
    transport, theirs = await connected(tmp_path / "a.jsonl")
    got: list[bytes | str] = []
    pump = asyncio.create_task(transport.pump(got.append))
    await transport.send(b'{"a": 1}', False)
    await theirs.send(b'{"b":  2}', False)
    await theirs.send(b"\xff\x00", True)
    await asyncio.sleep(1)
    await theirs.close(Close(1001, f"bye {KEY}"))
    assert await pump == Close(1001, f"bye {KEY}")
    await transport.close(Close(1000))
    assert got == ['{"b":  2}', b"\xff\x00"]
    _, *lines = read(tmp_path / "a.jsonl")
    assert [(x.connection, x.direction, x.text, x.data) for x in lines if isinstance(x, RawFrame)] == [
        (1, "sent", '{"a": 1}', None),
        (1, "received", '{"b":  2}', None),
        (1, "received", None, b"\xff\x00"),
    ]
    assert lines[-1] == Closed(1.0, 1, 1001, "bye …")
    with pytest.raises(MessageError, match="is there already"):
        recording_connector(memory_connector(Simulator(vendor("openai"))), tmp_path / "a.jsonl")


def test_what_of_an_endpoint_is_secret():
    """The words of its headers, the password, keys in the query; not the model, and not what is short."""
    assert set(secrets_of(ENDPOINT)) == {f"Bearer {KEY}", KEY, "passw0rdpassw0rd", "q" * 20}


@pytest.mark.parametrize(
    "frame",
    [
        f'{{"error": {{"message": "wrong key {KEY}"}}}}',
        f'{{"{KEY}": 1}}',
        f"not JSON, but {KEY}",
        '{"api_key": "sk-abcdef0123456789"}',
    ],
)
def test_keys_are_taken_out_of_frames(frame):
    """Those of the endpoint and those of a telling form."""
    text = clean(frame, secrets_of(ENDPOINT))
    assert "…" in text
    assert KEY not in text
    assert "sk-abc" not in text


def test_frames_without_keys_stay_as_they_are():
    """To the last blank; audio inside is not looked into."""
    frame = '{ "type":"x",  "delta":"' + "AIza" + "Ab1+" * 100 + '" }'
    assert clean(frame, ("Ab1+Ab1+",)) == frame


async def test_one_file_for_events_and_frames(tmp_path):
    """A vendor's session on one tape: it replays, and its frames stand between."""
    simulator = Simulator(vendor("openai"))
    tape = Tape(tmp_path / "a.jsonl")
    connector = recording_connector(memory_connector(simulator), tape)
    provider = Recorded(OpenAIProvider(OpenAIConfig(api_key=KEY), connector=connector), tape)
    events = await written_conversation(provider)
    await simulator.stop()
    lines = list(read(tmp_path / "a.jsonl"))
    frames = [line for line in lines if isinstance(line, RawFrame)]
    types = [msgspec.json.decode(frame.text)["type"] for frame in frames if frame.text]
    assert {"session.update", "response.create", "session.created", "response.done"} <= set(types)
    assert sum(isinstance(line, Closed) for line in lines) == 1
    assert KEY not in (tmp_path / "a.jsonl").read_text()
    replay = Replayed(tmp_path / "a.jsonl", check=True)
    assert encoded(await written_conversation(replay)) == encoded(events)
