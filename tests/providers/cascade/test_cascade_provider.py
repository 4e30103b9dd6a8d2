"""The cascade as a provider: replies, turns, interruption and failure in the grammar of events, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from scripted import FORM, VOICE, Listener, Llm, Stt, Tts, cascade, say, speech, talking

from voicechatengine import (
    AudioChunk,
    AudioError,
    AudioFormat,
    ConnectionError,
    ConnectionState,
    DeadlineError,
    ErrorInfo,
    InputTranscript,
    Interrupted,
    ItemAdded,
    Limits,
    MessageError,
    MessageType,
    Provider,
    RateLimitError,
    ResponseCompleted,
    ResponseStarted,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
    StateChanged,
    TextChunk,
    Timeouts,
    Tool,
    ToolCall,
    Transcription,
    TurnDetection,
    Usage,
    UsageReport,
    VoiceEngine,
)
from voicechatengine.messages import (
    AudioPart,
    Image,
    ItemCreate,
    ItemDelete,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCreate,
    SessionCreate,
    TextPart,
    ToolCallItem,
    ToolResult,
    ToolResultItem,
)
from voicechatengine.providers.cascade import (
    Call,
    CascadeConfig,
    CascadeProvider,
    EnergyTurns,
    Finished,
    Words,
)

Send = MessageType
STORY = "Once there was a king. He had a daughter. She was very clever. They lived in peace."


def user_words(provider: CascadeProvider) -> list[str]:
    return [item.text for item in provider.history if isinstance(item, MessageItem) and item.role == "user"]


def model_words(provider: CascadeProvider) -> list[str]:
    return [
        item.text for item in provider.history if isinstance(item, MessageItem) and item.role == "assistant"
    ]


async def asked(provider: CascadeProvider, text: str = "hi") -> Listener:
    """One reply, from its question to its end."""
    async with talking(provider) as listener:
        await provider.send_text(text)
        await provider.create_response()
        await listener.until(ResponseCompleted)
    return listener


# ------------------------------------------------------------------ a session


def test_it_is_a_provider():
    """By its shape alone."""
    made: Callable[[], Provider] = cascade
    assert made().get_audio_format() == AudioFormat()


async def test_a_session_opens_its_parts_and_closes_them():
    """And tells so in order."""
    stt, llm, tts, turns = Stt(), Llm(), Tts(), EnergyTurns()
    provider = cascade(stt, llm, tts, turns=turns)
    async with talking(provider) as listener:
        assert provider.is_connected()
        assert await provider.connect() is True
        assert (stt.is_open, llm.is_open, tts.is_open) == (True, True, True)
    await provider.disconnect()
    assert (stt.is_open, llm.is_open, tts.is_open) == (False, False, False)
    assert [change.state for change in listener.all(StateChanged)] == [
        ConnectionState.CONNECTING,
        ConnectionState.CONNECTED,
        ConnectionState.DISCONNECTED,
    ]
    assert listener.types[2] == "session_created"
    assert {event.session_id for event in listener.events[2:]} == {listener.all(SessionCreated)[0].session_id}


async def test_it_can_be_connected_again_with_a_new_conversation():
    """What was said stays readable until then."""
    provider = cascade()
    await asked(provider)
    assert user_words(provider) == ["hi"]
    async with talking(provider):
        assert provider.history == ()


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (MessageError("no model is installed", cure="pip install it", code="no_model"), "no_model"),
        (ConnectionError("refused", code="refused"), "refused"),
        (OSError("gone"), "part_failed"),
    ],
)
async def test_a_part_that_cannot_be_opened_is_one_connection_error(broken, code):
    """It says what the part said, and the parts that were open are closed."""
    llm = Llm()
    provider = cascade(Stt(broken=broken), llm)
    with pytest.raises(ConnectionError) as refused:
        await provider.connect()
    assert refused.value.code == code
    assert not provider.is_connected()
    assert not llm.is_open
    states = [event.data.state async for event in provider.events() if isinstance(event.data, StateChanged)]
    assert states == [ConnectionState.CONNECTING, ConnectionState.DISCONNECTED]


async def test_parts_that_take_too_long_to_open_are_a_deadline_error():
    """Nothing hangs."""
    provider = cascade(llm=Llm(opens_in=60), timeouts=Timeouts(connect=5))
    with pytest.raises(DeadlineError, match="within 5 s"):
        await provider.connect()


async def test_a_cancelled_connect_leaves_nothing_open():
    """And it can be tried again."""
    llm = Llm(opens_in=5)
    provider = cascade(llm=llm)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await provider.connect()
    assert not provider.is_connected()
    assert await provider.connect()
    await provider.disconnect()


async def test_a_disconnect_ends_a_connect_that_is_under_way():
    """Who waits to send is told as well."""
    provider = cascade(llm=Llm(opens_in=5))
    connecting = asyncio.create_task(provider.connect())
    sending = asyncio.create_task(provider.send_text("hi"))
    await asyncio.sleep(1)
    sending_too = asyncio.create_task(provider.send_text("hi"))
    await asyncio.sleep(1)
    await provider.disconnect()
    for attempt in (connecting, sending, sending_too):
        with pytest.raises(ConnectionError):
            await attempt


async def test_without_a_session_only_its_definition_can_be_sent():
    """Options and a history; the session begins with them."""
    llm = Llm("Noon.")
    provider = cascade(llm=llm)
    for attempt in (provider.send_text("hi"), provider.create_response()):
        with pytest.raises(ConnectionError, match="connect"):
            await attempt
    await provider.interrupt()
    await provider.update_session(instructions="Be brief.")
    history = (
        MessageItem("user", (AudioPart(b"ab", "What time is it?"),)),
        ToolCallItem("c1", "clock", "{}"),
        ToolResultItem("c1", "noon"),
        ToolCallItem("c2", "clock", "{}"),
    )
    await provider.send_message(Send.SESSION_CREATE, SessionCreate(Options(), history))
    async with talking(provider) as listener:
        with pytest.raises(MessageError, match="open already"):
            await provider.send_message(Send.SESSION_CREATE, SessionCreate())
        await provider.create_response()
        await listener.until(ResponseCompleted)
    assert listener.all(SessionCreated)[0].applied.instructions == "Be brief."
    kinds = [added.kind for added in listener.all(ItemAdded)]
    assert kinds == ["message", "tool_call", "tool_result", "tool_call", "message"]
    (request,) = llm.requests
    assert request.instructions == "Be brief."
    assert [type(item).__name__ for item in request.history] == [
        "MessageItem",
        "ToolCallItem",
        "ToolResultItem",
    ]
    assert request.history[0].content == (TextPart("What time is it?", spoken=True),)


async def test_handlers_hear_what_subscribers_read():
    """Each event of their type."""
    heard: list[str] = []
    provider = cascade()
    provider.on_event("session_created", lambda event: heard.append(event.type))
    await provider.connect()
    await provider.disconnect()
    assert heard == ["session_created"]


# ------------------------------------------------------------------ replies


async def test_a_reply_is_spoken_sentence_by_sentence():
    """Each sentence is told with its first sound and the time at which it begins."""
    tts = Tts()
    provider = cascade(llm=Llm(STORY), tts=tts, voice="calm", language="en")
    listener = await asked(provider)
    assert listener.words() == STORY
    sentences = [said for said, _, _ in tts.said]
    assert sentences == [
        "Once there was a king.",
        "He had a daughter.",
        "She was very clever.",
        "They lived in peace.",
    ]
    assert {(voice, language) for _, voice, language in tts.said} == {("calm", "en")}
    chunks = listener.all(TextChunk)
    assert all(chunk.spoken for chunk in chunks)
    assert [chunk.start_ms for chunk in chunks] == [0, 1100, 2000, 3000]
    assert VOICE.duration_ms(len(listener.audio())) == 4000
    (done,) = listener.all(ResponseCompleted)
    assert (done.status, done.tool_calls) == ("completed", 0)
    assert done.usage == Usage(output_tokens=3, output_seconds=4.0)
    ids = {(chunk.response_id, chunk.item_id) for chunk in (*chunks, *listener.all(AudioChunk))}
    assert ids == {(done.response_id, listener.all(ItemAdded)[1].item_id)}
    assert model_words(provider) == [STORY]


async def test_the_first_sentence_sounds_while_the_model_still_writes():
    """Model and speech work at the same time."""
    llm = Llm([Words("One moment. S"), 3.0, Words("o it is."), Finished()])
    provider = cascade(llm=llm, tts=Tts())
    async with talking(provider) as listener:
        began = asyncio.get_running_loop().time()
        await provider.create_response()
        await listener.until(AudioChunk)
        assert asyncio.get_running_loop().time() - began < 0.1
        await listener.until(ResponseCompleted)
    assert listener.words() == "One moment. So it is."


async def test_a_reply_without_a_voice_is_written_as_it_comes():
    """With no speech part at all, or where text is asked for."""
    llm = [Words("One. T"), Words(""), Words("wo."), Finished()]
    listener = await asked(cascade(llm=Llm(llm)))
    assert [(chunk.text, chunk.spoken) for chunk in listener.all(TextChunk)] == [
        ("One. T", False),
        ("wo.", False),
    ]
    provider = cascade(llm=Llm(llm), tts=Tts())
    async with talking(provider) as listener:
        await provider.create_response(["text"])
        await listener.until(ResponseCompleted)
    assert (listener.words(), listener.audio()) == ("One. Two.", b"")


async def test_what_has_no_sound_is_still_told():
    """Marks alone are not given to speech."""
    tts = Tts()
    listener = await asked(cascade(llm=Llm([Words("***\nDone."), Finished()]), tts=tts))
    assert [said for said, _, _ in tts.said] == ["Done."]
    assert listener.words() == "***\nDone."


async def test_the_output_format_travels_on_the_audio_where_it_differs():
    """And it is made what the session asks for."""
    listener = await asked(cascade(Stt(), Llm("Yes it is."), Tts()))
    assert {chunk.format for chunk in listener.all(AudioChunk)} == {VOICE}
    same = await asked(cascade(Stt(), Llm("Yes it is."), Tts(), output_audio_format=FORM))
    assert {chunk.format for chunk in same.all(AudioChunk)} == {None}
    assert FORM.duration_ms(len(same.audio())) == pytest.approx(
        VOICE.duration_ms(len(listener.audio())), abs=1
    )


async def test_tool_calls_come_whole_and_their_results_go_to_the_model():
    """The next reply is asked for after the results, as on every vendor; what the model kept goes back to it."""
    llm = Llm(
        [
            Words("Let me see."),
            Call("c1", "clock", '{"zone": "UTC"}'),
            Call("c2", "odd", "{not json"),
            Finished(keep={"thought": 1}),
        ],
        "It is noon.",
    )
    provider = cascade(llm=llm, tts=Tts(), tools=[Tool("clock")])
    async with talking(provider) as listener:
        await provider.send_text("What time is it?")
        await provider.create_response()
        await listener.until(ResponseCompleted)
        calls = listener.all(ToolCall)
        await provider.send_message(Send.TOOL_RESULT, ToolResult("c1", "noon"))
        await provider.send_message(Send.TOOL_RESULT, ToolResult("c2", "what?", is_error=True))
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
        item = listener.all(ItemAdded)[1].item_id
        await provider.send_message(Send.ITEM_TRUNCATE, ItemTruncate(item, 100))
        await provider.create_response()
        await listener.until(ResponseCompleted, 3)
    assert [(call.name, call.parsed) for call in calls] == [("clock", {"zone": "UTC"}), ("odd", None)]
    assert [done.tool_calls for done in listener.all(ResponseCompleted)] == [2, 0, 0]
    assert llm.requests[0].tools == (Tool("clock"),)
    kinds = [type(item).__name__ for item in llm.requests[1].history]
    assert kinds == [
        "MessageItem",
        "MessageItem",
        "ToolCallItem",
        "ToolCallItem",
        "ToolResultItem",
        "ToolResultItem",
    ]
    results = [item for item in llm.requests[1].history if isinstance(item, ToolResultItem)]
    assert [(found.output, found.is_error) for found in results] == [("noon", False), ("what?", True)]
    assert [list(kept) for kept in llm.kept] == [[], [(1, {"thought": 1})], []]
    order = listener.types
    assert order.index("tool_call") > len(order) - order[::-1].index("audio_chunk") - 40


async def test_a_result_for_no_call_is_an_error_and_changes_nothing():
    """As on other providers."""
    provider = cascade()
    async with talking(provider) as listener:
        await provider.send_message(Send.TOOL_RESULT, ToolResult("c9", "2"))
        await provider.send_message(Send.ITEM_DELETE, ItemDelete("none"))
        await listener.until(ErrorInfo, 2)
    assert [error.code for error in listener.all(ErrorInfo)] == ["unknown_call_id", "item_not_found"]


async def test_a_request_has_its_own_settings():
    """They go before the session's; out of band it is beside the conversation."""
    llm = Llm(
        [Call("c", "f", "{}"), Words("Beside."), Finished(status="incomplete", reason="max_tokens", keep=1)],
        "Yes.",
    )
    provider = cascade(llm=llm, instructions="Be brief.", tool_choice="none", max_tokens=9, vendor={"a": 1})
    request = ResponseCreate(
        out_of_band=True,
        input=(MessageItem("user", (TextPart("sum up"),)),),
        instructions="Sum up.",
        tools=(Tool("f"),),
        tool_choice="f",
        max_tokens=5,
        metadata={"k": "v"},
        vendor={"b": 2},
    )
    async with talking(provider) as listener:
        await provider.send_message(Send.RESPONSE_CREATE, request)
        await provider.create_response()
        await listener.until(ResponseCompleted, 2)
    beside, plain = llm.requests
    assert (beside.instructions, beside.tool_choice, beside.max_tokens) == ("Sum up.", "f", 5)
    assert (beside.tools, beside.vendor, len(beside.history)) == ((Tool("f"),), {"a": 1, "b": 2}, 1)
    assert (plain.instructions, plain.tool_choice, plain.max_tokens, plain.tools) == (
        "Be brief.",
        "none",
        9,
        (),
    )
    (done, _) = listener.all(ResponseCompleted)
    assert (done.status, done.reason, done.metadata) == ("incomplete", "max_tokens", {"k": "v"})
    assert model_words(provider) == ["Yes."]


