"""The data folder: stable ports and secrets, and orphans known by more than their pid."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsrail.embedded.folder import DataFolder, FolderDamagedError
from opsrail.embedded.rotation import rotate

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


def opened(path: Path) -> DataFolder:
    folder = DataFolder(path)
    folder.open()
    return folder


def test_ports_and_secrets_are_the_same_in_the_next_life(tmp_path: Path) -> None:
    first = opened(tmp_path)
    port, secret = first.port("nats"), first.secret("nats")
    first.close()
    second = opened(tmp_path)
    assert (second.port("nats"), second.secret("nats")) == (port, secret)
    assert second.port("valkey") != port
    assert second.secret("valkey") != secret
    second.close()


@pytest.mark.parametrize("text", ["", '{"postgres', "[]"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    folder = opened(tmp_path)
    with pytest.raises(FolderDamagedError, match=r"secrets\.json is damaged"):
        folder.secret("nats")
    folder.close()
    (tmp_path / "processes.json").write_text(text)
    with pytest.raises(FolderDamagedError, match=r"processes\.json is damaged"):
        opened(tmp_path)


def test_a_port_taken_by_another_is_replaced(tmp_path: Path) -> None:
    folder = opened(tmp_path)
    port = folder.port("nats")
    with socket.create_server(("127.0.0.1", port)):
        other = folder.port("nats")
    assert other != port
    assert folder.port("nats") == other
    folder.close()


def test_a_process_that_ended_at_once_is_no_orphan(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    folder = opened(tmp_path)
    folder.remember("part", process.pid, sys.executable)
    folder.close()
    assert json.loads((tmp_path / "processes.json").read_text()) == {}


def test_an_orphan_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    first = opened(tmp_path)
    first.remember("part", sleeper.pid, sys.executable)
    first.close()
    opened(tmp_path).close()
    sleeper.wait(120)
    assert json.loads((tmp_path / "processes.json").read_text()) == {}


@pytest.mark.parametrize("lie", [{"started": 1.0}, {"command": "/usr/bin/other"}])
def test_a_process_that_only_has_the_same_pid_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], lie: dict[str, object]
) -> None:
    first = opened(tmp_path)
    first.remember("part", sleeper.pid, sys.executable)
    first.close()
    records = tmp_path / "processes.json"
    entry = json.loads(records.read_text())["part"]
    records.write_text(json.dumps({"part": entry | lie}))
    opened(tmp_path).close()
    assert sleeper.poll() is None


def test_a_log_past_its_size_is_moved_aside_and_written_on(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with log.open("ab", buffering=0) as writer:
        for text in (b"first", b"second", b"third", b"fourth", b"fifth"):
            writer.write(text)
            rotate(tmp_path, max_bytes=4)
        writer.write(b"now")
        rotate(tmp_path, max_bytes=4)
    assert log.read_bytes() == b"now"
    assert [(tmp_path / f"part.log.{number}").read_bytes() for number in (1, 2, 3)] == [b"fifth", b"fourth", b"third"]
    assert not (tmp_path / "part.log.4").exists()
