"""The laws of dialects, client side: pure functions of frames, commands and time."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any, Final, cast

import msgspec

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import AudioError, MessageError
from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Interrupted,
    ResponseCompleted,
    TextChunk,
    VendorMessage,
)
from voicechatengine.messages import (
    AudioAppend,
    Command,
    ItemCreate,
    ItemTruncate,
    MessageItem,
    Options,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    TextPart,
    ToolResult,
)
from voicechatengine.session.dialect import Restore
from voicechatengine.testing.laws.purity import IMPURE, imports, modules
from voicechatengine.testing.laws.table import Laws, NotApplicable
from voicechatengine.testing.laws.variation import play, varied
from voicechatengine.testing.laws.wire import DialectSubject

DIALECT: Final[Laws[DialectSubject]] = Laws()
law: Final = DIALECT.topic("dialects")

FRAMES: Final = 99  # of audio: no round number of anything
ROUNDS: Final = 60  # of varied input, each from its own seed
GARBAGE: Final[tuple[bytes | str, ...]] = (
    b"", "", b"\xff\xfe\x00", "<html>503</html>", b"{", "null", "[]", "7", '"text"', "{}", '{"type": null}',
    '{"type": 7}', "[" * 5_000, '{"type": ' * 300, b"\x00" * 64, '{"type": "\\ud800"}',
)  # fmt: skip
UNKNOWN: Final = '{"type":"kit.message_of_tomorrow","kitMessage":{"a":[1,2,3]},"event_id":"e"}'


@law("receive() is total: whatever bytes come, it gives events, and never raises.")
async def receive_is_total(subject: DialectSubject) -> None:
    """See `demands`."""
    rng = random.Random("receive_is_total")
    for number in range(ROUNDS * 5):
        wire = subject.wire(alone=True).open()
        frame = GARBAGE[number] if number < len(GARBAGE) else rng.randbytes(rng.randint(0, 200))
        wire.comes(frame)
        wire.comes(frame)
        wire.demand(wire.problem is None, "events in the legal order", wire.problem or "")


@law(
    "What cannot be read, or is of an unknown type, is told by an error or a vendor event, and ends no session."
)
async def nonsense_is_told(subject: DialectSubject) -> None:
    """See `demands`."""
    for frame in ("<html>503</html>", b"\xff\xfe\x00", "{", UNKNOWN):
        wire = subject.wire(alone=True).open()
        outputs = wire.comes(frame)
        told = [output for output in outputs if isinstance(output, (ErrorInfo, VendorMessage))]
        wire.demand(told, f"an error or a vendor event for {frame!r}", list(outputs))
        fatal = [error for error in told if isinstance(error, ErrorInfo) and not error.recoverable]
        wire.demand(not fatal and not wire.closing, f"the session to go on after {frame!r}", list(outputs))


@law(
    "A message of a type that is not known is handed on as a vendor event with all that it holds: nothing is lost."
)
async def unknown_messages_are_handed_on(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.wire(alone=True).open()
    outputs = wire.comes(UNKNOWN)
    found = [output for output in outputs if isinstance(output, VendorMessage)]
    wire.demand(found, "a vendor event", list(outputs))
    whole = json.dumps([one.raw for one in found])
    wire.demand("[1, 2, 3]" in whole, "the whole message in it", whole)


@law(
    "Events keep the grammar on any input: frames of the vendor lost, doubled, swapped, cut or changed, and any commands."
)
async def any_input_keeps_the_grammar(subject: DialectSubject) -> None:
    """See `demands`."""
    corpus = subject.corpus()
    for seed in range(ROUNDS):
        wire = subject.wire(alone=True).open()
        for step in varied(corpus, random.Random(f"any_input {seed}")):
            play(wire, step)
        wire.ends()
        wire.demand(wire.problem is None, "events in the legal order", wire.problem or "")
        left = wire.grammar.open_responses
        wire.demand(not left, "an end for every reply when the connection ends", f"open: {left}")


@law("The same inputs at the same times give the same outputs.")
async def the_same_input_gives_the_same_output(subject: DialectSubject) -> None:
    """See `demands`."""
    corpus = subject.corpus()
    for seed in range(ROUNDS // 4):
        told: list[str] = []
        for _ in range(2):
            wire = subject.wire(alone=True).open()
            for step in varied(corpus, random.Random(f"the_same {seed}")):
                play(wire, step)
            wire.ends()
            told.append(repr((wire.events, wire.to_server, wire.client.snapshot())))
        wire = subject.wire(alone=True)
        wire.demand(told[0] == told[1], "the same outputs twice", _difference(*told))


@law("A dialect is pure: its modules import no clock, no chance, no network and no event loop.")
async def dialects_are_pure(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.wire()
    module = type(wire.client).__module__
    for name, path in modules(module):
        found = sorted(imports(path) & IMPURE)
        wire.demand(
            not found, f"nothing of {', '.join(sorted(IMPURE))} in {name}", f"it imports {', '.join(found)}"
        )


@law("closed() ends every reply that is open.")
async def closing_ends_what_is_open(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    response = wire.reply(1, end=False)
    wire.ends()
    ends = [done for done in wire.of(ResponseCompleted) if done.response_id == response]
    wire.demand(len(ends) == 1, "one response_completed for the reply that was open", ends)
    wire.demand(ends[0].status == "failed", "status failed", ends[0])
    wire.demand(wire.problem is None, "events in the legal order", wire.problem or "")


@law(
    "What the vendor says arrives whole: words, audio byte by byte, and the end, under the ids of one reply and one item."
)
async def a_reply_arrives_whole(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    wire.created()
    response = wire.reply(1)
    chunks = [*wire.of(TextChunk), *wire.of(AudioChunk)]
    text = "".join(chunk.text for chunk in wire.of(TextChunk))
    wire.demand(text.split() == [f"word{n}" for n in range(5)], "the words, in their order", text)
    audio = b"".join(chunk.audio for chunk in wire.of(AudioChunk))
    wanted = b"".join(wire.sound(n) for n in range(5))
    wire.demand(audio == wanted, f"{len(wanted)} bytes of audio as they were sent", f"{len(audio)} bytes")
    strays = [
        chunk for chunk in cast("list[Any]", chunks) if chunk.response_id != response or not chunk.item_id
    ]
    wire.demand(not strays, f"the response id {response} and an item id on every chunk", strays[:1])
    wire.demand(len({chunk.item_id for chunk in cast("list[Any]", chunks)}) == 1, "one item", chunks[:1])
    done = wire.of(ResponseCompleted)
    wire.demand([one.status for one in done] == ["completed"], "one response_completed", done)


@law("Cutting the user's audio differently, at frame boundaries, sends the vendor the same audio.")
async def cutting_audio_changes_nothing(subject: DialectSubject) -> None:
    """See `demands`."""
    rng = random.Random("cutting_audio")
    form = subject.audio
    audio = b"".join(bytes([n + 1]) * form.frame_bytes for n in range(FRAMES))
    for cuts in ((), *(rng.sample(range(1, FRAMES), 7) for _ in range(5))):
        wire = subject.talk()
        places = [0, *sorted(n * form.frame_bytes for n in cuts), len(audio)]
        for start, end in itertools.pairwise(places):
            wire.does(AudioAppend(audio[start:end]))
        heard = b"".join(append.audio for append in wire.understood(AudioAppend))
        wire.demand(
            heard == audio, f"the vendor to hear {len(audio)} bytes as they were sent", f"{len(heard)} bytes"
        )


@law("Audio that cannot be of the session's format raises AudioError, and nothing is sent.")
async def odd_audio_raises(subject: DialectSubject) -> None:
    """See `demands`."""
    if subject.audio.block_bytes == 1:
        raise NotApplicable("every byte is a sample in this format")
    wire = subject.wire().open()
    before = len(wire.to_server)
    try:
        wire.does(AudioAppend(b"\0" * (subject.audio.block_bytes * 5 + 1)))
    except AudioError:
        pass
    else:
        wire.demand(False, "AudioError for a part of a sample", "it was accepted")
    wire.demand(len(wire.to_server) == before, "nothing to be sent", wire.to_server[before:])


@law("Interrupting twice equals once: the vendor is told once, and so is the application.")
async def interrupting_twice_equals_once(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    response = wire.reply(1, end=False)
    wire.held = True
    wire.does(ResponseCancel())
    sent = len(wire.to_server)
    wire.does(ResponseCancel())
    wire.does(ResponseCancel(response))
    wire.demand(len(wire.to_server) == sent, "nothing sent for the second time", wire.to_server[sent:])
    wire.says(ResponseCompleted("resp_kit1", "interrupted"))
    wire.release()
    wire.demand(len(wire.of(Interrupted)) == 1, "one interrupted", wire.of(Interrupted))
    done = wire.of(ResponseCompleted)
    wire.demand([one.status for one in done] == ["interrupted"], "one response_completed, interrupted", done)
    wire.does(ResponseCancel())
    wire.demand(len(wire.of(Interrupted)) == 1, "nothing more for a reply that is over", wire.of(Interrupted))


@law("A late chunk of an interrupted reply is dropped by its id, also when the next reply has begun.")
async def late_chunks_are_dropped(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    first = wire.reply(1, end=False)
    wire.held = True
    wire.does(ResponseCancel())
    wire.says(
        TextChunk("late ", spoken=True, response_id="resp_kit1", item_id="item_kit1"),
        AudioChunk(wire.sound(99), response_id="resp_kit1", item_id="item_kit1"),
        ResponseCompleted("resp_kit1", "interrupted"),
    )
    wire.release()
    wire.reply(2)
    late = [chunk for chunk in wire.of(TextChunk) if "late" in chunk.text]
    late_audio = [chunk for chunk in wire.of(AudioChunk) if chunk.audio == wire.sound(99)]
    wire.demand(
        not late and not late_audio, f"nothing of {first} behind its interruption", [*late, *late_audio]
    )
    wire.demand(wire.problem is None, "events in the legal order", wire.problem or "")
    statuses = [done.status for done in wire.of(ResponseCompleted)]
    wire.demand(
        statuses == ["interrupted", "completed"], "the first interrupted, the second completed", statuses
    )


@law("Truncation never exceeds what was generated, and is not sent where nothing was heard.")
async def truncation_is_bounded(subject: DialectSubject) -> None:
    """See `demands`."""
    for heard, least, most in ((250.0, 200.0, 250.0), (1e7, 0.0, 500.0), (0.0, 0.0, 0.0)):
        wire = subject.talk()
        wire.reply(1)
        item = wire.of(AudioChunk)[0].item_id or ""
        wire.does(ItemTruncate(item, heard))
        cut = wire.understood(ItemTruncate)
        beyond = [one for one in cut if not least <= one.heard_ms <= most]
        wire.demand(
            not beyond, f"a truncation from {least:g} to {most:g} ms for {heard:g} heard, or none", beyond
        )
        if heard == 0:
            wire.demand(not cut, "no truncation where nothing was heard", cut)
        wire.demand(not wire.of(ErrorInfo), "no error", wire.of(ErrorInfo))


@law("send() that raises leaves the state unchanged.")
async def a_refused_send_changes_nothing(subject: DialectSubject) -> None:
    """See `demands`."""
    wrong: tuple[Command, ...] = (
        AudioAppend(b"\0"),
        SessionUpdate(Options(input_audio_format=AudioFormat("float32", 11_127, 2))),
        SessionUpdate(Options(modalities=())),
        ResponseCreate(modalities=()),
    )
    refused = 0
    for command in wrong:
        wire, twin = subject.wire().open(), subject.wire().open()
        before = wire.client.snapshot()
        try:
            wire.client.send(command, wire.now)
        except (MessageError, AudioError):
            refused += 1
        else:
            continue
        wire.demand(
            wire.client.snapshot() == before, f"the same snapshot() after {command!r} was refused", "another"
        )
        for each in (wire, twin):
            each.does(ItemCreate(MessageItem("user", (TextPart("Hello."),), id="kit_1")))
            each.does(ResponseCreate())
        same = [_shape(frame) for frame in wire.to_server] == [_shape(frame) for frame in twin.to_server]
        wire.demand(
            same, f"what is sent after {command!r} was refused to be what is sent without it", wire.to_server
        )
    if not refused:
        raise NotApplicable("nothing that was tried is refused")


@law(
    "snapshot() has the options as they are now, the calls that wait for results, and the reply that is owed."
)
async def snapshots_tell_the_state(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    first = wire.client.snapshot().options
    wire.demand(first == subject.options, "the options that it was made with", first)
    change = Options(instructions="From now on.")
    try:
        wire.does(SessionUpdate(change))
    except MessageError:
        change = Options()  # this vendor changes none in mid-session: then nothing is changed
    told = wire.client.snapshot().options
    wire.demand(told == first.merged(change), "the options as they are now in the snapshot", told)
    call = wire.call(1)
    pending = wire.client.snapshot().pending_calls
    wire.demand(pending == (call.call_id,), f"the call {call.call_id} to be pending", pending)
    wire.does(ToolResult(call.call_id, "42"))
    pending = wire.client.snapshot().pending_calls
    wire.demand(not pending, "no call to be pending behind its result", pending)
    wire.held = True
    wire.does(ResponseCreate())
    wire.demand(
        wire.client.snapshot().reply_owed is not None, "the reply that was asked for to be owed", "none is"
    )


@law("A session that begins with a history tells it to the vendor, item by item, in its order.")
async def history_is_told_to_the_vendor(subject: DialectSubject) -> None:
    """See `demands`."""
    history = (
        MessageItem("user", (TextPart("My name is Ada."),), id="kit_1"),
        MessageItem("assistant", (TextPart("Good day, Ada."),), id="kit_2"),
    )
    wire = subject.talk(Restore(history=history))
    told = [one.item.text for one in wire.understood(ItemCreate) if isinstance(one.item, MessageItem)]
    wire.demand(told == ["My name is Ada.", "Good day, Ada."], "the history at the vendor", told)


@law("Each text and each result reaches the vendor once, in its order.")
async def commands_arrive_once(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.talk()
    wanted = [f"Sentence {number}: ünïcode, 日本." for number in range(5)]
    for number, text in enumerate(wanted):
        wire.does(ItemCreate(MessageItem("user", (TextPart(text),), id=f"kit_{number}")))
    call = wire.call(1)  # it asks for a reply: until then, text may wait
    told = [one.item.text for one in wire.understood(ItemCreate) if isinstance(one.item, MessageItem)]
    wire.demand(told == wanted, f"{wanted} at the vendor", told)
    wire.does(ToolResult(call.call_id, '{"sum": 1}'))
    results = [*wire.understood(ToolResult)]
    items = [one.item for one in wire.understood(ItemCreate) if not isinstance(one.item, MessageItem)]
    found = [one.output for one in results] + [getattr(item, "output", None) for item in items]
    wire.demand(found == ['{"sum": 1}'], "the result at the vendor, once", found)


@law("A deadline that has passed is dealt with: expired() moves it on or takes it back, whatever time it is.")
async def deadlines_move_on(subject: DialectSubject) -> None:
    """See `demands`."""
    wire = subject.wire().open()
    wire.held = True
    wire.does(ResponseCreate())
    wire.passes(7 * 24 * 3600.0)
    due = wire.client.deadline()
    wire.demand(due is None or due > wire.now, "no deadline in the past", due)
    wire.demand(wire.problem is None, "events in the legal order", wire.problem or "")


def _shape(frame: bytes) -> object:
    """A frame without the ids of messages, which count on."""
    try:
        value: Any = msgspec.json.decode(frame)
    except msgspec.DecodeError:
        return frame
    if isinstance(value, dict):
        cast("dict[str, Any]", value).pop("event_id", None)
    return cast("object", value)


def _difference(one: str, other: str) -> str:
    place = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    return f"…{one[max(0, place - 60) : place + 60]}… and …{other[max(0, place - 60) : place + 60]}…"
