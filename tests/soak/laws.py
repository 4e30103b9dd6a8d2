"""What must hold after every conversation, whatever went wrong in it. Each law gives what is wrong, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from voicechatengine.messages import Item, MessageItem, ToolCallItem, ToolResultItem
from voicechatengine.provider import Retry
from voicechatengine.testing import run_virtual

from . import marks
from .script import CUTS, Script
from .talk import Evidence, hold

ATTEMPTS = Retry().attempts
CHUNK = 100 / marks.WORD_MS  # of a word: words come in chunks, each before its sound
EXPLAINED = {
    "error": {"soak_failure"},
    "garbage": {"invalid_message"},
    "rate": {"rate_limit_exceeded"},
}
"""The codes of error events that a fault leads to. What no fault explains is wrong."""


def judge(script: Script) -> list[str]:
    """Holds the conversation; everything that is wrong with it."""
    try:
        evidence = run_virtual(hold(script))
    except Exception as error:  # noqa: BLE001 - tasks left behind, a deadlock, a defect of the harness: all are failures
        return [f"{type(error).__name__}: {error}"]
    return broken(evidence)


def broken(evidence: Evidence) -> list[str]:
    """The laws that a conversation broke."""
    wrong = [*evidence.wrong, *_end(evidence), *_sessions(evidence)]
    if evidence.failure is None:
        wrong += [*_speech(evidence), *_calls(evidence), *_playback(evidence), *_whole(evidence)]
    return list(dict.fromkeys(wrong))


def _end(e: Evidence) -> Iterator[str]:
    """A whole conversation, or one clear error; no error that nothing explains."""
    states = [change.state.value for change in e.states]
    fatal = [error for error in e.errors if not error.recoverable]
    if len(fatal) > 1:
        yield f"more than one fatal error: {[error.code for error in fatal]}"
    gave_up = False
    if e.failure is not None:
        refused = {"refuse", "limit"} & e.line.happened
        early = not e.began and (refused or e.line.happened & {*CUTS, "error"})
        # The runtime tries six times, and then there is one fatal error, which is also what is raised.
        refusals = sum(n for _, kind, n in e.script.faults if kind in ("refuse", "limit"))
        gave_up = e.began and bool(refused) and refusals >= ATTEMPTS
        if not early and not (gave_up and len(fatal) == 1):
            yield f"it failed: {type(e.failure).__name__}: {e.failure}"
    if states and states[-1] != ("error" if gave_up else "disconnected"):
        yield f"the last state is {states[-1]}"
    allowed = {code for fault, codes in EXPLAINED.items() if fault in e.line.happened for code in codes}
    allowed |= {"connection_lost"} if gave_up else set()
    for error in e.errors:
        if error.code not in allowed:
            yield f"error event {error.code}: {error.message}"


def _sessions(e: Evidence) -> Iterator[str]:
    """Within one session nothing exists twice, and what was committed is not sent again as audio."""
    committed: Counter[int] = Counter()
    for wire in e.line.wires:
        sent = Counter(marks.numbers(marks.heard_in(bytes(wire.audio))))
        twice = [number for number, count in sent.items() if count > 1]
        if twice:
            yield f"connection {wire.index}: frames {_span(twice)} were sent twice"
        strange = [number for number in sent if number > e_last(e)]
        if strange:
            yield f"connection {wire.index}: sound that nobody spoke: {strange[:3]}"
        again = [number for number in sent if committed[number]]
        if again:
            yield f"connection {wire.index}: frames {_span(again)} were committed before, and sent again"
        for item, start, end in wire.commits:
            if item in e.items:
                committed.update(set(marks.numbers(marks.heard_in(bytes(wire.audio[start:end])))))
        items = [frame["item"] for frame in wire.asked if frame["type"] == "conversation.item.create"]
        ids = Counter(item["id"] for item in items if "id" in item)
        texts = Counter(_text(item) for item in items if _text(item))
        results = Counter(item["call_id"] for item in items if item["type"] == "function_call_output")
        for what, counter in (("item", ids), ("text", texts), ("result of", results)):
            deleted = {f["item_id"] for f in wire.asked if f["type"] == "conversation.item.delete"}
            for name, count in counter.items():
                retold = what != "result of" and any(
                    item["id"] in deleted for item in items if name in (item.get("id"), _text(item))
                )
                if count > 1 and not retold:
                    yield f"connection {wire.index}: {what} {name!r} came {count} times"


def e_last(e: Evidence) -> int:
    """The number of the last frame that was spoken."""
    return max((last for _, last in e.spoken), default=0)


def _speech(e: Evidence) -> Iterator[str]:
    """All that was spoken became an item of some session, and each item's words are known or told as missing."""
    became: set[int] = set()
    for wire in e.line.wires:
        for item, start, end in wire.commits:
            found = marks.numbers(marks.heard_in(bytes(wire.audio[start:end])))
            became.update(found)
            if item in e.items and item not in e.words and not any(item in what for what in e.missing):
                yield f"the words of {item} ({_span(found)}) are not known, and nobody was told"
    for what in e.missing:
        item = what.removeprefix("the words of ")
        if item != what and (item not in e.items or item in e.words):
            yield f"told as missing, and it is not: {what}"
    for first, last in e.spoken:
        lost = [number for number in range(first, last + 1) if number not in became]
        if lost:
            yield f"frames {_span(lost)} of {first}..{last} were lost"


