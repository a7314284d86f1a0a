"""Steps as processes of this machine, for trusted repositories. Called by ``execute``.

A step gets an environment made for it, never the agent's; a ``guard`` process sees to it that nothing of the step
stays alive when it ends, is cancelled, or the agent dies.
"""

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from opsrail_ci.runners import guard
from opsrail_ci.runners.base import Exit, Lines, Output, Script, Stream
from opsrail_sdk.errors import PermanentError

_PASSED_ON = (
    "LANG",
    "LC_ALL",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PR_SET_DUMPABLE = 4


class HostRunner:
    """Runs scripts as the agent's own user."""

    def __init__(self, *, grace: timedelta, output_limit: int) -> None:
        self._grace = grace
        self._output_limit = output_limit

    async def run(self, script: Script, output: Output) -> Exit:
        folder = (script.workspace / script.directory).resolve()
        if not folder.is_relative_to(script.workspace.resolve()) or not folder.is_dir():
            raise PermanentError(f"step {script.name}: there is no folder {script.directory}", code="pipeline_failed")
        hide_own_environment()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            guard.__file__,
            str(self._grace.total_seconds()),
            *script.argv(),
            cwd=folder,
            env=environment(script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            umask=0o022,
        )
        lines = Lines(output, self._output_limit)
        timed_out = False
        try:
            async with asyncio.timeout(script.timeout.total_seconds()):
                await _pump(process, lines)
                await process.wait()
        except TimeoutError:
            timed_out = True
        finally:
            await asyncio.shield(self._end(process, lines))
        assert process.returncode is not None
        return Exit(process.returncode, timed_out, f"took longer than {script.timeout}" if timed_out else None)

    async def _end(self, process: asyncio.subprocess.Process, lines: Lines) -> None:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await _pump(process, lines)
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.stdin.wait_closed()
        lines.close()


def environment(script: Script) -> dict[str, str]:
    """A step's environment: a few harmless variables of ours, then the step's."""
    own_bin = str(Path(sys.executable).parent)
    path = os.pathsep.join(
        entry for entry in os.environ.get("PATH", _DEFAULT_PATH).split(os.pathsep) if entry and entry != own_bin
    )
    temporary = script.home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    base: Mapping[str, str] = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **base,
        "PATH": path,
        "HOME": str(script.home),
        "TMPDIR": str(temporary),
        "CI": "true",
        "CI_WORKSPACE": str(script.workspace),
        "CI_STEP": script.name,
        **script.env,
    }


def hide_own_environment() -> None:
    """Keep steps of the same user from reading this process's environment and memory (Linux; root always can)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _pump(process: asyncio.subprocess.Process, lines: Lines) -> None:
    async def read(reader: asyncio.StreamReader | None, stream: Stream) -> None:
        while reader is not None and (chunk := await reader.read(65536)):
            lines.feed(chunk, stream)
            await asyncio.sleep(0)

    await asyncio.gather(read(process.stdout, "stdout"), read(process.stderr, "stderr"))
