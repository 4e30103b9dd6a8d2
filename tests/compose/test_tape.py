"""The file: what is written, what survives a kill at any byte, what never gets in."""

from __future__ import annotations

import math

import pytest

from voicechatengine import AudioChunk, AudioFormat, MessageError, ProviderEvent, TextChunk, ToolCall
from voicechatengine.compose.tape import Call, Ended, Tape, heard, pack, read, scrub, scrubbed, unpack
from voicechatengine.events import ErrorInfo, VendorMessage, event_of
from voicechatengine.messages import AudioAppend, ItemCreate, MessageItem, Options, SessionUpdate, TextPart

KEY = "sk-proj-abcdefghijklmnop123456"


def a_tape(path, *lines):
    times = iter(range(1000))
    tape = Tape(path, clock=lambda: float(next(times)))
    for line in lines:
        tape.write(line)
    tape.close()
    return path


def test_lines_come_back_as_they_were(tmp_path):
    """Structs, audio and the time of each line."""
    lines = [
        Call(0.5, 1, "send", AudioAppend(b"\1\2")),
        heard(
            event_of(AudioChunk(b"\3\4", AudioFormat(sample_rate=8000)), timestamp=1.25, provider="p"), 1.0
        ),
        heard(event_of(ToolCall("c", "f", "{}", {}), timestamp=2.5, provider="p", session_id="s"), 2.0),
        Ended(3.0),
    ]
    header, *found = read(a_tape(tmp_path / "a.jsonl", *lines))
    assert (header.version, header.started) == (1, 0.0)
    assert found == lines


def test_a_closed_tape_goes_on_behind_what_is_there(tmp_path):
    """One header, however often it is opened."""
    tape = Tape(tmp_path / "a.jsonl", clock=lambda: 5.0)
    for number in (1, 2):
        tape.write(Ended(float(number)))
        tape.close()
        tape.close()
    assert [line.at for line in read(tmp_path / "a.jsonl")] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "x"]},
        {"b": b"\0\xff", "t": (1, (2,)), "n": 2**70, "i": -math.inf},
        {1: "x", "$bytes": "y", ("k",): {}},
        bytearray(b"ab"),
    ],
)
def test_what_json_lacks_survives_packing(value):
    """Bytes, tuples, large numbers, keys that are no text: a provider's own events may hold them."""
    assert unpack(pack(value)) == value


def test_what_nothing_can_hold_is_told(tmp_path):
    """An object becomes its repr: the recording goes on."""
    assert pack({"x": AudioFormat}) == {"x": repr(AudioFormat)}
    assert math.isnan(unpack(pack(math.nan)))
    path = a_tape(tmp_path / "a.jsonl", Call(0, 1, "send", SessionUpdate(Options(vendor={"x": AudioFormat}))))
    assert repr(AudioFormat) in path.read_text()


