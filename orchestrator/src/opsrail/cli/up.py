"""``opsrail up``. Imports little: it is on the way of every start."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer


def up(
    *,
    host: Annotated[str, typer.Option(envvar="OPSRAIL_HOST", help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="OPSRAIL_PORT", min=0, max=65535, help="0 takes a free one")] = 8787,
    data: Annotated[Path, typer.Option(envvar="OPSRAIL_DATA", help="Folder of everything that lasts")] = Path(
        ".opsrail"
    ),
    replicas: Annotated[int, typer.Option(min=1, max=16, help="Orchestrator processes")] = 1,
    agents: Annotated[bool, typer.Option(help="Whether to run agents")] = True,
) -> None:
    """Start the whole stack in the foreground; Ctrl-C stops it."""
    from opsrail.embedded import up as stack  # noqa: PLC0415 (only here: the servers' wheels are optional)

    try:
        options = stack.options_from_environment(host=host, port=port, data=data, replicas=replicas, agents=agents)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(asyncio.run(stack.up(options)))
