"""Where an HTTP API's requests go, by what people write as its url. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit, urlunsplit

from voicechatengine.errors import MessageError

VERSION: Final = "/v1"


def address(given: str, path: str) -> str:
    """A base, with or without its ``/v1``, completed by `path` (such as ``/v1/messages``); a whole address as it is.

    Raises `MessageError` for what is no address.
    """
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:  # a port that is no number, or half an IPv6 address
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise MessageError(
            "url is no address of an API", field="url", cure="use http:// or https:// with a host"
        )
    own = parts.path.rstrip("/")
    if not own:
        own = path
    elif own.endswith(VERSION):
        own += path.removeprefix(VERSION)
    return urlunsplit((parts.scheme, parts.netloc, own, parts.query, ""))
