"""OpenAI's client: the user's audio, turns and words."""

from __future__ import annotations

import json

import pybase64
import pytest
from realtime_script import MANUAL, MS, VAD, Script

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.events import (
    AudioChunk,
    InputTranscript,
    ItemAdded,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Usage,
    UsageReport,
    VendorMessage,
)
from voicechatengine.messages import (
    ActivityEnd,
    ActivityStart,
    AudioAppend,
    AudioClear,
    AudioCommit,
    Options,
    ResponseCreate,
)

# ------------------------------------------------------------------ audio


def test_audio_is_decoded_and_counted():
    s = Script()
    s.begins().speaks(100)
    assert s.event.audio == MS * 100
    assert (s.event.response_id, s.event.item_id, s.event.format) == ("r1", "i1", None)


def test_a_sample_that_is_cut_in_two_is_put_together():
    s = Script().begins()
    chunks = []
    for delta in ("AQID", "BA==", "BQ==", "Bg=="):
        s.says("response.output_audio.delta", response_id="r1", item_id="i1", delta=delta)
        chunks += [event.audio for event in s.events]
    assert chunks == [b"\1\2", b"\3\4", b"\5\6"]


@pytest.mark.parametrize("delta", ["AQI", "-_-_", "A", "é", "AQ==AQ==", "not base64!"])
def test_audio_that_is_no_base64_is_one_error(delta):
    s = Script().begins()
    s.says("response.output_audio.delta", response_id="r1", item_id="i1", delta=delta)
    assert s.event.code == "invalid_audio"
    assert s.event.recoverable


def test_audio_in_another_format_than_the_input_says_so():
    s = Script(Options(output_audio_format=AudioFormat("g711_ulaw", 8000))).begins()
    assert s.speaks(1).event.format == AudioFormat("g711_ulaw", 8000)


def test_the_users_audio_goes_out_as_it_is():
    s = Script()
    assert s.does(AudioAppend(b"\0\1")).frame == {"type": "input_audio_buffer.append", "audio": "AAE="}
    assert not s.does(AudioAppend(b"")).frames
    with pytest.raises(AudioError):
        s.does(AudioAppend(b"\0"))


def test_a_message_holds_at_most_15_mib_of_audio():
    frames = Script().client.send(AudioAppend(bytes(21 << 20)), 1.0)
    assert len(frames) == 3
    assert max(len(frame.data) for frame in frames) < 15 << 20


# ------------------------------------------------------------------ turns


