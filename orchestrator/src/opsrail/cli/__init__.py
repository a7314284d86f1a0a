"""The ``opsrail`` command. Results go to stdout, progress and messages to stderr; ``--json`` for machines.

One file per group; groups are imported when they are used, so that ``opsrail ci lint`` starts fast. Agents add
groups of their own by the entry point group ``opsrail.cli``.
"""

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

_GROUPS = {
    "agents": "opsrail.cli.agents:app",
    "approvals": "opsrail.cli.approvals:app",
    "artifacts": "opsrail.cli.artifacts:app",
    "audit": "opsrail.cli.audit:app",
    "bus": "opsrail.cli.bus:app",
    "connections": "opsrail.cli.connections:app",
    "demo": "opsrail.cli.demo:app",
    "events": "opsrail.cli.events:app",
    "guards": "opsrail.cli.guards:app",
    "hooks": "opsrail.hooks.cli:app",
    "policy": "opsrail.cli.policy:app",
    "invitations": "opsrail.cli.users:invitations",
    "machines": "opsrail.cli.machines:app",
    "orgs": "opsrail.cli.orgs:app",
    "runs": "opsrail.cli.runs:app",
    "secrets": "opsrail.cli.secrets:app",
    "tokens": "opsrail.cli.tokens:app",
    "users": "opsrail.cli.users:app",
}
_COMMANDS = {
    "certs": "opsrail.cli.certs:certs",
    "doctor": "opsrail.cli.stack:doctor",
    "invoke": "opsrail.cli.runs:invoke",
    "login": "opsrail.cli.login:login",
    "logout": "opsrail.cli.login:logout",
    "query": "opsrail.cli.agents:query",
    "status": "opsrail.cli.stack:status",
    "up": "opsrail.cli.up:up",
    "whoami": "opsrail.cli.login:whoami",
}
_HELP = {
    "agents": "Install, enable, configure and look at agents",
    "approvals": "What waits for a person",
    "artifacts": "List and fetch what runs stored",
    "audit": "Who did what, and proof that nobody altered it",
    "bus": "Credentials of agents that run elsewhere",
    "certs": "A certificate authority for development, and certificates from it",
    "connections": "Outside systems and their webhooks",
    "demo": "See it work, start to end",
    "doctor": "What this machine has and lacks",
    "events": "Follow, list and publish events",
    "guards": "Freeze windows, budgets and sequence rules",
    "hooks": "Try webhook payloads without a server",
    "incidents": "Rank what may have caused an incident",
    "invitations": "Invite people",
    "invoke": "Run an action of an agent",
    "login": "Log in, as a person or with a token",
    "logout": "Forget a login",
    "machines": "Machine identities, which sign with AWS Signature V4",
    "orgs": "Organisations",
    "policy": "Policies: draft, test, replay, activate; what they decided",
    "query": "Ask an agent",
    "runs": "List, watch, approve and cancel runs",
    "status": "How the stack is",
    "secrets": "Secrets that connections refer to, and the key that seals everything",
    "tokens": "API tokens",
    "up": "Start the whole stack",
    "users": "Members and their roles",
    "whoami": "Who the commands act as",
}


class _LazyGroup(TyperGroup):
    """Commands by name; only the one that is called is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted({*_GROUPS, *_COMMANDS, *_from_agents()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if ctx.resilient_parsing:
            return _load(cmd_name)
        summary = _HELP.get(cmd_name, f"Commands of the {cmd_name} agent")
        known = cmd_name in _GROUPS or cmd_name in _COMMANDS or cmd_name in _from_agents()
        return TyperCommand(cmd_name, help=summary) if known else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name else command, rest


def _load(name: str) -> Any:
    target = _GROUPS.get(name) or _COMMANDS.get(name) or _from_agents().get(name)
    if target is None:
        return None
    module, _, attribute = target.partition(":")
    loaded = getattr(importlib.import_module(module), attribute)
    if not isinstance(loaded, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(loaded)
        loaded = single
    command = typer.main.get_command(loaded)
    command.name = name
    return command


def _from_agents() -> dict[str, str]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - reads every installed package

    return {entry.name: entry.value for entry in entry_points(group="opsrail.cli")}


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    help="Opsrail: pluggable DevOps agents on an event bus.",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415 (only here)

        typer.echo(installed("opsrail"))
        raise typer.Exit


def main() -> None:
    """Entry point of the ``opsrail`` script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
