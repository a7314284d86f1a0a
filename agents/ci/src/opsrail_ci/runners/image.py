"""Steps in containers, with as few rights as they need. Called by ``execute``.

The workspace is mounted at its own path, so paths in logs and configuration are the same inside and outside.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from opsrail_ci.engine import RUN_LABEL, Engine
from opsrail_ci.pipeline.model import Service
from opsrail_ci.pipeline.plan import Job
from opsrail_ci.runners.base import Exit, Lines, Output, Script, Stream
from opsrail_ci.settings import ContainerLimits
from opsrail_sdk.context import ActionContext
from opsrail_sdk.contracts.cloudevent import derived_id
from opsrail_sdk.errors import PermanentError

_LAST_OUTPUT = 3
"""Seconds for reading the rest of a killed container's output."""


class ImageRunner:
    """Runs scripts in containers of one engine; every container carries the run's id as a label."""

    def __init__(self, engine: Engine, limits: ContainerLimits, *, run_id: str, output_limit: int) -> None:
        self._engine = engine
        self._limits = limits
        self._run_id = run_id
        self._output_limit = output_limit

    async def run(self, script: Script, output: Output) -> Exit:
        folder = (script.workspace / script.directory).resolve()
        if not folder.is_relative_to(script.workspace.resolve()) or not folder.is_dir():
            raise PermanentError(f"step {script.name}: there is no folder {script.directory}", code="pipeline_failed")
        assert script.image is not None
        await _have(self._engine, script.image, output)
        container = await _create(self._engine, self._creation(script))
        lines = Lines(output, self._output_limit)
        work: asyncio.Future[int] | None = None
        try:
            await _asked(container.start)
            work = asyncio.ensure_future(self._to_end(container, lines))
            async with asyncio.timeout(script.timeout.total_seconds()):
                return Exit(await asyncio.shield(work))
        except TimeoutError:
            return Exit(137, timed_out=True, note=f"took longer than {script.timeout}")
        finally:
            await asyncio.shield(self._remove(container, work, lines))

    async def _to_end(self, container: Any, lines: Lines) -> int:
        funnel = _Funnel(asyncio.get_running_loop(), lines)

        def pump(stream: Stream) -> None:
            with contextlib.closing(
                container.logs(stream=True, follow=True, stdout=stream == "stdout", stderr=stream == "stderr")
            ) as chunks:
                for chunk in chunks:
                    funnel.put(chunk, stream)

        await asyncio.gather(_asked(pump, "stdout"), _asked(pump, "stderr"))
        return int((await _asked(container.wait))["StatusCode"])

    async def _remove(self, container: Any, work: "asyncio.Future[int] | None", lines: Lines) -> None:
        """Kill, take in what it still had to say, remove."""
        import docker.errors  # noqa: PLC0415

        if work is not None and not work.done():
            with contextlib.suppress(docker.errors.APIError):
                await self._engine.call(container.kill)
            await asyncio.wait({work}, timeout=_LAST_OUTPUT)
        with contextlib.suppress(docker.errors.NotFound):
            await self._engine.call(container.remove, force=True, v=True)
        if work is not None:
            await asyncio.gather(work, return_exceptions=True)
        lines.close()

    def _creation(self, script: Script) -> dict[str, Any]:
        limits = self._limits
        paths = {script.workspace, script.home}
        return {
            "image": script.image,
            "entrypoint": script.argv(),
            "command": [],
            "working_dir": str((script.workspace / script.directory).resolve()),
            "environment": {
                "HOME": str(script.home),
                "CI": "true",
                "CI_WORKSPACE": str(script.workspace),
                "CI_STEP": script.name,
                **script.env,
            },
            "volumes": {str(path): {"bind": str(path), "mode": "rw"} for path in paths},
            "user": limits.user or f"{os.getuid()}:{os.getgid()}",
            "network": script.network or limits.network,
            **restrictions(limits),
            "labels": {RUN_LABEL: self._run_id},
        }


class _Funnel:
    """Output from threads to the loop: many small pieces travel together, and a flood waits."""

    _MOST_HELD = 1024 * 1024

    def __init__(self, loop: asyncio.AbstractEventLoop, lines: Lines) -> None:
        self._loop = loop
        self._lines = lines
        self._lock = threading.Condition()
        self._held: list[tuple[bytes, Stream]] = []
        self._size = 0

    def put(self, data: bytes, stream: Stream) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._size < self._MOST_HELD)
            if not self._held:
                self._loop.call_soon_threadsafe(self._empty)
            self._held.append((data, stream))
            self._size += len(data)

    def _empty(self) -> None:
        with self._lock:
            held, self._held, self._size = self._held, [], 0
            self._lock.notify_all()
        for data, stream in held:
            self._lines.feed(data, stream)


def restrictions(limits: ContainerLimits) -> dict[str, Any]:
    """What keeps a container small and powerless."""
    return {
        "cap_drop": ["ALL"],
        "cap_add": list(limits.capabilities),
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.pids,
        "nano_cpus": int(limits.cpus * 1_000_000_000),
        "init": True,
        "log_config": {"Type": "json-file", "Config": {"max-size": "64m", "max-file": "2"}},
    }


@asynccontextmanager
async def services(
    engine: Engine, ctx: ActionContext[Any], job: Job, wanted: Mapping[str, Service], limits: ContainerLimits
) -> AsyncIterator[str]:
    """Start a job's services on a network of their own; gives its name, and removes all of it afterwards."""
    labels = {RUN_LABEL: ctx.run_id}
    name = f"opsrail-{derived_id(ctx.run_id, job.name)}"
    network = await engine.call(engine.client.networks.create, name, labels=labels)
    started: list[Any] = []
    try:
        for alias, service in wanted.items():
            await _have(engine, service.image, lambda text, stream: ctx.line(text, stream=stream))
            container = await _create(
                engine,
                {
                    "image": service.image,
                    "command": service.command,
                    "environment": dict(service.env),
                    "hostname": alias,
                    "name": f"{name}-{alias}",
                    "network": name,
                    "networking_config": {name: engine.client.api.create_endpoint_config(aliases=[alias])},
                    "mem_limit": limits.memory,
                    "pids_limit": limits.pids,
                    "security_opt": ["no-new-privileges"],
                    "labels": labels,
                },
            )
            started.append(container)
            await _asked(container.start)
            ctx.line(f"service {alias} ({service.image}) started", stream="system")
        yield name
    finally:
        for container in started:
            await asyncio.shield(engine.call(container.remove, force=True, v=True))
        await asyncio.shield(engine.call(network.remove))


async def _have(engine: Engine, image: str, output: Output) -> None:
    """Pull an image unless the engine has it."""
    import docker.errors  # noqa: PLC0415

    try:
        await engine.call(engine.client.images.get, image)
    except docker.errors.ImageNotFound:
        output(f"pulling {image}", "system")
        repository, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
        await _asked(lambda: engine.client.images.pull(repository, tag=tag))


async def _create(engine: Engine, creation: dict[str, Any]) -> Any:
    return await _asked(lambda: engine.client.containers.create(**creation))


async def _asked(function: Callable[..., Any], *args: Any) -> Any:
    """A blocking call whose refusal is the step's failure, in the engine's words."""
    import docker.errors  # noqa: PLC0415

    try:
        return await asyncio.to_thread(function, *args)
    except docker.errors.DockerException as error:
        words = getattr(error, "explanation", None) or str(error)
        raise PermanentError(f"the Docker engine said: {words}", code="pipeline_failed") from error
