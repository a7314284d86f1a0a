"""What the embedded nats-server refused, from its log: told on the bus, for the audit trail. Run by `agent_host.py`.

An agent tells of its refusals itself; one that was taken over would not.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import orjson
import structlog
from nats.errors import Error as NatsError

from opsrail.embedded.bus_users import BusUsers
from opsrail_sdk.bus import Bus
from opsrail_sdk.contracts import subjects

log = structlog.get_logger()

PERIOD = timedelta(seconds=1)
MOST_BYTES = 1 << 20
"""Read at a time; a log that grows faster than that is skipped through."""
VIOLATION = re.compile(
    r'.* - "[^"/ ]+/nkey:(?P<key>U[A-Z2-7]{55})" - (?P<operation>Publish|Subscription) Violation'
    r' - Subject "(?P<subject>[^" ]+)"'
)
"""Greedy in front: what stands there holds the client's own name for itself."""


class BusLog:
    """Follows the log from its end."""

    def __init__(self, path: Path, users: BusUsers) -> None:
        self._path, self._users = path, users
        self._offset = path.stat().st_size if path.exists() else 0

    async def tell(self, bus: Bus) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PERIOD.total_seconds())
            holders = {user.key: user for user in self._users.users}
            told = set()
            for violation in self._violations():
                holder = holders.get(violation["key"])
                refusal = (violation["key"], violation["operation"], violation["subject"])
                if holder is None or refusal in told:
                    continue
                told.add(refusal)
                body = {
                    "operation": violation["operation"].lower(),
                    "subject": violation["subject"],
                    "seen": "server",
                }
                with suppress(NatsError):
                    await bus.nc.publish(subjects.bus_refused(holder.org, holder.agent), orjson.dumps(body))

    def _violations(self) -> Iterator[re.Match[str]]:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size < self._offset:  # emptied by the rotation
            self._offset = 0
        with self._path.open("rb") as file:
            file.seek(max(self._offset, size - MOST_BYTES))
            read = file.read(MOST_BYTES)
        whole, newline, rest = read.rpartition(b"\n")
        self._offset = max(self._offset, size - MOST_BYTES) + len(read) - len(rest)
        for line in (whole + newline).decode(errors="replace").splitlines():
            if found := VIOLATION.match(line):
                yield found
