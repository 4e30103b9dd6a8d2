"""The table of the laws of `Provider`; the modules beside it fill it."""

from __future__ import annotations

from typing import Final

from voicechatengine.testing.laws.subject import Subject
from voicechatengine.testing.laws.table import Laws

PROVIDER: Final[Laws[Subject]] = Laws()
