"""A folder of installed packages beside the environment's own, as ``pip install --target`` leaves it."""

import os
import shutil
import tomllib
from pathlib import Path

import pytest


class Site:
    """Agents that are installed and upgraded while the stack runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def join(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let processes started from now on import from here."""
        path = [str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))

    def install(self, agent: Path) -> None:
        """Install an agent's folder; what was there of it is replaced."""
        project = tomllib.loads((agent / "pyproject.toml").read_text())["project"]
        package = f"opsrail_{agent.name}"
        for old in self.folder.glob(f"{package}*"):
            shutil.rmtree(old)
        shutil.copytree(agent / "src" / package, self.folder / package)
        metadata = self.folder / f"{package}-{project['version']}.dist-info"
        metadata.mkdir()
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (metadata / "METADATA").write_text(head)
        points = project["entry-points"]["opsrail.agents"]
        lines = "".join(f"{name} = {module}\n" for name, module in points.items())
        (metadata / "entry_points.txt").write_text(f"[opsrail.agents]\n{lines}")
