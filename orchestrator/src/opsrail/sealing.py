"""Secrets at rest: AES-256-GCM with a key from the data folder or ``OPSRAIL_SECRET_KEY``.

A sealed value is version, key id, nonce and ciphertext; the context (organisation, row, field) is authenticated
with it, so that a sealed value copied to another row does not open.
"""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was sealed with another key, for another context, or altered."""


class Sealer:
    """Seals and opens with one 256-bit key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"opsrail key id\0" + key).digest()[:_KEY_ID_BYTES]

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """``secret``, readable only with the key and the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + self._key_id + nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The secret.

        Raises:
            SealBroken: wrong key, wrong context, or altered.
        """
        key_id = sealed[1 : 1 + _KEY_ID_BYTES]
        start = 1 + _KEY_ID_BYTES
        if sealed[:1] != _VERSION or key_id != self._key_id:
            raise SealBroken("sealed with another key")
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, context.encode())
        except InvalidTag as error:
            raise SealBroken("altered, or sealed for another place") from error


def load_key(data: Path) -> bytes:
    """The key: ``OPSRAIL_SECRET_KEY`` (base64, 32 bytes), else ``secret.key`` in the data folder, made if absent.

    Raises:
        ValueError: the key is not 32 bytes.
    """
    given = os.environ.get("OPSRAIL_SECRET_KEY")
    if given:
        key = base64.b64decode(given)
    else:
        path = data / "secret.key"
        data.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = base64.b64decode(path.read_text())
        else:
            key = os.urandom(32)
            with os.fdopen(handle, "w") as file:
                file.write(base64.b64encode(key).decode())
    if len(key) != 32:
        raise ValueError("the secret key must be 32 bytes, base64")
    return key
