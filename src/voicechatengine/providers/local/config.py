"""`LocalConfig`: which parts the local provider is made of, and how they are set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from voicechatengine.errors import MessageError
from voicechatengine.providers.cascade.config import CascadeConfig

Recogniser = Literal["sphinx", "whisper"]


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class LocalConfig(CascadeConfig):
    """A conversation on this machine: no key, no network.

    `recogniser` is ``sphinx`` (US English, by a grammar) or ``whisper`` (many languages; the package faster-whisper, with a model
    that it finds or downloads: `whisper_model` is its name or its folder). `grammar` (JSGF, or the path of such a file) is what
    ``sphinx`` listens for instead of the shipped one, to which `phrases` are added. `voice` is one of eSpeak NG's (``en-us``,
    ``en-gb+f3``), `rate` words a minute, `pitch` 0 to 100.
    """

    name: str = "local"
    recogniser: Recogniser = "sphinx"
    grammar: str | Path | None = None
    phrases: Sequence[str] = ()
    whisper_model: str = "base"
    rate: int = 150
    pitch: int = 50

    def __post_init__(self) -> None:
        if self.recogniser not in get_args(Recogniser):
            raise MessageError(
                f"recogniser {self.recogniser!r} is not known",
                field="recogniser",
                cure=f"use {' or '.join(get_args(Recogniser))}",
            )
        if self.recogniser == "whisper" and (self.grammar is not None or self.phrases):
            raise MessageError("whisper takes no grammar", field="grammar", cure="use the recogniser sphinx")
        super().__post_init__()
