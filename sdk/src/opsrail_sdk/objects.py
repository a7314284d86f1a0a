"""Artifacts in the NATS object store: stored and read in chunks, so memory stays flat whatever the size.

Used through ``Bus.objects``. The bucket is made by ``streams.ensure_artifacts``.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo
from nats.js.errors import APIError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from opsrail_sdk.errors import AgentError, NotFound, Unavailable


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

    async def store(self, bucket: str, name: str, path: Path) -> ObjectStored:
        """Stream a file into the bucket, replacing an object of that name.

        Raises:
            Unavailable: the store is away (``unavailable``) or full (``storage_full``); chunks already sent are
                taken back.
        """
        try:
            with path.open("rb") as file:
                info = await self._handle(bucket).put(name, file)
        except APIError as error:
            full = error.code == 503 or "maximum" in (error.description or "")
            code = "storage_full" if full else "unavailable"
            raise Unavailable(f"{name} could not be stored: {error.description}", code=code) from error
        except (NatsError, TimeoutError) as error:
            raise Unavailable(f"{name} could not be stored: the store does not answer") from error
        return ObjectStored(name, info.size or 0, f"sha256:{_sha256(info).hex()}")

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
        """Remove an object; its absence is no error.

        Raises:
            Unavailable: the store does not answer.
        """
        try:
            await self._handle(bucket).delete(name)
        except NotFoundError:
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


def _sha256(info: ObjectInfo) -> bytes:
    return base64.urlsafe_b64decode((info.digest or "").partition("=")[2])
