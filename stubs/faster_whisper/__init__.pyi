# What is used of faster-whisper, which is no dependency: whoever wants it installs it.
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

class _Segment:
    text: str

class WhisperModel:
    def __init__(
        self, model_size_or_path: str, device: str = "auto", *, compute_type: str = "default"
    ) -> None: ...
    def transcribe(
        self,
        audio: npt.NDArray[np.float32],
        language: str | None = None,
        *,
        initial_prompt: str | None = None,
    ) -> tuple[Iterable[_Segment], object]: ...
