"""A Docker engine, if one can be reached. The SDK blocks, so every call goes through a thread.

Called by the image runner, by ``images`` and by the ``engine`` query. The address is ``DOCKER_HOST``, as for the
stock client.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog

if TYPE_CHECKING:
    import docker

_P = ParamSpec("_P")
_T = TypeVar("_T")

RUN_LABEL = "io.opsrail.run"
_PING_TIMEOUT = 3
_DEFAULT_HOST = "unix:///var/run/docker.sock"
SILENT_CALL = 24 * 3600
"""Seconds. Waiting for a container is one silent call; timeouts of steps are kept by the runner."""
log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Engine:
    """A connected engine. ``shares_files``: folders of this machine can be mounted into its containers."""

    def __init__(self, client: "docker.DockerClient", version: str) -> None:
        self.client = client
        self.version = version

    @property
    def shares_files(self) -> bool:
        return str(self.client.api.base_url).startswith("http+docker://")

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """A blocking call of the SDK, in a thread."""
        return await asyncio.to_thread(function, *args, **kwargs)

    async def sweep(self, run_id: str) -> int:
        """Remove what an earlier attempt of this run left behind when it died; how many containers that were."""
        return await asyncio.to_thread(self._sweep, run_id)

    async def close(self) -> None:
        await asyncio.to_thread(self.client.close)

    def _sweep(self, run_id: str) -> int:
        import docker.errors  # noqa: PLC0415

        label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={run_id}"}
        left: list[Any] = self.client.containers.list(all=True, filters=label)
        for container in left:
            try:
                container.remove(force=True, v=True)
            except docker.errors.NotFound:
                continue
        for network in self.client.networks.list(filters=label):
            network.remove()
        return len(left)


async def connect() -> Engine | None:
    """The engine, or ``None`` where there is none."""
    return await asyncio.to_thread(connect_blocking)


def connect_blocking() -> Engine | None:
    """``connect`` for callers without a loop."""
    if not _listening(os.environ.get("DOCKER_HOST") or _DEFAULT_HOST):
        return None
    import docker  # noqa: PLC0415 — half a second of imports that an idle agent need not pay
    import docker.errors  # noqa: PLC0415

    client = None
    try:
        client = docker.from_env(timeout=_PING_TIMEOUT)
        version = str(client.version()["Version"])
    except (docker.errors.DockerException, OSError, KeyError) as error:
        if client is not None:
            client.close()
        log.debug("docker_engine_absent", reason=str(error))
        return None
    client.api.timeout = SILENT_CALL
    return Engine(client, version)


def _listening(host: str) -> bool:
    """Whether somebody listens on a local socket; other addresses are left to the client to try."""
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(host.removeprefix("unix://"))
        except OSError:
            return False
    return True
