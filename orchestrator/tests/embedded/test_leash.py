"""The leash by which a process dies with its parent: the kernel's on Linux, the watcher elsewhere."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from opsrail.embedded import leash
from opsrail.testing.stack import PATIENCE_SECONDS

HERE = Path(__file__).parent
WATCHED = (
    "import os, sys; from opsrail.embedded import leash; sys.exit(leash.watch(sys.argv[2:], int(sys.argv[1]), 15))"
)
SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")


def by_kernel(parent: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(leash.__file__), parent, "15", "-", *SLEEPER]


def by_watcher(parent: str) -> list[str]:
    return [sys.executable, "-c", WATCHED, parent, *SLEEPER]


@pytest.mark.parametrize("command", [by_kernel, by_watcher])
def test_the_process_ends_when_its_parent_is_killed(command: object) -> None:
    assert callable(command)
    program = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([word if word != 'PARENT' else str(os.getpid()) for word in {command('PARENT')!r}])\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    below = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.wait()
    _ended, living = psutil.wait_procs(below, timeout=PATIENCE_SECONDS)
    parent.stdout.close()
    assert below
    assert [process for process in living if process.status() != psutil.STATUS_ZOMBIE] == []


def test_nothing_starts_for_a_parent_that_is_gone() -> None:
    ended = subprocess.run(by_kernel("1"), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_the_watcher_passes_signals_on_and_returns_the_exit_code() -> None:
    program = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('up', flush=True); time.sleep(60)"
    )
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHED, str(os.getpid()), sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
    )
    with watcher:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(PATIENCE_SECONDS) == 7


def test_a_signal_that_comes_before_there_is_a_child_is_passed_on_to_it() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from opsrail.embedded import leash\n"
        "class Late(subprocess.Popen):\n"
        "    def __init__(self, *given, **more):\n"
        "        os.kill(os.getpid(), 15)\n"
        "        super().__init__(*given, **more)\n"
        "subprocess.Popen = Late\n"
        "sys.exit(leash.watch(['/bin/sleep', '600'], os.getppid(), 15))"
    )
    watcher = subprocess.run([sys.executable, "-c", program], timeout=PATIENCE_SECONDS, check=False)
    assert watcher.returncode == 256 - signal.SIGTERM  # the child's, as an exit code
