"""`opsrail up`: the stack in the foreground, until Ctrl-C or SIGTERM. Called by the command line."""

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

import structlog

from opsrail.embedded import status
from opsrail.embedded.addresses import External
from opsrail.embedded.child import StartFailedError
from opsrail.embedded.folder import FolderInUseError
from opsrail.embedded.supervisor import Options, Supervisor
from opsrail_sdk.log_output import to_stderr

URL_FILE = "url"
"""In the data folder: the address, for the command line, also where the port was free to choose."""
FAILED = 1
INTERRUPTED = 130


def options_from_environment(
    *,
    data: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    replicas: int = 1,
    agents: bool = True,
) -> Options:
    """What is not given comes from `OPSRAIL_DATA`, `OPSRAIL_HOST`, `OPSRAIL_PORT` and the `OPSRAIL_*_URL`s.

    Raises:
        ValueError: `OPSRAIL_PORT` is no port number, or an address or a file of the environment is no good.
    """
    chosen = str(port) if port is not None else os.environ.get("OPSRAIL_PORT", "8787")
    if not chosen.isdecimal() or int(chosen) > 65535:
        raise ValueError(f"OPSRAIL_PORT must be a number from 0 to 65535, not {chosen!r}")
    return Options(
        data=data or Path(os.environ.get("OPSRAIL_DATA", ".opsrail")),
        host=host or os.environ.get("OPSRAIL_HOST", "127.0.0.1"),
        port=int(chosen),
        replicas=replicas,
        agents=agents,
        external=External.from_environment(),
    )


async def up(options: Options) -> int:
    """Run the stack; returns the exit code.

    Prints `ready URL` on stdout once `/readyz` is 200. The first signal stops everything in order, a second
    one at once.
    """
    view = status.choose()
    stack = Supervisor(options, changed=view.changed)
    first, second = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: second.set() if first.is_set() else first.set())
    with view:
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=to_stderr(),
        )
        following = asyncio.create_task(view.follow(stack), name="status")
        try:
            return await _run(stack, view, first, second)
        except (FolderInUseError, StartFailedError, OSError) as error:
            view.say(f"opsrail: {error}")
            return FAILED
        finally:
            following.cancel()


async def _run(stack: Supervisor, view: status.PlainStatus, first: asyncio.Event, second: asyncio.Event) -> int:
    starting = asyncio.create_task(stack.start(), name="start")
    signalled = asyncio.create_task(first.wait(), name="signal")
    await asyncio.wait({starting, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        signalled.cancel() if starting.exception() else None
        await starting
        write_url(stack)
        view.say(f"admin token: {stack.token_path}")
        print(f"ready {stack.url}", flush=True)
        await signalled
    view.say("stopping; once more to stop at once")
    starting.cancel()
    stopping = asyncio.create_task(_stop(stack, starting), name="stop")
    forced = asyncio.create_task(second.wait(), name="second signal")
    await asyncio.wait({stopping, forced}, return_when=asyncio.FIRST_COMPLETED)
    if forced.done():
        await stack.stop(force=True)
    forced.cancel()
    await stopping
    return 0


def write_url(stack: Supervisor) -> None:
    """Tell the command line where the stack is."""
    (stack.options.data / URL_FILE).write_text(f"{stack.url}\n")


async def _stop(stack: Supervisor, starting: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    await stack.stop()
