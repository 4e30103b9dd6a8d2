from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from voicechatengine.errors import MessageError
from voicechatengine.messages import Item, MessageItem, TextPart, Tool, ToolCallItem, ToolResultItem
from voicechatengine.providers.cascade.parts import Call, Finished, ModelOutput, Request, Words
from voicechatengine.providers.local import numbers
from voicechatengine.providers.local.phrases import result
from voicechatengine.providers.local.responder import ABILITY, JOKES, UNHEARD, Responder, answer, clock_time

NOON = datetime(2026, 11, 22, 15, 10)  # noqa: DTZ001 - the wall's time is what is asked for


def schema(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


WEATHER = Tool("get_weather", "The weather of a city.", schema(("city",), city={"type": "string"}))
LIGHTS = Tool(
    "set_lights",
    "Turns the lights of a room on or off.",
    schema(("room", "on"), room={"type": "string"}, on={"type": "boolean"}),
)
TIMER = Tool(
    "start_timer",
    "Starts a timer.",
    schema(("minutes",), minutes={"type": "integer"}, loud={"type": "boolean"}),
)
HEATING = Tool(
    "heating",
    "",
    schema(
        ("level",),
        level={"enum": ["low", "high"]},
        degrees={"type": ["number", "null"]},
        plan={"type": "array"},
    ),
)
SEARCH = Tool(
    "search_notes",
    "Looks through notes.",
    schema(("query",), query={"type": "string"}, state={"type": "string"}),
)
TOOLS = (WEATHER, LIGHTS, TIMER, HEATING, SEARCH)


def user(text: str) -> Item:
    return MessageItem("user", (TextPart(text),))


def assistant(text: str) -> Item:
    return MessageItem("assistant", (TextPart(text, spoken=True),))


async def outputs(*history: Item, **request: Any) -> list[ModelOutput]:
    responder = Responder(clock=lambda: NOON)
    await responder.open()
    found = [output async for output in responder.reply(Request(history, **request))]
    await responder.close()
    return found


async def said(*history: Item, **request: Any) -> str:
    words, finished = await outputs(*history, **request)
    assert isinstance(words, Words)
    assert finished == Finished()
    return words.text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What time is it?", "It is three ten in the afternoon."),
        ("what's the date", "Today is Sunday, November 22, 2026."),
        ("hello what can you do for me", f"Hello. {ABILITY}"),
        ("tell me a joke", JOKES[0]),
        ("stop", "Okay."),
        ("what is seven times eight", "7 times 8 is 56."),
        ("How much is 10 / 4?", "10 divided by 4 is 2.5."),
        ("what is two hundred and five minus one thousand", "205 minus 1000 is -795."),
        ("what is three point five plus one", "3.5 plus 1 is 4.5."),
        ("what is five divided by zero", "Nothing can be divided by zero."),
        ("how many kilometers are ten miles", "10 miles are 16.09 kilometers."),
        ("how many feet are in a mile", "1 mile are 5280 feet."),
        ("convert 20 degrees celsius to fahrenheit", "20 degrees Celsius are 68 degrees Fahrenheit."),
        ("how many pounds are in two feet", "Feet measure length, and pounds measure mass."),
        ("what is the weather in paris", "I cannot see the weather: no tool for it was given to me."),
        ("turn on the lights in the kitchen", "I cannot reach the lights: no tool for it was given to me."),
        ("hi my name is marcelo", "Nice to meet you, Marcelo."),
        ("how are you", "I am fine, thank you. What can I do for you?"),
        ("hello", "Hello. What can I do for you?"),
        ("thank you", "You are welcome."),
        ("goodbye", "Goodbye."),
        ("yes", "All right. What can I do for you?"),
        ("who are you", "I am the offline voice of this program."),
        ("say that again", "I have not said anything yet."),
        ("", UNHEARD),
        ("Purple monkeys.", f"I heard: Purple monkeys. I have no answer to that. {ABILITY}"),
    ],
)
async def test_a_question_has_its_answer(question: str, answer: str) -> None:
    assert await said(user(question)) == answer


@pytest.mark.parametrize(
    ("instructions", "who"),
    [
        ("Your name is Ada. Be brief.", "I am Ada, the offline voice of this program."),
        ("You are Ada, a pirate.", "I am Ada, the offline voice of this program."),
        ("You are a pirate.", "I am the offline voice of this program."),
    ],
)
def test_of_its_instructions_it_takes_its_name_and_says_that_it_follows_no_other(
    instructions: str, who: str
) -> None:
    request = Request((user("what is your name"),), instructions=instructions)
    assert (
        answer("what is your name", request, NOON)
        == f"{who} I answer by rules, and cannot follow instructions."
    )


