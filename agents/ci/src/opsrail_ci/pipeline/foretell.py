"""What a pipeline would do, without doing it: the answer of a dry run. Pure; called by ``pipeline_run``."""

from pydantic import BaseModel, Field

from opsrail_ci.pipeline.model import Pipeline
from opsrail_ci.pipeline.plan import Plan


class PlannedStep(BaseModel):
    job: str
    step: str
    runner: str
    image: str | None
    run: str
    secrets: list[str] = Field(description="Names of the secrets that it would be given.")


class PlannedImage(BaseModel):
    name: str
    tags: list[str]
    push: bool


class Foretold(BaseModel):
    """Everything in the order in which it would be done."""

    steps: list[PlannedStep]
    artifacts: list[str] = Field(description="Patterns of the files that would be kept.")
    images: list[PlannedImage]
    tag: str | None

    def lines(self) -> list[str]:
        """The same in words."""
        return [
            *(f"would run {step.job} / {step.step} ({step.image or step.runner})" for step in self.steps),
            *(f"would keep {pattern}" for pattern in self.artifacts),
            *(
                f"would build {image.name}:{tag}{' and push it' if image.push else ''}"
                for image in self.images
                for tag in image.tags
            ),
            *([f"would push the tag {self.tag}"] if self.tag else []),
        ]


def foretell(pipeline: Pipeline, planned: Plan, *, push: bool, tag: str | None) -> Foretold:
    """What this plan comes to.

    Args:
        push: whether images of this change are pushed at all.
    """
    return Foretold(
        steps=[
            PlannedStep(
                job=job.name,
                step=step.name,
                runner=step.runner or "host",
                image=step.image,
                run=step.run,
                secrets=sorted(set(step.secrets.values())),
            )
            for job in planned.jobs
            for step in job.steps
        ],
        artifacts=[pattern for artifact in pipeline.artifacts for pattern in artifact.paths] if planned.jobs else [],
        images=[
            PlannedImage(name=image.name, tags=list(image.tags), push=push and image.push) for image in planned.images
        ],
        tag=tag,
    )
