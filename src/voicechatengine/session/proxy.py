"""Which proxy the environment names for an address. It opens no connection.

aiohttp can ask the environment itself (`trust_env`), but asks in threads, because it also reads ``.netrc``; those threads stay, and in
a process that has any each system call costs more (with 200 sessions about a tenth of all CPU time, `benchmarks/density.py`).
It also knows no proxy for a websocket but one of the names ``ws_proxy`` and ``wss_proxy``, which nobody sets.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

_BENEATH: Final = {"ws": "http", "wss": "https"}


def proxy_for(url: str) -> str | None:
    """The proxy (a url, perhaps with a user's name and password) of ``https_proxy`` and its like, or None. A host that is named in
    ``no_proxy`` has none.
    """
    address = urlsplit(url)
    proxies = getproxies_environment()
    if not proxies or not address.hostname or proxy_bypass(address.hostname):
        return None
    schemes = (address.scheme, _BENEATH.get(address.scheme, ""), "all")
    return next((proxies[each] for each in schemes if each in proxies), None)
