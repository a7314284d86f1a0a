"""Terraform's commands, and what they print, for a folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsrail_iac.adapters.runner import Runner
from opsrail_iac.diagnostics import Diagnostic, diagnostics
from opsrail_sdk.errors import Unavailable


async def check(runner: Runner, folder: Path) -> list[Diagnostic]:
    """``init`` without a backend, then ``validate``.

    Raises:
        Unavailable: providers or modules could not be fetched, so nothing can be said about the configuration.
    """
    code, printed = await runner.run(folder, "init", "-json", "-backend=false", "-input=false", "-lock=false")
    told = list(_of_init(printed))
    if code != 0:
        found = diagnostics(told)
        placed = [entry for entry in found if entry.file]
        if any(entry.severity == "error" for entry in placed):
            return placed
        reason = next((entry for entry in found if entry.severity == "error"), None)
        said = f"{reason.summary}: {reason.detail}" if reason else f"exit code {code}"
        raise Unavailable(f"terraform init failed: {' '.join(said.split())[:800]}", code="init_failed")
    _, printed = await runner.run(folder, "validate", "-json")
    try:
        return diagnostics(json.loads(printed)["diagnostics"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("terraform validate printed something else than its result", code="bad_output") from error


def _of_init(printed: str) -> Iterator[dict[str, Any]]:
    """``init -json`` prints one message a line; diagnostics are among them."""
    for line in printed.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and isinstance(message.get("diagnostic"), dict):
            yield message["diagnostic"]
