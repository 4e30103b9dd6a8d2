"""The entry of the command `voicechat`: its arguments, and what its errors look like. What it does is in the modules beside it."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NoReturn

from voicechatengine.cli import check, inspection, providers, record, replay, simulate, talk
from voicechatengine.cli.exits import MEANING, Exit, exit_of, one_line
from voicechatengine.cli.registry import PROVIDERS
from voicechatengine.simulators import SIMULATORS

COMMANDS: Final[dict[str, Callable[[argparse.Namespace], Exit]]] = {
    "talk": talk.run,
    "simulate": simulate.run,
    "providers": providers.run,
    "record": record.run,
    "replay": replay.run,
    "inspect": inspection.run,
    "check": check.run,
}
MAX_PORT: Final = 65_535


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. Errors are one line on stderr; VOICECHAT_DEBUG=1 adds where they arose."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as end:  # argparse has said what there is to say
        return end.code if isinstance(end.code, int) else Exit.USAGE
    try:
        return COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # who read the output has left, as `head` does: there is nobody to tell
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - takes what is buffered still
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - the top: whatever it is, people get one line and scripts a code
        if os.environ.get("VOICECHAT_DEBUG") == "1":
            traceback.print_exc()
        print(f"voicechat: {one_line(error)}", file=sys.stderr)
        return exit_of(error)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and where to read more."""
        self.exit(Exit.USAGE, f"voicechat: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """The arguments of the command."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANING.items())
    epilog = f"exit codes:\n{codes}"
    top = Parser(
        prog="voicechat",
        description="Talk to realtime voice AIs.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"voicechat {version('voicechatengine')}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (does, fill) in ARGUMENTS.items():
        fill(
            commands.add_parser(
                name,
                help=does,
                description=f"{does[0].upper()}{does[1:]}.",
                epilog=epilog,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return top


def _providers(add: argparse.ArgumentParser) -> None:
    add.add_argument("names", nargs="*", metavar="PROVIDER", help=f"{', '.join(PROVIDERS)} (default: all)")
    add.add_argument("--json", action="store_true", help="as one JSON object")


def _check(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "provider",
        metavar="PROVIDER",
        help=f"{', '.join(PROVIDERS)}, or package.module:factory for one of your own",
    )
    add.add_argument(
        "--law", action="append", metavar="NAME", help="this law only; can be given several times"
    )
    add.add_argument(
        "--live", action="store_true", help="in real time, against the real service: it may cost money"
    )
    add.add_argument(
        "--url", help="with --live, another server of the same kind; 'simulator', the default, is one here"
    )
    add.add_argument("--json", action="store_true", help="as one JSON object")


def _talk(add: argparse.ArgumentParser) -> None:
    add.add_argument(
        "--provider",
        default="openai",
        metavar="NAME",
        help=f"{', '.join(PROVIDERS)}, or package.module:factory for one of your own (default: openai)",
    )
    add.add_argument(
        "--url",
        help="another server of the same kind; 'simulator' starts one here, with no key and no network",
    )
    add.add_argument("--model", help="the model (default: the provider's)")
    add.add_argument("--voice", help="the voice (default: the provider's)")
    add.add_argument("--instructions", help="how the assistant is to behave")
    source = add.add_mutually_exclusive_group()
    source.add_argument("--input", metavar="IN.WAV|mic", help="what the assistant hears (default: mic)")
    source.add_argument("--text", help="ask this in writing instead of speaking")
    add.add_argument(
        "--output",
        metavar="OUT.WAV|speaker",
        help="where the answer goes (default: speaker with the microphone, else nowhere)",
    )
    add.add_argument("--json", action="store_true", help="one JSON object per event, and a summary")


def _record(add: argparse.ArgumentParser) -> None:
    _talk(add)
    add.add_argument("recording", metavar="OUT.JSONL", help="the recording to make; it must not be there yet")


def _replay(add: argparse.ArgumentParser) -> None:
    add.add_argument("recording", metavar="FILE", help="a recording")
    add.add_argument(
        "--speed", type=duration, default=1.0, help="1 is real time (the default), 0 without any waiting"
    )
    add.add_argument("--output", metavar="OUT.WAV", help="where the assistant's audio goes")
    add.add_argument("--json", action="store_true", help="one JSON object per event, and a summary")


def _inspect(add: argparse.ArgumentParser) -> None:
    add.add_argument("recording", metavar="FILE", help="a recording")
    add.add_argument("--json", action="store_true", help="as one JSON object")
    add.add_argument("--plot", metavar="OUT.PNG", help="draw a picture as well (needs the extra plot)")


def _simulate(add: argparse.ArgumentParser) -> None:
    add.add_argument("vendor", choices=SIMULATORS, metavar="VENDOR", help=", ".join(SIMULATORS))
    add.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    add.add_argument("--port", type=port, default=0, help="the port (default: any free one)")
    faults = add.add_argument_group("faults on request")
    faults.add_argument(
        "--drop-after", type=positive, metavar="N", help="cut each connection after N messages to the client"
    )
    faults.add_argument(
        "--delay-ms", type=duration, metavar="MS", help="hold each message to the client back"
    )
    faults.add_argument(
        "--garbage-every", type=positive, metavar="N", help="put nonsense in after every N messages"
    )
    faults.add_argument("--rate-limit", type=positive, metavar="N", help="refuse the first N connections")
    faults.add_argument("--expire-after", type=duration, metavar="S", help="end each session after S seconds")


ARGUMENTS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "talk": ("hold a conversation", _talk),
    "simulate": (
        "serve a simulator of a vendor until Ctrl-C; its URL is the one line that it prints",
        _simulate,
    ),
    "providers": ("show what each provider can do", _providers),
    "record": ("hold a conversation and write it down", _record),
    "replay": ("play a recorded conversation", _replay),
    "inspect": ("show turns, latencies and interruptions of a recorded conversation", _inspect),
    "check": ("hold the laws of the contract against a provider", _check),
}
"""What each command does, and its arguments."""


def port(text: str) -> int:
    """A port's number; 0 means any."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to {MAX_PORT}")
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def duration(text: str) -> float:
    """A stretch of time, in whatever unit: a number from 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