# ------------------------------------------------------------------ interruption


async def test_an_interrupted_reply_stops_model_and_speech_at_once():
    """Nothing of it comes after, and what was not spoken was not said."""
    llm, tts = Llm([Words(STORY), 60.0, Finished()]), Tts(delay=0.1)
    provider = cascade(llm=llm, tts=tts)
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(AudioChunk, 15)
        await provider.interrupt()
        await provider.interrupt()
        await asyncio.sleep(0)
        await asyncio.sleep(60)
        item = listener.all(Interrupted)[0].item_id
        assert model_words(provider) == ["Once there was a king. He had a daughter."]
        await provider.send_message(Send.ITEM_TRUNCATE, {"item_id": item, "heard_ms": 1100})
        assert model_words(provider) == ["Once there was a king."]
    assert (llm.stopped, tts.stopped) == (1, 1)
    end = listener.types.index("interrupted")
    assert listener.types[end:-1] == ["interrupted", "response_completed"]
    assert listener.all(Interrupted)[0].generated_ms == VOICE.duration_ms(len(listener.audio()))
    assert listener.all(ResponseCompleted)[0].status == "interrupted"


async def test_an_interrupt_while_idle_is_harmless_and_a_waiting_request_is_answered():
    """As on other providers."""
    provider = cascade(llm=Llm([60.0, Finished()], "Two."))
    async with talking(provider) as listener:
        await provider.interrupt()
        await provider.create_response()
        await listener.until(ResponseStarted)
        await provider.create_response()
        await provider.interrupt()
        await listener.until(ResponseCompleted, 2)
    assert [done.status for done in listener.all(ResponseCompleted)] == ["interrupted", "completed"]


