"""Runs a plan: jobs side by side, their steps in order. Called by ``run_pipeline``."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from opsrail_ci.events import Emitter
from opsrail_ci.pipeline.model import Step
from opsrail_ci.pipeline.plan import Job
from opsrail_ci.runners.base import Exit, Runner, Script, Stream
from opsrail_ci.secrets import Granted, for_step
from opsrail_sdk.context import ActionContext

StepOutcome = Literal["success", "failure", "ignored", "skipped"]


class StepResult(BaseModel):
    """How one step of one job ended."""

    job: str
    step: str
    outcome: StepOutcome
    exit_code: int | None = None
    seconds: float = 0.0
    reason: str | None = None


@dataclass
class JobResult:
    """How a job goes: where its workspace is, once it began, and how its steps ended."""

    job: Job
    workspace: Path
    began: bool = False
    steps: list[StepResult] = field(default_factory=list)
    step_began: float | None = None
    """Of the step that runs, by the monotonic clock."""

    @property
    def ok(self) -> bool:
        return all(step.outcome != "failure" for step in self.steps)


@dataclass(frozen=True)
class Executor:
    """What all jobs of a run share."""

    ctx: ActionContext[Any]
    emitter: Emitter
    runner: Callable[[Step], Runner]
    secrets: Mapping[str, Granted]
    network: Callable[[Job], Any]
    """Async context manager that starts the job's services and gives the name of their network, or ``None``."""

    async def run(self, jobs: Sequence[Job], source: Path, *, parallel: int, limit: timedelta) -> list[JobResult]:
        """Every job to its end, in the order of ``jobs``; what is not done after ``limit`` is ended and has failed.

        Raises:
            opsrail_sdk.errors.PermanentError: a step could not be started.
        """
        slots = asyncio.Semaphore(parallel)
        progress = _Progress(self.ctx, sum(len(job.steps) for job in jobs))

        alone = len(jobs) == 1
        results = [JobResult(job, source if alone else _beside(source, number)) for number, job in enumerate(jobs)]

        async def one(result: JobResult) -> None:
            async with slots:
                if not alone:
                    await asyncio.to_thread(shutil.copytree, source, result.workspace, symlinks=True)
                await self._job(result, progress, alone=alone)

        try:
            async with asyncio.timeout(limit.total_seconds()) as clock:
                await _all([one(result) for result in results])
        except TimeoutError:
            if not clock.expired():
                raise
            for result in results:
                await self._cut_off(result, f"the pipeline took longer than {limit}")
        return results

    async def _job(self, result: JobResult, progress: "_Progress", *, alone: bool) -> None:
        job, workspace = result.job, result.workspace
        result.began = True
        home = self.ctx.workdir / f"home-{workspace.name}"
        home.mkdir(parents=True, exist_ok=True)
        async with self.network(job) as network:
            place = _Place(result, home, network)
            for step in job.steps:
                label = step.name if alone else f"{job.name} / {step.name}"
                wanted = step.when.status
                if wanted != "always" and (wanted == "success") != result.ok:
                    reason = "a step before it failed" if wanted == "success" else "no step before it failed"
                    result.steps.append(StepResult(job=job.name, step=step.name, outcome="skipped", reason=reason))
                else:
                    result.steps.append(await self._step(place, step, label))
                await progress.advance(label)

    async def _cut_off(self, result: JobResult, reason: str) -> None:
        """Give the steps that did not end their results: the first of them failed, the rest were skipped."""
        job = result.job
        for number, step in enumerate(job.steps[len(result.steps) :]):
            ended = StepResult(
                job=job.name, step=step.name, outcome="skipped" if number else "failure", reason=reason
            )
            if number == 0 and result.step_began is not None:
                ended.seconds = round(time.monotonic() - result.step_began, 3)
                await self._finished(ended)
            result.steps.append(ended)

    async def _step(self, place: "_Place", step: Step, label: str) -> StepResult:
        job, workspace = place.result.job, place.result.workspace
        await self.ctx.emit(self.emitter.taskrun("started", job.name, step.name))
        secrets = for_step(step, self.secrets)
        script = Script(
            name=step.name,
            text=step.run,
            workspace=workspace,
            home=place.home,
            timeout=step.timeout,
            directory=step.directory,
            shell=step.shell,
            env={**step.env, "CI_RUN_ID": self.ctx.run_id, "CI_JOB": job.name, **secrets},
            image=step.image,
            network=place.network,
        )

        def output(text: str, stream: Stream) -> None:
            self.ctx.line(text, stream=stream, step=label)

        output(f"on {step.image or 'the host'}", "system")
        place.result.step_began = began = time.monotonic()
        end = await self.runner(step).run(script, output)
        result = _judge(job, step, end, time.monotonic() - began)
        if result.reason:
            output(result.reason, "system")
        place.result.step_began = None
        await self._finished(result)
        return result

    async def _finished(self, result: StepResult) -> None:
        outcome = "success" if result.outcome == "success" else "failure"
        await self.ctx.emit(
            self.emitter.taskrun("finished", result.job, result.step, outcome=outcome, errors=result.reason)
        )


def _judge(job: Job, step: Step, end: Exit, seconds: float) -> StepResult:
    reason = None if end.ok else end.note or f"exit code {end.code}"
    outcome: StepOutcome = "success" if end.ok else "ignored" if step.failure == "ignore" else "failure"
    return StepResult(
        job=job.name, step=step.name, outcome=outcome, exit_code=end.code, seconds=round(seconds, 3), reason=reason
    )


@dataclass(frozen=True)
class _Place:
    """Where a job's steps run."""

    result: JobResult
    home: Path
    network: str | None


@dataclass
class _Progress:
    ctx: ActionContext[Any]
    total: int
    done: int = 0

    async def advance(self, label: str) -> None:
        self.done += 1
        await self.ctx.progress(self.done / max(self.total, 1), label)


def _beside(source: Path, number: int) -> Path:
    return source.with_name(f"{source.name}-{number}")


async def _all(jobs: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Like ``gather``, but a failure ends the others before it is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
