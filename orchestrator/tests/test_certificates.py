"""The development CA: what it makes holds, is kept while it is good, and renewed before it ends."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from opsrail import certificates

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def made(folder: Path, *hosts: str, now: datetime = NOW) -> dict[str, bool]:
    return {entry.name: entry.renewed for entry in certificates.issue(folder, hosts or ("localhost",), now=now)}


def test_servers_are_known_by_their_names_and_keys_are_private(tmp_path: Path) -> None:
    authority, server, client = certificates.issue(tmp_path / "tls", ("bus.internal", "10.0.0.7"), now=NOW)
    read = {
        entry.name: x509.load_pem_x509_certificate(entry.certificate.read_bytes())
        for entry in (authority, server, client)
    }
    builder = PolicyBuilder().store(Store([read["ca"]])).time(NOW + timedelta(days=1))
    assert builder.build_server_verifier(x509.DNSName("bus.internal")).verify(read["server"], [])
    with pytest.raises(x509.verification.VerificationError):
        builder.build_server_verifier(x509.DNSName("elsewhere")).verify(read["server"], [])
    for entry in (authority, server, client):
        assert entry.key.stat().st_mode & 0o777 == 0o600
        assert entry.certificate.stat().st_mode & 0o777 == 0o644
    assert server.expires == NOW + certificates.LIFETIME


def test_what_is_good_is_kept_and_what_runs_out_is_renewed(tmp_path: Path) -> None:
    assert made(tmp_path) == {"ca": True, "server": True, "client": True}
    assert made(tmp_path) == {"ca": False, "server": False, "client": False}
    soon = NOW + certificates.LIFETIME - timedelta(days=59)
    assert made(tmp_path, now=soon) == {"ca": False, "server": True, "client": True}
    assert made(tmp_path, "localhost", "new.host", now=soon) == {"ca": False, "server": True, "client": False}
    ending = NOW + certificates.CA_LIFETIME - timedelta(days=30)
    assert made(tmp_path, now=ending) == {"ca": True, "server": True, "client": True}


def test_a_certificate_never_outlives_its_authority(tmp_path: Path) -> None:
    certificates.issue(tmp_path, ("localhost",), now=NOW)
    late = NOW + certificates.CA_LIFETIME - timedelta(days=100)
    authority, server, _ = certificates.issue(tmp_path, ("localhost",), now=late)
    assert server.expires == authority.expires


@pytest.mark.parametrize("broken", ["ca.crt", "server.key"])
def test_a_file_that_is_something_else_is_named(tmp_path: Path, broken: str) -> None:
    made(tmp_path)
    (tmp_path / broken).write_text("something else")
    with pytest.raises(ValueError, match=broken.partition(".")[0]):
        made(tmp_path)


def test_a_key_of_another_certificate_is_not_used(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "server.key").write_bytes((tmp_path / "client.key").read_bytes())
    with pytest.raises(ValueError, match="is not the key of"):
        made(tmp_path)