def test_a_spoken_turn_is_told_in_order():
    s = Script()
    s.says("input_audio_buffer.speech_started", audio_start_ms=640, item_id="u1")
    assert s.event == SpeechStarted(640, "u1")
    s.says("input_audio_buffer.speech_stopped", audio_end_ms=1900, item_id="u1")
    assert s.event == SpeechStopped(1900, "u1")
    s.says("input_audio_buffer.committed", item_id="u1", previous_item_id="root")
    assert s.event == ItemAdded("u1", "user", None, "speech")
    speech = {
        "id": "u1",
        "type": "message",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    assert not s.says("conversation.item.added", item=speech).events
    assert not s.says("conversation.item.done", item=speech).events


def test_an_item_is_told_by_whichever_message_names_it_first():
    speech = {"id": "u1", "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    s = Script()
    s.says("conversation.item.created", item=speech, previous_item_id="i0")
    assert s.event == ItemAdded("u1", "user", "i0", "speech")
    assert not s.says("input_audio_buffer.committed", item_id="u1").events
    result = {"id": "o1", "type": "function_call_output", "call_id": "c", "output": ""}
    assert s.says("conversation.item.done", item=result, previous_item_id="u1").event == ItemAdded(
        "o1", "user", None, "tool_result"
    )
    call = {"id": "c1", "type": "function_call", "name": "f", "call_id": "c", "arguments": ""}
    assert s.says("conversation.item.added", item=call).event == ItemAdded(
        "c1", "assistant", None, "tool_call"
    )
    assert not s.says("conversation.item.added", item={"type": "message"}).events
    listed = {"id": "m1", "type": "mcp_list_tools", "server_label": "m", "tools": []}
    assert isinstance(s.says("conversation.item.added", item=listed).event, VendorMessage)


def test_the_users_words_grow_and_are_final_once():
    s = Script()
    for delta, so_far in ((" What", "What"), (" time", "What time")):
        s.says("conversation.item.input_audio_transcription.delta", item_id="u1", delta=delta)
        assert s.event == InputTranscript(so_far, final=False, item_id="u1")
    done = "conversation.item.input_audio_transcription.completed"
    s.says(done, item_id="u1", transcript=" What time? ", usage={"type": "duration", "seconds": 2.5})
    assert s.events == [
        InputTranscript("What time?", final=True, item_id="u1"),
        UsageReport(Usage(input_seconds=2.5), "transcription", item_id="u1"),
    ]
    assert not s.says(done, item_id="u1", transcript="again").events
    assert not s.says("conversation.item.input_audio_transcription.delta", item_id="u1", delta="!").events
    details = {"audio_tokens": 5, "text_tokens": 2}
    usage = {
        "type": "tokens",
        "total_tokens": 9,
        "input_tokens": 7,
        "output_tokens": 2,
        "input_token_details": details,
    }
    s.says(done, item_id="u2", transcript="Hi", usage=usage)
    assert s.events[1].usage == Usage(7, 2, 9, input_text_tokens=2, input_audio_tokens=5)


def test_words_that_will_not_come_are_an_error_that_ends_nothing():
    s = Script()
    s.says("conversation.item.input_audio_transcription.failed", item_id="u1", error={"message": "too short"})
    assert s.event.code == "transcription_failed"
    assert s.event.recoverable
    assert "too short" in s.event.message


def test_push_to_talk_commits_and_asks():
    s = Script(MANUAL)
    assert not s.does(ActivityStart()).frames
    s.does(AudioAppend(MS * 100)).does(ActivityEnd())
    assert s.kinds == ["input_audio_buffer.commit", "response.create"]
    s.says("input_audio_buffer.committed", item_id="u1")
    assert s.event.kind == "speech"
    assert [type(each) for each in s.begins().events] == [ResponseStarted]


@pytest.mark.parametrize("command", [AudioCommit(), ActivityEnd()])
def test_a_turn_of_less_than_100_ms_is_refused(command):
    s = Script(MANUAL)
    s.does(AudioAppend(MS * 99))
    with pytest.raises(MessageError):
        s.does(command)
    s.does(AudioAppend(MS)).does(AudioClear())
    assert s.kinds == ["input_audio_buffer.clear"]
    with pytest.raises(MessageError):
        s.does(command)


def test_a_manual_turn_with_turn_detection_on_is_committed_and_asked_for():
    s = Script(VAD)
    assert s.does(ActivityEnd()).kinds == ["input_audio_buffer.commit", "response.create"]
    assert s.does(AudioCommit()).kinds == ["input_audio_buffer.commit"]


def test_a_commit_that_was_refused_is_not_waited_for():
    s = Script(VAD)
    commit = s.does(AudioCommit()).frame
    assert s.refuses("input_audio_buffer_commit_empty", commit["event_id"]).event.command == "audio_commit"
    s.says("input_audio_buffer.committed", item_id="u1")
    assert s.client.snapshot().reply_owed == ResponseCreate(), "the service's own commit, which it answers"


LONG = 200  # ms: a frame that is not read by a JSON reader alone


@pytest.mark.parametrize("ms", [1, 20, 60, 64, 65, 100, LONG])
@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_sound_is_the_same_however_long_and_however_written(ms: int, kind: str, separators: tuple[str, str]):
    sound = bytes(range(256)) * (48 * ms // 256 + 1)
    delta = pybase64.b64encode(sound[: 48 * ms]).decode()
    s = Script().begins()
    for fields in (
        {"type": kind, "event_id": "e", "response_id": "r1", "item_id": "i1", "delta": delta},
        {
            "event_id": "e",
            "type": kind,
            "delta": delta,
            "item_id": "i1",
            "response_id": "r1",
            "obfuscation": "x",
        },
    ):
        s.raw(json.dumps(fields, separators=separators).encode())
        assert s.event == AudioChunk(sound[: 48 * ms], None, "r1", "i1")


def test_a_slash_may_be_escaped_and_another_delta_is_none():
    s = Script().begins()
    sound = b"\xff" * 48 * LONG
    delta = pybase64.b64encode(sound).decode().replace("/", "\\/")
    s.raw(
        f'{{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","delta":"{delta}"}}'.encode()
    )
    assert s.event == AudioChunk(sound, None, "r1", "i1")
    inner = f'{{"delta":"{delta}"}}'
    s.raw(
        f'{{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","extra":{inner}}}'.encode()
    )
    assert s.events == []


@pytest.mark.parametrize("delta", ["AAA", "!", "AAAA" * 2000 + "!", "AAAA" * 2000 + "A"])
def test_what_is_no_base64_is_told(delta: str):
    s = Script().begins()
    s.raw(
        f'{{"type":"response.output_audio.delta","response_id":"r1","item_id":"i1","delta":"{delta}"}}'.encode()
    )
    assert s.event.code == "invalid_audio"
