"""Which proxy leads to a URL, by the environment, as Go programs such as kubectl read it.

The rules are those of ``golang.org/x/net/http/httpproxy``. aiohttp's own reading knows
no networks in ``NO_PROXY``, sends what is for this machine through the proxy, and
reads credentials from ~/.netrc besides.
"""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress

from yarl import URL

from app.kube.api_errors import AccessError
from app.kube.auth.socks import SCHEMES

ACCEPTED = ("http", "https", *SCHEMES)


def proxy_for(server: URL, environ: Mapping[str, str]) -> str | None:
    """The proxy of the environment for a server; None for none. Raises AccessError."""
    variable = f"{server.scheme.upper()}_PROXY"
    value = environ.get(variable) or environ.get(variable.lower()) or ""
    if not value or _is_local(server) or _is_excepted(server, environ):
        return None
    return checked_proxy(value if "://" in value else f"http://{value}", variable)


def checked_proxy(value: str, name: str) -> str:
    """The proxy that a setting of this name names. Raises AccessError where it cannot be used."""
    try:
        url = URL(value)
    except ValueError:
        raise AccessError(f"{name} is no URL; accepted is an http, https or socks5 URL") from None
    if url.scheme not in ACCEPTED or not url.host:
        shown = str(url.with_user(None)) if url.host else value.rpartition("@")[2]
        raise AccessError(f"{name}: {shown!r} is not accepted; accepted is an http, https or socks5 URL")
    return value


def _is_local(server: URL) -> bool:
    if server.host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(server.host or "").is_loopback
    return False


def _is_excepted(server: URL, environ: Mapping[str, str]) -> bool:
    listed = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    host = (server.host or "").lower().rstrip(".")
    return any(_matches(entry.strip().lower(), host, server.port) for entry in listed.split(","))


def _matches(entry: str, host: str, port: int | None) -> bool:
    """Whether one entry of ``NO_PROXY`` means a host: ``*``, an address, a network or a domain."""
    if entry == "*":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    with suppress(ValueError):
        ipaddress.ip_network(entry, strict=False)
        return False
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdecimal():
        if int(wanted) != port:
            return False
        entry = name.removeprefix("[").removesuffix("]")
    entry = entry.removeprefix("*")
    if not entry.strip("."):
        return False
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")
