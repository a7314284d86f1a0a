"""The pipeline of a repository that brings none: what its build files ask for. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from opsrail_ci.pipeline.model import Artifact, Image, Pipeline, Step

_PYTHON = """\
python3 -m venv "$HOME/venv"
. "$HOME/venv/bin/activate"
pip install --quiet --disable-pip-version-check .
if [ -d tests ] || [ -d test ]; then
  pip install --quiet --disable-pip-version-check pytest
  pytest
fi
pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
"""
_NODE = """\
if [ -f package-lock.json ]; then npm ci --no-audit --no-fund; else npm install --no-audit --no-fund; fi
npm run build --if-present
npm test --if-present
mkdir -p dist
npm pack --pack-destination dist
"""


@dataclass(frozen=True)
class Default:
    """A made-up pipeline and, in words, what led to it."""

    pipeline: Pipeline
    because: str


def default_pipeline(has: Callable[[str], bool], repository: str) -> Default | None:
    """The default for a repository, or ``None`` where nothing in it says how it is built.

    Args:
        has: whether the repository has this file.
        repository: full name; the image is called after it.
    """
    steps: list[Step] = []
    artifacts: list[Artifact] = []
    found: list[str] = []
    if has("pyproject.toml"):
        found.append("pyproject.toml")
        steps.append(Step(name="python", run=_PYTHON))
        artifacts.append(Artifact(paths=["dist/*.whl"]))
    if has("package.json"):
        found.append("package.json")
        steps.append(Step(name="node", run=_NODE))
        artifacts.append(Artifact(paths=["dist/*.tgz"]))
    images: list[Image] = []
    if has("Dockerfile"):
        found.append("Dockerfile")
        images.append(Image(name=image_name(repository), optional=bool(steps)))
    if not found:
        return None
    pipeline = Pipeline(name=found[0], steps=steps, artifacts=artifacts, images=images)
    return Default(pipeline, " and ".join(found))


def image_name(repository: str) -> str:
    """A repository's name as the name of an image: lower case, legal characters."""
    parts = (re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in repository.lower().split("/"))
    return "/".join(part for part in parts if part) or "image"
