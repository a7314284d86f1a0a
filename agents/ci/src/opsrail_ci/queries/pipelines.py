"""``ci.pipelines``: a pipeline file given as text, checked and described. Read by the dashboard and editors."""

from pydantic import BaseModel, ConfigDict, Field

from opsrail_ci.pipeline.model import Event, Pipeline
from opsrail_ci.pipeline.parse import PipelineInvalid, parse
from opsrail_ci.pipeline.plan import Facts, plan
from opsrail_ci.settings import CiConfig
from opsrail_sdk import QueryContext, query
from opsrail_sdk.errors import InvalidInput


class PipelineText(BaseModel):
    """A file, and the change it is imagined for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=256 * 1024)
    repository: str = "repository"
    ref: str = "refs/heads/main"
    event: Event = Event.PUSH
    changed_paths: list[str] | None = None


class Found(BaseModel):
    """A problem and its place; both count from 1."""

    line: int
    column: int
    message: str


class PlannedStep(BaseModel):
    """One step of one job, as it would run."""

    job: str
    step: str
    runner: str
    image: str | None
    timeout_seconds: float


class PipelineReport(BaseModel):
    """What the file says, or what is wrong with it."""

    valid: bool
    problems: list[Found] = []
    name: str | None = None
    steps: list[PlannedStep] = []
    images: list[str] = []
    skipped: list[str] = []


@query(title="Check a pipeline file")
async def pipelines(ctx: QueryContext[CiConfig], input: PipelineText) -> PipelineReport:
    """Validate a pipeline file and show what would run."""
    return describe(input)


def describe(input: PipelineText) -> PipelineReport:
    """The same, without a server. Pure."""
    try:
        pipeline = parse(input.text)
    except PipelineInvalid as error:
        problems = [Found(line=p.line, column=p.column, message=_words(p.path, p.message)) for p in error.problems]
        return PipelineReport(valid=False, problems=problems)
    try:
        return _described(pipeline, input)
    except InvalidInput as error:
        return PipelineReport(valid=False, problems=[Found(line=1, column=1, message=str(error))])


def _described(pipeline: Pipeline, input: PipelineText) -> PipelineReport:
    facts = Facts(
        repository=input.repository,
        ref=input.ref,
        commit="0" * 40,
        event=input.event,
        changed_paths=None if input.changed_paths is None else frozenset(input.changed_paths),
        version="0.0.0" if pipeline.version else None,
    )
    planned = plan(pipeline, facts)
    steps = [
        PlannedStep(
            job=job.name,
            step=step.name,
            runner=step.runner or "host",
            image=step.image,
            timeout_seconds=step.timeout.total_seconds(),
        )
        for job in planned.jobs
        for step in job.steps
    ]
    return PipelineReport(
        valid=True,
        name=pipeline.name,
        steps=steps,
        images=[image.name for image in planned.images],
        skipped=list(planned.skipped),
    )


def _words(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message
