"""TLS of the orchestrator: what it verifies servers with, what it shows them, and what the API is served with.

Part of ``settings``. An address decides whether TLS is spoken at all: ``tls://`` (NATS), ``rediss://``, and
``sslmode=verify-full`` (PostgreSQL); then a server that offers none, or shows the wrong certificate, is refused.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, Field, ValidationError, model_validator

from opsrail.errors import field_errors

_VERIFYING = frozenset({"require", "verify-ca", "verify-full"})


class TlsSettings(BaseModel):
    """Files, all PEM. ``opsrail certs`` makes them for development."""

    ca: Path | None = Field(
        default=None, description="Certificates that servers are verified with; else the system's"
    )
    cert: Path | None = Field(default=None, description="Certificate that is shown to servers that ask for one")
    key: Path | None = Field(default=None, description="Key of that certificate")
    server_cert: Path | None = Field(
        default=None, description="Certificate of the API with its chain: turns HTTPS on"
    )
    server_key: Path | None = Field(default=None, description="Key of the API's certificate")

    @model_validator(mode="after")
    def _pairs(self) -> "TlsSettings":
        for certificate, key, name in (
            (self.cert, self.key, "OPSRAIL_TLS_CERT"),
            (self.server_cert, self.server_key, "OPSRAIL_TLS_SERVER_CERT"),
        ):
            if (certificate is None) != (key is None):
                raise ValueError(f"{name} and its key go together")
        for field, path in self:
            if path is not None and not path.is_file():
                raise ValueError(f"OPSRAIL_TLS_{field.upper()}: there is no file {path}")
        return self


def tls_from_environment(environment: Mapping[str, str] = os.environ) -> TlsSettings:
    """For processes that read no other settings; an empty variable counts as absent.

    Raises:
        ValueError: the files do not fit together, or one is missing.
    """
    given = {name: environment.get(f"OPSRAIL_TLS_{name.upper()}") or None for name in TlsSettings.model_fields}
    try:
        return TlsSettings.model_validate(given)
    except ValidationError as error:
        raise ValueError(field_errors(error.errors())[0].message) from None


def database_url(url: str, tls: TlsSettings) -> str:
    """The address with our files, where it asks for TLS and does not name files itself."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if query.get("sslmode") not in _VERIFYING:
        return url
    files = {"sslrootcert": tls.ca or Path("system"), "sslcert": tls.cert, "sslkey": tls.key}
    if tls.ca is None and query["sslmode"] != "verify-full":
        del files["sslrootcert"]  # libpq trusts the system's certificates with verify-full alone
    query = {name: str(file) for name, file in files.items() if file is not None} | query
    return urlunsplit(parts._replace(query=urlencode(query, safe="/")))


def redis_options(url: str, tls: TlsSettings) -> dict[str, Any]:
    """Arguments of ``Redis.from_url``."""
    if not url.startswith("rediss://"):
        return {}
    files = {"ssl_ca_certs": tls.ca, "ssl_certfile": tls.cert, "ssl_keyfile": tls.key}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True} | {
        name: str(file) for name, file in files.items() if file is not None
    }
