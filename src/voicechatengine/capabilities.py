"""What a provider can do. It is a plain dict, and it is typed; a missing key means no."""

from __future__ import annotations

from typing_extensions import TypedDict

from voicechatengine.audio.format import AudioFormat


class Capabilities(TypedDict, total=False):
    """The truth about a provider, both ways: what is claimed works, and what is not claimed raises `MessageError`.

    `input_formats` and `output_formats` are the audio formats that a session can be asked for. `turn_detection` names the
    modes the vendor offers (``server_vad``, ``semantic_vad``); `manual_turns` is push to talk. `truncation`: the model
    learns what was heard of an interrupted reply. `session_update` names the options that can change in mid-session.
    `session_limit_s` is the vendor's limit of a session in seconds. `resumption`: the vendor continues a session after a
    drop by itself; without it, history is replayed. `full_duplex`: there are no turns; response events are derived or absent.
    """

    text_input: bool
    text_output: bool
    audio_input: bool
    audio_output: bool
    image_input: bool
    input_formats: tuple[AudioFormat, ...]
    output_formats: tuple[AudioFormat, ...]
    turn_detection: tuple[str, ...]
    manual_turns: bool
    interruption: bool
    truncation: bool
    item_deletion: bool
    input_transcription: bool
    output_transcription: bool
    tools: bool
    tool_cancellation: bool
    out_of_band: bool
    session_update: tuple[str, ...]
    history: bool
    resumption: bool
    session_limit_s: float
    full_duplex: bool
    usage: bool
    rate_limits: bool
    voices: tuple[str, ...]
