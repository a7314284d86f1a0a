"""Constructors of the events that this agent emits: CDEvents 0.5.1, ids derived from the run.

Vocabulary: https://github.com/cdevents/spec/blob/v0.5.1/core.md and ``continuous-integration.md`` beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from opsrail_sdk.context import ActionContext
from opsrail_sdk.contracts.cdevents import TYPES, cdevent
from opsrail_sdk.contracts.cloudevent import CloudEvent

SOURCE = "/opsrail/agents/ci"
Outcome = Literal["success", "failure", "cancel", "error"]

EMITS = tuple(
    TYPES[name]
    for name in (
        "pipelinerun.queued",
        "pipelinerun.started",
        "pipelinerun.finished",
        "taskrun.started",
        "taskrun.finished",
        "build.started",
        "build.finished",
        "artifact.packaged",
        "artifact.published",
    )
)


@dataclass(frozen=True)
class Emitter:
    """Builds the events of one run."""

    ctx: ActionContext[Any]
    pipeline_uri: str
    change: Mapping[str, Any]
    """What the run is about: repository, ref, commit; rides along as custom data."""

    def pipelinerun(self, predicate: str, name: str, **content: Any) -> CloudEvent:
        """``queued``, ``started`` or ``finished`` (with ``outcome`` and ``errors``)."""
        full = {"pipelineName": name, "uri": self.pipeline_uri, **content}
        return self._event(f"pipelinerun.{predicate}", self.ctx.run_id, full, predicate)

    def taskrun(self, predicate: str, job: str, step: str, **content: Any) -> CloudEvent:
        """``started`` or ``finished`` of one step of one job."""
        full = {"taskName": step, "pipelineRun": {"id": self.ctx.run_id, "source": SOURCE}, **content}
        subject = f"{self.ctx.run_id}/{quote(job, safe='=')}/{quote(step, safe='')}"
        return self._event(f"taskrun.{predicate}", subject, full, job, step)

    def build(self, predicate: str, image: str, artifact_id: str | None = None) -> CloudEvent:
        """``started`` or ``finished`` of one image."""
        content = {"artifactId": artifact_id} if predicate == "finished" else {}
        return self._event(f"build.{predicate}", f"{self.ctx.run_id}/{image}", content, image)

    def packaged(self, artifact_id: str) -> CloudEvent:
        """An image or file came into being from the change."""
        content = {"change": {"id": self.change["commit"], "source": self.change["repository_uri"]}}
        return self._event("artifact.packaged", artifact_id, content, artifact_id)

    def published(self, artifact_id: str) -> CloudEvent:
        """An image or file can be had from now on."""
        return self._event("artifact.published", artifact_id, {}, artifact_id)

    def _event(self, name: str, subject: str, content: Mapping[str, Any], *parts: str) -> CloudEvent:
        return cdevent(
            name,
            id=self.ctx.event_id(name, *parts),
            source=SOURCE,
            subject_id=subject,
            subject_source=SOURCE,
            content=content,
            time=self.ctx.now(),
            custom_data={"run_id": self.ctx.run_id, **self.change},
        )


def image_purl(repository: str, digest: str, registry: str | None) -> str:
    """Package URL of an image by digest (https://github.com/package-url/purl-spec, type ``oci``)."""
    name = repository.rpartition("/")[2]
    where = f"?repository_url={quote(f'{registry}/{repository}', safe='')}" if registry else ""
    return f"pkg:oci/{name}@{quote(digest, safe='')}{where}"


def file_purl(repository: str, commit: str, path: str, digest: str) -> str:
    """Package URL of a kept file (type ``generic``)."""
    where = quote(repository, safe="/")
    return f"pkg:generic/{where}@{commit}?checksum={quote(digest, safe=':')}#{quote(path, safe='/')}"
