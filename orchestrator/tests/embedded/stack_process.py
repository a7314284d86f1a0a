"""Runs `up` in a process of its own with the stand-in application: `python stack_process.py DATA [REPLICAS]`."""

import asyncio
import sys
from pathlib import Path

from opsrail.embedded.addresses import External
from opsrail.embedded.supervisor import Options
from opsrail.embedded.up import up

if __name__ == "__main__":
    data, replicas = Path(sys.argv[1]), int(sys.argv[2])
    options = Options(
        data=data,
        port=0,
        replicas=replicas,
        app="standin:create_app",
        migrate=False,
        external=External.from_environment(),
    )
    sys.exit(asyncio.run(up(options)))
