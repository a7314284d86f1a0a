"""Senders that do what forges do: a delivery is repeated, with the same id, until it is answered 202."""

import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import httpx

from opsrail.testing.stack import PATIENCE_SECONDS, wait_until
from tests.simulators.github_sender import signed

AGAIN_SECONDS = 0.2
GIVE_UP_SECONDS = 4 * PATIENCE_SECONDS
"""Longer than any test leaves a server away."""


class Senders:
    """Sends in the background; on leaving, everything was answered 202 or refused for good."""

    def __init__(self, url: str, connection: dict[str, Any], *, parallel: int = 8) -> None:
        self._url = f"{url}/v1/hooks/{connection['id']}"
        self._secret = connection["secret"]
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="sender")
        self._lock = threading.Lock()
        self._client = httpx.Client(timeout=30)
        self.promised: dict[str, list[str]] = {}
        """Event ids by delivery id."""
        self.repeated: set[str] = set()
        """Deliveries that were not answered 202 at once."""
        self.refusals: list[tuple[int, str]] = []
        """Answers that say never; there should be none."""
        self.put_off: list[int] = []
        """Statuses that say later."""

    def send(self, deliveries: Iterable[tuple[str, Any]]) -> list[str]:
        """Begin to send events of these names; their delivery ids."""
        ids = []
        for event, payload in deliveries:
            delivery = str(uuid.uuid4())
            ids.append(delivery)
            self._pool.submit(self._deliver, delivery, event, payload)
        return ids

    def facts(self, count: int) -> list[str]:
        """Begin to send events that start nothing."""
        return self.send(("star", {"action": "created", "starred_at": None, "number": n}) for n in range(count))

    def wait_promised(self, count: int) -> None:
        """Return once ``count`` deliveries in all were answered 202."""
        wait_until(lambda: len(self.promised) >= count, what=f"{count} answers of 202")

    def events(self, deliveries: Iterable[str] | None = None) -> list[str]:
        """What was promised, for some deliveries or for all."""
        wanted = self.promised if deliveries is None else deliveries
        return [event for delivery in wanted for event in self.promised[delivery]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        self._client.close()

    def _deliver(self, delivery: str, event: str, payload: Any) -> None:
        body, headers = signed(self._secret, event, payload, delivery=delivery)
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up:
            try:
                answer = self._client.post(self._url, content=body, headers=headers)
            except httpx.TransportError:
                status = 0
            else:
                status = answer.status_code
                if status == httpx.codes.ACCEPTED:
                    self.promised[delivery] = answer.json()["events"]
                    return
                if status < 500:
                    self.refusals.append((status, answer.text))
                    return
            with self._lock:
                self.repeated.add(delivery)
                self.put_off.append(status)
            time.sleep(AGAIN_SECONDS)
        self.refusals.append((0, f"{delivery} was never answered 202"))
