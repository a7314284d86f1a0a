"""Artifacts in the NATS object store: stored and read in chunks, so memory stays flat whatever the size.

Used through ``Bus.objects``. The bucket is made by ``streams.ensure_artifacts``. Stored without a rollup, which
nats-py's own ``put`` uses: who may send one may empty the whole bucket, so the bucket refuses them.
"""

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo, ObjectMetaOptions
from nats.js.errors import APIError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from opsrail_sdk.errors import AgentError, NotFound, Unavailable

CHUNK_BYTES = 128 * 1024
STORED_WITHIN_SECONDS = 30.0
"""Longest wait for one chunk to be on disk: a slow disk must not cost a whole upload."""


@dataclass(frozen=True)
class ObjectStored:
    """An object that is in the store, whole. ``digest`` is ``sha256:`` and 64 hex digits."""

    name: str
    size: int
    digest: str


class Objects:
    """The object buckets of one connection."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def store(self, bucket: str, name: str, path: Path, *, upload: str | None = None) -> ObjectStored:
        """Stream a file into the bucket.

        An object of that name is replaced; its chunks stay until the orchestrator sweeps what nothing refers to.

        Args:
            upload: names the chunks, so that a failed upload can be taken back with ``discard``; see ``new_upload``.

        Raises:
            Unavailable: the store is away (``unavailable``) or full (``storage_full``).
        """
        upload = upload or new_upload()
        digest, size, chunks = hashlib.sha256(), 0, 0
        try:
            with path.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                    await self._js.publish(f"$O.{bucket}.C.{upload}", chunk, timeout=STORED_WITHIN_SECONDS)
                    digest.update(chunk)
                    size, chunks = size + len(chunk), chunks + 1
            info = ObjectInfo(
                name=name,
                bucket=bucket,
                nuid=upload,
                size=size,
                chunks=chunks,
                mtime=datetime.now(UTC).isoformat(),
                digest=f"SHA-256={base64.urlsafe_b64encode(digest.digest()).decode()}",
                options=ObjectMetaOptions(max_chunk_size=CHUNK_BYTES),
            )
            body = orjson.dumps(info.as_dict())
            await self._js.publish(_described(bucket, name), body, timeout=STORED_WITHIN_SECONDS)
        except APIError as error:
            full = error.code == 503 or "maximum" in (error.description or "")
            code = "storage_full" if full else "unavailable"
            raise Unavailable(f"{name} could not be stored: {error.description}", code=code) from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{name} could not be stored: the store does not answer") from error
        return ObjectStored(name, size, f"sha256:{digest.hexdigest()}")

    async def discard(self, bucket: str, upload: str) -> None:
        """Take back the chunks of an upload. For the orchestrator: agents have no right to it.

        Raises:
            Unavailable: the store does not answer.
        """
        try:
            await self._js.purge_stream(f"OBJ_{bucket}", subject=f"$O.{bucket}.C.{upload}")
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"the upload {upload} could not be discarded") from error

    async def read(self, bucket: str, name: str) -> AsyncIterator[bytes]:
        """The object, chunk by chunk. The digest is checked before the end is reached.

        Raises:
            NotFound: no such object.
            Unavailable: the store does not answer.
            AgentError: ``digest_mismatch``: what is stored is not what was put there.
        """
        info = await self._info(bucket, name)
        subject = f"$O.{bucket}.C.{info.nuid}"
        digest = hashlib.sha256()
        sequence = 1
        try:
            for _ in range(info.chunks or 0):
                chunk = await self._js.get_msg(f"OBJ_{bucket}", seq=sequence, subject=subject, next=True, direct=True)
                sequence = (chunk.seq or 0) + 1
                body = chunk.data or b""
                digest.update(body)
                yield body
        except NotFoundError as error:
            raise AgentError(f"{name} is not whole any more", code="digest_mismatch") from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{name} could not be read") from error
        if digest.digest() != _sha256(info):
            raise AgentError(f"{name} does not match its digest", code="digest_mismatch")

    async def delete(self, bucket: str, name: str) -> None:
        """Remove an object; its absence is no error. For the orchestrator: agents have no right to it.

        Raises:
            Unavailable: the store does not answer.
        """
        try:
            info = await self._handle(bucket).get_info(name)
            await self._js.purge_stream(f"OBJ_{bucket}", subject=_described(bucket, name))
            await self._js.purge_stream(f"OBJ_{bucket}", subject=f"$O.{bucket}.C.{info.nuid}")
        except (ObjectNotFoundError, NotFoundError):
            return
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{name} could not be deleted") from error

    async def _info(self, bucket: str, name: str) -> ObjectInfo:
        try:
            return await self._handle(bucket).get_info(name)
        except (ObjectNotFoundError, NotFoundError) as error:
            raise NotFound(f"no object {name}") from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{name} could not be read") from error

    def _handle(self, bucket: str) -> ObjectStore:
        return ObjectStore(name=bucket, stream=f"OBJ_{bucket}", js=self._js)


def new_upload() -> str:
    """A name for chunks that nobody can guess."""
    return secrets.token_hex(11)


def _described(bucket: str, name: str) -> str:
    """Subject of an object's description (NATS ADR-20)."""
    return f"$O.{bucket}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"


def _sha256(info: ObjectInfo) -> bytes:
    return base64.urlsafe_b64decode((info.digest or "").partition("=")[2])
