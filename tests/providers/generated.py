"""What sessions, requests and options a vendor of OpenAI's realtime wire has words for, by its table of differences."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import msgspec

from voicechatengine.messages import Options, Tool, Transcription, TurnDetection
from voicechatengine.providers.realtime.differences import Differences, Fields
from voicechatengine.providers.voicelive.table import VOICELIVE

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
TERMS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3).map(", ".join)
TOOLS = st.lists(st.just({"type": "function", "name": "f", "parameters": {"type": "object"}}), max_size=1)
SETTINGS: dict[str, st.SearchStrategy[Any]] = {
    "threshold": st.floats(0, 1),
    "prefix_padding_ms": st.integers(0, 900),
    "silence_duration_ms": st.integers(200, 900),
    "idle_timeout_ms": st.integers(1, 900),
    "eagerness": st.sampled_from(["low", "medium", "high", "auto"]),
}


def voices(table: Differences) -> st.SearchStrategy[str]:
    more = ("en-US-AvaNeural", "zh-CN-XiaochenMultilingualNeural") if table is VOICELIVE else ()
    return st.sampled_from([*(table.voices or ("alloy",)), *more])


def turns(table: Differences, mode: str) -> st.SearchStrategy[Fields]:
    switches = {"create_response": st.booleans(), "interrupt_response": st.booleans()}
    return st.fixed_dictionaries(
        {"type": st.just(mode)} | (switches if table.switches else {}),
        optional={name: SETTINGS[name] for name in table.modes[mode]},
    )


def detections(table: Differences) -> st.SearchStrategy[Any]:
    modes = [turns(table, mode) for mode in table.modes]
    return st.one_of(*([st.none()] if table.manual else []), *modes)


def transcription_models(table: Differences) -> st.SearchStrategy[str]:
    assert table.transcription_model is not None
    return st.sampled_from([table.transcription_model, *(("whisper-1",) if table is VOICELIVE else ())])


def transcriptions(table: Differences) -> st.SearchStrategy[Any]:
    return st.none() | st.fixed_dictionaries(
        {"model": transcription_models(table)}, optional={"language": st.just("de"), "prompt": TERMS}
    )


def sessions(table: Differences) -> st.SearchStrategy[Fields]:
    """A session in OpenAI's words, with nothing that the vendor has no word for."""
    common: dict[str, st.SearchStrategy[Any]] = {
        "instructions": WORDS,
        "output_modalities": st.sampled_from(table.modalities).map(lambda name: [name]),
        "max_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "tools": TOOLS,
        "tool_choice": st.just("auto") | st.just({"type": "function", "name": "f"}),
    }
    audio_in: dict[str, st.SearchStrategy[Any]] = {
        "format": st.sampled_from(list(table.input_formats.values())),
        "turn_detection": detections(table),
        "transcription": transcriptions(table),
        "noise_reduction": st.none() | st.just({"type": "near_field"}),
    }
    audio_out: dict[str, st.SearchStrategy[Any]] = {
        "format": st.sampled_from(list(table.output_formats.values())),
        "voice": voices(table),
    }
    fields = st.fixed_dictionaries({}, optional=common)
    audio = st.fixed_dictionaries(
        {"input": st.fixed_dictionaries({}, optional=audio_in), "output": st.fixed_dictionaries({}, optional=audio_out)}
    )  # fmt: skip
    return st.builds(lambda most, sound: most | _filled("audio", _filled_in(sound)), fields, audio)


def requests(table: Differences) -> st.SearchStrategy[Fields]:
    output = st.fixed_dictionaries(
        {},
        optional={
            "format": st.sampled_from(list(table.output_formats.values())),
            "voice": voices(table),
        },
    )
    common: dict[str, st.SearchStrategy[Any]] = {
        "instructions": WORDS,
        "output_modalities": st.sampled_from(table.modalities).map(lambda name: [name]),
        "max_output_tokens": st.integers(1, 4096) | st.just("inf"),
        "metadata": st.just({"a": "b"}),
        "input": st.just([{"type": "item_reference", "id": "i"}]),
    }
    if table.out_of_band:
        common["conversation"] = st.just("none")
    fields = st.fixed_dictionaries({}, optional=common)
    return st.builds(lambda most, sound: most | _filled("audio", _filled("output", sound)), fields, output)


def _filled(name: str, inner: Fields) -> Fields:
    return {name: inner} if inner else {}


def _filled_in(inner: Fields) -> Fields:
    return {name: value for name, value in inner.items() if value}


def had(table: Differences, part: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a part of the transcription; none where the service lacks it."""
    return st.none() if f"transcription.{part}" in table.lacks else values


def options(table: Differences) -> st.SearchStrategy[Options]:
    def detection(said: Fields | None) -> TurnDetection | None:
        return None if said is None else msgspec.convert({"mode": said.pop("type"), **said}, TurnDetection)

    fields: dict[str, st.SearchStrategy[Any]] = {
        "instructions": WORDS,
        "voice": voices(table),
        "tools": st.just((Tool("f", "does", {"type": "object", "properties": {}}),)),
        "tool_choice": st.sampled_from(["auto", "none", "required", "f"]),
        "modalities": st.sampled_from(table.modalities).map(lambda name: (name,)),
        "input_audio_format": st.sampled_from(list(table.input_formats)),
        "output_audio_format": st.sampled_from(list(table.output_formats)),
        "max_tokens": st.none() | st.integers(1, 4096),
        "turn_detection": detections(table).map(lambda said: detection(None if said is None else dict(said))),
        "transcription": st.none()
        | st.builds(
            Transcription,
            had(table, "model", transcription_models(table)),
            had(table, "language", st.none() | st.just("de")),
            had(table, "prompt", st.none() | TERMS),
        ),
    }
    known = {name: strategy for name, strategy in fields.items() if name not in table.lacks}
    return st.fixed_dictionaries({}, optional=known).map(lambda given: Options(**given))
