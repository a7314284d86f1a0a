"""Whether an address that somebody typed in may be called at all (server-side request forgery).

Cloud metadata services are refused always: they hand credentials to whoever asks from the inside. Loopback and
private ranges are where a self-hosted Prometheus lives, so they are allowed unless a setting says otherwise. Asked by
the orchestrator when a connection is saved and each time that it is opened, and by ``outgoing`` for each socket. A
name that does not resolve here may do so where the agent runs.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text) for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")
)
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_PATIENCE = 2.0
"""Seconds to wait for the resolver."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def objection(address: Address, *, allow_private: bool) -> str | None:
    """Why an address may not be called; ``None`` where it may."""
    address = _behind(address)
    if address in METADATA_ADDRESSES or address.is_link_local:
        return "it is the address of a metadata service or link-local"
    if address.is_multicast or address.is_unspecified:
        return "it is no address of one host"
    if not allow_private and not address.is_global:
        return "it is loopback or private, which the setting OPSRAIL_CONNECTIONS_ALLOW_PRIVATE forbids"
    return None


def _behind(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, mapped, tunnelled or translated (RFC 4291, 3056, 4380, 6052)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return address
    if inner := address.ipv4_mapped or address.sixtofour:
        return inner
    if address.teredo:
        return address.teredo[1]
    compatible = int(address) >> 32 == 0 and int(address) > 1
    if compatible or any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def url_objection(url: str, *, allow_private: bool) -> str | None:
    """Why a URL may not be called; ``None`` where it may."""
    host = urlsplit(url).hostname
    if host is None:
        return None if url.startswith("unix:") else "it names no host"
    if reason := name_objection(host):
        return reason
    for address in await resolve(host):
        if reason := objection(address, allow_private=allow_private):
            return reason
    return None


def name_objection(host: str) -> str | None:
    """Why a host may not be called, whatever it resolves to; ``None`` where its addresses decide."""
    known = host.rstrip(".").lower() in METADATA_NAMES
    return "it is the name of a metadata service" if known else None


async def resolve(host: str) -> Sequence[Address]:
    """The addresses of a name, in the order of preference; none where it has none, or the resolver is slow."""
    host = host.rstrip(".")
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
