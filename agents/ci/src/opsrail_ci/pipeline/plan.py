"""A pipeline and the facts of one change to what exactly will run. Pure; called by ``execute`` and ``describe``."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import pathspec

from opsrail_ci.pipeline.checks import REFERENCE
from opsrail_ci.pipeline.model import Event, Image, Matrix, Pipeline, Step, Trigger, When
from opsrail_sdk.errors import InvalidInput

MAX_JOBS = 64


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about the change that a pipeline runs for."""

    repository: str
    ref: str
    commit: str
    event: Event
    default_branch: str | None = None
    target_branch: str | None = None
    """Of a pull request."""
    changed_paths: frozenset[str] | None = None
    """``None``: not known, so no path filter holds anything back."""
    version: str | None = None

    @property
    def branch(self) -> str | None:
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None

    @property
    def tag(self) -> str | None:
        return self.ref.removeprefix("refs/tags/") if self.ref.startswith("refs/tags/") else None

    def references(self) -> dict[str, str]:
        """What ``${{ name }}`` stands for."""
        known = {
            "repository": self.repository,
            "ref": self.ref,
            "commit": self.commit,
            "short_commit": self.commit[:12],
            "event": self.event.value,
            "branch": self.branch,
            "tag": self.tag,
            "version": self.version,
        }
        return {name: value for name, value in known.items() if value}

    def variables(self) -> dict[str, str]:
        """The same as environment variables of every step."""
        names = {**self.references(), "target_branch": self.target_branch, "default_branch": self.default_branch}
        return {f"CI_{name.upper()}": value for name, value in names.items() if value}


@dataclass(frozen=True)
class Job:
    """One combination of the matrix: its steps run one after another in one workspace."""

    name: str
    matrix: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    """What will run, and in words what will not."""

    jobs: tuple[Job, ...] = ()
    images: tuple[Image, ...] = ()
    skipped: tuple[str, ...] = ()
    started: bool = True
    """False: the file's ``on`` does not ask for this change."""


@dataclass
class _Skips:
    reasons: list[str] = field(default_factory=list)

    def keep(self, kind: str, name: str, reason: str | None) -> bool:
        if reason:
            self.reasons.append(f"{kind} {name}: {reason}")
        return reason is None


def plan(pipeline: Pipeline, facts: Facts) -> Plan:
    """Apply triggers, filters and matrix.

    Raises:
        InvalidInput: the matrix is too large, or ``${{ … }}`` names something unknown.
    """
    if reason := _not_started(pipeline, facts):
        return Plan(skipped=(reason,), started=False)
    skips = _Skips()
    steps = [s for s in pipeline.steps if skips.keep("step", s.name, _skipped(s.paths, s.when, facts))]
    images = [i for i in pipeline.images if skips.keep("image", i.name, _skipped(i.paths, When(), facts))]
    jobs = tuple(_job(cell, steps, pipeline, facts) for cell in cells(pipeline.matrix)) if steps else ()
    return Plan(
        jobs,
        tuple(_image(image, facts) for image in images),
        tuple(skips.reasons),
    )


def filters_paths(pipeline: Pipeline) -> bool:
    """Whether the changed paths matter at all."""
    filters = [
        *(rule.paths for rule in pipeline.on.values()),
        *(step.paths for step in pipeline.steps),
        *(image.paths for image in pipeline.images),
    ]
    return any(filters)


def cells(matrix: Matrix | None) -> list[dict[str, str]]:
    """Every combination of the matrix, in the order of the file; one empty combination without a matrix."""
    if matrix is None:
        return [{}]
    names = list(matrix.axes)
    product = [dict(zip(names, values, strict=True)) for values in itertools.product(*matrix.axes.values())]
    kept = [
        cell for cell in product if cell and not any(rule and rule.items() <= cell.items() for rule in matrix.exclude)
    ]
    kept += [cell for cell in matrix.include if cell not in kept]
    if len(kept) > MAX_JOBS:
        raise InvalidInput(f"the matrix makes {len(kept)} jobs; at most {MAX_JOBS} are run", code="pipeline_invalid")
    return kept or [{}]