async def test_a_disconnect_ends_what_runs():
    """As failed; no part works on, and no task is left."""
    llm, tts = Llm([Words(STORY), 60.0, Finished()]), Tts(delay=0.1)
    provider = cascade(Stt(delay=5), llm, tts, turn_detection=None)
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(AudioChunk)
        await provider.send_audio(speech(300))
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await provider.send_audio(speech(300))
    assert listener.all(ResponseCompleted)[0].status == "failed"
    assert (llm.stopped, tts.stopped) == (1, 1)


# ------------------------------------------------------------------ turns


async def test_a_spoken_turn_is_found_recognised_and_answered():
    """With positions, ids, the words so far, the cost, and the order of the conversation."""
    stt, llm = Stt("what time is it", partial=True), Llm("Noon.")
    provider = cascade(
        stt, llm, Tts(), turns=EnergyTurns(), language="en", transcription=Transcription(prompt="time")
    )
    async with talking(provider) as listener:
        await say(provider, -400, 900, -800)
        await listener.until(ResponseCompleted)
    (began,), (stopped,) = listener.all(SpeechStarted), listener.all(SpeechStopped)
    assert began.position_ms == pytest.approx(400, abs=45)
    assert stopped.position_ms == pytest.approx(1300, abs=45)
    words = listener.all(InputTranscript)
    assert [(word.text, word.final) for word in words] == [("what", False), ("what time is it", True)]
    added = listener.all(ItemAdded)
    assert [(item.role, item.kind) for item in added] == [("user", "speech"), ("assistant", "message")]
    assert {began.item_id, stopped.item_id, words[-1].item_id} == {added[0].item_id}
    assert stt.asked == [("en", "time")]
    assert FORM.duration_ms(len(stt.heard[0])) == pytest.approx(300 + 900 + 200, abs=60), (
        "padding, speech, pause"
    )
    (cost,) = listener.all(UsageReport)
    assert (cost.scope, cost.item_id) == ("transcription", added[0].item_id)
    assert user_words(provider) == ["what time is it"]
    assert [item.text for item in llm.requests[0].history] == ["what time is it"]


