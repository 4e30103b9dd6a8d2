"""What the parts say where a package of the extra ``local`` is not installed. It knows no package by itself."""

from __future__ import annotations

from voicechatengine.errors import AudioError

INSTALL = "pip install 'voicechatengine[local]'"


def missing(package: str, what: str, cure: str = INSTALL) -> AudioError:
    """The error for `what` (a part's work), which needs `package`."""
    return AudioError(f"{what} needs the package {package}, which is not installed", cure=cure)