@pytest.mark.parametrize("keep", range(120))
def test_a_line_torn_at_any_byte_is_left_out(tmp_path, keep):
    """The process died while it wrote: everything before is there, and a line that only lacks its end is whole."""
    last = heard(event_of(TextChunk("ünïcode and \u2028 more"), timestamp=1.0, provider="p"), 2.0)
    path = a_tape(tmp_path / "a.jsonl", Ended(1.0), last)
    content = path.read_bytes()
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    size = len(content) - start
    assert size > 120
    for cut in {keep, size - 1 - keep % 8}:
        path.write_bytes(content[: start + cut])
        expected = [Ended(1.0)] + [last] * (cut == size - 1)
        assert list(read(path))[1:] == expected


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"RIFF\x00\xff", "is no recording"),
        (b'{"line":"recor', "is no recording"),
        (b'{"line":"ended","at":0}\n', "without a first line"),
        (b'{"line":"recording","at":0,"version":9}\n', "of version 9"),
        (
            b'{"line":"recording","at":0,"version":1}\n{"line":\n{"line":"ended","at":0}\n',
            "damaged in line 2",
        ),
        (b'{"line":"recording","at":0,"version":1}\n{"line":"new","at":0}\n', "damaged in line 2"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_recording_says_so(tmp_path, content, text):
    """Never a traceback of the decoder's, and never silence about a damaged file."""
    path = tmp_path / "a.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MessageError, match=text) as caught:
        list(read(path))
    assert caught.value.field == "path"


def test_nothing_is_overwritten(tmp_path):
    """Neither when it is named nor when it appears before the first line."""
    path = tmp_path / "a.jsonl"
    tape = Tape(path, clock=lambda: 0.0)
    path.write_text("precious")
    with pytest.raises(MessageError, match="is there already"):
        Tape(path)
    with pytest.raises(MessageError, match="is there already"):
        tape.write(Ended(0.0))
    assert path.read_text() == "precious"


def test_a_place_that_cannot_be_written(tmp_path):
    """No folder, or a name that no file can have."""
    with pytest.raises(MessageError, match="is no folder"):
        Tape(tmp_path / "no" / "a.jsonl")
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(MessageError, match="cannot be written"):
            Tape(tmp_path / name, clock=lambda: 0.0).write(Ended(0.0))


def test_what_cannot_be_written_ends_the_recording_and_is_kept(tmp_path):
    """Half a surrogate pair is no UTF-8: the file stays readable, and says no more."""
    tape = Tape(tmp_path / "a.jsonl", clock=lambda: 0.0)
    tape.write(Ended(1.0))
    tape.write(heard(ProviderEvent("own", {"x": "\ud800"}, 0.0, "p"), 2.0))
    assert isinstance(tape.failure, UnicodeEncodeError)
    tape.write(Ended(3.0))
    assert [line.at for line in read(tmp_path / "a.jsonl")] == [0.0, 1.0]


@pytest.mark.parametrize(
    "value",
    [
        f"the key {KEY} is wrong",
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"api_key": "short"},
        {"x-api-key": ["0123456789abcdef0123"]},
        {"token": "0123456789abcdef0123"},
        {"deep": [("a", {"url": f"wss://h/p?api-key={KEY}"})]},
        {KEY: 1},
    ],
)
def test_keys_are_hidden_by_form_and_by_name(value):
    """Wherever they stand in what a vendor sent."""
    text = str(scrub(value))
    assert "…" in text
    for secret in (KEY, "short", "0123456789abcdef0123"):
        assert secret not in text


def test_what_is_no_key_stays():
    """Prose, ids, figures and audio inside a message."""
    sound = "AIza" + "Ab1" * 200
    value = {
        "text": "the token limit",
        "key": "C major",
        "id": "resp_0a1b2c3d4e5f",
        "total_tokens": 5,
        "audio": sound,
    }
    assert scrub(value) == value
    assert scrub({"a": "made-up words"}, "made-up") == {"a": "… words"}


def test_payloads_without_keys_are_left_as_they_are():
    """The same object, no copy; with a key, the same type."""
    chunk = AudioChunk(b"sk-proj-abcdefghijklmnop123456")
    assert scrubbed(chunk) is chunk
    clean = ItemCreate(MessageItem("user", (TextPart("hello"),)))
    assert scrubbed(clean) is clean
    dirty = ItemCreate(MessageItem("user", (TextPart(KEY),)))
    assert scrubbed(dirty) == ItemCreate(MessageItem("user", (TextPart("…"),)))


def test_events_lose_their_keys_in_the_file_alone():
    """The error line as well as the payload, and a vendor's own message."""
    for data in (ErrorInfo("x", f"wrong key {KEY}"), VendorMessage("v", {"api_key": KEY})):
        event = event_of(data, timestamp=0.0, provider="p")
        assert KEY in str(event)
        assert KEY not in str(heard(event, 0.0))
    own = ProviderEvent("own", {"secret": KEY}, 0.0, "p", error=KEY)
    assert KEY not in str(heard(own, 0.0))