async def test_the_model_begins_at_the_likely_end_and_nothing_is_told_before_the_end():
    """The request of the likely end is the one that is answered."""
    llm = Llm([0.4, Words("Noon."), Finished()])
    provider = cascade(Stt("what time is it"), llm, Tts(), turns=EnergyTurns(silence_ms=700))
    async with talking(provider) as listener:
        began = asyncio.get_running_loop().time()
        await say(provider, 900, -1200)
        await listener.until(ResponseCompleted)
        start = asyncio.get_running_loop().time() - asyncio.get_running_loop().time() + began
    assert len(llm.requests) == 1
    assert llm.begun_at[0] - start == pytest.approx(0.9 + 0.2 + 0.1, abs=0.06)
    kinds = listener.types
    assert kinds.index("speech_stopped") < kinds.index("input_transcript") < kinds.index("response_started")
    stopped, first = listener.when(SpeechStopped)[0], listener.when(AudioChunk)[0]
    assert first - stopped < 0.05, "the model's time had passed already"


async def test_an_early_start_is_dropped_if_the_speaker_goes_on():
    """The recogniser hears the whole again, and the model is asked once more."""
    stt, llm = Stt("what time", "what time is it"), Llm([60.0, Finished()], "Noon.")
    provider = cascade(stt, llm, Tts(), turns=EnergyTurns(silence_ms=900))
    async with talking(provider) as listener:
        await say(provider, 500, -500, 400, -1200)
        await listener.until(ResponseCompleted)
    assert llm.stopped == 1
    assert [request.history[-1].text for request in llm.requests] == ["what time", "what time is it"]
    assert [word.text for word in listener.all(InputTranscript)] == ["what time is it"]
    assert len(listener.all(SpeechStarted)) == len(listener.all(SpeechStopped)) == 1
    assert FORM.duration_ms(len(stt.heard[1])) > FORM.duration_ms(len(stt.heard[0])) + 800
    assert user_words(provider) == ["what time is it"]


