"""The house as a whole: its public names, what importing it costs, and which way its arrows point."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import voicechatengine

ROOT = Path(voicechatengine.__file__).parent
PACKAGE = "voicechatengine"

SEED_NAMES = {
    "VoiceEngine", "Provider", "ProviderConfig", "ProviderEvent", "AudioFormat", "MessageType", "ConnectionState",
    "OpenAIProvider", "OpenAIConfig", "MockProvider", "MockConfig", "ConnectionError", "MessageError", "AudioError",
}  # fmt: skip


def module_name(path: Path) -> str:
    parts = (PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


@cache
def imports(name: str) -> frozenset[str]:
    """What a module imports anywhere, also in functions, but not what only type checkers read."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                visit(other)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module or "")
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(parsed(name))
    return frozenset(found)


def own_imports(name: str) -> set[str]:
    return {found for found in imports(name) if found in MODULES}


# ------------------------------------------------------------------ the public names


def test_the_seed_names_and_every_other_public_name_are_importable_from_the_top():
    assert set(voicechatengine.__all__) >= SEED_NAMES
    for name in voicechatengine.__all__:
        value = getattr(voicechatengine, name)
        assert getattr(value, "__name__", name) == name


def test_all_is_exactly_what_the_package_imports_and_loads_when_named():
    tree = parsed(PACKAGE)
    named = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}.")
        for alias in node.names
    }
    assert sorted(voicechatengine.__all__) == sorted(named)
    assert len(set(voicechatengine.__all__)) == len(voicechatengine.__all__)
    assert set(voicechatengine.__all__) <= set(dir(voicechatengine))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'voicechatengine' has no attribute 'Voice'"):
        getattr(voicechatengine, "Voice")  # noqa: B009 - a name that type checkers know to be missing


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    assert ast.get_docstring(parsed(name))


# ------------------------------------------------------------------ what importing it costs


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a program."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


HEAVY = {"aiohttp", "numpy", "soxr", "sounddevice", "rich", "argparse"}


def test_importing_the_package_loads_no_network_no_vendor_and_nothing_heavy():
    loaded = loaded_by(f"import {PACKAGE}")
    assert not loaded & {*HEAVY, "asyncio"}
    own = {name.removeprefix(f"{PACKAGE}.") for name in loaded if name.startswith(f"{PACKAGE}.")}
    assert {STOREY[name.partition(".")[0]] for name in own} == {0}


@pytest.mark.parametrize("name", sorted(SEED_NAMES))
def test_aiohttp_loads_with_the_first_connection_and_not_with_a_name(name):
    assert not loaded_by(f"from {PACKAGE} import {name}") & HEAVY


# ------------------------------------------------------------------ which way the arrows point

# Lower storeys first: a module imports from its own storey and those below. Within a storey nothing goes round in a circle.
STOREYS = (
    ("audio", *(path.stem for path in ROOT.glob("*.py") if path.stem not in ("__init__", "conversation"))),
    ("conversation",),
    ("session",),
    ("providers",),
    ("compose",),
    ("engine",),
    ("simulators",),
    ("testing",),
    ("",),  # the package itself: it only gathers names
    ("cli",),
)
STOREY = {name: number for number, names in enumerate(STOREYS) for name in names}


def storey(name: str) -> int:
    return STOREY[name.removeprefix(PACKAGE).lstrip(".").partition(".")[0]]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_nothing_from_above(name):
    assert not {found for found in own_imports(name) if storey(found) > storey(name)}


def test_no_module_imports_itself_by_way_of_others():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join((*path, name))
        if name not in done:
            for found in own_imports(name):
                visit(found, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


BLOCKS = {"cascade", "local", "realtime"}  # what a provider may be made of: they know no vendor themselves


def test_a_vendor_imports_no_other_vendor():
    for name in MODULES:
        here = name.split(".")[1:3]
        if here[0:1] == ["providers"] and len(here) == 2:
            others = {
                found.split(".")[2]
                for found in own_imports(name)
                if found.startswith(f"{PACKAGE}.providers.")
            }
            assert others <= {here[1], *BLOCKS}, name


def test_only_the_files_named_for_it_import_aiohttp():
    """One for websockets and one for HTTP, and the simulators' server."""
    users = {name for name in MODULES if any(found.split(".")[0] == "aiohttp" for found in imports(name))}
    session = f"{PACKAGE}.session"
    assert users == {
        f"{session}.aiohttp_transport",
        f"{session}.aiohttp_http",
        f"{PACKAGE}.simulators.server",
    }


IMPURE = {
    "asyncio",
    "aiohttp",
    "socket",
    "time",
    "random",
    "secrets",
    "uuid",
    "threading",
    "ssl",
    "http",
    "logging",
}


def is_pure(name: str) -> bool:
    """Whether a module is of the pure part: a dialect, or what dialects are made of."""
    folder, _, file = name.removeprefix(f"{PACKAGE}.").rpartition(".")
    if folder.startswith("providers.") and f"{PACKAGE}.{folder}.wire" in MODULES:
        return file not in ("config", "provider", "model", "parts")
    return storey(name) <= STOREY["conversation"] or f"{folder}.{file}" in (
        "session.dialect",
        "session.grammar",
        "session.refusal",
        "session.sse",
    )


@pytest.mark.parametrize("name", [name for name in MODULES if is_pure(name)])
def test_what_is_pure_reaches_no_clock_no_chance_and_no_network_even_by_way_of_others(name):
    reached, waiting = {name}, [name]
    while waiting:
        for found in own_imports(waiting.pop()) - reached:
            reached.add(found)
            waiting.append(found)
    for module in reached:
        assert not {found.split(".")[0] for found in imports(module)} & IMPURE, module


def test_nothing_inherits_from_provider_and_no_provider_from_another():
    """But for what is generic in name only: `Provider` itself is a `Protocol`."""
    for name in MODULES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
                assert not {base for base in bases if base.endswith("Provider")}, f"{name}.{node.name}"
