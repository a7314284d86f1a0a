"""What `opsrail doctor` finds here, and what it says where something is missing."""

import os
import socket
from pathlib import Path

import pytest

from opsrail import doctor


def found(data: Path) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.run(data)}


def test_the_servers_of_the_wheels_run_and_say_their_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 60)
    checks = found(tmp_path)
    assert {name: checks[name].ok for name in ("PostgreSQL", "Valkey", "NATS", "Python")} == dict.fromkeys(
        ("PostgreSQL", "Valkey", "NATS", "Python"), True
    )
    assert checks["PostgreSQL"].detail.startswith("18.")
    assert checks["NATS"].detail.startswith("2.")


def test_what_is_missing_comes_with_a_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = [check for check in doctor.run(tmp_path) if not check.ok]
    assert {"git", "Docker engine", "node", "terraform", "chromium"} <= {check.name for check in missing}
    assert all(check.fix for check in missing)


def test_a_port_in_use_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("OPSRAIL_PORT", str(port))
        check = found(tmp_path)["port"]
    assert not check.ok
    assert f"127.0.0.1:{port}" in check.detail


def test_the_data_folder_need_not_exist_and_is_left_as_it_was(tmp_path: Path) -> None:
    assert found(tmp_path / "not" / "yet")["data folder"].ok
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert not found(tmp_path)["data folder"].ok
