"""Building deliveries."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from opsrail.hooks.delivery import Delivery, Normalised
from opsrail.hooks.normalisers import normalise

RECEIVED = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CONNECTION = "5b0e6f0e-5d0a-4c0e-9a51-0d6f6a5f3c11"

Normalise = Callable[..., Normalised]


@pytest.fixture
def normalised() -> Normalise:
    """``normalised(kind, payload, **headers)``; a header's underscores become dashes."""

    def build(kind: str, payload: Any, *, settings: dict[str, Any] | None = None, **headers: str) -> Normalised:
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        names = {"content-type": "application/json"} | {key.replace("_", "-"): text for key, text in headers.items()}
        return normalise(
            Delivery(
                kind=kind,
                connection_id=CONNECTION,
                body=body,
                headers=names,
                received_at=RECEIVED,
                settings=settings,
            )
        )

    return build
