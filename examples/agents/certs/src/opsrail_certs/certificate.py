"""Reads the certificate that a server presents."""

import asyncio
import ssl
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from pydantic import BaseModel

from opsrail_sdk.errors import InvalidInput, Unavailable


class Certificate(BaseModel):
    """Of the leaf certificate. ``fingerprint`` is SHA-256, hex; times are UTC."""

    server: str
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    days_left: int
    fingerprint: str


async def read(server: str, *, now: datetime, timeout: timedelta) -> Certificate:  # noqa: ASYNC109 (a setting)
    """Connect to ``host`` or ``host:port`` (443) and read the certificate, trusted or not.

    Raises:
        InvalidInput: the port is none.
        Unavailable: the server does not answer, or not with TLS.
    """
    host, port = _split(server)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # an expired or private certificate is to be read, not trusted
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"{server} does not answer with TLS: {error or 'timed out'}", code="no_tls") from error
    encoded = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return describe(server, encoded, now=now)


def describe(server: str, encoded: bytes, *, now: datetime) -> Certificate:
    """What a DER certificate says."""
    leaf = x509.load_der_x509_certificate(encoded)
    left = leaf.not_valid_after_utc - now
    return Certificate(
        server=server,
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        days_left=left.days,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
    )


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    addresses = (str(address) for address in extension.value.get_values_for_type(x509.IPAddress))
    return (*extension.value.get_values_for_type(x509.DNSName), *addresses)


def _split(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":") if not server.endswith("]") and ":" in server else (server, "", "443")
    if not 0 < int(port) < 65536:
        raise InvalidInput(f"{server}: no such port")
    return host.strip("[]"), int(port)
