"""The proxies that the environment names: httpx and websockets take them from there, and may not be able to."""

from __future__ import annotations

from urllib.request import getproxies

from engine.feeds.errors import Refused
from engine.text import clean


def unusable_proxy(host: str) -> Refused | None:
    """What to say when a client on its way to `host` fails over its proxy; None where no proxy is named.

    Users' names and passwords are left out.
    """
    named = {scheme: url for scheme, url in getproxies().items() if scheme != "no"}
    if not named:
        return None
    found = ", ".join(f"{scheme.upper()}_PROXY={_without_user(url)}" for scheme, url in sorted(named.items()))
    reason = f"the proxy on the way to {host} cannot be used: expected http://host:port, found "
    return Refused(reason + clean(found, 200))


def _without_user(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return scheme + separator + rest.rpartition("@")[2]
