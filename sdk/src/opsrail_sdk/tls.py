"""TLS to servers, from files. Used for the bus, by agents and orchestrator."""

import ssl
from pathlib import Path

from opsrail_sdk.errors import ConfigInvalid


def client_context(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Verifies servers, and shows our own certificate where there is one.

    Args:
        ca: certificates that are trusted, PEM; unset means the system's.
        certificate: ours, PEM, followed by its chain.
        key: its key, PEM; unset where it stands in the file of the certificate.

    Raises:
        ConfigInvalid: a file is missing or is not what it should be; the message names it.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (ca, certificate, key) if file)
        raise ConfigInvalid(f"TLS: {files}: {error.strerror or error}") from error
    return context