def fill(text: str, known: Mapping[str, str]) -> str:
    """``text`` with every ``${{ name }}`` replaced.

    Raises:
        InvalidInput: a name is not known.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in known:
            raise InvalidInput(
                f"`${{{{ {name} }}}}` is not known here; known are {', '.join(sorted(known))}",
                code="pipeline_invalid",
            )
        return known[name]

    return REFERENCE.sub(value, text)


def matches_any(value: str, globs: Iterable[str]) -> bool:
    """Whether a branch, tag or repository fits one of the globs (``*`` crosses slashes)."""
    return any(fnmatchcase(value, glob) for glob in globs)


def touches(paths: Iterable[str], patterns: Sequence[str]) -> bool:
    """Whether one of the changed paths fits the patterns (form of .gitignore, ``!`` excludes)."""
    wanted = list(patterns)
    if all(pattern.startswith("!") for pattern in wanted):
        wanted = ["**", *wanted]
    return any(True for _ in pathspec.GitIgnoreSpec.from_lines(wanted).match_files(paths))


def _not_started(pipeline: Pipeline, facts: Facts) -> str | None:
    if not pipeline.on or facts.event is Event.MANUAL:
        return None
    rule = pipeline.on.get(facts.event)
    if rule is None:
        return f"`on` does not name {facts.event.value}"
    return _narrowed(rule, facts)


def _narrowed(rule: Trigger, facts: Facts) -> str | None:
    branch = facts.target_branch if facts.event is Event.PULL_REQUEST else facts.branch
    if rule.branches and branch is not None and not matches_any(branch, rule.branches):
        return f"`on` does not name branch {branch}"
    if rule.tags and facts.tag is not None and not matches_any(facts.tag, rule.tags):
        return f"`on` does not name tag {facts.tag}"
    return _unchanged(rule.paths, facts)


def _skipped(paths: Sequence[str], when: When, facts: Facts) -> str | None:
    if when.events and facts.event not in when.events:
        return f"not for {facts.event.value}"
    branch = facts.branch or facts.target_branch
    if when.branches and (branch is None or not matches_any(branch, when.branches)):
        return f"not on {branch or facts.ref}"
    return _unchanged(paths, facts)


def _unchanged(paths: Sequence[str], facts: Facts) -> str | None:
    if not paths or facts.changed_paths is None or facts.event in {Event.MANUAL, Event.TAG}:
        return None
    return None if touches(facts.changed_paths, paths) else "no matching file changed"


def _job(cell: Mapping[str, str], steps: Sequence[Step], pipeline: Pipeline, facts: Facts) -> Job:
    known = facts.references() | {f"matrix.{axis}": value for axis, value in cell.items()}
    own = {f"MATRIX_{axis.upper()}": value for axis, value in cell.items()}
    shared = {name: fill(value, known) for name, value in pipeline.env.items()}
    ready = []
    for step in steps:
        image = step.image or (pipeline.image if step.runner != "host" else None)
        env = facts.variables() | own | shared | {name: fill(value, known) for name, value in step.env.items()}
        ready.append(
            step.model_copy(
                update={
                    "image": fill(image, known) if image and step.runner != "host" else None,
                    "runner": step.runner or ("image" if image else "host"),
                    "env": env,
                    "secrets": {**pipeline.secrets, **step.secrets},
                }
            )
        )
    return Job(" ".join(f"{axis}={value}" for axis, value in cell.items()) or "main", dict(cell), tuple(ready))


def _image(image: Image, facts: Facts) -> Image:
    known = facts.references()
    return image.model_copy(
        update={
            "tags": [_tag(fill(tag, known)) for tag in image.tags],
            "args": {name: fill(value, known) for name, value in image.args.items()},
        }
    )


def _tag(text: str) -> str:
    """A legal image tag: ``feature/login`` becomes ``feature-login``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).lstrip(".-")[:128] or "latest"
