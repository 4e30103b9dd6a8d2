"""`voicechat record`: `voicechat talk`, written down."""

from __future__ import annotations

import argparse

from voicechatengine.cli import talk
from voicechatengine.cli.exits import Exit
from voicechatengine.compose.record import Recorded


def run(arguments: argparse.Namespace) -> Exit:
    """Holds the conversation, and records it."""
    return talk.run(arguments, lambda provider: Recorded(provider, arguments.recording))
