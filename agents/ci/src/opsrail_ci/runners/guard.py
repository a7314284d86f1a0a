"""Stands between the agent and a step on the host: no process of the step outlives it.

Run by ``host`` as a program of its own, with the standard library alone. It adopts whatever the step leaves behind
(``PR_SET_CHILD_SUBREAPER`` on Linux), and ends everything when the step ends, when told to (SIGTERM), or when its
standard input closes because the agent died. Usage: ``guard.py GRACE_SECONDS COMMAND ARGUMENT…``
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    grace, command = float(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    told_to_stop = False

    def stop(*_: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    while child.poll() is None and not told_to_stop:
        ready, _, _ = select.select([0, read_end], [], [])
        if read_end in ready:
            os.read(read_end, 4096)
        if 0 in ready and not os.read(0, 4096):
            break
    _end(child, grace if child.poll() is None else 0.2)
    code = child.returncode
    return 128 - code if code < 0 else code


def _end(child: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask every descendant to end, wait, then kill until none is left."""
    deadline = time.monotonic() + grace
    if _signal_all(child, signal.SIGTERM):
        while time.monotonic() < deadline and _signal_all(child, 0):
            time.sleep(0.02)
    while _signal_all(child, signal.SIGKILL):
        time.sleep(0.01)
    child.wait()


def _signal_all(child: "subprocess.Popen[bytes]", number: int) -> bool:
    """Signal every living descendant (elsewhere than on Linux, the step's process group); whether there was one."""
    child.poll()
    if sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
            return True
        return False
    living = _descendants()
    for pid in living:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    _reap(child.pid)
    return bool(living)


def _descendants() -> list[int]:
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    parents.setdefault(int(parent), []).append(int(name))
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _reap(own_child: int) -> None:
    """Collect adopted children that ended; the step's own is left to ``Popen``."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == own_child:
            return
        os.waitpid(ended.si_pid, 0)


if __name__ == "__main__":
    sys.exit(main())
