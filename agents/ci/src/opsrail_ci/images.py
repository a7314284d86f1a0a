"""Container images: built by the engine's own builder, pushed to a registry, known by digest from then on."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from opsrail_ci.engine import SILENT_CALL, Engine
from opsrail_ci.events import Emitter, image_purl
from opsrail_ci.pipeline.model import Image
from opsrail_ci.settings import CiConfig
from opsrail_sdk.context import ActionContext
from opsrail_sdk.errors import PermanentError, Refused, Unavailable


class ImageResult(BaseModel):
    """An image that was built, or in words why not."""

    name: str
    image_id: str | None = None
    digest: str | None = Field(default=None, description="Of the manifest, as the registry answered.")
    references: list[str] = Field(default=[], description="What can be pulled, by tag.")
    pushed: bool = False
    reason: str | None = Field(default=None, description="Why it was not built or not pushed.")


class _Registry(BaseModel):
    host: str
    auth: dict[str, str] | None


class Images:
    """The images of one run."""

    def __init__(self, ctx: ActionContext[CiConfig], emitter: Emitter, source: Path, engine: Engine | None) -> None:
        self._ctx = ctx
        self._emitter = emitter
        self._source = source
        self._engine = engine

    async def make(self, image: Image, *, push: bool) -> ImageResult:
        """Build, tag and push one image.

        Raises:
            PermanentError: no engine (``no_engine``), or the build failed (``pipeline_failed``).
            Refused: the registry does not accept our login, or not this image.
            Unavailable: the registry could not be reached.
        """
        if self._engine is None:
            reason = f"image {image.name}: no Docker engine can be reached"
            if not image.optional:
                raise PermanentError(reason, code="no_engine")
            self._ctx.line(f"{reason}; it is optional, so the run goes on", stream="system")
            return ImageResult(name=image.name, reason="no Docker engine can be reached")
        registry = await self._registry(image) if push and image.push else None
        repository = f"{registry.host}/{image.name}" if registry else image.name
        await self._ctx.emit(self._emitter.build("started", image.name))
        image_id = await self._build(image, f"{repository}:{image.tags[0]}")
        result = ImageResult(name=image.name, image_id=image_id)
        for tag in image.tags:
            await self._engine.call(self._engine.client.api.tag, image_id, repository, tag)
            result.references.append(f"{repository}:{tag}")
        if registry is not None:
            for tag in image.tags:
                result.digest = await self._push(repository, tag, registry)
            result.pushed = True
        else:
            result.reason = (
                "pull requests and `push: false` are not pushed"
                if not (push and image.push)
                else "no registry is set"
            )
        purl = image_purl(image.name, result.digest or image_id, registry.host if registry else None)
        await self._ctx.emit(self._emitter.build("finished", image.name, purl))
        await self._ctx.emit(self._emitter.packaged(purl))
        if result.pushed:
            await self._ctx.emit(self._emitter.published(purl))
        self._ctx.line(f"image {repository} {result.digest or image_id}", stream="system", step=image.name)
        return result

    async def _registry(self, image: Image) -> _Registry | None:
        name = image.registry or self._ctx.config.registry
        if name is None:
            return None
        connection = await self._ctx.connection(name)
        parts = urlsplit(str(connection.settings["url"]))
        password = connection.secrets.get("password")
        auth = (
            {"username": str(connection.settings.get("username") or ""), "password": password} if password else None
        )
        return _Registry(host=f"{parts.netloc}{parts.path.rstrip('/')}", auth=auth)

    async def _build(self, image: Image, reference: str) -> str:
        context = _inside(self._source, self._source / image.context)
        dockerfile = _inside(context, context / image.dockerfile)
        if not dockerfile.is_file():
            raise PermanentError(
                f"image {image.name}: there is no {image.context}/{image.dockerfile}", code="pipeline_failed"
            )
        image_id: str | None = None

        def start(client: Any) -> Iterator[dict[str, Any]]:
            messages: Iterator[dict[str, Any]] = client.build(
                path=str(context),
                dockerfile=image.dockerfile,
                tag=reference,
                buildargs=dict(image.args),
                target=image.target,
                labels={
                    "org.opencontainers.image.revision": self._emitter.change["commit"],
                    "org.opencontainers.image.source": self._emitter.change["repository_uri"],
                },
                rm=True,
                forcerm=True,
                decode=True,
            )
            return messages

        def message(item: dict[str, Any]) -> None:
            nonlocal image_id
            for line in str(item.get("stream", "")).splitlines():
                self._ctx.line(line, step=image.name)
            if "error" in item:
                raise PermanentError(f"image {image.name}: {item['error']}", code="pipeline_failed")
            image_id = (item.get("aux") or {}).get("ID", image_id)

        await _streamed(start, message)
        if image_id is None:
            raise PermanentError(f"image {image.name}: the engine gave no image id", code="pipeline_failed")
        return image_id

    async def _push(self, repository: str, tag: str, registry: _Registry) -> str:
        digest: str | None = None

        def start(client: Any) -> Iterator[dict[str, Any]]:
            messages: Iterator[dict[str, Any]] = client.push(
                repository,
                tag=tag,
                stream=True,
                decode=True,
                auth_config=registry.auth or {"username": "", "password": ""},
            )
            return messages

        def message(item: dict[str, Any]) -> None:
            nonlocal digest
            if "error" in item:
                raise _push_error(f"{repository}:{tag}", str(item["error"]))
            digest = (item.get("aux") or {}).get("Digest", digest)

        await _streamed(start, message)
        if digest is None:
            raise Unavailable(f"the registry gave no digest for {repository}:{tag}")
        return digest


def _push_error(reference: str, words: str) -> Exception:
    lowered = words.lower()
    if "unauthorized" in lowered or "authentication required" in lowered or "no basic auth" in lowered:
        return Refused(f"the registry does not accept our login for {reference}: {words}")
    if "denied" in lowered:
        return Refused(f"the registry refused {reference}: {words}")
    return Unavailable(f"pushing {reference} failed: {words}")


def _inside(root: Path, path: Path) -> Path:
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise PermanentError(f"{path.name} leads out of the repository", code="pipeline_failed")
    return resolved


async def _streamed(
    start: Callable[[Any], Iterator[dict[str, Any]]], message: Callable[[dict[str, Any]], None]
) -> None:
    """Run one streaming call of the SDK in a thread, its messages handled on the loop; cancelling ends the call."""
    import docker  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415
    import docker.utils  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    stopped = threading.Event()

    class Client(docker.APIClient):
        """Remembers the answer it is reading, so that another thread can cut it off."""

        answer: Any = None

        def send(self, request: Any, **kwargs: Any) -> Any:
            self.answer = super().send(request, **kwargs)
            return self.answer

        def cut(self) -> None:
            stopped.set()
            with contextlib.suppress(OSError, AttributeError):
                self.answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 — no public way to it

    client = Client(version="auto", timeout=SILENT_CALL, **docker.utils.kwargs_from_env())

    async def handle(item: dict[str, Any]) -> None:
        message(item)

    def pump() -> None:
        try:
            for item in start(client):
                if stopped.is_set():
                    return
                asyncio.run_coroutine_threadsafe(handle(item), loop).result()
        except (docker.errors.DockerException, OSError) as error:
            if not stopped.is_set():
                raise PermanentError(f"the Docker engine said: {error}", code="pipeline_failed") from error
        finally:
            if client.answer is not None:
                client.answer.close()
            client.close()

    work = asyncio.ensure_future(asyncio.to_thread(pump))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        client.cut()
        with contextlib.suppress(Exception):
            await work
        raise
