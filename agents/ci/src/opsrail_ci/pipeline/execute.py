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
from opsrail_sdk.errors import PermanentError

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
    """A job that ended: where its workspace is, and how its steps went."""

    job: Job
    workspace: Path
    steps: list[StepResult] = field(default_factory=list)

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
        """Every job to its end, in the order of ``jobs``.

        Raises:
            PermanentError: the whole took longer than ``limit``, or a step could not be started.
        """
        slots = asyncio.Semaphore(parallel)
        progress = _Progress(self.ctx, sum(len(job.steps) for job in jobs))

        async def one(job: Job, number: int) -> JobResult:
            async with slots:
                workspace = source
                if len(jobs) > 1:
                    workspace = source.with_name(f"{source.name}-{number}")
                    await asyncio.to_thread(shutil.copytree, source, workspace, symlinks=True)
                return await self._job(job, workspace, progress, alone=len(jobs) == 1)

        try:
            async with asyncio.timeout(limit.total_seconds()) as clock:
                return await _all([one(job, number) for number, job in enumerate(jobs)])
        except TimeoutError:
            if not clock.expired():
                raise
            raise PermanentError(f"the pipeline took longer than {limit}", code="pipeline_failed") from None

    async def _job(self, job: Job, workspace: Path, progress: "_Progress", *, alone: bool) -> JobResult:
        result = JobResult(job, workspace)
        home = self.ctx.workdir / f"home-{workspace.name}"
        home.mkdir(parents=True, exist_ok=True)
        async with self.network(job) as network:
            place = _Place(job, workspace, home, network)
            for step in job.steps:
                label = step.name if alone else f"{job.name} / {step.name}"
                wanted = step.when.status
                if wanted != "always" and (wanted == "success") != result.ok:
                    reason = "a step before it failed" if wanted == "success" else "no step before it failed"
                    result.steps.append(StepResult(job=job.name, step=step.name, outcome="skipped", reason=reason))
                else:
                    result.steps.append(await self._step(place, step, label))
                await progress.advance(label)
        return result

    async def _step(self, place: "_Place", step: Step, label: str) -> StepResult:
        job = place.job
        await self.ctx.emit(self.emitter.taskrun("started", job.name, step.name))
        secrets = for_step(step, self.secrets)
        script = Script(
            name=step.name,
            text=step.run,
            workspace=place.workspace,
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
        began = time.monotonic()
        end = await self.runner(step).run(script, output)
        result = _judge(job, step, end, time.monotonic() - began)
        if result.reason:
            output(result.reason, "system")
        outcome = "success" if result.outcome == "success" else "failure"
        await self.ctx.emit(
            self.emitter.taskrun("finished", job.name, step.name, outcome=outcome, errors=result.reason)
        )
        return result


def _judge(job: Job, step: Step, end: Exit, seconds: float) -> StepResult:
    reason = None if end.ok else end.note or f"exit code {end.code}"
    outcome: StepOutcome = "success" if end.ok else "ignored" if step.failure == "ignore" else "failure"
    return StepResult(
        job=job.name, step=step.name, outcome=outcome, exit_code=end.code, seconds=round(seconds, 3), reason=reason
    )


@dataclass(frozen=True)
class _Place:
    """Where a job's steps run."""

    job: Job
    workspace: Path
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


async def _all(jobs: Sequence[Coroutine[Any, Any, JobResult]]) -> list[JobResult]:
    """Like ``gather``, but a failure ends the others before it is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
