"""Where a request comes from: the client's address, whether it came by HTTPS, and which browser origin is our own."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from opsrail.settings import Settings

_LONGEST_AGENT = 200


@dataclass(frozen=True)
class Caller:
    """The network side of a request.

    Attributes:
        address: of the client; behind trusted proxies the last one in ``X-Forwarded-For`` that is none of them.
        https: whether the client speaks TLS, to us or to a trusted proxy.
    """

    address: str
    user_agent: str
    https: bool


def caller_of(connection: HTTPConnection, settings: Settings) -> Caller:
    """What is known of the client; forwarded headers count only from ``auth.trusted_proxies``."""
    trusted = settings.auth.trusted_proxies
    address = connection.client.host if connection.client else "unknown"
    scheme = connection.url.scheme
    if _among(address, trusted):
        scheme = connection.headers.get("x-forwarded-proto", scheme).split(",")[-1].strip()
        for hop in reversed(connection.headers.get("x-forwarded-for", "").split(",")):
            if not hop.strip():
                continue
            address = hop.strip()
            if not _among(address, trusted):
                break
    return Caller(address[:64], connection.headers.get("user-agent", "")[:_LONGEST_AGENT], scheme == "https")


def is_own_origin(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether a browser says that a page of ours sent this; true where it says nothing, as programs do."""
    if connection.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _listed(connection.headers.get("origin"), settings)
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc == connection.headers.get("host") or _listed(origin, settings)


def _listed(origin: str | None, settings: Settings) -> bool:
    public = urlsplit(str(settings.api.public_url)) if settings.api.public_url else None
    own = {f"{public.scheme}://{public.netloc}"} if public else set()
    return origin in own | set(settings.api.cors_origins)


def _among(address: str, networks: list[IPv4Network | IPv6Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
