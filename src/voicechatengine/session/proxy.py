"""Which proxy the environment names for an address. It opens no connection.

aiohttp can ask the environment itself (`trust_env`), but asks in threads, because it also reads ``.netrc``; those threads stay, and in
a process that has any each system call costs more. It also knows no proxy for a websocket but one of the names ``ws_proxy`` and ``wss_proxy``, which nobody sets.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from voicechatengine.errors import ConnectionError

_BENEATH: Final = {"ws": "http", "wss": "https"}
_SCHEMES: Final = ("http", "https")


def proxy_for(url: str) -> str | None:
    """The proxy (a url, perhaps with a user's name and password) of ``https_proxy`` and its like, or None. A host that is named in
    ``no_proxy`` has none. Raises `ConnectionError` for a proxy of a kind that aiohttp cannot use.
    """
    try:
        address = urlsplit(url)
    except ValueError:  # who dials says what is wrong with it
        return None
    proxies = getproxies_environment()
    if not proxies or not address.hostname or proxy_bypass(address.hostname):
        return None
    names = (address.scheme, _BENEATH.get(address.scheme, ""))
    name = next((each for each in names if each in proxies), None)
    if name is None:
        return None
    proxy = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    scheme = proxy.partition(":")[0]
    if scheme not in _SCHEMES:
        raise ConnectionError(
            f"the proxy of {name}_proxy is {scheme}://, which is not supported",
            cure="name an http:// proxy, or the host in no_proxy",
            fault="application",
        )
    return proxy
