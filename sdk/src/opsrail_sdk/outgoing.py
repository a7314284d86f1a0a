"""The way out to the address of a connection: judged again each time that it is opened, and opened as judged.

A name that was harmless when its connection was saved may lead elsewhere by now ("DNS rebinding"). So the name is
resolved here, every address that it has is judged, and the socket goes to one of those; the request still names the
host, in ``Host`` and in TLS. Used by the adapters of agents and by the orchestrator's logins; whoever uses it depends
on httpx.
"""

import asyncio
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ssl import SSLContext
from urllib.parse import urlsplit

import httpcore
import httpx
from httpcore import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream

from opsrail_sdk import addresses
from opsrail_sdk.addresses import Address
from opsrail_sdk.errors import Refused

Resolve = Callable[[str], Awaitable[Sequence[Address]]]


class AddressRefused(Refused):
    """The name leads to an address that may not be called. Trying again cannot help."""

    code = "address_refused"


def transport(
    url: str,
    *,
    allow_private: bool,
    verify: SSLContext | bool = True,
    resolve: Resolve = addresses.resolve,
    environment: bool = True,
) -> httpx.AsyncHTTPTransport:
    """For an ``httpx.AsyncClient`` that talks to the host of ``url``; its requests raise ``AddressRefused``.

    Args:
        allow_private: as the connection says; metadata services are refused either way.
        verify: what httpx takes; ``True`` for the system's certificates.
        environment: honour the proxy that the environment names for this host. Where a proxy opens the connection,
            it is the proxy that decides what may be reached.
    """
    proxy = _proxy(url) if environment else None
    if proxy is not None:
        return httpx.AsyncHTTPTransport(verify=verify, proxy=proxy)
    return _Judged(_Backend(resolve, allow_private=allow_private), verify=verify)


class _Judged(httpx.AsyncHTTPTransport):
    def __init__(self, backend: AsyncNetworkBackend, *, verify: SSLContext | bool) -> None:
        context = httpx.create_ssl_context(verify=verify)
        super().__init__(verify=context)
        # httpx has no argument for the backend; httpcore, which it stands on, has.
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend)


class _Backend(AsyncNetworkBackend):
    """Opens sockets to addresses, never to names."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the interface of httpcore)
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        found = await self._judged(host)
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in found:
            try:
                return await self._sockets.connect_tcp(
                    str(address), port, timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _judged(self, host: str) -> Sequence[Address]:
        if reason := addresses.name_objection(host):
            raise AddressRefused(f"{host} may not be called: {reason}")
        found = await self._resolve(host)
        for address in found:
            if reason := addresses.objection(address, allow_private=self._allow_private):
                raise AddressRefused(f"{host} may not be called: {reason}")
        return found


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL."""
    parts = urlsplit(url)
    known = urllib.request.getproxies()
    proxy = known.get(parts.scheme) or known.get("all")
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