async def test_speech_that_goes_on_while_it_is_recognised_is_heard_whole():
    """The recogniser is stopped in its work, and begins anew."""
    stt = Stt("what time is it", delay=0.6)
    provider = cascade(stt, Llm(), Tts(), turns=EnergyTurns(silence_ms=900))
    async with talking(provider) as listener:
        await say(provider, 500, -400, 400, -1200)
        await listener.until(ResponseCompleted)
    assert user_words(provider) == ["what time is it"]


async def test_a_draft_that_does_not_answer_the_conversation_any_more_is_not_used():
    """What came between changes the request."""
    llm = Llm([60.0, Finished()], "Noon.")
    provider = cascade(Stt("what time is it"), llm, turns=EnergyTurns(silence_ms=900))
    async with talking(provider) as listener:
        await say(provider, 500, -500)
        await provider.send_text("be brief", "system")
        await say(provider, -900)
        await listener.until(ResponseCompleted)
    assert [len(request.history) for request in llm.requests] == [1, 2]
    assert llm.stopped == 1


async def test_speech_interrupts_a_running_reply():
    """And the next one answers what was said."""
    llm, tts = Llm([Words(STORY), 60.0, Finished()], "Stopped."), Tts(delay=0.1)
    provider = cascade(Stt("stop"), llm, tts, turns=EnergyTurns())
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(AudioChunk, 3)
        await say(provider, 400, -800)
        await listener.until(ResponseCompleted, 2)
    kinds = listener.types
    begun = kinds.index("speech_started")
    assert kinds[begun : begun + 3] == ["speech_started", "interrupted", "response_completed"]
    assert [(done.status, done.reason) for done in listener.all(ResponseCompleted)] == [
        ("interrupted", "turn_detected"),
        ("completed", None),
    ]


async def test_speech_while_words_are_awaited_is_answered_together_with_them():
    """Two turns, one answer."""
    llm = Llm("Both.")
    provider = cascade(Stt("one", "two", delay=1.2), llm, turns=EnergyTurns(silence_ms=300))
    async with talking(provider) as listener:
        await say(provider, 400, -500, 400, -500)
        await listener.until(ResponseCompleted)
    assert [item.text for item in llm.requests[-1].history] == ["one", "two"]
    assert len(listener.all(ResponseCompleted)) == 1


async def test_noise_without_words_is_no_turn_to_answer():
    """The transcript is empty and final, and no reply comes."""
    provider = cascade(Stt(""), turns=EnergyTurns())
    async with talking(provider) as listener:
        await say(provider, 400, -800)
        await listener.until(InputTranscript)
        await asyncio.sleep(10)
    assert [(word.text, word.final) for word in listener.all(InputTranscript)] == [("", True)]
    assert listener.all(ResponseStarted) == []


async def test_turn_detection_that_only_marks_speech():
    """Neither interrupts nor answers."""
    llm = Llm([5.0, Words("Yes."), Finished()])
    detection = TurnDetection(create_response=False, interrupt_response=False, silence_duration_ms=300)
    provider = cascade(Stt("hello"), llm, turns=EnergyTurns(), turn_detection=detection)
    async with talking(provider) as listener:
        await provider.create_response()
        await say(provider, 400, -400)
        await listener.until(ResponseCompleted)
        await asyncio.sleep(10)
    assert listener.all(Interrupted) == []
    assert len(llm.requests) == 1
    assert user_words(provider) == ["hello"]


async def test_push_to_talk_commits_what_was_said_and_asks():
    """With a turn detector that is switched off, or without one."""
    for turns in (None, EnergyTurns()):
        provider = cascade(Stt("what time is it"), Llm("Noon."), Tts(), turns=turns, turn_detection=None)
        async with talking(provider) as listener:
            await provider.send_message(Send.ACTIVITY_START, {})
            await provider.send_audio(speech(1200))
            await provider.send_message(Send.ACTIVITY_END, {})
            await listener.until(ResponseCompleted)
        (added, _), (words,) = listener.all(ItemAdded), listener.all(InputTranscript)
        assert (added.kind, words.item_id, words.final) == ("speech", added.item_id, True)
        assert listener.words() == "Noon."
        assert user_words(provider) == ["what time is it"]


async def test_a_commit_asks_for_nothing_and_needs_audio():
    """A reply that is asked for waits for the words."""
    llm = Llm()
    provider = cascade(Stt("hello", ""), llm, turn_detection=None)
    async with talking(provider) as listener:
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await provider.send_audio(speech(300))
        await provider.send_message(Send.AUDIO_COMMIT, {})
        await listener.until(InputTranscript)
        await asyncio.sleep(10)
        assert listener.all(ResponseStarted) == []
        await provider.send_audio(speech(300))
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    assert listener.all(ErrorInfo)[0].code == "audio_commit_empty"
    assert len(llm.requests) == 1, "asked by hand, it answers also where there were no words"


