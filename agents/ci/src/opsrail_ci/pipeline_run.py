"""A checked-out commit through its pipeline, file to tag. Called by ``run_pipeline`` and ``opsrail ci run``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from opsrail_ci import artifacts, secrets, versions
from opsrail_ci.engine import Engine, connect
from opsrail_ci.events import file_purl
from opsrail_ci.git import Git
from opsrail_ci.images import ImageResult, Images
from opsrail_ci.pipeline.defaults import default_pipeline
from opsrail_ci.pipeline.execute import Executor, JobResult, StepResult
from opsrail_ci.pipeline.foretell import Foretold, foretell
from opsrail_ci.pipeline.model import FILE_NAMES, Event, Pipeline, Step
from opsrail_ci.pipeline.parse import parse
from opsrail_ci.pipeline.plan import Facts, Job, Plan, filters_paths, plan
from opsrail_ci.report import Report
from opsrail_ci.runners.base import Runner
from opsrail_ci.runners.host import HostRunner
from opsrail_ci.runners.image import ImageRunner, services
from opsrail_ci.settings import CiConfig, process_settings
from opsrail_sdk.context import ActionContext
from opsrail_sdk.contracts.run import ArtifactStored
from opsrail_sdk.errors import InvalidInput, PermanentError


class KeptArtifact(BaseModel):
    """A file of the run that can be fetched."""

    id: str
    name: str
    size: int = Field(description="Bytes.")
    digest: str


class PipelineResult(BaseModel):
    """What came of it.

    ``skipped``: the repository asks for nothing on such a change. ``planned``: a dry run, nothing was done.
    """

    outcome: Literal["success", "skipped", "failure", "planned"]
    pipeline: str
    commit: str
    version: str | None = None
    tag: str | None = None
    steps: list[StepResult] = []
    artifacts: list[KeptArtifact] = []
    images: list[ImageResult] = []
    skipped: list[str] = []
    planned: Foretold | None = Field(default=None, description="What would be done, in a dry run.")
    status_error: str | None = Field(default=None, description="Why the forge could not be told.")

    def summary(self) -> str:
        """One line for a commit status."""
        if self.outcome == "skipped":
            return self.skipped[0] if self.skipped else "nothing to do"
        parts = [f"{len(self.steps)} steps"] if self.steps else []
        parts += [f"{len(self.artifacts)} artifacts"] if self.artifacts else []
        parts += [f"image {image.name}" for image in self.images]
        parts += [f"tag {self.tag}"] if self.tag else []
        return ", ".join(parts) or "done"


class PipelineRun:
    """One commit's pipeline.

    ``git`` is ``None`` where there is no remote to ask: then nothing is tagged. ``changed`` finds the changed paths;
    it is asked only where the pipeline filters by them.
    """

    def __init__(
        self,
        ctx: ActionContext[CiConfig],
        facts: Facts,
        source: Path,
        report: Report,
        *,
        git: Git | None,
        from_fork: bool = False,
        changed: Callable[[], Awaitable[frozenset[str] | None]] | None = None,
    ) -> None:
        self._ctx = ctx
        self._facts = facts
        self._source = source
        self._report = report
        self._git = git
        self._from_fork = from_fork
        self._changed = changed

    async def run(self) -> PipelineResult:
        """Everything in order.

        Raises:
            PermanentError: the pipeline failed (``pipeline_failed``, with the result so far as detail), its file is
                wrong (``pipeline_invalid``), or something it needs is not there.
            Unavailable: something outside is away for now.
        """
        pipeline = read_pipeline(self._ctx, self._source, self._facts.repository)
        result = PipelineResult(outcome="success", pipeline="none", commit=self._facts.commit)
        if pipeline is None:
            reason = f"no {FILE_NAMES[0]}, and no default pipeline fits: nothing to run"
            self._ctx.line(reason, stream="system")
            return result.model_copy(update={"outcome": "skipped", "skipped": [reason]})
        result.pipeline = pipeline.name or self._facts.repository.rpartition("/")[2]
        if self._changed is not None and filters_paths(pipeline):
            self._facts = replace(self._facts, changed_paths=await self._changed())
        release = await versions.release(pipeline.version, self._facts, self._git, self._ctx.workdir / "history")
        if release is not None:
            self._facts = release.facts
            result.version = release.version
        planned = plan(pipeline, self._facts)
        result.skipped = list(planned.skipped)
        for reason in planned.skipped:
            self._ctx.line(reason, stream="system")
        if not planned.started or not (planned.jobs or planned.images or (release and release.tag)):
            return result.model_copy(update={"outcome": "skipped"})
        self._check_runners(planned)
        if self._ctx.dry_run:
            return self._foretell(pipeline, planned, release.tag if release else None, result)
        await self._report.started(result.pipeline)
        async with self._engine(pipeline, planned) as engine:
            await self._jobs(pipeline, planned, engine, result)
            images = Images(self._ctx, self._report.emitter, self._source, engine)
            for image in planned.images:
                result.images.append(await images.make(image, push=self._pushes))
        if release is not None and release.tag and self._git is not None:
            result.tag = await release.push(self._ctx, self._git)
        return result

    @property
    def _pushes(self) -> bool:
        return self._facts.event is not Event.PULL_REQUEST

    def _foretell(self, pipeline: Pipeline, planned: Plan, tag: str | None, result: PipelineResult) -> PipelineResult:
        tag = tag if self._git is not None else None
        foretold = foretell(pipeline, planned, push=self._pushes, tag=tag)
        for line in foretold.lines():
            self._ctx.line(line, stream="system")
        return result.model_copy(update={"outcome": "planned", "planned": foretold})

    def _check_runners(self, planned: Plan) -> None:
        for step in (step for job in planned.jobs for step in job.steps):
            if step.runner not in self._ctx.config.runners:
                raise InvalidInput(
                    f"step {step.name} wants the {step.runner} runner, which the operator does not allow",
                    code="pipeline_invalid",
                )

    async def _jobs(self, pipeline: Pipeline, planned: Plan, engine: Engine | None, result: PipelineResult) -> None:
        steps = [step for job in planned.jobs for step in job.steps]
        granted = await secrets.grant(
            self._ctx,
            (name for step in steps for name in step.secrets.values()),
            repository=self._facts.repository,
            event=self._facts.event,
            from_fork=self._from_fork,
        )
        config = self._ctx.config
        host = HostRunner(grace=process_settings().kill_grace, output_limit=config.output_limit)
        image = (
            ImageRunner(engine, config.containers, run_id=self._ctx.run_id, output_limit=config.output_limit)
            if engine
            else None
        )

        def runner(step: Step) -> Runner:
            if step.runner == "image" and image is not None:
                return image
            return host

        @asynccontextmanager
        async def network(job: Job) -> AsyncIterator[str | None]:
            if not pipeline.services or engine is None:
                yield None
                return
            async with services(engine, self._ctx, job, pipeline.services, config.containers) as name:
                yield name

        executor = Executor(self._ctx, self._report.emitter, runner, granted, network)
        done = await executor.run(planned.jobs, self._source, parallel=pipeline.parallel, limit=pipeline.timeout)
        result.steps = [step for job in done for step in job.steps]
        result.artifacts = await self._keep(pipeline, done)
        if failed := [step for step in result.steps if step.outcome == "failure"]:
            first = failed[0]
            place = first.step if len(planned.jobs) == 1 else f"{first.job} / {first.step}"
            result.outcome = "failure"
            raise PermanentError(
                f"step {place} failed: {first.reason}", code="pipeline_failed", detail=result.model_dump(mode="json")
            )

    async def _keep(self, pipeline: Pipeline, done: Sequence[JobResult]) -> list[KeptArtifact]:
        stored: list[ArtifactStored] = []
        for job in filter(lambda job: job.began, done):
            prefix = f"{job.job.name.replace(' ', '-')}/" if len(done) > 1 else ""
            for artifact in pipeline.artifacts:
                if artifact.when != "always" and (artifact.when == "success") != job.ok:
                    continue
                kept = await artifacts.keep(
                    self._ctx,
                    job.workspace,
                    artifact,
                    prefix=prefix,
                    default=self._ctx.config.artifact_keep,
                    max_files=self._ctx.config.artifact_max_files,
                )
                stored += [item.stored for item in kept]
        for item in stored:
            purl = file_purl(self._facts.repository, self._facts.commit, item.name, item.digest)
            await self._ctx.emit(self._report.emitter.packaged(purl))
            await self._ctx.emit(self._report.emitter.published(purl))
        return [KeptArtifact(id=a.id, name=a.name, size=a.size, digest=a.digest) for a in stored]

    @asynccontextmanager
    async def _engine(self, pipeline: Pipeline, planned: Plan) -> AsyncIterator[Engine | None]:
        """A Docker engine where the plan asks for one, cleared of what an earlier attempt left."""
        steps = [step for job in planned.jobs for step in job.steps]
        needed = [step.name for step in steps if step.runner == "image"]
        if not needed and not planned.images:
            yield None
            return
        async with AsyncExitStack() as stack:
            engine = await connect()
            if engine is not None:
                stack.push_async_callback(engine.close)
                await engine.sweep(self._ctx.run_id)
            if needed and (engine is None or not engine.shares_files):
                reason = (
                    "no Docker engine can be reached" if engine is None else "the Docker engine is on another machine"
                )
                raise PermanentError(f"step {needed[0]} runs in an image, but {reason}", code="no_engine")
            yield engine


def read_pipeline(ctx: ActionContext[CiConfig], source: Path, repository: str) -> Pipeline | None:
    """The repository's own pipeline, else the default for what it holds, with the operator's default image.

    Raises:
        PipelineInvalid: the file has errors.
    """
    pipeline: Pipeline | None = None
    for name in FILE_NAMES:
        path = source / name
        if path.is_file() and path.resolve().is_relative_to(source.resolve()):
            pipeline = parse(path.read_text(errors="replace"), name)
            ctx.line(f"pipeline {name}", stream="system")
            break
    else:
        found = default_pipeline(lambda name: (source / name).is_file(), repository)
        if found is not None:
            pipeline = found.pipeline
            ctx.line(f"no {FILE_NAMES[0]}: default pipeline for {found.because}", stream="system")
    if pipeline is not None and pipeline.image is None and "host" not in ctx.config.runners:
        return pipeline.model_copy(update={"image": ctx.config.default_image})
    return pipeline
