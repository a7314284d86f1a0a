"""A certificate authority for development, and certificates for servers and clients from it. Called by ``cli.certs``.

Production brings certificates of its own. Form: RFC 5280.
"""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
LIFETIME = timedelta(days=397)
"""As long as browsers accept."""
RENEW_WITHIN = timedelta(days=60)
_BACKDATED = timedelta(hours=1)
"""Clocks differ."""


@dataclass(frozen=True)
class Issued:
    """A certificate and its key as files. ``renewed``: it was made just now."""

    name: str
    certificate: Path
    key: Path
    expires: datetime
    renewed: bool


def issue(
    folder: Path, hosts: Sequence[str], *, lifetime: timedelta = LIFETIME, now: datetime | None = None
) -> list[Issued]:
    """Make what is missing, runs out within 60 days, or does not name these hosts; keep the rest.

    Args:
        hosts: names and IP addresses that servers are reached by.

    Returns:
        The authority, the servers' certificate and the clients', called ``ca``, ``server`` and ``client``.

    Raises:
        ValueError: a file is there and is not what it should be.
        OSError: the folder cannot be written.
    """
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _authority(folder, now)
    span = (now, now + lifetime)
    server = _leaf(authority, "server", ExtendedKeyUsageOID.SERVER_AUTH, span, hosts=hosts)
    client = _leaf(authority, "client", ExtendedKeyUsageOID.CLIENT_AUTH, span)
    return [authority, server, client]


def _authority(folder: Path, now: datetime) -> Issued:
    kept = _kept(folder, "ca", now)
    if kept is not None:
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("Opsrail development CA")
    builder = (
        _begun(name, name, key.public_key(), now, now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _write(folder, "ca", builder.sign(key, hashes.SHA256()), key)


def _leaf(
    authority: Issued,
    name: str,
    purpose: x509.ObjectIdentifier,
    span: tuple[datetime, datetime],
    *,
    hosts: Sequence[str] = (),
) -> Issued:
    folder, now = authority.certificate.parent, span[0]
    kept = None if authority.renewed else _kept(folder, name, now)
    if kept is not None and set(hosts) <= _hosts_of(kept.certificate):
        return kept
    issuer, issuer_key = _read(authority.certificate, authority.key)
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(span[1], issuer.not_valid_after_utc)
    builder = (
        _begun(_named(f"Opsrail {name}"), issuer.subject, key.public_key(), now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return _write(folder, name, builder.sign(issuer_key, hashes.SHA256()), key)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _hosts_of(certificate: Path) -> set[str]:
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def _kept(folder: Path, name: str, now: datetime) -> Issued | None:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not (certificate.exists() and key.exists()):
        return None
    parsed, _ = _read(certificate, key)
    if parsed.not_valid_after_utc - now < RENEW_WITHIN:
        return None
    return Issued(name, certificate, key, parsed.not_valid_after_utc, renewed=False)


def _read(certificate: Path, key: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except ValueError as error:
        raise ValueError(f"{certificate} and {key} are no certificate and its key: {error}") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.public_key() != parsed.public_key():
        raise ValueError(f"{key} is not the key of {certificate}")
    return parsed, private


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    """The key first, each file whole: a half-made pair is recognised by its keys and never used."""
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    files = folder / f"{name}.crt", folder / f"{name}.key"
    for path, content, mode in (
        (files[1], secret, 0o600),
        (files[0], certificate.public_bytes(serialization.Encoding.PEM), 0o644),
    ):
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        fresh.replace(path)
    return Issued(name, *files, certificate.not_valid_after_utc, renewed=True)