def _calls(e: Evidence) -> Iterator[str]:
    """Each call was made once and has one result."""
    for job, count in Counter(e.executed).items():
        if count > 1:
            yield f"{job} was done {count} times"
    calls = Counter(item.call_id for item in e.history if isinstance(item, ToolCallItem))
    results = Counter(item.call_id for item in e.history if isinstance(item, ToolResultItem))
    for call in e.calls:
        if calls[call] != 1 or results[call] != 1:
            yield f"call {call} is {calls[call]} times in the history, and its result {results[call]} times"
    if set(calls) - set(e.calls):
        yield f"the history has calls that nobody made: {set(calls) - set(e.calls)}"


def _playback(e: Evidence) -> Iterator[str]:
    """What was heard is a beginning of each reply, once; the history holds those words, to one word."""
    assert e.ear is not None
    stream, place = memoryview(bytes(e.ear.stream)), 0
    heard: dict[int, float] = {}
    while place < len(stream):
        reply = marks.reply_of(bytes(stream[place : place + 2]))
        if reply is None or not 0 <= reply < len(e.replies):
            yield f"heard at {place}: the midst of something"
            break
        if reply in heard:
            yield f"reply {reply} was heard in two pieces"
            break
        made = memoryview(marks.reply_audio(reply, e.replies[reply]))
        size = marks.common(made, stream[place:])
        heard[reply] = marks.FORMAT.duration_ms(size)
        place += size
    written = _replies(e.history)
    if list(written) != sorted(written):
        yield f"replies are out of order: {list(written)}"
    for reply, count in enumerate(e.replies):
        wanted = heard.get(reply, 0.0) / marks.WORD_MS
        words = written.get(reply, 0)
        if abs(words - wanted) > 1 + CHUNK or (wanted >= count and words != count):
            yield f"reply {reply}: {wanted:.2f} words of {count} were heard, the history has {words}"


def _replies(history: tuple[Item, ...]) -> dict[int, int]:
    """How many words of which reply a history has."""
    found: dict[int, int] = {}
    for item in history:
        for word in re.findall(r"r(\d{4})w\d\d", _words(item)):
            found[int(word)] = found.get(int(word), 0) + 1
    return found


def _whole(e: Evidence) -> Iterator[str]:
    """The engine's history and the last session's are the same conversation, in the same order."""
    said = Counter(
        _words(item) for item in e.history if isinstance(item, MessageItem) and item.role == "user"
    )
    for text in e.texts:
        if said[text] != 1:
            yield f"{text!r} is {said[text]} times in the history"
    for words in e.words.values():
        if said[words] > 1:
            yield f"{words!r} is {said[words]} times in the history"
    wire = next(wire for wire in e.line.wires if wire.session_id == e.session_id)
    last = e.vendors[wire.index].history
    if e.instructions is not None:
        told = [f["session"]["instructions"] for f in wire.asked
                if f["type"] == "session.update" and "instructions" in f["session"]]  # fmt: skip
        if told[-1:] != [e.instructions]:
            yield f"the last session's instructions are {told[-1:]}"
    ours, theirs = [_name(item) for item in e.history], [_name(item) for item in last]
    for name in sorted(set(ours) | set(theirs)):
        if name.startswith("call ") and name.split()[1] not in e.calls:
            continue  # a call of a response that was cut before the client was told of it
        if ours.count(name) != theirs.count(name) and not (
            name.startswith("reply") and _short(name, e, last)
        ):
            yield f"{name}: {ours.count(name)} times in the history, {theirs.count(name)} times in the vendor's"
    # A result's place is told by nobody: each side has it where it came.
    both = [name for name in ours if name in theirs and not name.startswith("result")]
    if both != [name for name in theirs if name in both]:
        yield f"the vendor's order is {theirs}, ours {ours}"
    mine, vendors = _replies(e.history), _replies(last)
    for reply in mine.keys() | vendors.keys():
        if abs(mine.get(reply, 0) - vendors.get(reply, 0)) > 2:  # each is an estimate, to one word
            yield f"reply {reply}: {mine.get(reply, 0)} words in the history, {vendors.get(reply, 0)} in the vendor's"


def _short(name: str, e: Evidence, last: tuple[Item, ...]) -> bool:
    """Whether it is about the first words, which one side may have and the other not."""
    reply = int(name.split()[1])
    return max(_replies(e.history).get(reply, 0), _replies(last).get(reply, 0)) <= 2


def _name(item: Item) -> str:
    if isinstance(item, ToolCallItem):
        return f"call {item.call_id}"
    if isinstance(item, ToolResultItem):
        return f"result {item.call_id}"
    words = _words(item)
    reply = re.match(r"r(\d{4})w", words)
    return f"reply {int(reply[1])}" if reply else words


def _words(item: Item) -> str:
    if not isinstance(item, MessageItem):
        return ""
    return " ".join(part.text for part in item.content if hasattr(part, "text"))


def _text(item: dict[str, object]) -> str:
    parts = item.get("content") or []
    assert isinstance(parts, list)
    return " ".join(str(part.get("text", "")) for part in parts) if item.get("role") == "user" else ""


def _span(numbers: list[int]) -> str:
    return f"{min(numbers)}..{max(numbers)}" if numbers else "nothing"
