"""Connections through SOCKS5 proxies, which look up the names of servers themselves."""

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy
from yarl import URL

from app.kube.api_errors import CannotConnect
from app.kube.tcp_sockets import adopt

# To Go, and so to kubectl, both mean that the proxy looks up names.
SCHEMES = ("socks5", "socks5h")
PORT = 1080


def is_socks(proxy: str | None) -> bool:
    """Whether the URL of a proxy is one of a SOCKS5 proxy."""
    return proxy is not None and URL(proxy).scheme in SCHEMES


async def connect_through(proxy: str, host: str, port: int, seconds: float | None) -> socket.socket:
    """A socket that leads to a server. Raises CannotConnect."""
    url = URL(proxy)
    name, number = url.host or "", url.port or PORT
    socks = Proxy(ProxyType.SOCKS5, name, number, url.user, url.password, rdns=True)
    try:
        return adopt(await socks.connect(host, port, timeout=seconds))
    except ProxyTimeoutError:
        raise CannotConnect(f"cannot connect: timed out after {seconds or 0:g} s") from None
    except ProxyConnectionError as error:
        why = (error.strerror or "").rpartition("[")[0] or "no connection"
        raise CannotConnect(f"cannot connect to the proxy {name}:{number}: {why.strip()}") from None
    except ProxyError as error:
        raise CannotConnect(f"the proxy refuses to connect: {error}") from None
    except OSError as error:
        raise CannotConnect(f"cannot connect to the proxy {name}:{number}: {error}") from None


class SocksConnector(aiohttp.TCPConnector):
    """aiohttp's connector, with sockets that come through a proxy."""

    def __init__(self, proxy: str, **options: Any) -> None:
        super().__init__(resolver=_Unresolved(), **options)
        self._proxy = proxy

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: Any,
        req: Any,
        timeout: Any,  # noqa: ASYNC109
        **options: Any,
    ) -> Any:
        host, port = addr_infos[0][4][:2]
        seconds = timeout.sock_connect or timeout.connect
        connected = await connect_through(self._proxy, host, port, seconds)
        try:
            return await self._wrap_existing_connection(
                *args, req=req, timeout=timeout, sock=connected, **options
            )
        except BaseException:
            connected.close()
            raise


class _Unresolved(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=host, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        await asyncio.sleep(0)
