"""Root keys that we hold ourselves: versions in a file of the data folder, or two environment variables."""

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opsrail.sealing import KEY_BYTES, key_id
from opsrail.secrets.roots.base import RootUnavailable, Wrapped

_NONCE_BYTES = 12
FILE = "secret.key"


class _Local:
    """Wrapping with AES-256-GCM; the subclasses know the keys, newest first."""

    prefix: str

    def keys(self) -> Sequence[bytes]:
        raise NotImplementedError

    async def current(self) -> str:
        return self._version(self.keys()[0])

    async def wrap(self, key: bytes, *, context: str) -> Wrapped:
        root, nonce = self.keys()[0], os.urandom(_NONCE_BYTES)
        return Wrapped(self._version(root), nonce + AESGCM(root).encrypt(nonce, key, context.encode()))

    async def unwrap(self, wrapped: Wrapped, *, context: str) -> bytes:
        root = next((each for each in self.keys() if self._version(each) == wrapped.version), None)
        if root is None:
            raise RootUnavailable(f"the root key {wrapped.version} is not here; put it back to open what it wrapped")
        try:
            return AESGCM(root).decrypt(wrapped.blob[:_NONCE_BYTES], wrapped.blob[_NONCE_BYTES:], context.encode())
        except InvalidTag as error:
            raise RootUnavailable("a data key was altered, or wrapped for another organisation") from error

    def _version(self, key: bytes) -> str:
        return f"{self.prefix}:{key_id(key).hex()}"


class FileRoot(_Local):
    """``secret.key``: one version a line in base64, newest first, readable by the owner alone; made if absent."""

    prefix = "file"

    def __init__(self, data: Path) -> None:
        self._path = data / FILE
        data.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            self.keys()
        else:
            with os.fdopen(handle, "wb") as file:
                file.write(base64.b64encode(os.urandom(KEY_BYTES)))

    def keys(self) -> Sequence[bytes]:
        """Read afresh each time: wrapping is rare, and another process may have renewed it."""
        found = [_decoded(line, str(self._path)) for line in self._path.read_text().split()]
        if not found:
            raise RootUnavailable(f"{self._path} is empty")
        return found

    async def renew(self) -> bool:
        self._write([os.urandom(KEY_BYTES), *self.keys()])
        return True

    async def retire(self) -> None:
        self._write(self.keys()[:1])

    def first_data_key(self) -> bytes | None:
        return self.keys()[-1]

    def _write(self, keys: Sequence[bytes]) -> None:
        """Whole or not at all, and on disk before anything is wrapped with it."""
        partial = self._path.with_suffix(".partial")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join(base64.b64encode(key) for key in keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class EnvironmentRoot(_Local):
    """``OPSRAIL_SECRETS_KEY``, and ``OPSRAIL_SECRETS_PREVIOUS_KEY`` until a rotation is done."""

    prefix = "environment"

    def __init__(self, key: str, previous: str | None) -> None:
        self._keys = [_decoded(key, "OPSRAIL_SECRETS_KEY")]
        if previous:
            self._keys.append(_decoded(previous, "OPSRAIL_SECRETS_PREVIOUS_KEY"))

    def keys(self) -> Sequence[bytes]:
        return self._keys

    async def renew(self) -> bool:
        return False

    async def retire(self) -> None:
        """The operator's to do: take the previous key out of the environment."""

    def first_data_key(self) -> bytes | None:
        return self._keys[-1]


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise RootUnavailable(f"{where} must hold {KEY_BYTES} bytes in base64: openssl rand -base64 {KEY_BYTES}")
    return key
