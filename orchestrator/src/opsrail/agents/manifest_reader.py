"""Reads a manifest in the agent's own process, ``python -m MODULE manifest``, and checks it.

The orchestrator never imports an agent: a broken one costs a refused installation, nothing else.
"""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Any

import orjson
from pydantic import ValidationError

from opsrail import json_schema
from opsrail.errors import FieldError, Invalid, field_errors
from opsrail_sdk.contracts.manifest import CONTRACT_VERSION, Manifest

PATIENCE_SECONDS = 30.0
_MAX_BYTES = 4 << 20
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SYSTEMROOT")
"""What the process may see of ours: none of our settings, which hold credentials."""

_parallel = asyncio.Semaphore(2)


async def read(module: str) -> Manifest:
    """The manifest of an installed package.

    Raises:
        Invalid: the process failed, took too long, or printed something that is no acceptable manifest.
    """
    async with _parallel:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            "manifest",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                stdout, stderr = await process.communicate()
        except TimeoutError as error:
            raise Invalid(f"`{module}` did not print its manifest in time", code="manifest_unreadable") from error
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = stderr.decode(errors="replace").strip().splitlines()
        raise Invalid(
            f"`{module}` could not print its manifest: {lines[-1][:500] if lines else 'it said nothing'}",
            code="manifest_unreadable",
        )
    if len(stdout) > _MAX_BYTES:
        raise Invalid(f"the manifest of `{module}` is larger than {_MAX_BYTES} bytes", code="manifest_invalid")
    try:
        return parse(orjson.loads(stdout))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"`{module}` printed something that is not JSON", code="manifest_unreadable") from error


def parse(document: Any) -> Manifest:
    """A manifest as given.

    Raises:
        Invalid: it asks for a later contract (``sdk_too_new``), or breaks ours.
    """
    contract = document.get("contract") if isinstance(document, dict) else None
    if isinstance(contract, int) and contract > CONTRACT_VERSION:
        raise Invalid(
            f"the agent is built for contract {contract}; this orchestrator speaks {CONTRACT_VERSION}:"
            " upgrade the orchestrator first",
            code="sdk_too_new",
            errors=[FieldError("manifest.contract", f"at most {CONTRACT_VERSION}")],
        )
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise Invalid(
            "this is not a manifest",
            code="manifest_invalid",
            errors=field_errors(error.errors(), "manifest"),
        ) from error
    faults = [
        FieldError(f"manifest.{name}", fault)
        for name, schema in _schemas(manifest)
        if (fault := json_schema.schema_fault(schema))
    ]
    if faults:
        raise Invalid("the manifest holds something that is no JSON Schema", code="manifest_invalid", errors=faults)
    return manifest


def _schemas(manifest: Manifest) -> list[tuple[str, dict[str, Any]]]:
    found = [("config_schema", manifest.config_schema)]
    for action in manifest.actions:
        found += [
            (f"actions.{action.name}.input_schema", action.input_schema),
            (f"actions.{action.name}.output_schema", action.output_schema),
        ]
    for query in manifest.queries:
        found += [
            (f"queries.{query.name}.input_schema", query.input_schema),
            (f"queries.{query.name}.output_schema", query.output_schema),
        ]
    return found
