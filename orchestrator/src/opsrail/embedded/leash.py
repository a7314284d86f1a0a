"""Tie a command's life to its parent's, so that a killed supervisor leaves no orphan.

Run as a script by `child.py`, before every process of the embedded stack:

    python -I -S leash.py PARENT_PID DEATH_SIGNAL UID:GID COMMAND…

`UID:GID` may be `-` (stay who we are). On Linux the kernel keeps the leash (`PR_SET_PDEATHSIG`) and this
process becomes the command. Elsewhere it stays as a small watcher that passes signals on.

Every start of every process waits for this one, so it imports what it needs where it needs it.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PR_SET_PDEATHSIG = 1
WATCH_SECONDS = 0.2
PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")


def main(arguments: list[str]) -> int:
    parent, death_signal, user, *command = arguments
    tie = load_tie() if sys.platform == "linux" else None  # before the standard library may be out of reach
    if user != "-":
        uid, gid = (int(part) for part in user.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if tie is None:
        return watch(command, int(parent), int(death_signal))
    tie(int(death_signal))
    if os.getppid() == int(parent):
        os.execv(command[0], command)  # noqa: S606 - a path and a list, no shell
    return 1


def load_tie() -> "Callable[[int], object]":
    """The call that asks the kernel for a signal when the parent dies; changing user would undo it."""
    import ctypes  # noqa: PLC0415

    prctl = ctypes.CDLL(None).prctl
    return lambda death_signal: prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def watch(command: list[str], parent: int, death_signal: int) -> int:
    """Run `command` as a child and send it `death_signal` once the parent is gone."""
    import signal  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import time  # noqa: PLC0415

    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: "FrameType | None") -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for name in PASSED_ON:
        signal.signal(signal.Signals[name], pass_on)
    child = subprocess.Popen(command, close_fds=False)
    for number in early:
        child.send_signal(number)
    while child.poll() is None:
        if os.getppid() != parent:
            child.send_signal(death_signal)
            return child.wait()
        time.sleep(WATCH_SECONDS)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