async def test_an_interrupt_takes_back_a_request_that_waits_for_words():
    """Nothing is answered then."""
    provider = cascade(Stt("hello"), turn_detection=None)
    async with talking(provider) as listener:
        await provider.send_audio(speech(300))
        await provider.send_message(Send.ACTIVITY_END, {})
        await provider.interrupt()
        await asyncio.sleep(10)
    assert listener.all(ResponseStarted) == []
    assert user_words(provider) == ["hello"]


async def test_audio_that_is_cleared_was_not_said():
    """Who was told of it is told that there are no words."""
    stt = Stt("hello", partial=True)
    provider = cascade(stt, turns=EnergyTurns())
    async with talking(provider) as listener:
        await say(provider, 700)
        await provider.send_message(Send.AUDIO_CLEAR, {})
        await say(provider, -1000)
    assert [(word.text, word.final) for word in listener.all(InputTranscript)] == [
        ("what", False),
        ("", True),
    ]
    assert provider.history == ()
    assert stt.heard == []


async def test_turn_detection_can_be_switched_in_mid_session():
    """Positions go on; the settings go to the detector."""
    provider = cascade(Stt("one", "two", "three"), turns=EnergyTurns())
    async with talking(provider) as listener:
        await say(provider, 400, -800)
        await listener.until(ResponseCompleted)
        await provider.update_session(turn_detection=None)
        await say(provider, 400)
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted, 2)
        await provider.update_session(turn_detection=TurnDetection(silence_duration_ms=200))
        await say(provider, -200, 400, -300)
        await listener.until(ResponseCompleted, 3)
    assert [start.position_ms for start in listener.all(SpeechStarted)] == pytest.approx([0, 1800], abs=60)
    assert user_words(provider) == ["one", "two", "three"]
    assert listener.all(SessionUpdated)[0].applied.turn_detection is None


async def test_transcripts_can_be_switched_off_and_the_model_reads_them_all_the_same():
    """The history has the words, the listener does not."""
    llm = Llm()
    provider = cascade(Stt("hello"), llm, turns=EnergyTurns(), transcription=None)
    async with talking(provider) as listener:
        await say(provider, 400, -800)
        await listener.until(ResponseCompleted)
    assert listener.all(InputTranscript) == []
    assert llm.requests[0].history[0].text == "hello"


@pytest.mark.parametrize(
    "form", [AudioFormat("pcm16", 48_000, 2), AudioFormat("g711_ulaw", 8000), AudioFormat("float32")]
)
async def test_audio_is_made_what_the_parts_take(form):
    """In whatever format the session is asked for, and in whatever pieces it comes: an hour's at once holds nobody up."""
    from voicechatengine.audio.resample import Resampler  # noqa: PLC0415 - only here

    stt = Stt("hello")
    provider = cascade(stt, turns=EnergyTurns(8000), input_audio_format=form)
    assert provider.get_audio_format() == form
    async with talking(provider) as listener:
        await provider.send_audio(Resampler(FORM, form).feed(speech(-500, 600, -900)))
        await listener.until(ResponseCompleted)
    assert listener.all(SpeechStarted)[0].position_ms == pytest.approx(500, abs=60)
    assert FORM.duration_ms(len(stt.heard[0])) == pytest.approx(1100, abs=120)


# ------------------------------------------------------------------ what fails


@pytest.mark.parametrize(
    ("llm", "tts", "code"),
    [
        ([RateLimitError("slow down", code="overloaded", retry_after=3)], None, "overloaded"),
        ([Words("One. Two."), OSError("cut")], None, "model_failed"),
        ([Words("One.")], None, "model_failed"),
        ([1000.0, Finished()], None, "model_timeout"),
        ([Words("One. Two."), Finished()], {"fails": ConnectionError("gone", code="gone")}, "gone"),
        ([Words("One. Two."), Finished()], {"delay": 1000}, "speech_timeout"),
        ([Words("One. Two."), Finished()], {"odd": True}, "speech_failed"),
        ([Call("c", "f", 5)], None, "model_failed"),  # type: ignore[arg-type]
    ],
)
async def test_a_part_that_fails_ends_the_reply_and_not_the_session(llm, tts, code):
    """The error says which and why, the response has failed, and the next one is answered."""
    provider = cascade(llm=Llm(llm, "Good again."), tts=None if tts is None else Tts(**tts))
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(ResponseCompleted)
        await provider.create_response(["text"])
        await listener.until(ResponseCompleted, 2)
    error, (failed, good) = listener.all(ErrorInfo)[0], listener.all(ResponseCompleted)
    assert (error.code, error.recoverable) == (code, True)
    assert (failed.status, failed.reason, good.status) == ("failed", code, "completed")
    assert error.retry_after == (3 if code == "overloaded" else None)


