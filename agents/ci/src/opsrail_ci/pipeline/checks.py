"""What cannot hold in a pipeline file though every part of it has the right form. Pure; called by ``parse``."""

import re
from collections.abc import Iterator

from opsrail_ci.pipeline.model import Pipeline

Path = tuple[str | int, ...]

REFERENCE = re.compile(r"\$\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
FACTS = frozenset({"repository", "ref", "commit", "short_commit", "event", "branch", "tag"})
"""What some change can know; see ``plan.Facts``."""


def contradictions(pipeline: Pipeline) -> Iterator[tuple[Path, str]]:
    """Where in the file, and what is wrong."""
    seen: set[str] = set()
    for index, step in enumerate(pipeline.steps):
        if step.name in seen:
            yield ("steps", index, "name"), f"two steps are called `{step.name}`"
        seen.add(step.name)
        if step.runner == "image" and not (step.image or pipeline.image):
            yield ("steps", index, "runner"), f"step `{step.name}` has `runner: image` but no image is named"
    if pipeline.services and not (pipeline.image or any(step.image for step in pipeline.steps)):
        yield ("services",), "services are only reachable from steps in images, and no step has one"
    yield from _unknown_references(pipeline)


def _unknown_references(pipeline: Pipeline) -> Iterator[tuple[Path, str]]:
    facts = FACTS | ({"version"} if pipeline.version else frozenset())
    axes = {f"matrix.{axis}" for axis in _axes(pipeline)}
    for path, text in _texts(pipeline):
        known = facts if path[0] == "images" else facts | axes
        for name in REFERENCE.findall(text):
            if name not in known:
                yield path, f"`${{{{ {name} }}}}` is not known here; known are {', '.join(sorted(known))}"


def _axes(pipeline: Pipeline) -> set[str]:
    matrix = pipeline.matrix
    return set(matrix.axes).union(*matrix.include) if matrix else set()


def _texts(pipeline: Pipeline) -> Iterator[tuple[Path, str]]:
    """Everything in which references are filled in."""
    yield ("image",), pipeline.image or ""
    yield from ((("env", name), value) for name, value in pipeline.env.items())
    for index, step in enumerate(pipeline.steps):
        yield ("steps", index, "image"), step.image or ""
        yield from ((("steps", index, "env", name), value) for name, value in step.env.items())
    for index, image in enumerate(pipeline.images):
        yield from ((("images", index, "tags", place), tag) for place, tag in enumerate(image.tags))
        yield from ((("images", index, "args", name), value) for name, value in image.args.items())
