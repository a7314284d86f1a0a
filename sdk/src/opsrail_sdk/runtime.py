"""What an agent's ``__main__`` calls: ``python -m opsrail_ci run | manifest | check``."""

import argparse
import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import structlog
from pydantic import ValidationError

from opsrail_sdk import lean
from opsrail_sdk.agent import Agent
from opsrail_sdk.contracts import subjects
from opsrail_sdk.errors import AgentError

if TYPE_CHECKING:
    from opsrail_sdk.bus import Bus
    from opsrail_sdk.process import AgentProcess

_END = timedelta(seconds=5)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def main(agent: Agent) -> None:
    """Run the agent, print its manifest, or check it. Ends the process with 0, 1 (failed) or 2 (set up wrong)."""
    parser = argparse.ArgumentParser(prog=f"python -m {agent.module}", description=agent.description)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="connect to the bus and work until SIGTERM")
    verbs.add_parser("manifest", help="print the manifest as JSON")
    check = verbs.add_parser("check", help="run the conformance checks")
    check.add_argument("folder", nargs="?", type=Path, default=Path.cwd(), help="the agent's folder")
    arguments = parser.parse_args()
    if arguments.verb == "manifest":
        sys.stdout.buffer.write(orjson.dumps(agent.manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2))
        sys.stdout.buffer.write(b"\n")
    elif arguments.verb == "check":
        from opsrail_sdk.testing.conformance import check_and_print  # noqa: PLC0415

        sys.exit(check_and_print(arguments.folder))
    else:
        sys.exit(asyncio.run(run(agent)))


async def run(agent: Agent) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    from opsrail_sdk import telemetry  # noqa: PLC0415
    from opsrail_sdk.bus import Bus  # noqa: PLC0415
    from opsrail_sdk.login import follow_renewals, login_for  # noqa: PLC0415
    from opsrail_sdk.process import AgentProcess  # noqa: PLC0415
    from opsrail_sdk.settings import AgentSettings  # noqa: PLC0415

    lean.settled()
    try:
        settings = AgentSettings()
    except ValidationError as error:
        problems = "; ".join(
            f"OPSRAIL_{'_'.join(str(part) for part in entry['loc']).upper()}: {entry['msg']}"
            for entry in error.errors(include_input=False, include_url=False)
        )
        print(f"settings: {problems}", file=sys.stderr)
        return 2
    telemetry.configure_logging(settings.log_level, settings.log_format)
    structlog.contextvars.bind_contextvars(agent=agent.id, instance=settings.agent_instance)
    try:
        telemetry.configure_tracing(
            f"opsrail-{agent.id}",
            version=agent.version,
            instance=settings.agent_instance,
            endpoint=settings.otlp_endpoint,
        )
        url = settings.nats_url.get_secret_value()
        name = f"{agent.id}/{settings.agent_instance}"
        bus = await Bus.connect(
            url,
            name=name,
            inbox_prefix=subjects.inbox_prefix(settings.org, agent.id),
            login=login_for(
                url,
                settings.nats_credentials,
                ca=settings.tls_ca,
                certificate=settings.tls_cert,
                key=settings.tls_key,
            ),
        )
    except AgentError as error:
        log.error("start_failed", code=error.code, error=str(error))  # noqa: TRY400
        return 1
    process = AgentProcess(agent, settings, bus)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    renewing = settings.nats_credentials and asyncio.create_task(
        follow_renewals(settings.nats_credentials, bus.nc.force_reconnect)
    )
    try:
        return await _until_done(process, bus)
    finally:
        if renewing:
            renewing.cancel()
        await bus.close()


async def _until_done(process: "AgentProcess", bus: "Bus") -> int:
    """Run to the end, or to where the bus no longer lets us in: then nothing more may be done."""
    working = asyncio.create_task(process.run())
    locked_out = asyncio.create_task(bus.locked_out.wait())
    await asyncio.wait({working, locked_out}, return_when=asyncio.FIRST_COMPLETED)
    locked_out.cancel()
    if not working.done():
        log.error("bus_locked_out", why="the credential was revoked, or it has expired")
        working.cancel()
        await asyncio.wait({working}, timeout=_END.total_seconds())
        return 1
    working.result()
    return 0
