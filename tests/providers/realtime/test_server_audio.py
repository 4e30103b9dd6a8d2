"""The server's side of OpenAI's wire: the user's audio, turns and transcripts."""

from __future__ import annotations

import audioop
import wave
from pathlib import Path

import pytest
from server_talk import HEARD, SPOKEN, Talk, error, only, quiet, tone, types

from voicechatengine.events import (
    AudioChunk,
    InputTranscript,
    ItemAdded,
    ResponseCompleted,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextChunk,
)
from voicechatengine.messages import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)


def test_push_to_talk_commits_what_was_appended():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}})
    talk.asked()
    assert talk.hear(tone(50)) == []
    short = talk.say("input_audio_buffer.commit")
    assert error(short)[0] == "input_audio_buffer_commit_empty"
    assert short[0]["error"]["message"].endswith("but buffer only has 50.00ms of audio.")
    talk.hear(tone(450))
    frames = talk.say("input_audio_buffer.commit")
    assert types(frames) == HEARD[1:]
    assert frames[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    asked = talk.asked()
    assert b"".join(one.audio for one in asked if isinstance(one, AudioAppend)) == tone(50) + tone(450)
    assert isinstance(asked[-1], AudioCommit)
    assert error(talk.say("input_audio_buffer.commit"))[0] == "input_audio_buffer_commit_empty"
    item_id = frames[0]["item_id"]
    frames = talk.tell(
        ItemAdded("u", "user", kind="speech"),
        InputTranscript("Hel", item_id="u"),
        InputTranscript("Hello ", True, "u"),
    )
    assert [f.get("delta", f.get("transcript")) for f in frames] == ["Hel", "lo ", "Hello"]
    assert {f["item_id"] for f in frames} == {item_id}
    assert frames[-1]["usage"] == {"type": "duration", "seconds": 0.5}
    shown = talk.say("conversation.item.retrieve", item_id=item_id)
    assert shown[0]["item"]["content"][0]["transcript"] == "Hello"


def test_without_transcription_no_words_are_told():
    talk = Talk()
    talk.hear(tone(200))
    talk.say("input_audio_buffer.commit")
    assert talk.tell(InputTranscript("Hello", True, "u")) == []


def test_a_cleared_buffer_is_empty():
    talk = Talk()
    talk.hear(tone(200))
    assert types(talk.say("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert isinstance(talk.asked()[-1], AudioClear)
    assert error(talk.say("input_audio_buffer.commit"))[0] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("law", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_speech_is_found_committed_and_answered(shared: Path, law: str):
    """The borders that are told are the true ones, with the padding before and the silence after."""
    with wave.open(str(shared / "speech" / "what_time_is_it_16k.wav")) as file:
        pcm = file.readframes(file.getnframes())
    rate = 24_000 if law == "audio/pcm" else 8_000
    audio, _ = audioop.ratecv(pcm, 2, 1, 16_000, rate, None)
    if law != "audio/pcm":
        audio = (audioop.lin2ulaw if law == "audio/pcmu" else audioop.lin2alaw)(audio, 2)
    talk = Talk()
    talk.update(
        audio={
            "input": {
                "format": {"type": law},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
            }
        }
    )
    talk.asked()
    frames = talk.hear(audio)
    assert types(frames) == ["input_audio_buffer.speech_started", *HEARD, "response.created"]
    assert len({f["item_id"] for f in frames[:3]}) == 1
    assert frames[0]["audio_start_ms"] == pytest.approx(200, abs=150)
    assert frames[1]["audio_end_ms"] == pytest.approx(1520 + 500, abs=150)
    asked = talk.asked()
    assert [type(one) for one in asked[-2:]] == [AudioCommit, ResponseCreate]
    passed = b"".join(one.audio for one in asked if isinstance(one, AudioAppend))
    assert len(passed) / 48 == pytest.approx(frames[1]["audio_end_ms"] - frames[0]["audio_start_ms"], abs=80)
    assert audioop.rms(passed, 2) > 1000


@pytest.mark.parametrize("size", [2, 962, 200_000])
def test_how_the_audio_is_cut_changes_nothing_that_is_told(size: int):
    audio = quiet(400) + tone(300) + quiet(600)
    whole = [f for f in Talk().hear(audio) if "audio_start_ms" in f or "audio_end_ms" in f]
    cut = [f for f in Talk().hear(audio, size) if "audio_start_ms" in f or "audio_end_ms" in f]
    assert [f.get("audio_start_ms", f.get("audio_end_ms")) for f in whole] == [100, 900]
    assert [f.get("audio_start_ms", f.get("audio_end_ms")) for f in cut] == [100, 900]


def test_speech_interrupts_the_reply():
    talk = Talk()
    talk.begin()
    talk.tell(TextChunk("Let me", spoken=True, response_id="r1"), AudioChunk(tone(10), response_id="r1"))
    talk.asked()
    frames = talk.hear(tone(100))
    assert types(frames) == ["input_audio_buffer.speech_started", *SPOKEN[5:]]
    assert frames[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert talk.asked()[0] == ResponseCancel("r1")
    assert talk.tell(AudioChunk(tone(10), response_id="r1"), ResponseCompleted("r1", "interrupted")) == []


def test_speech_neither_interrupts_nor_is_answered_where_the_session_says_so():
    talk = Talk()
    detection = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    talk.update(audio={"input": {"turn_detection": detection}})
    talk.begin()
    assert types(talk.hear(tone(200) + quiet(400))) == ["input_audio_buffer.speech_started", *HEARD]
    talk.tell(ResponseCompleted("r1"))
    assert types(talk.hear(tone(200) + quiet(400))) == ["input_audio_buffer.speech_started", *HEARD]


@pytest.mark.parametrize(("eagerness", "turns"), [("high", 2), ("low", 1)])
def test_semantic_detection_waits_as_it_is_eager(eagerness: str, turns: int):
    talk = Talk()
    detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
    talk.update(audio={"input": {"turn_detection": detection}})
    frames = talk.hear(tone(300) + quiet(700) + tone(300) + quiet(2000))
    assert types(frames).count("input_audio_buffer.committed") == turns


def test_a_commit_while_somebody_speaks_ends_the_turn_there():
    talk = Talk()
    item_id = talk.hear(tone(300))[0]["item_id"]
    frames = talk.say("input_audio_buffer.commit")
    assert frames[0]["item_id"] == item_id
    assert talk.hear(quiet(1000)) == []


def test_a_commit_before_anybody_speaks_takes_what_is_kept():
    talk = Talk()
    talk.hear(quiet(1000))
    assert types(talk.say("input_audio_buffer.commit")) == HEARD[1:]
    asked = talk.asked()
    assert [type(one) for one in asked] == [AudioAppend, AudioCommit]


def test_an_update_of_something_else_does_not_disturb_an_utterance():
    talk = Talk()
    item_id = talk.hear(tone(300))[0]["item_id"]
    talk.update(instructions="brief", audio={"input": {"noise_reduction": {"type": "near_field"}}})
    frames = talk.hear(quiet(600))
    assert only(frames, "input_audio_buffer.committed")["item_id"] == item_id


def test_a_long_silence_after_a_reply_makes_the_model_speak_up_once():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    talk.begin()
    talk.tell(AudioChunk(tone(1000), response_id="r1"), ResponseCompleted("r1"))
    talk.hear(quiet(2000))
    assert talk.wait(5.9) == []
    frames = talk.wait(0.2)
    assert types(frames) == ["input_audio_buffer.timeout_triggered", *HEARD[1:], "response.created"]
    assert (frames[0]["audio_start_ms"], frames[0]["audio_end_ms"]) == (0, 2000)
    talk.tell(ResponseStarted("r2"), ResponseCompleted("r2"))
    assert talk.wait(60) == []


def test_speech_ends_the_wait_for_it():
    talk = Talk()
    talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    talk.begin()
    talk.tell(ResponseCompleted("r1"))
    talk.hear(tone(200))
    assert talk.wait(60) == []


def test_a_provider_that_finds_the_turns_is_handed_all_audio_and_believed():
    talk = Talk(detects_turns=True)
    talk.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})
    (asked,) = talk.asked()
    assert isinstance(asked, SessionUpdate)
    assert asked.options.turn_detection is not None
    assert talk.hear(quiet(100) + tone(400) + quiet(900)) == []
    assert sum(len(one.audio) for one in talk.asked() if isinstance(one, AudioAppend)) == 48 * 1400
    frames = talk.tell(
        SpeechStarted(90.0, "u"),
        SpeechStopped(520.0, "u"),
        ResponseStarted("r1"),
        InputTranscript("x", True, "u"),
    )
    assert types(frames) == ["input_audio_buffer.speech_started", *HEARD, "response.created"]
    assert (frames[0]["audio_start_ms"], frames[1]["audio_end_ms"]) == (90, 520)
    ended = talk.tell(ResponseCompleted("r1", "interrupted"))
    assert ended[0]["response"]["status_details"]["reason"] == "turn_detected"
    frames = talk.tell(SpeechStarted(), SpeechStopped())
    assert frames[0]["audio_start_ms"] == 1400
