"""Start: how long the import takes, and how much is installed.

Each import happens in a fresh interpreter that takes its own CPU time, so the interpreter's start is in no figure; the floor is
importing what cannot be done without. Installed size is that of the package and all that it requires, found by its metadata.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path

from benchmarks.harness import interleaved
from benchmarks.result import Result

FLOOR = "asyncio, msgspec"
IMPORTS = {
    FLOOR: "asyncio, msgspec",
    "voicechatengine": "voicechatengine",
    "voicechatengine, first connection": "voicechatengine.providers.openai, voicechatengine.session.aiohttp_transport",
    "openai-agents": "agents.realtime",
    "livekit-agents": "livekit.agents, livekit.plugins.openai",
    "pipecat-ai": "pipecat.services.openai.realtime.llm",
    "pydantic-ai": "pydantic_ai.realtime.openai",
    "openai": "openai.resources.realtime.realtime",
    "google-genai": "google.genai.live",
}
SIZES = {
    "voicechatengine": ("voicechatengine",),
    "openai-agents": ("openai-agents",),
    "livekit-agents": ("livekit-agents", "livekit-plugins-openai"),
    "pipecat-ai": ("pipecat-ai", "websockets"),
    "pydantic-ai": ("pydantic-ai-slim", "openai", "websockets"),
    "openai": ("openai", "websockets"),
    "google-genai": ("google-genai",),
}


def seconds(modules: str) -> float:
    """CPU time of importing these modules."""
    program = f"import time; a = time.process_time(); import {modules}; print(time.process_time() - a)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def required(name: str, seen: set[str]) -> set[str]:
    """A package and all that it requires here, without its extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return seen
    try:
        found = metadata.distribution(key)
    except metadata.PackageNotFoundError:
        return seen  # for another platform, or another Python
    seen.add(key)
    for requirement in found.requires or ():
        if "extra ==" not in requirement:
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert match is not None
            required(match[0], seen)
    return seen


def files(name: str) -> int:
    """Bytes of a package's files, without what Python compiles of them."""
    found = metadata.distribution(name)
    paths = (each.locate() for each in found.files or () if each.suffix != ".pyc")
    return sum(path.stat().st_size for path in map(_path, paths) if path.is_file())


def own() -> int:
    """Bytes of this library, which may be installed to be edited."""
    import voicechatengine  # noqa: PLC0415 - what is measured is not imported before

    folder = _path(voicechatengine.__file__).parent
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _path(path: object) -> Path:
    return Path(str(path))


def measure(*, quick: bool) -> Result:
    result = Result("start", quick=quick)
    imports: dict[str, Callable[[], float]] = {}
    for name, modules in IMPORTS.items():
        try:
            seconds(modules)
        except subprocess.CalledProcessError as error:
            result.absent[name] = error.stderr.strip().splitlines()[-1]
            continue
        imports[name] = partial(seconds, modules)
    result.add("import", "ms", interleaved(imports, 2 if quick else 11, warm_up=False), FLOOR, scale=1e3)
    sizes: dict[str, list[float]] = {}
    for name, packages in SIZES.items():
        closure: set[str] = set()
        for package in packages:
            required(package, closure)
        if name in imports:
            total = sum(files(each) for each in closure - {"voicechatengine"})
            sizes[name] = [total + (own() if "voicechatengine" in closure else 0)]
    result.add("installed size", "MB", sizes, "voicechatengine", scale=1e-6)
    return result
