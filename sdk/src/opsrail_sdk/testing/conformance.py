"""The checks behind ``opsrail agents check``: what every agent owes its operators. Each returns findings.

``check`` runs all; the static ones look at the folder and the manifest, ``conformance_live`` runs the agent as
a process of its own against a real nats-server. No action is ever run: inputs are ones that its schema refuses.
"""

import ast
import asyncio
import importlib
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from opsrail_sdk.agent import Agent
from opsrail_sdk.contracts.manifest import Manifest, Risk

README_SECTIONS = ("Permissions", "Settings", "Limits")
FILES = ("README.md", "pyproject.toml", "tests")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``detail`` says what is wrong and how to put it right."""

    check: str
    ok: bool
    detail: str = ""


def check_and_print(folder: Path, *, json: bool = False) -> int:
    """Run all checks and print them; 0 where every one holds."""
    findings = asyncio.run(check(folder.resolve()))
    if json:
        sys.stdout.write(orjson.dumps([asdict(finding) for finding in findings]).decode() + "\n")
    else:
        for finding in findings:
            print(
                f"{'ok  ' if finding.ok else 'FAIL'} {finding.check}{f': {finding.detail}' if finding.detail else ''}"
            )
    return 0 if all(finding.ok for finding in findings) else 1


async def check(folder: Path) -> list[Finding]:
    """All checks on an absolute folder, static ones first; the live ones only where the agent can be loaded."""
    from opsrail_sdk.testing.conformance_live import check_live  # noqa: PLC0415

    findings = [*check_layout(folder), *check_readme(folder), *check_imports(folder)]
    try:
        agent = load(folder)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody's code raises is the finding
        return [*findings, Finding("loads", ok=False, detail=f"{type(error).__name__}: {error}")]
    findings += [Finding("loads", ok=True), *check_manifest(agent, folder), *check_schemas(agent)]
    return [*findings, *await check_live(agent, folder)]


def load(folder: Path) -> Agent:
    """Import ``opsrail_<folder>.agent`` from the folder's ``src``.

    Raises:
        TypeError: what is called ``agent`` there is no ``Agent``.
    """
    source = str(folder / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    agent = importlib.import_module(f"opsrail_{folder.name}.agent").agent
    if not isinstance(agent, Agent):
        raise TypeError("agent.py must define `agent = Agent(...)`")
    return agent


def check_layout(folder: Path) -> Iterator[Finding]:
    """Folder, package and entry point agree, and what people look for is there."""
    package = f"opsrail_{folder.name}"
    wanted = (*FILES, f"src/{package}/agent.py", f"src/{package}/__main__.py")
    missing = [name for name in wanted if not (folder / name).exists()]
    yield Finding("layout", ok=not missing, detail=f"missing: {', '.join(missing)}" if missing else "")
    if (folder / "pyproject.toml").exists():
        try:
            document = tomllib.loads((folder / "pyproject.toml").read_text())
        except ValueError as error:
            yield Finding("entry_point", ok=False, detail=f"pyproject.toml: {error}")
            return
        points = document.get("project", {}).get("entry-points", {}).get("opsrail.agents", {})
        right = points == {folder.name: package}
        yield Finding(
            "entry_point", ok=right, detail="" if right else f'[opsrail.agents] must say {folder.name} = "{package}"'
        )


def check_readme(folder: Path) -> Iterator[Finding]:
    """The README answers what an operator asks."""
    readme = folder / "README.md"
    lines = readme.read_text().splitlines() if readme.exists() else []
    headings = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
    missing = [section for section in README_SECTIONS if not any(section.lower() in text for text in headings)]
    yield Finding("readme", ok=not missing, detail=f"sections missing: {', '.join(missing)}" if missing else "")


def check_imports(folder: Path) -> Iterator[Finding]:
    """Of ours, an agent imports the SDK alone."""
    own = f"opsrail_{folder.name}"
    wrong = []
    for path in sorted((folder / "src").rglob("*.py")):
        try:
            imported = sorted(_imported(path))
        except (SyntaxError, ValueError) as error:
            wrong.append(f"{path.relative_to(folder)}: {error}")
            continue
        wrong += [
            f"{path.relative_to(folder)}: {name}"
            for name in imported
            if name.split(".")[0] not in {own, "opsrail_sdk"} and name.split(".")[0].split("_")[0] == "opsrail"
        ]
    yield Finding("imports", ok=not wrong, detail="; ".join(wrong))


def check_manifest(agent: Agent, folder: Path) -> Iterator[Finding]:
    """The manifest survives the wire and says what an operator must know."""
    manifest = agent.manifest
    again = Manifest.model_validate_json(manifest.model_dump_json())
    yield Finding("manifest_round_trip", ok=again.digest() == manifest.digest())
    agree = manifest.id == folder.name and manifest.module == f"opsrail_{folder.name}"
    yield Finding("identity", ok=agree, detail="" if agree else "folder, id and module must carry one name")
    empty = [name for name in ("title", "description", "owner") if not getattr(manifest, name).strip()]
    empty += [f"permission {entry.name}" for entry in manifest.permissions if not entry.reason.strip()]
    described = {spec.name: spec.description for spec in manifest.actions}
    described |= {spec.name: spec.description for spec in manifest.queries}
    described |= {spec.name: spec.description for spec in manifest.subscriptions}
    described |= {spec.name: spec.description for spec in manifest.schedules}
    empty += [f"docstring of {name}" for name, text in described.items() if not text.strip()]
    yield Finding("described", ok=not empty, detail=f"empty: {', '.join(empty)}" if empty else "")
    blind = [spec.name for spec in manifest.actions if spec.risk is not Risk.READ and not spec.dry_run]
    yield Finding(
        "dry_run", ok=not blind, detail=f"writes, but cannot be tried dry: {', '.join(blind)}" if blind else ""
    )
    reaches_out = bool(manifest.connections) or any(spec.risk is not Risk.READ for spec in manifest.actions)
    told = bool(manifest.permissions) or not reaches_out
    yield Finding("permissions", ok=told, detail="" if told else "it reaches outside but lists no permissions")


def check_schemas(agent: Agent) -> Iterator[Finding]:
    """Every schema is valid JSON Schema 2020-12, panels ask existing queries, and defaults are a valid config."""
    manifest = agent.manifest
    schemas = {"config": manifest.config_schema}
    for action in manifest.actions:
        schemas |= {f"{action.name} input": action.input_schema, f"{action.name} output": action.output_schema}
    for query in manifest.queries:
        schemas |= {f"{query.name} input": query.input_schema, f"{query.name} output": query.output_schema}
    broken = []
    for name, schema in schemas.items():
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            broken.append(f"{name}: {error.message}")
    yield Finding("schemas", ok=not broken, detail="; ".join(broken))
    unknown = [panel.id for panel in manifest.panels if manifest.query(panel.query) is None]
    yield Finding("panels", ok=not unknown, detail=f"no such query: {', '.join(unknown)}" if unknown else "")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