@pytest.mark.parametrize(
    ("stt", "code"),
    [
        (Stt(OSError("broken")), "recognition_failed"),
        (Stt(MessageError("no such language", code="no_language")), "no_language"),
        (Stt("late", delay=1000), "recognition_timeout"),
        (Stt(deaf=True), "recognition_timeout"),
    ],
)
async def test_a_recogniser_that_fails_is_told_and_the_turn_has_no_words(stt, code):
    """A reply that waited for them has failed; the session goes on."""
    provider = cascade(stt, turns=EnergyTurns(), turn_detection=TurnDetection(silence_duration_ms=300))
    async with talking(provider) as listener:
        await say(provider, 400, -600)
        await listener.until(ResponseCompleted)
    assert [error.code for error in listener.all(ErrorInfo)] == [code]
    assert [(word.text, word.final) for word in listener.all(InputTranscript)] == [("", True)]
    (done,) = listener.all(ResponseCompleted)
    assert (done.status, done.reason) == ("failed", code)


async def test_a_recogniser_that_lags_holds_the_sender_up_and_then_fails():
    """Audio does not pile up, and nobody waits for ever."""
    provider = cascade(Stt(deaf=True), turn_detection=None, limits=Limits(unsent_audio_s=1), recognition_s=5)
    async with talking(provider) as listener:
        began = asyncio.get_running_loop().time()
        for _ in range(40):
            await provider.send_audio(speech(100))
        waited = asyncio.get_running_loop().time() - began
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    assert waited == pytest.approx(5, abs=0.5)
    assert listener.all(ErrorInfo)[0].code == "recognition_timeout"


async def test_a_cancelled_send_has_sent_nothing():
    """It waited for the recogniser."""
    provider = cascade(Stt(deaf=True), turn_detection=None, limits=Limits(unsent_audio_s=1))
    async with talking(provider):
        await provider.send_audio(speech(1500))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await provider.send_audio(speech(100))


async def test_a_turn_detector_that_fails_is_told_and_turns_are_ended_by_hand():
    """Once, and not for each frame."""

    class Broken(EnergyTurns):
        def hear(self, audio: bytes) -> list:
            raise OSError("no model")

    provider = cascade(Stt("hello"), turns=Broken())
    async with talking(provider) as listener:
        await say(provider, 400)
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    assert [error.code for error in listener.all(ErrorInfo)] == ["turns_failed"]
    assert listener.all(SessionUpdated)[0].applied.turn_detection is None


async def test_a_turn_of_more_than_ten_minutes_is_cut_and_told():
    """Memory is bounded."""
    provider = cascade(Stt("long"), turn_detection=None)
    async with talking(provider) as listener:
        for _ in range(61):
            await provider.send_audio(FORM.silence(10_000))
            await asyncio.sleep(10)
        await provider.send_message(Send.ACTIVITY_END, {})
        await listener.until(ResponseCompleted)
    assert [error.code for error in listener.all(ErrorInfo)] == ["audio_too_long"]


async def test_a_turn_that_was_not_understood_is_answered_with_the_next_one():
    """While more words are awaited, one failure fails nothing."""
    llm = Llm("Yes.")
    stt = Stt(OSError("broken"), "two", delay=1.2)
    provider = cascade(
        stt, llm, turns=EnergyTurns(silence_ms=300), turn_detection=TurnDetection(interrupt_response=False)
    )
    async with talking(provider) as listener:
        await say(provider, 400, -500, 400, -500)
        await listener.until(ResponseCompleted)
    assert [item.text for item in llm.requests[-1].history] == ["two"]
    assert [done.status for done in listener.all(ResponseCompleted)] == ["completed"]


async def test_a_voice_that_does_not_come_free_is_a_time_limit():
    """A reply beside waits for the one that speaks, and not for ever."""
    provider = cascade(llm=Llm(STORY, STORY), tts=Tts(delay=4), speech_s=5)
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(AudioChunk)
        await provider.send_message(Send.RESPONSE_CREATE, ResponseCreate(out_of_band=True))
        await listener.until(ResponseCompleted)
    assert listener.all(ErrorInfo)[0].code == "speech_timeout"


async def test_a_part_that_cannot_be_closed_keeps_no_other_from_closing(caplog):
    """It is logged."""

    class Stuck(Llm):
        async def close(self) -> None:
            raise OSError("stuck")

    tts = Tts()
    provider = cascade(llm=Stuck(), tts=tts)
    await provider.connect()
    await provider.disconnect()
    assert not tts.is_open
    assert "Stuck could not be closed" in caplog.text


async def test_a_part_that_does_not_stop_holds_nobody_up(caplog):
    """The session is over in time, and the log says what goes on."""

    class Stubborn(Llm):
        async def reply(self, request, *, kept=()):
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(5)
            yield Finished()

    provider = cascade(llm=Stubborn())
    async with talking(provider) as listener:
        await provider.create_response()
        await listener.until(ResponseStarted)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        await provider.disconnect()
        assert asyncio.get_running_loop().time() - began < 4
    assert "did not stop in time: cascade model" in caplog.text
    await asyncio.sleep(10)


async def test_an_engine_talks_to_it_as_to_any_provider():
    """A question and an answer, with its sound."""
    async with VoiceEngine(cascade(Stt(), Llm("It is noon."), Tts())) as engine:
        reply = await engine.ask("What time is it?")
    assert reply.text == "It is noon."
    assert reply.audio


# ------------------------------------------------------------------ what it can do


