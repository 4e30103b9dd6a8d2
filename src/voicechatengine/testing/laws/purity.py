"""What the modules of a dialect import, read from their source."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

IMPURE: Final = frozenset(
    {
        "asyncio",
        "aiohttp",
        "socket",
        "time",
        "random",
        "secrets",
        "uuid",
        "threading",
        "ssl",
        "requests",
        "httpx",
    }
)


def modules(name: str) -> Iterator[tuple[str, Path]]:
    """The module and those of its own package that it reaches."""
    package = name.rpartition(".")[0]
    waiting, reached = [name], {name}
    while waiting:
        here = waiting.pop()
        path = _path(here)
        if path is None:
            continue
        yield here, path
        for found in imports(path, whole=True):
            if package and found.startswith(f"{package}.") and found not in reached:
                reached.add(found)
                waiting.append(found)


def _path(name: str) -> Path | None:
    found = sys.modules.get(name)
    file = getattr(found, "__file__", None)
    if file is None and found is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec is not None else None
    return Path(file) if file is not None and Path(file).suffix == ".py" else None


def imports(path: Path, *, whole: bool = False) -> set[str]:
    """What a module imports, anywhere in it: the first parts of the names, or the whole of them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names if whole else {name.partition(".")[0] for name in names}
