"""The simulator's default answers: honest about what was heard, and handy with tools."""

from __future__ import annotations

from typing import Any

import pytest

from voicechatengine.audio.format import AudioFormat
from voicechatengine.audio.tone import tone
from voicechatengine.events import AudioChunk, InputTranscript, ResponseCompleted
from voicechatengine.messages import Options, ResponseCreate, Tool, ToolResultItem
from voicechatengine.providers.mock import MockReply, MockTurn
from voicechatengine.simulators.responder import answer, arguments, heard_s, responder

PCM = AudioFormat()
WEATHER = Tool(
    "get_weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
TALK = tone(PCM, 1300)


def asked(text: str, *tools: Tool, **options: Any) -> MockTurn:
    return MockTurn(texts=(text,), options=Options(tools=tools, **options))


def called(turn: MockTurn) -> list[str]:
    return [f"{call.name} {call.text()}" for call in answer("OpenAI", turn).calls]


def test_the_length_of_speech_is_measured_without_the_silence_around_it():
    audio = PCM.silence(500) + TALK + PCM.silence(700)
    assert heard_s(audio, PCM) == pytest.approx(1.3, abs=0.05)
    assert heard_s(TALK, PCM) == pytest.approx(1.3, abs=0.05)
    assert heard_s(PCM.silence(400), PCM) == pytest.approx(0.4)


def test_an_answer_says_who_gives_it_and_what_came():
    turn = MockTurn(texts=("Hello",), audio=TALK, audio_ms=1300, transcripts=("(speech, 1.3 s)",), images=2)
    assert answer("OpenAI", turn).text == (
        "I am the OpenAI simulator. I heard 1.3 seconds of speech. You said: Hello I was shown 2 pictures."
    )
    assert answer("OpenAI", MockTurn()).text == "I am the OpenAI simulator."


def test_a_tool_that_is_mentioned_is_called_with_a_guess():
    assert called(asked("What is the weather in London?", WEATHER)) == ['get_weather {"city": "London"}']
    assert called(asked("please getWeather", Tool("getWeather"))) == ["getWeather {}"]
    assert called(asked("go", Tool("go"))) == ["go {}"]
    assert called(asked("What is the time?", WEATHER)) == []
    spoken = MockTurn(transcripts=("the weather in Paris",), options=Options(tools=(WEATHER,)))
    assert called(spoken) == ['get_weather {"city": "Paris"}']


def test_the_tool_choice_is_obeyed():
    assert called(asked("the weather", WEATHER, tool_choice="none")) == []
    assert called(asked("hello", WEATHER, tool_choice="required")) == ['get_weather {"city": "hello"}']
    assert called(asked("hello", Tool("other"), WEATHER, tool_choice="get_weather")) == [
        'get_weather {"city": "hello"}'
    ]
    assert called(asked("hello", tool_choice="required")) == []
    request = ResponseCreate(tools=(Tool("now"),), tool_choice="required")
    assert called(MockTurn(request=request, options=Options(tools=(WEATHER,)))) == ["now {}"]


def test_a_result_is_spoken():
    turn = MockTurn(tool_results=(ToolResultItem("c", "foggy"),), options=Options(tools=(WEATHER,)))
    assert answer("OpenAI", turn).text == "I am the OpenAI simulator. The tool says: foggy"


def test_each_type_of_argument_has_a_guess():
    kinds = ["string", "integer", "number", "boolean", "array", "object", "null", ["integer", "null"]]
    properties: dict[str, Any] = {str(kind): {"type": kind} for kind in kinds} | {
        "unit": {"enum": ["C", "F"]}
    }
    tool = Tool("f", "", {"type": "object", "properties": properties, "required": [*properties, "free"]})
    assert arguments(tool, "set 12 degrees") == {
        "string": "degrees",
        "integer": 12,
        "number": 12.0,
        "boolean": True,
        "array": [],
        "object": {},
        "null": None,
        "['integer', 'null']": 12,
        "unit": "C",
        "free": "degrees",
    }
    assert arguments(tool, "")["string"] == ""
    assert arguments(Tool("f"), "x") == {}


async def test_speech_that_nobody_recognises_is_transcribed_by_its_length_and_answered_audibly():
    provider = responder("OpenAI", script=[MockReply("First.")], transcripts=["What time is it?"])
    await provider.connect()
    events = provider.events()
    said: list[str] = []
    sound = 0
    for _ in range(2):
        await provider.send_audio(TALK)
        await provider.send_message("audio_commit", {})  # type: ignore[arg-type]  # a MessageType's value
        await provider.create_response()
        async for event in events:
            if isinstance(event.data, InputTranscript) and event.data.final:
                said.append(event.data.text)
            if isinstance(event.data, AudioChunk):
                sound += len(event.data.audio)
            if isinstance(event.data, ResponseCompleted):
                break
    await provider.disconnect()
    assert said == ["What time is it?", "(speech, 1.3 s)"]
    assert sound > 2 * 48_000
