"""Secrets at rest: AES-256-GCM with data keys, which ``secrets.keyring`` holds.

A sealed value is version, key id, nonce and ciphertext; the context (organisation, row, field) is authenticated
with it, so that a sealed value copied to another row does not open.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The value was sealed with another key, for another context, or altered."""


def key_id(key: bytes) -> bytes:
    """What a sealed value names its key by; tells nothing about it."""
    return hashlib.sha256(b"opsrail key id\0" + key).digest()[:_KEY_ID_BYTES]


class Sealer:
    """Seals with one 256-bit key, and opens with it or with others."""

    def __init__(self, key: bytes, *others: bytes) -> None:
        self._ciphers = {key_id(each): AESGCM(each) for each in (*others, key)}
        self._current = key_id(key)

    def seal(self, secret: bytes, *, context: str) -> bytes:
        """``secret``, readable only with the key and the same context."""
        nonce = os.urandom(_NONCE_BYTES)
        body = self._ciphers[self._current].encrypt(nonce, secret, context.encode())
        return _VERSION + self._current + nonce + body

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The secret.

        Raises:
            SealBroken: wrong key, wrong context, or altered.
        """
        start = 1 + _KEY_ID_BYTES
        cipher = self._ciphers.get(bytes(sealed[1:start]))
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBroken("sealed with another key")
        nonce, body = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, body, context.encode())
        except InvalidTag as error:
            raise SealBroken("altered, or sealed for another place") from error