async def test_it_tells_one_joke_after_another_and_repeats_itself_when_asked() -> None:
    history = (user("tell me a joke"), assistant(JOKES[0]))
    assert await said(*history, user("tell me another joke")) == JOKES[1]
    assert await said(*history, user("say that again")) == JOKES[0]


async def test_it_says_which_tools_it_can_use() -> None:
    assert "get weather, set lights" in await said(user("what can you do"), tools=(WEATHER, LIGHTS))


@pytest.mark.parametrize(
    ("sentence", "name", "arguments"),
    [
        ("what is the weather in paris", "get_weather", {"city": "paris"}),
        ("What is the forecast for New York today?", "get_weather", {"city": "New York"}),
        ("turn on the lights in the kitchen", "set_lights", {"room": "kitchen", "on": True}),
        ("switch the lights off in the hall please", "set_lights", {"room": "hall", "on": False}),
        ("start a timer of twenty five minutes", "start_timer", {"minutes": 25, "loud": True}),
        ("heating high at 21.5 degrees", "heating", {"level": "high", "degrees": 21.5}),
        ("search my notes", "search_notes", {"query": "search my notes"}),
    ],
)
async def test_a_sentence_calls_a_tool(sentence: str, name: str, arguments: dict[str, Any]) -> None:
    call, finished = await outputs(user(sentence), tools=TOOLS)
    assert isinstance(call, Call)
    assert (call.name, json.loads(call.arguments)) == (name, arguments)
    assert finished == Finished()


async def test_an_argument_that_is_missing_is_asked_for() -> None:
    assert "the city" in await said(user("how is the weather"), tools=TOOLS)
    assert "the minutes" in await said(user("start the timer"), tools=TOOLS)
    assert "the level" in await said(user("heating"), tools=TOOLS)


async def test_the_choice_of_tools_is_obeyed() -> None:
    assert "no tool" in await said(user("what is the weather in paris"), tools=TOOLS, tool_choice="none")
    for choice in ("search_notes", "required"):
        call = (await outputs(user("hello"), tools=(SEARCH,), tool_choice=choice))[0]
        assert isinstance(call, Call)
    assert await said(user("hello"), tools=TOOLS) == "Hello. What can I do for you?"


async def test_what_tools_gave_becomes_the_answer() -> None:
    history = (
        user("what is the weather in paris"),
        ToolCallItem("call_1", "get_weather", '{"city": "paris"}'),
        ToolResultItem("call_1", '{"sky": "clear", "degrees_celsius": 21}'),
    )
    assert await said(*history, tools=TOOLS) == "sky: clear, degrees celsius: 21."
    assert (
        await said(*history, assistant("It is clear."), user("hello"), tools=TOOLS)
        == "Hello. What can I do for you?"
    )


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("It is sunny!", "It is sunny!"),
        ('"sunny"', "sunny."),
        ("[1, 2.5]", "1, 2.5."),
        ("null", "It is done."),
        ("true", "It is done."),
        ("false", "It was not done."),
        ("", "It is done."),
        ('{"error": "no such room"}', "That did not work: no such room."),
    ],
)
def test_any_result_is_a_sentence(output: str, sentence: str) -> None:
    assert result(output) == sentence


def test_a_result_that_is_an_error_is_told_as_one() -> None:
    assert result("no such room", failed=True) == "That did not work: no such room."


async def test_the_limit_of_tokens_is_kept() -> None:
    assert await outputs(user("what time is it"), max_tokens=3) == [
        Words("It is three"),
        Finished("incomplete", "max_tokens"),
    ]


async def test_options_that_it_lacks_are_refused() -> None:
    with pytest.raises(MessageError, match="top_k"):
        await outputs(user("hello"), vendor={"top_k": 3})


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [
        (0, 5, "It is twelve oh five in the morning."),
        (9, 0, "It is nine o'clock in the morning."),
        (23, 59, "It is eleven fifty nine in the evening."),
    ],
)
def test_the_time_is_said_as_people_say_it(hour: int, minute: int, text: str) -> None:
    assert clock_time(NOON.replace(hour=hour, minute=minute)) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("forty two", 42),
        ("a hundred", 100),
        ("two thousand three hundred and one", 2301),
        ("one million", 1_000_000),
        ("-7.5", -7.5),
        ("twelve", 12),
        ("zero point two five", 0.25),
    ],
)
def test_numbers_are_read_as_words_and_digits(text: str, value: float) -> None:
    assert numbers.numbers(text) == [value]
