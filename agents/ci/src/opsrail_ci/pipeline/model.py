"""The pipeline file ``.opsrail/ci.yaml`` as a model. ``parse`` fills it, ``plan`` reads it.

Every scalar of the file arrives as its source text (so ``python: 3.10`` stays ``3.10``); the fields here turn
it into what they need.
"""

import re
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

FILE_NAMES = (".opsrail/ci.yaml", ".opsrail/ci.yml")
"""Where the file is looked for, in this order."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_NUMBER_LIKE: dict[str, Any] = {"type": ["string", "number", "boolean"]}


class Event(StrEnum):
    """Why a pipeline runs."""

    PUSH = "push"
    TAG = "tag"
    PULL_REQUEST = "pull_request"
    MANUAL = "manual"


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if not value.strip() or match is None:
        raise ValueError("expected a duration such as 90s, 10m, 1h30m or 30d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def _many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a relative path inside the repository")
    return value


def _script(value: Any) -> Any:
    return "\n".join(value) if isinstance(value, list) and all(isinstance(line, str) for line in value) else value


def _secret_names(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    return {name: name for name in value} if isinstance(value, list) else value


def _triggers(value: Any) -> Any:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return {name: {} for name in value}
    if isinstance(value, dict):
        return {name: {} if rule is None else rule for name, rule in value.items()}
    return value


Text = Annotated[str, WithJsonSchema(_NUMBER_LIKE)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_. -]{0,63}$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_positive),
    WithJsonSchema({"type": "string", "examples": ["90s", "10m", "1h30m", "30d"]}),
]
RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_inside)]
Strings = Annotated[
    list[str],
    BeforeValidator(_many),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Variables = dict[VariableName, Text]
Script = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(_script),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Secrets = Annotated[
    dict[VariableName, str],
    BeforeValidator(_secret_names),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ]
        }
    ),
]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Trigger(Part):
    """When an event starts the pipeline. Empty lists do not narrow."""

    branches: Strings = Field(default=[], description="Branches, globs; for pull requests the target branch.")
    tags: Strings = Field(default=[], description="Tags, globs.")
    paths: Strings = Field(default=[], description="Changed files, in the form of .gitignore; `!` excludes.")


_EVENT_SCHEMA: dict[str, Any] = {"enum": [event.value for event in Event]}
_RULE_SCHEMA: dict[str, Any] = {"anyOf": [Trigger.model_json_schema(), {"type": "null"}]}
Events = Annotated[
    list[Event],
    BeforeValidator(_many),
    WithJsonSchema({"anyOf": [_EVENT_SCHEMA, {"type": "array", "items": _EVENT_SCHEMA}]}),
]
Triggers = Annotated[
    dict[Event, Trigger],
    BeforeValidator(_triggers),
    WithJsonSchema(
        {
            "anyOf": [
                _EVENT_SCHEMA,
                {"type": "array", "items": _EVENT_SCHEMA},
                {
                    "type": "object",
                    "properties": {event.value: _RULE_SCHEMA for event in Event},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class When(Part):
    """When a step runs. Empty lists do not narrow."""

    events: Events = []
    branches: Strings = Field(default=[], description="Branches, globs.")
    status: Literal["success", "failure", "always"] = Field(
        default="success", description="State of the steps before this one."
    )


class Step(Part):
    """One script. Steps of a job run one after another in the same workspace."""

    name: Name
    run: Script = Field(description="Shell text, or a list of lines. Stops at the first failing command.")
    shell: Literal["sh", "bash"] = "sh"
    runner: Literal["host", "image"] | None = Field(
        default=None, description="By default `image` where an image is named, else `host`."
    )
    image: str | None = Field(default=None, description="Container image; `${{ matrix.x }}` is filled in.")
    env: Variables = {}
    secrets: Secrets = Field(default={}, description="Names of secrets, or VARIABLE: name of the secret.")
    directory: RelativePath = "."
    timeout: Duration = timedelta(minutes=30)
    paths: Strings = Field(default=[], description="Run only if one of these files changed.")
    when: When = When()
    failure: Literal["fail", "ignore"] = "fail"


class Service(Part):
    """A container beside the steps of a job, reachable by its name. Only for steps in images."""

    image: str
    env: Variables = {}
    command: Strings | None = None


class Artifact(Part):
    """Files to keep after the run."""

    paths: Strings = Field(min_length=1, description="In the form of .gitignore, relative to the workspace.")
    name: Name | None = Field(default=None, description="Name of the archive; without it, each file is kept alone.")
    keep: Duration | None = Field(default=None, description="How long; by default as the operator set it.")
    when: Literal["success", "failure", "always"] = "success"
    required: bool = Field(default=True, description="No matching file is a failure.")


class Image(Part):
    """A container image built from a Dockerfile, and pushed."""

    name: str = Field(
        pattern=r"^[a-z0-9]+(?:[._/-][a-z0-9]+)*$", description="Repository in the registry, without its host."
    )
    context: RelativePath = "."
    dockerfile: RelativePath = Field(default="Dockerfile", description="Relative to the context.")
    args: dict[VariableName, Text] = {}
    target: str | None = None
    tags: Strings = Field(
        default=["${{ commit }}"], min_length=1, description="`${{ commit }}`, `${{ version }}`, `${{ branch }}` …"
    )
    push: bool = Field(default=True, description="Pull requests never push.")
    registry: str | None = Field(
        default=None, description="Name of a registry connection; by default the operator's."
    )
    paths: Strings = Field(default=[], description="Build only if one of these files changed.")
    optional: bool = Field(default=False, description="Without a Docker engine, say so and go on.")


class Version(Part):
    """The next version by conventional commits (https://www.conventionalcommits.org/en/v1.0.0/)."""

    tag: bool = Field(default=False, description="Push the tag once everything else succeeded.")
    prefix: str = Field(default="v", pattern=r"^[A-Za-z0-9_./-]*$", description="Before the version in a tag.")
    path: RelativePath | None = Field(default=None, description="Only commits that touch this folder count.")
    initial: str = Field(default="0.1.0", pattern=r"^\d+\.\d+\.\d+$", description="Where there is no tag yet.")
    channels: dict[str, str] = Field(
        default={},
        description="Branch glob to pre-release channel; the default branch has none.",
        examples=[{"next": "rc"}],
    )


class Matrix(BaseModel):
    """Axes and their values. One job per combination, less ``exclude``, plus ``include``."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, list[Text]]

    include: list[dict[str, Text]] = []
    exclude: list[dict[str, Text]] = []

    @property
    def axes(self) -> dict[str, list[str]]:
        return self.__pydantic_extra__

    @model_validator(mode="after")
    def _check(self) -> "Matrix":
        for axis, values in self.axes.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", axis):
                raise ValueError(f"`{axis}` cannot be the name of an axis")
            if not values:
                raise ValueError(f"axis `{axis}` has no values")
        return self


class Pipeline(Part):
    """The whole file."""

    name: Name | None = None
    on: Triggers = Field(default={}, description="Events that start it; without it, every event does.")
    image: str | None = Field(default=None, description="Image of steps that name none.")
    env: Variables = {}
    secrets: Secrets = {}
    timeout: Duration = Field(default=timedelta(hours=1), description="Of the whole pipeline.")
    matrix: Matrix | None = None
    parallel: int = Field(default=2, ge=1, le=16, description="Jobs of the matrix that run at the same time.")
    services: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")], Service] = {}
    steps: list[Step] = []
    artifacts: list[Artifact] = []
    images: list[Image] = []
    version: Version | None = None

    @model_validator(mode="after")
    def _check(self) -> "Pipeline":
        if not (self.steps or self.images or self.version):
            raise ValueError("nothing to do: give `steps`, `images` or `version`")
        return self


def schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Pipeline.model_json_schema()}
