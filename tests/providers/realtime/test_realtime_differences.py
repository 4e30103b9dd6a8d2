"""What a table of differences makes of the client: commands refused, pictures beside speech, words that grow."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from voicechatengine.errors import MessageError
from voicechatengine.events import InputTranscript
from voicechatengine.messages import (
    AudioAppend,
    AudioClear,
    Command,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    Options,
    ResponseCreate,
    SessionUpdate,
    Tool,
    ToolCallItem,
    ToolResult,
    Transcription,
    TurnDetection,
)
from voicechatengine.providers.realtime.client import RealtimeClient
from voicechatengine.providers.realtime.differences import SERVER_VAD, Differences
from voicechatengine.session.dialect import Frame, Restore

MANUAL = Options(turn_detection=None)
SOUND = b"\1\0" * 4_800  # 200 ms


class Line:
    """One connection to a service with these differences."""

    def __init__(self, options: Options = MANUAL, **differences: Any) -> None:
        count = itertools.count(1)
        self.client = RealtimeClient(
            Restore(options=options),
            lambda word: f"{word}_{next(count)}",
            differences=Differences(**differences),
        )
        self.says("session.created", session={"id": "s"})

    def says(self, kind: str, **fields: Any) -> list[Any]:
        return list(self.client.receive(json.dumps({"type": kind, **fields}), 1.0))

    def does(self, command: Command) -> list[dict[str, Any]]:
        return [json.loads(each.data) for each in self.client.send(command, 1.0) if isinstance(each, Frame)]


def test_a_command_that_the_service_has_no_word_for_is_refused():
    line = Line(refuses=frozenset({"audio_clear"}))
    with pytest.raises(MessageError, match="audio_clear"):
        line.does(AudioClear())
    assert line.does(AudioAppend(SOUND))


def test_a_truncation_that_the_service_has_no_word_for_is_taken_and_not_sent():
    assert Line(refuses=frozenset({"item_truncate"})).does(ItemTruncate("i", 5)) == []


def test_a_picture_beside_speech_needs_speech_and_is_no_item():
    line = Line(frames=True)
    with pytest.raises(MessageError, match="after audio"):
        line.does(Image(b"x"))
    line.does(AudioAppend(SOUND))
    assert [frame["type"] for frame in line.does(Image(b"x"))] == ["input_image_buffer.append"]
    line.does(AudioClear())
    with pytest.raises(MessageError, match="after audio"):
        line.does(Image(b"x"))


def test_an_item_is_deleted_once():
    line = Line()
    assert len(line.does(ItemDelete("i"))) == 1
    assert line.does(ItemDelete("i")) == []


def test_a_result_has_an_id_of_its_own():
    line = Line()
    line.does(ItemCreate(ToolCallItem("c", "look", "{}")))
    (frame,) = line.does(ToolResult("c", "seen"))
    assert frame["item"]["id"].startswith("item")


def test_what_cannot_be_asked_is_refused_while_a_reply_runs():
    line = Line()
    line.says("response.created", response={"id": "r", "conversation_id": "conv"})
    with pytest.raises(MessageError, match="metadata"):
        line.does(ResponseCreate(metadata={"k" * 65: "v"}))


def test_words_that_grow_are_told_when_they_change_and_not_after_the_last():
    line = Line()
    so_far = "conversation.item.input_audio_transcription.updated"
    assert line.says(so_far, item_id="u", transcript="turn on") == [InputTranscript("turn on", False, "u")]
    assert line.says(so_far, item_id="u", transcript="turn on ") == []
    assert line.says(so_far, item_id="u", transcript="") == []
    assert line.says(so_far, item_id="u", transcript="turn off") == [InputTranscript("turn off", False, "u")]
    line.says("conversation.item.input_audio_transcription.completed", item_id="u", transcript="turn off")
    assert line.says(so_far, item_id="u", transcript="turn over") == []


def test_a_request_waits_for_the_answer_to_speech_only_where_the_service_answers():
    for answers in (True, False):
        line = Line(Options(turn_detection=TurnDetection(create_response=answers)))
        line.says("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
        line.says("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=500)
        assert bool(line.does(ResponseCreate())) is not answers


def test_written_words_are_told_from_the_whole_item_too():
    line = Line()
    line.says("response.created", response={"id": "r"})
    item = {
        "id": "i",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi"}],
    }
    (chunk,) = line.says("response.output_item.done", response_id="r", item=item)
    assert (chunk.text, chunk.spoken) == ("Hi", False)


def test_a_setting_of_another_mode_names_that_mode():
    with pytest.raises(MessageError, match="is a setting of semantic_vad: "):
        Line(Options(turn_detection=TurnDetection(eagerness="low")))
    with pytest.raises(MessageError, match="no setting of the service"):
        Line(Options(turn_detection=TurnDetection(eagerness="low")), modes={"server_vad": SERVER_VAD})


def test_only_the_part_of_a_transcription_that_the_service_lacks_is_refused():
    lacks = frozenset({"transcription.prompt"})
    Line(Options(transcription=Transcription(language="de")), lacks=lacks)
    with pytest.raises(MessageError) as refused:
        Line(Options(transcription=Transcription(prompt="Zürich")), lacks=lacks)
    assert refused.value.field == "transcription.prompt"


def test_one_token_is_a_limit():
    (frame,) = Line().does(SessionUpdate(Options(max_tokens=1)))
    assert frame["session"]["max_output_tokens"] == 1


def test_a_single_modality_is_not_said_and_what_stands_behind_it_is():
    line = Line(modalities=("audio",))
    change = Options(modalities=("audio",), tools=(Tool("look"),), voice="v", max_tokens=5)
    (frame,) = line.does(SessionUpdate(change))
    assert frame["session"].keys() == {"type", "audio", "tools", "max_output_tokens"}


def test_a_change_repeats_the_vendors_own_options_only_where_there_are_any():
    (frame,) = Line().does(SessionUpdate(Options(instructions="Be brief.")))
    assert frame["session"] == {"type": "realtime", "instructions": "Be brief."}
