"""NKEYs, NATS's own form of Ed25519 keys. Used by the embedded server's users and by ``tokens``."""

import secrets

import nkeys  # type: ignore[import-untyped]


def new_seed() -> str:
    """The seed of a fresh user key; whoever holds it is that user."""
    return str(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())


def public_key(seed: str) -> str:
    """The public key of a seed.

    Raises:
        nkeys.NkeysError: it is no seed.
    """
    return str(nkeys.from_seed(bytearray(seed.encode())).public_key.decode())
