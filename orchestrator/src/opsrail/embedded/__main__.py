"""`python -m opsrail.embedded`: `opsrail up` without the rest of the command line."""

import argparse
import asyncio
import sys
from pathlib import Path

from opsrail.embedded.up import options_from_environment, up


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m opsrail.embedded", description="Start the stack and keep it up.")
    parser.add_argument("--data", type=Path, help="data folder (OPSRAIL_DATA, else .opsrail)")
    parser.add_argument("--host", help="address to listen on (OPSRAIL_HOST, else 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (OPSRAIL_PORT, else 8787)")
    parser.add_argument("--replicas", type=int, default=1, help="orchestrator processes")
    parser.add_argument("--no-agents", action="store_true", help="start no agents")
    chosen = parser.parse_args()
    try:
        options = options_from_environment(
            data=chosen.data,
            host=chosen.host,
            port=chosen.port,
            replicas=chosen.replicas,
            agents=not chosen.no_agents,
        )
    except ValueError as error:
        parser.error(str(error))
    return asyncio.run(up(options))


if __name__ == "__main__":
    sys.exit(main())
