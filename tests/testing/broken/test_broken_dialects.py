"""Each deliberately broken dialect is caught by the law that names what is broken, and the right ones by none."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from toy_wire import FORM, Out, ToyClient, ToyServer, frame
from unclean import LooksAtTheClock

from voicechatengine.events import (
    AudioChunk,
    ErrorInfo,
    Interrupted,
    ResponseCompleted,
    ResponseStarted,
    TextChunk,
)
from voicechatengine.messages import (
    AudioAppend,
    ItemTruncate,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    ToolResult,
)
from voicechatengine.session.dialect import Close, Restore
from voicechatengine.testing import DialectSubject, check_dialect
from voicechatengine.testing.contract import DialectContract


class RaisesAtGarbage(ToyClient):
    """The decoder's error goes up to the reader."""

    def receive(self, data: bytes | str, now: float, /) -> Sequence[Out]:
        json.loads(data)
        return super().receive(data, now)


class RaisesAtAMissingField(ToyClient):
    """A message without what it always had."""

    def receive(self, data: bytes | str, now: float, /) -> Sequence[Out]:
        outputs = super().receive(data, now)
        if any(isinstance(each, ErrorInfo) and "KeyError" in each.message for each in outputs):
            raise KeyError("item")
        return outputs


class DiesOfGarbage(ToyClient):
    """One frame that cannot be read ends the session."""

    def unreadable(self, why: str) -> Out:
        return ErrorInfo("invalid_message", why, recoverable=False)


class HangsUpAtGarbage(ToyClient):
    """One frame that cannot be read closes the connection."""

    def receive(self, data: bytes | str, now: float, /) -> Sequence[Out]:
        outputs = super().receive(data, now)
        return [*outputs, Close(1002)] if any(isinstance(each, ErrorInfo) for each in outputs) else outputs


class SwallowsTheUnknown(ToyClient):
    """What it does not know is dropped."""

    def unknown(self, message: dict[str, Any]) -> Sequence[Out]:
        return []


class CallsTheUnknownAnError(ToyClient):
    """What it does not know is an error, and what it held is lost."""

    def unknown(self, message: dict[str, Any]) -> Sequence[Out]:
        return [ErrorInfo("unknown_message", str(message.get("type")))]