def test_capabilities_follow_from_the_parts():
    """What a part is there for is claimed, and nothing else."""
    text = cascade().get_capabilities()
    assert (text.get("text_input"), text.get("audio_input"), text.get("audio_output")) == (True, False, False)
    assert text["turn_detection"] == ()
    assert "voice" not in text["session_update"]
    assert "input_formats" not in text
    whole = cascade(Stt(), Llm(), Tts(), turns=EnergyTurns()).get_capabilities()
    assert (whole["audio_input"], whole["audio_output"], whole["turn_detection"]) == (
        True,
        True,
        ("server_vad",),
    )
    assert whole["input_formats"][0] == FORM
    assert whole["output_formats"][0] == VOICE
    assert {"voice", "language", "transcription"} <= set(whole["session_update"])
    assert "model" not in whole["session_update"]
    assert cascade(images=True).get_capabilities()["image_input"] is True


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"model": "m"}, "model"),
        ({"voice": "v"}, "voice"),
        ({"language": "de"}, "language"),
        ({"modalities": ("audio",)}, "modalities"),
        ({"modalities": ()}, "modalities"),
        ({"turn_detection": TurnDetection()}, "turn_detection"),
        ({"transcription": Transcription()}, "transcription"),
        ({"input_audio_format": FORM}, "input_audio_format"),
        ({"output_audio_format": FORM}, "output_audio_format"),
    ],
)
async def test_options_that_no_part_takes_are_refused_before_and_after_connect(options, field):
    """Each with the field's name; none is dropped silently."""
    provider = cascade()
    for _ in range(2):
        with pytest.raises(MessageError) as refused:
            await provider.update_session(**options)
        assert refused.value.field == field
        await provider.connect()
    await provider.disconnect()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"turn_detection": TurnDetection(mode="semantic_vad")}, "turn_detection.mode"),
        ({"turn_detection": TurnDetection(idle_timeout_ms=5)}, "turn_detection.idle_timeout_ms"),
        ({"transcription": Transcription(model="m")}, "transcription.model"),
        ({"input_audio_format": AudioFormat(sample_rate=11_025)}, "input_audio_format"),
    ],
)
def test_settings_that_no_part_takes_are_refused_in_the_configuration(options, field):
    """Also where there is a part for the option as a whole."""
    with pytest.raises(MessageError) as refused:
        cascade(Stt(), Llm(), Tts(), turns=EnergyTurns(), **options)
    assert refused.value.field == field


def test_a_detector_is_given_no_setting_that_it_does_not_name():
    """The error names the setting; what the detector names is taken."""

    class Patient(EnergyTurns):
        settings = ("silence_duration_ms",)

    def one(**settings) -> CascadeProvider:
        return cascade(Stt(), Llm(), turns=Patient(), turn_detection=TurnDetection(**settings))

    assert one(silence_duration_ms=100).get_capabilities()["turn_detection"] == ("server_vad",)
    for setting in ({"threshold": 0.3}, {"eagerness": "low"}, {"idle_timeout_ms": 5000}):
        with pytest.raises(MessageError) as refused:
            one(**setting)
        assert refused.value.field == f"turn_detection.{next(iter(setting))}"


def test_parts_and_limits_that_make_no_cascade_are_refused():
    """Turns without ears, and times that are none."""
    with pytest.raises(MessageError, match="turns without stt"):
        CascadeProvider(EnergyTurns(), None, Llm(), None)
    with pytest.raises(MessageError, match="speech_s"):
        CascadeConfig(speech_s=0)


async def test_what_does_not_fit_raises_and_nothing_is_sent():
    """Before any part hears of it."""
    provider = cascade()
    hearing = cascade(Stt(), input_audio_format=AudioFormat("float32", 16_000))
    await provider.connect()
    await hearing.connect()
    for attempt in (
        provider.send_audio(b"ab"),
        provider.send_message(Send.ACTIVITY_END, {}),
        provider.send_message(Send.AUDIO_COMMIT, {}),
        provider.send_message(Send.IMAGE, Image(b"png")),
        provider.send_message(Send.ITEM_CREATE, ItemCreate(MessageItem("user", (AudioPart(b"ab"),)))),
        provider.create_response(["audio"]),
        provider.create_response([]),
        provider.send_message(Send.TEXT_CHUNK, {}),
        provider.send_message(
            Send.RESPONSE_CREATE, ResponseCreate(input=(MessageItem("user", (AudioPart(b"ab"),)),))
        ),
    ):
        with pytest.raises(MessageError):
            await attempt
    for audio in (b"odd", b"\x00\x00\xc0\x7f"):
        with pytest.raises(AudioError):
            await hearing.send_audio(audio)
    assert provider.history == ()
    await provider.disconnect()
    await hearing.disconnect()


async def test_pictures_go_to_a_model_that_takes_them():
    """As the user's."""
    llm = Llm()
    provider = cascade(llm=llm, images=True)
    async with talking(provider) as listener:
        await provider.send_message(Send.IMAGE, Image(b"png"))
        await provider.create_response()
        await listener.until(ResponseCompleted)
    assert llm.requests[0].history[0].content[0].image == b"png"
