"""`opsrail up` as a process: signals, kill -9 of any part and of the supervisor, an ordinary user, replicas."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from opsrail.testing.stack import PATIENCE_SECONDS, wait_until

HERE = Path(__file__).parent
NOBODY = 65534
AS_ORDINARY_USER = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",  # the interpreter may lie in root's home
)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Stack:
    process: subprocess.Popen[str]
    data: Path
    url: str

    def parts(self) -> dict[str, int]:
        """Process ids by part, as the data folder records them."""
        entries = json.loads((self.data / "processes.json").read_text())
        return {name: entry["pid"] for name, entry in entries.items()}

    def descendants(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def signal_and_wait(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="opsrail-up-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "data"


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Stack]]:
    started: list[subprocess.Popen[str]] = []

    def run(*, replicas: int = 1, prefix: tuple[str, ...] = (), stderr: int = subprocess.DEVNULL) -> Stack:
        process = subprocess.Popen(
            [*prefix, sys.executable, str(HERE / "stack_process.py"), str(data), str(replicas)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(HERE)},
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line
        return Stack(process, data, line.split()[1])

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def test_a_stop_while_it_waits_for_an_outside_server_is_quick_and_leaves_nothing(data: Path) -> None:
    """The orchestrator waits for a NATS that does not answer: there is nothing that it would have to finish."""
    starting = subprocess.Popen(
        [sys.executable, "-m", "opsrail.embedded", "--data", str(data), "--port", "0", "--no-agents"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPSRAIL_NATS_URL": "nats://127.0.0.1:1"},
    )
    log = data / "logs" / "orchestrator-0.log"
    try:
        wait_until(lambda: log.exists() and "bus_awaited" in log.read_text(), what="the orchestrator waits for NATS")
        starting.terminate()
        _, said = starting.communicate(timeout=PATIENCE_SECONDS)
    finally:
        starting.kill()
        starting.wait()
    assert starting.returncode == 0
    assert "bus_awaited" in said
    assert not [line for line in said.splitlines() if "part_killed" in line and "orchestrator-0" in line]
    assert json.loads((data / "processes.json").read_text()) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_exits_0(start: Callable[..., Stack], number: signal.Signals) -> None:
    stack = start()
    below = stack.descendants()
    assert {"postgres", "valkey", "nats", "orchestrator-0"} <= stack.parts().keys()
    assert stack.signal_and_wait(number) == 0
    wait_until(lambda: all(gone(pid) for pid in below), what="what was killed for being late to end")
    assert stack.parts() == {}


def test_kill_9_of_the_supervisor_leaves_no_orphan_and_a_restart_works(start: Callable[..., Stack]) -> None:
    stack = start()
    below = stack.descendants()
    assert len(below) > 4
    stack.signal_and_wait(signal.SIGKILL)
    wait_until(lambda: all(gone(pid) for pid in below), what="every descendant to end")
    again = start()
    assert httpx.get(again.url + "/readyz", timeout=PATIENCE_SECONDS).status_code == 200


@pytest.mark.parametrize("heard", [True, False])
def test_kill_9_of_any_part_brings_it_back(start: Callable[..., Stack], heard: bool) -> None:
    """Also where nobody takes what it says any more, as behind `head`."""
    if heard:
        stack = start()
    else:
        reading, writing = os.pipe()
        stack = start(stderr=writing)
        os.close(reading)
        os.close(writing)
    before = stack.parts()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: stack.parts().keys() == before.keys(), what="every part to be recorded again")
    wait_until(lambda: not set(stack.parts().values()) & set(before.values()), what="new processes")
    assert httpx.get(stack.url + "/readyz", timeout=PATIENCE_SECONDS).status_code == 200
    assert stack.process.poll() is None


def test_a_part_that_dies_while_the_folder_cannot_be_written_comes_back_once_it_can(
    start: Callable[..., Stack], data: Path, tmp_path: Path
) -> None:
    log = tmp_path / "stderr"
    with log.open("w") as said:
        stack = start(stderr=said.fileno())
    first = stack.parts()["valkey"]
    in_the_way = data / "processes.json.new"
    in_the_way.mkdir()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: "part_restarting" in log.read_text(), what="the supervisor to try again")
    in_the_way.rmdir()
    wait_until(lambda: stack.parts().get("valkey", first) != first, what="a new process")
    assert stack.process.poll() is None


def test_a_restarted_orchestrator_knows_the_servers_and_its_environment_shows_no_password(
    start: Callable[..., Stack],
) -> None:
    stack = start()
    first = stack.parts()["orchestrator-0"]
    assert not psutil.Process(first).environ().keys() & {
        "OPSRAIL_DATABASE_URL",
        "OPSRAIL_REDIS_URL",
        "OPSRAIL_NATS_URL",
    }
    bus = httpx.get(stack.url + "/bus", timeout=PATIENCE_SECONDS).text
    os.kill(first, signal.SIGKILL)
    assert httpx.get(stack.url + "/bus", timeout=PATIENCE_SECONDS).text == bus
    wait_until(lambda: stack.parts().get("orchestrator-0", first) != first, what="the new process to be recorded")


def test_requests_wait_while_the_only_replica_restarts(start: Callable[..., Stack]) -> None:
    stack = start()
    first = int(httpx.get(stack.url + "/pid", timeout=PATIENCE_SECONDS).text)
    os.kill(first, signal.SIGKILL)
    assert int(httpx.get(stack.url + "/pid", timeout=PATIENCE_SECONDS).text) != first


def test_replicas_share_one_port(start: Callable[..., Stack]) -> None:
    stack = start(replicas=2)
    replicas = {pid for name, pid in stack.parts().items() if name.startswith("orchestrator-")}
    assert len(replicas) == 2
    stopped = int(httpx.get(stack.url + "/pid", timeout=PATIENCE_SECONDS).text)
    os.kill(stopped, signal.SIGSTOP)
    try:
        answered = int(httpx.get(stack.url + "/pid", timeout=PATIENCE_SECONDS).text)
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert {stopped, answered} == replicas


def test_a_second_supervisor_is_refused_and_names_the_first(start: Callable[..., Stack]) -> None:
    stack = start()
    second = subprocess.run(
        [sys.executable, "-m", "opsrail.embedded", "--data", str(stack.data), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert f"in use by process {stack.process.pid}" in second.stderr
    assert httpx.get(stack.url + "/readyz", timeout=PATIENCE_SECONDS).status_code == 200


def test_a_port_in_use_is_named_and_leaves_nothing_running(start: Callable[..., Stack], tmp_path: Path) -> None:
    taken = start().url.rsplit(":", 1)[1]
    second = subprocess.run(
        [sys.executable, "-m", "opsrail.embedded", "--data", str(tmp_path / "other"), "--port", taken],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in second.stderr
    assert json.loads((tmp_path / "other" / "processes.json").read_text()) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="already an ordinary user: every other test here shows it")
def test_an_ordinary_user_runs_the_stack(start: Callable[..., Stack], data: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.fail("setpriv is missing") if os.environ.get("CI") else pytest.skip("setpriv is missing")
    data.parent.chmod(0o755)
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    stack = start(prefix=AS_ORDINARY_USER)
    assert {psutil.Process(pid).uids().effective for pid in stack.parts().values()} == {NOBODY}
    assert stack.signal_and_wait(signal.SIGTERM) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_postgres_as_another_user_and_opens_no_folder(start: Callable[..., Stack], data: Path) -> None:
    before = data.parent.stat().st_mode
    stack = start()
    assert psutil.Process(stack.parts()["postgres"]).uids().effective != 0
    assert data.parent.stat().st_mode == before
    assert data.stat().st_mode & 0o077 == 0