class TrustsTheOrder(ToyClient):
    """Chunks are handed on, whether their reply runs or not."""

    def speaks(self, message: dict[str, Any]) -> str | None:
        return str(message["response"])

    def audio(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [AudioChunk(self.decoded(message["audio"]), None, str(message["response"]), "item")]


class EndsAtEachEnd(ToyClient):
    """A doubled end is told twice."""

    def completed(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        self.open.pop(str(message["response"]), None)
        return [ResponseCompleted(str(message["response"]))]


class DrawsIdsByChance(ToyClient):
    """Ids come from a counter that all objects share."""

    numbers = itertools.count()

    def create(self, message: ResponseCreate, now: float) -> Sequence[Out]:
        out = super().create(message, now)
        return [*out, frame("ping", id=next(self.numbers))]


class LeavesRepliesOpen(ToyClient):
    """When the connection ends, nobody ends what ran."""

    def closed(self, close: Close, now: float, /) -> Sequence[Out]:
        return []


class EndsAsIfItWereWhole(ToyClient):
    """When the connection ends, what ran is completed."""

    def closed(self, close: Close, now: float, /) -> Sequence[Out]:
        return [ResponseCompleted(each) for each in self.open]


class LosesWords(ToyClient):
    """A word that is alone in its delta is taken for a keep-alive."""

    def text(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [] if message["text"] == "word3 " else super().text(message, now)


class DecodesLeniently(ToyClient):
    """base64 without validation, of which the end is lost."""

    def decoded(self, audio: Any) -> bytes:
        return base64.b64decode(audio)[:-4]


class ForgetsTheItem(ToyClient):
    """Chunks do not name their item."""

    def text(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        return [msgspec.structs.replace(out, item_id=None) for out in super().text(message, now)]  # type: ignore[type-var]


class KeepsTheRest(ToyClient):
    """Audio goes out in blocks of 4000 bytes, and what is left waits for more."""

    rest = b""

    def append(self, message: AudioAppend, now: float) -> Sequence[Out]:
        FORM.check(message.audio)
        self.rest += message.audio
        whole = len(self.rest) // 4000 * 4000
        block, self.rest = self.rest[:whole], self.rest[whole:]
        return super().append(AudioAppend(block), now) if block else []


class PadsEachPiece(ToyClient):
    """Each piece of audio is filled up to whole frames."""

    def append(self, message: AudioAppend, now: float) -> Sequence[Out]:
        lacking = -len(message.audio) % 4000
        return super().append(AudioAppend(message.audio + bytes(lacking)), now)


class TakesOddBytes(ToyClient):
    """A part of a sample is sent."""

    def append(self, message: AudioAppend, now: float) -> Sequence[Out]:
        return [frame("append", audio=base64.b64encode(message.audio).decode())]


class CancelsAgain(ToyClient):
    """Each interruption is sent, and the second is an error at the vendor."""

    def cancel(self, message: ResponseCancel, now: float) -> Sequence[Out]:
        return [*super().cancel(message, now), frame("cancel", response=None)]


class TellsTwice(ToyClient):
    """Once when it is asked for, and once when the vendor confirms it."""

    def completed(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        out = super().completed(message, now)
        cut = [each for each in out if isinstance(each, ResponseCompleted) and each.status == "interrupted"]
        return [*(Interrupted(each.response_id) for each in cut), *out]


class PlaysLateAudio(ToyClient):
    """What comes behind an interruption is handed on."""

    def speaks(self, message: dict[str, Any]) -> str | None:
        response = str(message["response"])
        return response if response in self.open else None


class GivesLateAudioToTheNext(ToyClient):
    """Chunks belong to "the current one"."""

    def speaks(self, message: dict[str, Any]) -> str | None:
        running = [each for each in self.open if each not in self.cut]
        return running[-1] if running else next(iter(self.open), None)


class CutsBeyondTheEnd(ToyClient):
    """What was heard is believed, however long it is."""

    def truncate(self, message: ItemTruncate, now: float) -> Sequence[Out]:
        return [frame("truncate", item=message.item_id, ms=message.heard_ms)] if message.heard_ms else []


class CutsAtZero(ToyClient):
    """Nothing heard is a truncation at 0 ms."""

    def truncate(self, message: ItemTruncate, now: float) -> Sequence[Out]:
        return super().truncate(message, now) or [frame("truncate", item=message.item_id, ms=0)]


class MergesBeforeItChecks(ToyClient):
    """Options that are refused are in force all the same."""

    def update(self, message: SessionUpdate, now: float) -> Sequence[Out]:
        self.options = self.options.merged(message.options)
        return super().update(message, now)


class RestoresOldOptions(ToyClient):
    """What changed in mid-session is not in the snapshot."""

    def snapshot(self) -> Restore:
        return msgspec.structs.replace(super().snapshot(), options=self.restore.options)


class ForgetsCalls(ToyClient):
    """Calls that wait for their results are not in the snapshot."""

    def snapshot(self) -> Restore:
        return msgspec.structs.replace(super().snapshot(), pending_calls=())


class WaitsForAnsweredCalls(ToyClient):
    """Calls that have their results still wait for them."""

    def result(self, message: ToolResult, now: float) -> Sequence[Out]:
        return [
            frame(
                "create", item={"type": "tool_result", "call_id": message.call_id, "output": message.output}
            )
        ]


class OwesNothing(ToyClient):
    """A reply that was asked for is not asked for again."""

    def snapshot(self) -> Restore:
        return msgspec.structs.replace(super().snapshot(), reply_owed=None)


class ForgetsItsHistory(ToyClient):
    """A restored session begins with nothing."""

    def history(self) -> Sequence[Any]:
        return ()


class ReversesItsHistory(ToyClient):
    """Each item of the history is put at the beginning."""

    def history(self) -> Sequence[Any]:
        return self.restore.history[::-1]


class SaysItTwice(ToyClient):
    """A result is an item and a message."""

    def result(self, message: ToolResult, now: float) -> Sequence[Out]:
        return [*super().result(message, now), *super().result(message, now)]


class IsAlwaysDue(ToyClient):
    """A deadline that has passed stays."""

    def expired(self, now: float, /) -> Sequence[Out]:
        return []


class BeginsTwice(ToyClient):
    """A doubled response.created begins a second reply."""

    def started(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        super().started(message, now)
        return [ResponseStarted(str(message["response"]))]


class HidesTheSpokenWords(ToyClient):
    """Text is told under an id of its own."""

    def text(self, message: dict[str, Any], now: float) -> Sequence[Out]:
        out = super().text(message, now)
        return [
            TextChunk(str(message["text"]), True, str(message["item"]), str(message["item"])) for _ in out
        ]


CAUGHT = {
    RaisesAtGarbage: "receive_is_total",
    RaisesAtAMissingField: "any_input_keeps_the_grammar",
    DiesOfGarbage: "nonsense_is_told",
    HangsUpAtGarbage: "nonsense_is_told",
    SwallowsTheUnknown: "nonsense_is_told",
    CallsTheUnknownAnError: "unknown_messages_are_handed_on",
    TrustsTheOrder: "any_input_keeps_the_grammar",
    EndsAtEachEnd: "any_input_keeps_the_grammar",
    BeginsTwice: "any_input_keeps_the_grammar",
    DrawsIdsByChance: "the_same_input_gives_the_same_output",
    LooksAtTheClock: "dialects_are_pure",
    LeavesRepliesOpen: "closing_ends_what_is_open",
    EndsAsIfItWereWhole: "closing_ends_what_is_open",
    LosesWords: "a_reply_arrives_whole",
    DecodesLeniently: "a_reply_arrives_whole",
    ForgetsTheItem: "a_reply_arrives_whole",
    HidesTheSpokenWords: "a_reply_arrives_whole",
    KeepsTheRest: "cutting_audio_changes_nothing",
    PadsEachPiece: "cutting_audio_changes_nothing",
    TakesOddBytes: "odd_audio_raises",
    CancelsAgain: "interrupting_twice_equals_once",
    TellsTwice: "interrupting_twice_equals_once",
    PlaysLateAudio: "late_chunks_are_dropped",
    GivesLateAudioToTheNext: "late_chunks_are_dropped",
    CutsBeyondTheEnd: "truncation_is_bounded",
    CutsAtZero: "truncation_is_bounded",
    MergesBeforeItChecks: "a_refused_send_changes_nothing",
    RestoresOldOptions: "snapshots_tell_the_state",
    ForgetsCalls: "snapshots_tell_the_state",
    WaitsForAnsweredCalls: "snapshots_tell_the_state",
    OwesNothing: "snapshots_tell_the_state",
    ForgetsItsHistory: "history_is_told_to_the_vendor",
    ReversesItsHistory: "history_is_told_to_the_vendor",
    SaysItTwice: "commands_arrive_once",
    IsAlwaysDue: "deadlines_move_on",
}


@pytest.mark.parametrize(("broken", "law"), CAUGHT.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_broken_dialect_is_caught_by_the_law_that_names_it(broken, law):
    report = check_dialect(DialectSubject(broken, ToyServer), laws=[law])
    assert report[law].outcome == "failed", report[law]
    assert report[law].why.startswith("expected: ")


def test_a_right_dialect_is_caught_by_none():
    report = check_dialect(DialectSubject(ToyClient, ToyServer))
    assert report.passed, str(report)
    assert not report.of("not applicable")


def test_without_the_vendors_side_laws_that_need_it_do_not_apply():
    report = check_dialect(DialectSubject(ToyClient))
    assert report.passed, str(report)
    assert report["a_reply_arrives_whole"].outcome == "not applicable"
    assert report["receive_is_total"].outcome == "passed"


def test_frames_of_the_vendor_are_varied_without_its_side():
    frames = [
        frame("created", id="s").data,
        frame("started", response="r").data,
        frame("done", response="r").data,
    ]
    twice = frame("done", response="r").data
    report = check_dialect(
        DialectSubject(EndsAtEachEnd, frames=[*frames, twice]), laws=["any_input_keeps_the_grammar"]
    )
    assert report.failed


class TestToy(DialectContract):
    """The laws as pytest has them, of a dialect that is right."""

    def subject(self) -> DialectSubject:
        return DialectSubject(ToyClient, ToyServer)
