"""Where Alibaba's Qwen-Omni realtime is, and how its wire differs from OpenAI's. Pure: it opens nothing.

Sources, read 2026-11-22: https://www.alibabacloud.com/help/en/model-studio/client-events and
https://www.alibabacloud.com/help/en/document_detail/2922855.html (server events, 2026-10); what a client writes as in the
`dashscope` package 2.0.2 (`audio/qwen_omni`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Final, cast

from voicechatengine.audio.format import AudioFormat
from voicechatengine.errors import MessageError
from voicechatengine.provider import ProviderConfig
from voicechatengine.providers.realtime import beta, encode, family
from voicechatengine.providers.realtime.differences import Differences, Fields, Move
from voicechatengine.session.dialect import Endpoint, Restore

URL: Final = "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime"
PATH: Final = "/api-ws/v1/realtime"
MODEL: Final = "qwen3.5-omni-flash-realtime"
HEARD: Final = AudioFormat("pcm16", 16_000)
SPOKEN: Final = AudioFormat("pcm16", 24_000)
DUPLEX: Final = "qwen3.8-"  # how the names of models begin that have no turns, and nest their session

_USUAL: Final = "usual"  # the service's own model, which has no name


def _transcription(wanted: Fields | None) -> Any:
    """The package writes null for the usual model."""
    if wanted is not None and wanted.get("model") == _USUAL:
        return wanted | {"model": None}
    return wanted


def _heard(said: Any) -> Any:
    """The usual model again, where transcription is on."""
    if not isinstance(said, dict):
        return said
    fields = cast("Fields", said)
    return fields | {"model": fields.get("model") or _USUAL}


def _tools(wanted: list[Fields]) -> list[Fields]:
    """Each function in a mapping of its own, as in chat completions."""
    return [
        {"type": tool["type"], "function": {name: value for name, value in tool.items() if name != "type"}}
        for tool in wanted
    ]


def _flat_tools(said: list[Fields]) -> list[Fields]:
    return [{"type": tool["type"], **tool["function"]} if "function" in tool else tool for tool in said]


_IN: Final[Fields] = {"type": "audio/pcm", "rate": 16_000}
_OUT: Final[Fields] = {"type": "audio/pcm", "rate": 24_000}
FORMATS_IN: Final = {"pcm": _IN, "pcm16": _IN}
FORMATS_OUT: Final = {"pcm": _OUT, "pcm16": _OUT, "pcm24": _OUT}
"""The words for the one format of each direction: the first is written, the others are read too."""

DIFFERENCES: Final = Differences(
    session=(
        Move(("audio", "input", "transcription"), ("input_audio_transcription",), _transcription, _heard),
        Move(("tools",), ("tools",), _tools, _flat_tools),
        *(move for move in beta.FLAT if move.here != ("audio", "input", "transcription")),
        beta.formatted(("audio", "input", "format"), "input_audio_format", FORMATS_IN),
        beta.formatted(("audio", "output", "format"), "output_audio_format", FORMATS_OUT),
        *beta.without("truncation", "prompt", "include", "tracing"),
    ),
    request=beta.REQUEST,
    response=(
        beta.MODALITIES,
        Move(("audio", "output", "voice"), ("voice",)),
        beta.formatted(("audio", "output", "format"), "output_audio_format", FORMATS_OUT),
    ),
    typed=False,
    names=beta.NAMES,
    contents=beta.CONTENTS,
    input_formats={HEARD: _IN},
    output_formats={SPOKEN: _OUT},
    modes={
        "server_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms"),
        "semantic_vad": ("threshold", "prefix_padding_ms", "silence_duration_ms"),
    },
    lacks=frozenset(
        {"tool_choice", "max_tokens", "language", "transcription.language", "transcription.prompt"}
    ),
    refuses=frozenset({"item_truncate"}),
    transcription_model=_USUAL,
    images=("image/jpeg",),
    frames=True,
    switches=False,
    out_of_band=False,
    rate_limits=False,
    session_limit_s=7200.0,
    models=("qwen",),
    extras=frozenset({"enable_search", "temperature", "top_p", "top_k", "seed", "smooth_output"}),
)


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class QwenConfig(ProviderConfig):
    """A session with Qwen-Omni realtime.

    `api_key` falls back to ``DASHSCOPE_API_KEY``. `url` names the region: Singapore by default, Beijing is
    ``wss://dashscope.aliyuncs.com``, and a workspace of your own ``wss://WORKSPACE.ap-southeast-1.maas.aliyuncs.com``. `workspace`
    goes along as a header. `vendor` takes the service's own session fields: ``{"enable_search": True}``. Raises `MessageError`
    naming the field for what the service does not have; the models of 3.8, which have no turns, are not spoken to yet.
    """

    KEY_VARIABLES: ClassVar[tuple[str, ...]] = ("DASHSCOPE_API_KEY",)

    model: str | None = MODEL
    workspace: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.model or "").startswith(DUPLEX):
            raise MessageError(
                f"model: {self.model} listens while it speaks, on a wire of its own",
                field="model",
                cure=f"use a model with turns, such as {MODEL}",
            )
        encode.opening(self.options(), DIFFERENCES)
        family.address(self.url or URL, PATH, {})


def endpoint(config: QwenConfig, restore: Restore) -> Endpoint:
    """Where to connect, with which headers. Raises `AuthenticationError` without a key."""
    url = family.address(config.url or URL, PATH, {"model": restore.options.model or config.model or MODEL})
    headers = family.bearer(config.require_key())
    if config.workspace:
        headers["X-DashScope-WorkSpace"] = config.workspace
    return Endpoint(url, headers | dict(config.headers))
